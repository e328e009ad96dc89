#!/usr/bin/env bats
# makestarcat.py and BLISS-expCalib_Y3apass.py: which Python they end up in.

setup() {
  load helpers/setup.bash
  setup_recorder
  OTHER=$(PATH=/usr/bin:/bin command -v python3) || skip 'no python3 of the system'
  if "$OTHER" -c 'import sediff' 2> /dev/null; then skip "$OTHER has sediff"; fi
}

@test "a Python without sediff hands over to the one that has it, with all arguments" {
  local shim
  for shim in makestarcat.py BLISS-expCalib_Y3apass.py; do
    run "$OTHER" "$SCRIPTS/$shim" --ccd 33 -snstar 'A B'
    assert_call "$SCRIPTS/$shim" --ccd 33 -snstar 'A B'
    rm "$RECORD"*
  done
}

@test "no Python with sediff: code 3 and what to do" {
  local shim
  for shim in makestarcat.py BLISS-expCalib_Y3apass.py; do
    SEDIFF_PYTHON=/no/such/python run "$OTHER" "$SCRIPTS/$shim" --ccd 33
    assert_fails 3 "$shim" 'make setup'
    SEDIFF_PYTHON=$OTHER run "$OTHER" "$SCRIPTS/$shim" --ccd 33
    assert_fails 3 "$shim" 'make setup'
  done
}
