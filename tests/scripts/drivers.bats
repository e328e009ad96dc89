#!/usr/bin/env bats
# SE_job_mod.sh, verifySE.sh, RUN_DIFFIMG_PIPELINE.sh, getcorners.sh: command lines and bad flags.

setup() {
  load helpers/setup.bash
  setup_recorder
  BASE=(-E 668443 -n 20170817 -b i -r 4 -p 7 -S dp33)
  DIFFIMG=(-E 668443 -n 20170817 -b i -r r4p7 -p dp33 -c 33)
}

@test "SE_job_mod: defaults" {
  run "$SCRIPTS/SE_job_mod.sh" "${BASE[@]}"
  assert_call -m sediff se --expnum 668443 --nite 20170817 --band i --rnum 4 --pnum 7 --season dp33 \
    --ccds all --cache persistent --schema gw --rc "$REPOSITORY/rc"
}

@test "SE_job_mod: every flag" {
  mkdir my_rc
  run "$SCRIPTS/SE_job_mod.sh" "${BASE[@]}" -c 1,3 -d scratch -m wsdiff -V VETO -T STAR -tCjOYs -P A=1 -R my_rc
  assert_call -m sediff se --expnum 668443 --nite 20170817 --band i --rnum 4 --pnum 7 --season dp33 \
    --ccds 1,3 --cache scratch --schema wsdiff --template-only --calibrate --calibrate-only --serial --overwrite \
    --snveto VETO --snstar STAR --special-y4 --rc my_rc -P A=1
  run "$SCRIPTS/SE_job_mod.sh" "${BASE[@]}" -w 3
  assert_has --workers 3
}

@test "SE_job_mod has no -v and no -F" {
  run "$SCRIPTS/SE_job_mod.sh" "${BASE[@]}" -v gw8
  assert_fails 2 'unknown flag -v'
  run "$SCRIPTS/SE_job_mod.sh" "${BASE[@]}" -F
  assert_fails 2 'unknown flag -F'
}

@test "verifySE: defaults, schema wsdiff" {
  run "$SCRIPTS/verifySE.sh" "${BASE[@]}"
  assert_call -m sediff verify --expnum 668443 --nite 20170817 --band i --rnum 4 --pnum 7 --season dp33 \
    --cache persistent --schema wsdiff --rc "$REPOSITORY/rc"
}

@test "verifySE: every flag; -Y says that it does nothing" {
  mkdir my_rc
  run "$SCRIPTS/verifySE.sh" "${BASE[@]}" -d scratch -m gw -C -V VETO -T STAR -Y -P A=1 -R my_rc
  assert_call -m sediff verify --expnum 668443 --nite 20170817 --band i --rnum 4 --pnum 7 --season dp33 \
    --cache scratch --schema gw --calibrate --snveto VETO --snstar STAR --rc my_rc -P A=1
  [[ $output == *'-Y has no effect'* ]]
}

@test "verifySE works on exposures: no -c" {
  run "$SCRIPTS/verifySE.sh" "${BASE[@]}" -c 33
  assert_fails 2 'unknown flag -c'
}

@test "RUN_DIFFIMG_PIPELINE: -r is rNpM, -p is the season" {
  run "$SCRIPTS/RUN_DIFFIMG_PIPELINE.sh" "${DIFFIMG[@]}"
  assert_call -m sediff diffimg --expnum 668443 --nite 20170817 --band i --rpnum r4p7 --season dp33 --ccds 33 \
    --cache persistent --schema wsdiff --diffimg-version gwdevel13 --rc "$REPOSITORY/rc"
}

@test "RUN_DIFFIMG_PIPELINE: every flag" {
  mkdir my_rc
  run "$SCRIPTS/RUN_DIFFIMG_PIPELINE.sh" "${DIFFIMG[@]}" -v gw8 -d scratch -m gw -F -O -w 2 -P A=1 -R my_rc
  assert_call -m sediff diffimg --expnum 668443 --nite 20170817 --band i --rpnum r4p7 --season dp33 --ccds 33 \
    --cache scratch --schema gw --diffimg-version gw8 --workers 2 --full-copy --overwrite --rc my_rc -P A=1
  run "$SCRIPTS/RUN_DIFFIMG_PIPELINE.sh" "${DIFFIMG[@]}" -s
  assert_has --serial
}

