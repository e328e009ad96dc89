#!/usr/bin/env bash
# Makes sure bats and Chromium are there: installs them where that is allowed, else says what to install.
set -euo pipefail

main() {
  need_bats
  want_chromium || true
}

need_bats() {
  if command -v bats >/dev/null; then
    return 0
  fi
  if may_install; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends bats
    return 0
  fi
  printf 'bats is missing. Install it: sudo apt-get install bats   (or: npm install -g bats)\n' >&2
  return 3
}

# Tests of the pages are skipped without it: no failure here fails the run.
want_chromium() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" >/dev/null; then
      return 0
    fi
  done
  if may_install; then
    DEBIAN_FRONTEND=noninteractive timeout 240 apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 && return 0
    apt-get update -qq >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive timeout 240 apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1 && return 0
  fi
  printf 'no Chromium: tests of the pages will be skipped. Install it: sudo apt-get install chromium\n' >&2
}

may_install() { [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; }

main "$@"
