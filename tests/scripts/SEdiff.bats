#!/usr/bin/env bats
# SEdiff.sh: the command line it builds, and every bad flag.

setup() {
  load helpers/setup.bash
  setup_recorder
  BASE=(-E 668443 -n 20170817 -b i -r 4 -p 7 -S dp33)
}

sediff() { run "$SCRIPTS/SEdiff.sh" "${BASE[@]}" "$@"; }

# replace LETTER VALUE: change one of the required flags.
replace() {
  local index
  for index in "${!BASE[@]}"; do
    [[ ${BASE[index]} == "$1" ]] && BASE[index + 1]=$2
  done
  return 0
}

@test "the required flags and the defaults" {
  sediff
  assert_call -m sediff sediff --expnum 668443 --nite 20170817 --band i --rnum 4 --pnum 7 --season dp33 \
    --ccds all --cache persistent --schema gw --diffimg-version gw8 --rc "$REPOSITORY/rc"
}

@test "every flag at once" {
  mkdir my_rc
  sediff -c 33 -d scratch -m wsdiff -v gw9 -V VETO.LIST -T STAR.LIST -t -C -j -O -Y -F -w 4 \
    -P TWINDOW=15 -P 'NOTE=two words' -R my_rc
  assert_call -m sediff sediff --expnum 668443 --nite 20170817 --band i --rnum 4 --pnum 7 --season dp33 \
    --ccds 33 --cache scratch --schema wsdiff --diffimg-version gw9 --template-only --calibrate --calibrate-only \
    --workers 4 --overwrite --snveto VETO.LIST --snstar STAR.LIST --special-y4 --full-copy --rc my_rc \
    -P TWINDOW=15 -P 'NOTE=two words'
}

@test "--verbose is passed on, -v stays the version" {
  sediff --verbose -v gw9
  assert_call -m sediff sediff --expnum 668443 --nite 20170817 --band i --rnum 4 --pnum 7 --season dp33 \
    --ccds all --cache persistent --schema gw --diffimg-version gw9 --rc "$REPOSITORY/rc" --verbose
  rm -f "$RECORD"*
  sediff --verbose=yes
  assert_fails 2 '--verbose takes no value'
}

@test "each switch alone passes on its own option and no other" {
  local pair
  for pair in t:--template-only C:--calibrate j:--calibrate-only s:--serial O:--overwrite Y:--special-y4 F:--full-copy; do
    sediff "-${pair%%:*}"
    assert_has "${pair#*:}"
    [[ $(grep -c -e '^--' "$RECORD") -eq 12 ]]
  done
}

@test "no arguments: usage on stderr, code 2" {
  run "$SCRIPTS/SEdiff.sh"
  assert_fails 2 'Usage: SEdiff.sh'
  run bash -c '"$1" 2> /dev/null' _ "$SCRIPTS/SEdiff.sh"
  [[ $status -eq 2 && -z $output ]]
}

@test "-h: usage with an example on stdout, code 0" {
  run bash -c '"$1" -h 2> /dev/null' _ "$SCRIPTS/SEdiff.sh"
  [[ $status -eq 0 ]]
  [[ $output == *'Usage: SEdiff.sh'* && $output == *'Example: SEdiff.sh -E'* ]]
  [[ $output != *'set -euo'* && $output != *'#!'* ]]
}

@test "every flag of the option string is in the usage" {
  local letter
  run "$SCRIPTS/SEdiff.sh" -h
  for letter in E n b r p S c d m v V T C j t O Y F s w P R h; do
    grep -qE "^  -$letter( |$)" <<< "$output" || { echo "-$letter is not in the usage"; return 1; }
  done
}

@test "unknown flag" {
  sediff -Z
  assert_fails 2 'unknown flag -Z'
}

@test "a flag without its argument, at the end and before another flag" {
  sediff -c
  assert_fails 2 '-c needs an argument'
  run "$SCRIPTS/SEdiff.sh" -E -n 20170817 -b i -r 4 -p 7 -S dp33
  assert_fails 2 '-E needs an argument' '-n'
  sediff -c ''
  assert_fails 2 '-c needs an argument'
}

@test "each required flag left out is named" {
  local index
  for index in 0 6 8 10; do
    local -a rest=("${BASE[@]:0:index}" "${BASE[@]:index+2}")
    run "$SCRIPTS/SEdiff.sh" "${rest[@]}"
    assert_fails 2 "${BASE[index]}" 'is required'
  done
}

@test "an exposure number may have any number of digits, and only digits" {
  replace -E 12345678901
  sediff
  assert_has --expnum 12345678901
  rm -f "$RECORD"*
  local bad
  for bad in 66x443 6.5 '6 6' 0x1F; do
    replace -E "$bad"
    sediff
    assert_fails 2 '-E' 'integer' "$bad"
  done
}

@test "bad night, version and season" {
  replace -n 2017081
  sediff
  assert_fails 2 '-n' '2017081' YYYYMMDD
  replace -n 20170817
  replace -r r4
  sediff
  assert_fails 2 '-r' "'r4'"
  replace -r 4
  replace -p p7
  sediff
  assert_fails 2 '-p' "'p7'"
  replace -p 7
  replace -S 33
  sediff
  assert_fails 2 '-S' "'33'"
}