@test "RUN_DIFFIMG_PIPELINE: the letters of SEdiff.sh are rejected with what is wanted" {
  run "$SCRIPTS/RUN_DIFFIMG_PIPELINE.sh" -E 668443 -n 20170817 -b i -r 4 -p dp33 -c 33
  assert_fails 2 '-r' "'4'" r4p7
  run "$SCRIPTS/RUN_DIFFIMG_PIPELINE.sh" -E 668443 -n 20170817 -b i -r r4p7 -p 7 -c 33
  assert_fails 2 '-p' "'7'" dp33
  run "$SCRIPTS/RUN_DIFFIMG_PIPELINE.sh" -E 668443 -n 20170817 -b i -r r4p7 -p dp33
  assert_fails 2 '-c LIST is required'
  run "$SCRIPTS/RUN_DIFFIMG_PIPELINE.sh" "${DIFFIMG[@]}" -S dp33
  assert_fails 2 'unknown flag -S'
}

@test "RUNMON: -r is rNpM, -p is the season; -f and -v are taken and not needed" {
  run "$SCRIPTS/RUNMON.sh" -E 668443 -n 20170817 -r r4p7 -p dp33 -f WS1974-233 -v gw8
  assert_call -m sediff status --expnum 668443 --nite 20170817 --rpnum r4p7 --season dp33 --cache persistent \
    --schema wsdiff --rc "$REPOSITORY/rc"
  rm "$RECORD"*
  run "$SCRIPTS/RUNMON.sh" -E 668443 -n 20170817 -r 4 -p dp33
  assert_fails 2 '-r' "'4'"
}

@test "every exposure driver rejects a bad exposure, night, band, unknown flag and missing argument" {
  local driver
  for driver in SE_job_mod verifySE; do
    run "$SCRIPTS/$driver.sh" "${BASE[@]}" -E x1
    assert_fails 2 '-E' "'x1'"
    run "$SCRIPTS/$driver.sh" "${BASE[@]}" -n 2017
    assert_fails 2 '-n' "'2017'"
    SEDIFF_PYTHON=$REAL_PYTHON run "$SCRIPTS/$driver.sh" "${BASE[@]}" -b w
    assert_fails 2 '-b' "'w'"
    run "$SCRIPTS/$driver.sh" "${BASE[@]}" -Q
    assert_fails 2 'unknown flag -Q'
    run "$SCRIPTS/$driver.sh" "${BASE[@]}" -d
    assert_fails 2 '-d needs an argument'
  done
  run "$SCRIPTS/RUN_DIFFIMG_PIPELINE.sh" "${DIFFIMG[@]}" -n 2017
  assert_fails 2 '-n' "'2017'"
}

@test "getcorners: all CCDs, one CCD" {
  mkdir data
  run "$SCRIPTS/getcorners.sh" 668443 data corners
  assert_call -m sediff corners 668443 data corners
  rm "$RECORD"*
  run "$SCRIPTS/getcorners.sh" 668443 data corners 08
  assert_call -m sediff corners 668443 data corners 08
}

@test "getcorners: bad calls" {
  mkdir data
  run "$SCRIPTS/getcorners.sh" 668443 data
  assert_fails 2 CORNERDIR
  run "$SCRIPTS/getcorners.sh" 66844x data corners
  assert_fails 2 66844x
  SEDIFF_PYTHON=$REAL_PYTHON run "$SCRIPTS/getcorners.sh" 668443 data corners 63
  assert_fails 2 63
  run "$SCRIPTS/getcorners.sh" 668443 nowhere corners
  assert_fails 3 nowhere
}

@test "no driver runs without arguments; -h explains each with an example" {
  local driver
  for driver in SEdiff SE_job_mod verifySE RUN_DIFFIMG_PIPELINE RUN_POSTPROC DAGMaker RUNMON getcorners; do
    run "$SCRIPTS/$driver.sh"
    assert_fails 2 "Usage: $driver.sh"
    run "$SCRIPTS/$driver.sh" -h
    [[ $status -eq 0 && $output == *'Usage: '* && $output == *'Example: '* && $output == *'Exit: '* ]]
  done
}

