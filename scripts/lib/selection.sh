# shellcheck shell=bash
# What a driver is to work on: letters, or --id, --where, --show, which Python looks up. Sourced by options.sh.

# chosen: whether --id, --where or --show stand in for -E; Python looks what they name.
chosen() {
  [[ -n ${long_given[id]-}${long_given[where]-}${long_given[show]-} ]]
}

# require_exposure: -E must have been given, or --id, --where or --show. The registry stands in for -n and -b (Python looks).
require_exposure() {
  chosen || [[ -n ${given[E]-} ]] || fail 2 "-E EXPNUM is required, or --id or --where; see -h"
}

# check_exposure: what names an exposure, where given.
check_exposure() {
  if [[ -n ${given[E]-} ]]; then check_integer -E "${given[E]}"; fi
  if [[ -n ${given[n]-} ]]; then check_nite -n "${given[n]}"; fi
}