@test "all bands of the camera, and no other" {
  local band
  for band in u g r i z Y VR; do
    replace -b "$band"
    sediff
    assert_has --band "$band"
  done
  rm -f "$RECORD"*
  use_python
  for band in y R V gr 'g r'; do
    replace -b "$band"
    sediff
    assert_fails 2 '-b' "'$band'" 'u g r i z Y VR'
  done
}

@test "lists of CCDs" {
  local ccds
  for ccds in 1 62 33 1,3,5-12 08 1,3-60,62 all; do
    sediff -c "$ccds"
    assert_has --ccds "$ccds"
  done
}

@test "bad lists of CCDs" {
  local ccds
  use_python
  for ccds in 63 70 0,1 1,,3 3- 1,3-70 12-5 a 1,all '1 3' 1.5; do
    sediff -c "$ccds"
    assert_fails 2 '-c' "$ccds"
  done
}

@test "-c 0 is passed on where PROCESS is a number" {
  PROCESS=8 sediff -c 0
  assert_has --ccds 0
}

@test "-c 0 without a usable PROCESS" {
  sediff -c 0
  assert_fails 2 '-c 0' PROCESS
  PROCESS=-1 sediff -c 0
  assert_fails 2 '-c 0' "'-1'"
}

@test "bad number of processes, and -s with -w" {
  local number
  for number in 0 two 1.5; do
    sediff -w "$number"
    assert_fails 2 '-w' "'$number'"
  done
  sediff -s -w 2
  assert_fails 2 '-s' '-w 2'
}

@test "a bad -P" {
  sediff -P TWINDOW
  assert_fails 2 '-P' 'name=value' TWINDOW
  sediff -P 1X=3
  assert_fails 2 '-P' '1X=3'
}

@test "names that would leave their folder" {
  local letter
  for letter in d m v V T; do
    sediff "-$letter" ../elsewhere
    assert_fails 2 "-$letter" '../elsewhere'
  done
}

@test "a folder of rc files that is not there" {
  sediff -R nowhere
  assert_fails 3 '-R' nowhere
}

@test "an argument that belongs to no flag" {
  sediff -c 1 2
  assert_fails 2 "unexpected argument '2'"
}

@test "the exit code is Python's" {
  local code
  for code in 1 3 4 75; do
    RECORDER_STATUS=$code sediff
    [[ $status -eq $code ]]
  done
}

@test "Python that cannot import sediff, or is not there" {
  IMPORT_STATUS=1 sediff
  assert_fails 3 'cannot import sediff' 'make setup'
  SEDIFF_PYTHON=/no/such/python sediff
  assert_fails 3 /no/such/python 'make setup'
}

@test "works through a symlink and from any folder" {
  ln -s "$SCRIPTS/SEdiff.sh" "$BATS_TEST_TMPDIR/linked"
  cd /
  run "$BATS_TEST_TMPDIR/linked" "${BASE[@]}"
  assert_has --rc "$REPOSITORY/rc"
}

@test "works from a repository whose path has a space" {
  mkdir -p 'a b/rc'
  cp -r "$SCRIPTS" 'a b/scripts'
  run 'a b/scripts/SEdiff.sh' "${BASE[@]}"
  assert_has --rc "$BATS_TEST_TMPDIR/a b/rc"
}

@test "night and band left out are Python's to find or to ask for" {
  run "$SCRIPTS/SEdiff.sh" -E 668443 -r 4 -p 7 -S dp33
  assert_has --expnum 668443 --rnum 4
  assert_lacks --nite
  assert_lacks --band
}

@test "data IDs and conditions instead of the letters" {
  run "$SCRIPTS/SEdiff.sh" --id visit=668443^668444 ccdnum=3^6..12:2 -r 4 -p 7 -S dp33 --id visit=668445 --show data run
  assert_has --id 'visit=668443^668444' 'ccdnum=3^6..12:2' --id visit=668445 --show data run
  assert_lacks --expnum
  rm -f "$RECORD"*
  run "$SCRIPTS/SEdiff.sh" --where "band IN ('i', 'z') AND visit > 3" -r 4 -p 7 -S dp33 -c 3
  assert_has --ccds 3
  assert_has --where "band IN ('i', 'z') AND visit > 3"
  rm -f "$RECORD"*
  run "$SCRIPTS/RUN_DIFFIMG_PIPELINE.sh" --id visit=668443 -r r4p7 -p dp33
  assert_has --id visit=668443
  rm -f "$RECORD"*
  run "$SCRIPTS/RUNMON.sh" --id visit=668443 -r r4p7 -p dp33
  assert_has --id visit=668443
  rm -f "$RECORD"*
  run "$SCRIPTS/DAGMaker.sh" --id visit=668443
  assert_has --id visit=668443
}

@test "bad letters beside data IDs are still named" {
  run "$SCRIPTS/SEdiff.sh" --id visit=668443 -n 2017 -r 4 -p 7 -S dp33
  assert_fails 2 '-n' '2017'
  run "$SCRIPTS/SEdiff.sh" --id -r 4 -p 7 -S dp33
  assert_fails 2 '--id needs an argument'
  run "$SCRIPTS/SEdiff.sh" --where 'visit=1' --where 'visit=2' -r 4 -p 7 -S dp33
  assert_fails 2 '--where is given twice'
}
