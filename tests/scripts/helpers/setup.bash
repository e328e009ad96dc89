# shellcheck shell=bash
# Shared by the bats files: the recorder in place of Python, and what it was called with.

setup_recorder() {
  REPOSITORY=$(cd -- "$BATS_TEST_DIRNAME/../.." && pwd)
  SCRIPTS=$REPOSITORY/scripts
  REAL_PYTHON=${SEDIFF_PYTHON-}
  [[ -x $REAL_PYTHON ]] || REAL_PYTHON=$REPOSITORY/.venv/bin/python
  export SEDIFF_PYTHON=$BATS_TEST_DIRNAME/helpers/recorder
  export RECORD=$BATS_TEST_TMPDIR/record
  unset PROCESS
  cd "$BATS_TEST_TMPDIR" || return 1
}

# use_python: the real Python, for what it knows better than Bash (bands, CCDs).
use_python() {
  export SEDIFF_PYTHON=$REAL_PYTHON
}

# recorded: the arguments Python was given, on one line.
recorded() {
  [[ -f $RECORD ]] || { printf 'Python was not called\n'; return 1; }
  paste -sd ' ' "$RECORD"
}

# assert_call ARGUMENT...: the run succeeded and Python was called once, with exactly these.
assert_call() {
  if [[ $status -ne 0 ]]; then
    printf 'status %s: %s\n' "$status" "$output"
    return 1
  fi
  diff <(printf '%s\n' "$@") "$RECORD" || return 1
  [[ $(wc -l < "$RECORD.calls") -eq 1 ]]
}

# assert_has ARGUMENT...: these stand side by side in the call.
assert_has() {
  if [[ $status -ne 0 ]]; then
    printf 'status %s: %s\n' "$status" "$output"
    return 1
  fi
  [[ " $(recorded) " == *" $* "* ]] || { printf 'no "%s" in: %s\n' "$*" "$(recorded)"; return 1; }
}

# assert_lacks ARGUMENT: it is not in the call.
assert_lacks() {
  [[ $status -eq 0 && " $(recorded) " != *" $1 "* ]]
}

# assert_fails CODE WORD...: the run ended with CODE, says each word, and Python was not called.
assert_fails() {
  local code=$1 word
  shift
  if [[ $status -ne $code ]]; then
    printf 'status %s, not %s: %s\n' "$status" "$code" "$output"
    return 1
  fi
  for word in "$@"; do
    [[ $output == *"$word"* ]] || { printf 'no "%s" in: %s\n' "$word" "$output"; return 1; }
  done
  [[ ! -f $RECORD ]]
}
