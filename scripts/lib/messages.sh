# shellcheck shell=bash
# What the drivers say, and how they stop. Sourced, never run.
# Exit codes: 0 done, 1 a step failed, 2 usage, 3 input missing or unreadable, 4 data unusable, 75 try again.

program=$(basename -- "$0")

# fail CODE MESSAGE: say why on stderr and end with CODE.
fail() {
  local code=$1
  shift
  printf '%s: %s\n' "$program" "$*" >&2
  exit "$code"
}

# warn MESSAGE: say it on stderr and go on.
warn() {
  printf '%s: %s\n' "$program" "$*" >&2
}

# print_usage: the comment at the head of the running script.
print_usage() {
  local line
  while IFS= read -r line; do
    case $line in
      '#!'*) continue ;;
      '#'*) line=${line#\#}; printf '%s\n' "${line# }" ;;
      *) break ;;
    esac
  done < "$0"
}

# usage_or_continue COUNT: a call without arguments gets the usage on stderr and exit code 2.
usage_or_continue() {
  if (($1 == 0)); then
    print_usage >&2
    exit 2
  fi
}