@test "shellcheck, length of scripts and of functions" {
  local file
  for file in "$SCRIPTS"/*.sh "$SCRIPTS"/lib/*.sh; do
    [[ $(wc -l < "$file") -le 200 ]]
    awk '/^[a-z_]+\(\) \{$/ { start = NR } /^}$/ && start && NR - start > 30 { print FILENAME ": " start; bad = 1 }
         END { exit bad }' "$file"
  done
  command -v shellcheck > /dev/null || skip 'shellcheck is not installed'
  shellcheck -x "$SCRIPTS"/*.sh "$SCRIPTS"/lib/*.sh
}

@test "every driver passes a rerun on, and rejects one without a name" {
  local -a words=(-E 668443 -n 20170817 -b i -r 4 -p 7 -S dp33)
  local script
  for script in SEdiff SE_job_mod verifySE; do
    run "$SCRIPTS/$script.sh" "${words[@]}" --rerun test1:test2
    assert_has --rerun test1:test2
    rm -f "$RECORD"*
    run "$SCRIPTS/$script.sh" --rerun "${words[@]}"
    assert_fails 2 '--rerun needs an argument'
  done
  words=(-E 668443 -n 20170817 -r r4p7 -p dp33 --rerun=test1)
  run "$SCRIPTS/RUNMON.sh" "${words[@]}"
  assert_has --rerun test1
  rm -f "$RECORD"*
  run "$SCRIPTS/RUN_DIFFIMG_PIPELINE.sh" "${words[@]}" -b i -c 33
  assert_has --rerun test1
  rm -f "$RECORD"*
  run "$SCRIPTS/DAGMaker.sh" --rerun test1 668443
  assert_has --rerun test1
}

@test "RUN_POSTPROC: defaults, every flag, DES-GW's long names" {
  run "$SCRIPTS/RUN_POSTPROC.sh" -S dp33
  assert_call -m sediff postproc --season dp33 --cache persistent --schema gw --rc "$REPOSITORY/rc"
  rm "$RECORD"*
  mkdir my_rc
  run "$SCRIPTS/RUN_POSTPROC.sh" -S dp33 -d scratch -m wsdiff -w 3 -P A=1 -R my_rc --expnums 1,2 --outputdir out \
    --format csv --numepochs-min 2 --writedb --rerun test1
  assert_call -m sediff postproc --season dp33 --cache scratch --schema wsdiff --workers 3 --rc my_rc --expnums 1,2 \
    --outputdir out --format csv --numepochs-min 2 --writedb --rerun test1 -P A=1
  rm "$RECORD"*
  run "$SCRIPTS/RUN_POSTPROC.sh" --season 33 --schema wsdiff -s
  assert_call -m sediff postproc --cache persistent --serial --rc "$REPOSITORY/rc" --season 33 --schema wsdiff
}

@test "RUN_POSTPROC: bad calls" {
  run "$SCRIPTS/RUN_POSTPROC.sh" -w 2
  assert_fails 2 '-S dpNN is required'
  run "$SCRIPTS/RUN_POSTPROC.sh" -S season
  assert_fails 2 '-S' "'season'"
  run "$SCRIPTS/RUN_POSTPROC.sh" -S dp33 -w 0
  assert_fails 2 '-w'
  run "$SCRIPTS/RUN_POSTPROC.sh" -S dp33 -w 2 -s
  assert_fails 2 'exclude each other'
  run "$SCRIPTS/RUN_POSTPROC.sh" -S dp33 -E 668443
  assert_fails 2 'unknown flag -E'
  run "$SCRIPTS/RUN_POSTPROC.sh" -S dp33 668443
  assert_fails 2 "'668443'"
  SEDIFF_PYTHON=$REAL_PYTHON run "$SCRIPTS/RUN_POSTPROC.sh" -S dp9999
  assert_fails 2 dp9999
}
