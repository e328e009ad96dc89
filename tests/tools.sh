#!/usr/bin/env bash
# Makes sure bats is there: installs it where that is allowed, else says what to install.
set -euo pipefail

main() {
  if command -v bats >/dev/null; then
    return 0
  fi
  if [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bats
    return 0
  fi
  printf 'bats is missing. Install it: sudo apt-get install bats   (or: npm install -g bats)\n' >&2
  return 3
}

main "$@"
