#!/usr/bin/env bats
# tests/elsewhere.sh: what is not there is skipped aloud and fails nothing.

@test "a Python that is not there is skipped aloud" {
  run "$BATS_TEST_DIRNAME/../elsewhere.sh" 9.98 9.99
  [[ $status -eq 0 ]]
  [[ $output == *'SKIPPED: unit tests with 9.98: no Python 9.98 here'*'SKIPPED: unit tests with 9.99'* ]]
}
