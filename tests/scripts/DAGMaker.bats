#!/usr/bin/env bats
# DAGMaker.sh: exposures, which rc it takes, bad calls.

setup() {
  load helpers/setup.bash
  setup_recorder
}

dagmaker() { run "$SCRIPTS/DAGMaker.sh" "$@"; }

@test "one exposure, the rc folder beside scripts" {
  dagmaker 668443
  assert_call -m sediff plan 668443 --rc "$REPOSITORY/rc"
}

@test "several exposures, a list of CCDs, parameters" {
  dagmaker -c 1,3,5-12 -P TWINDOW=15 -P TEFF_CUT_i=0.2 668443 668444 1234567
  assert_call -m sediff plan 668443 668444 1234567 --ccds 1,3,5-12 --rc "$REPOSITORY/rc" \
    -P TWINDOW=15 -P TEFF_CUT_i=0.2
}

@test "dagmaker.rc of the current folder is taken, unless -R is given" {
  touch dagmaker.rc
  mkdir my_rc
  dagmaker 668443
  assert_call -m sediff plan 668443 --rcfile ./dagmaker.rc
  rm "$RECORD"*
  dagmaker -R my_rc 668443
  assert_call -m sediff plan 668443 --rc my_rc
}

@test "no exposure" {
  dagmaker -c 33
  assert_fails 2 'an exposure number must be given'
}

@test "an exposure that is no integer is named" {
  dagmaker 668443 next
  assert_fails 2 "'next'"
}

@test "flags after the exposures are rejected, not ignored" {
  dagmaker 668443 -c 33
  assert_fails 2 '-c' 'before'
}

@test "bad flags" {
  dagmaker -X 668443
  assert_fails 2 'unknown flag -X'
  dagmaker -c 9x 668443
  assert_fails 2 '-c' '9x'
  dagmaker -c 0 668443
  assert_fails 2 '-c 0'
  dagmaker -P TWINDOW 668443
  assert_fails 2 '-P' 'TWINDOW'
  dagmaker -R nowhere 668443
  assert_fails 3 nowhere
  dagmaker -c
  assert_fails 2 '-c needs an argument'
}

@test "the exit code is Python's" {
  RECORDER_STATUS=4 dagmaker 668443
  [[ $status -eq 4 ]]
}
