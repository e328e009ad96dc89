#!/usr/bin/env bats
# Long options of the drivers: what a driver accepts, what it passes on, and every bad one.

setup() {
  load helpers/setup.bash
  setup_recorder
  cat > driver.sh <<EOF
#!/usr/bin/env bash
set -euo pipefail
source "$SCRIPTS/lib/options.sh"
accept_long one-value:one words:many switch:none
parse_options Cc:P:h "\$@"
arguments+=("\${positional[@]}")
value c --ccds
switch C --calibrate
run_stage stage
EOF
}

driver() { run bash driver.sh "$@"; }

@test "a value after a blank or an equals sign, between letters" {
  driver -C --one-value this -c 3 -P A=1
  assert_call -m sediff stage --ccds 3 --calibrate --one-value this -P A=1
  rm -f "$RECORD"*
  driver --one-value='two words, and = signs' -C
  assert_call -m sediff stage --calibrate --one-value 'two words, and = signs'
}

@test "many values go up to the next flag, and the option may come again" {
  driver --words visit=1^2 ccdnum=3..12:2 -C --words 'filter=g' --switch
  assert_call -m sediff stage --calibrate --words visit=1^2 ccdnum=3..12:2 --words filter=g --switch
}

@test "what stands after -- and after one value is no value of an option" {
  driver --one-value this 668443
  assert_call -m sediff stage 668443 --one-value this
  rm -f "$RECORD"*
  driver --words visit=1 -- 668443
  assert_call -m sediff stage 668443 --words visit=1
}

@test "unknown, empty and unfinished long options end with 2" {
  local -a bad
  for bad in --other --other=1 --One-value --=1 --one-value= -C--switch; do
    driver "$bad"
    assert_fails 2
  done
  driver --other x
  assert_fails 2 'unknown flag --other'
  driver --one-value
  assert_fails 2 '--one-value needs an argument'
  driver --words -C
  assert_fails 2 '--words needs an argument' '-C'
  driver --one-value ''
  assert_fails 2 '--one-value needs an argument'
  driver --switch=on
  assert_fails 2 '--switch takes no value'
  driver --one-value a --one-value b
  assert_fails 2 '--one-value is given twice'
}
