#!/usr/bin/env bats
# BLISS-expCalib_Y3apass.py and makestarcat.py run for real: their help and their bad command lines.

setup() {
  load ../helpers/setup.bash
  REPOSITORY=$(cd -- "$BATS_TEST_DIRNAME/../../.." && pwd)
  SCRIPTS=$REPOSITORY/scripts
  export PYTHONPATH=$REPOSITORY/python ROOT=$BATS_TEST_TMPDIR
  PYTHON=${SEDIFF_PYTHON:-$REPOSITORY/.venv/bin/python}
  [[ -x $PYTHON ]] || PYTHON=$(command -v python3)
  "$PYTHON" -c 'import sediff' 2> /dev/null || skip 'no Python with sediff'
  BASE=(-e 668443 -n 20170817 -r 4 -p 7 -b i -s 33)
}

# says CODE WORD...: the run ended with CODE and says each word.
says() {
  [[ $status -eq $1 ]] || { printf 'status %s: %s\n' "$status" "$output"; return 1; }
  shift
  local word
  for word in "$@"; do
    [[ $output == *"$word"* ]] || { printf 'no "%s" in: %s\n' "$word" "$output"; return 1; }
  done
}

@test "BLISS-expCalib_Y3apass.py: help names the flags of DES-GW" {
  run "$PYTHON" "$SCRIPTS/BLISS-expCalib_Y3apass.py" -h
  says 0 --expnum --reqnum --attnum --ccd --magType --sex_mag_zeropoint --verbose --debug
}

@test "BLISS-expCalib_Y3apass.py: bad flags and no images" {
  run "$PYTHON" "$SCRIPTS/BLISS-expCalib_Y3apass.py" --expnum x
  says 2 --expnum
  run "$PYTHON" "$SCRIPTS/BLISS-expCalib_Y3apass.py" --expnum 668443 --magType mag_iso
  says 2 --magType mag_auto
  run "$PYTHON" "$SCRIPTS/BLISS-expCalib_Y3apass.py" --expnum 668443 --sex_mag_zeropoint 30
  says 2 --sex_mag_zeropoint
  run "$PYTHON" "$SCRIPTS/BLISS-expCalib_Y3apass.py" --expnum 668443 --ccd 33
  says 3 668443 r4p7
}

@test "makestarcat.py: help names the flags of DES-GW" {
  run "$PYTHON" "$SCRIPTS/makestarcat.py" -h
  says 0 ' -e ' ' -n ' ' -r ' ' -p ' ' -b ' ' -s ' --ccd -outdir -rootdir -snstar -snveto
}

@test "makestarcat.py: a missing flag is an error, not exit 0; no plan is told" {
  run "$PYTHON" "$SCRIPTS/makestarcat.py" -e 668443
  says 2 -n
  run "$PYTHON" "$SCRIPTS/makestarcat.py" "${BASE[@]}" -s x
  says 2 -s
  run "$PYTHON" "$SCRIPTS/makestarcat.py" "${BASE[@]}"
  says 3 WS_diff.list DAGMaker
}
