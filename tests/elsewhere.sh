#!/usr/bin/env bash
# elsewhere.sh - unit tests in environments of their own: other Pythons, and the oldest dependencies that setup.cfg allows.
#
# Usage: elsewhere.sh [PLACE ...]
#   PLACE   3.12, 3.13, or oldest (Python 3.11 with the lower bounds of setup.cfg). Default: all of them
#
# CASES=N in the environment runs N cases at most of each test that has parameters.
# A Python that is not there, or packages that cannot be had, are skipped aloud. Environments are kept in .elsewhere/.
# Example: elsewhere.sh oldest
# Exit: 0 tests passed wherever they could run, 1 tests failed somewhere.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

main() {
  local place failed=()
  [[ $# -gt 0 ]] || set -- 3.12 3.13 oldest
  for place in "$@"; do
    run_place "$place" || failed+=("$place")
  done
  [[ ${#failed[@]} -eq 0 ]] || { printf 'elsewhere: unit tests failed with %s\n' "${failed[*]}" >&2; return 1; }
}

# run_place PLACE: make its environment and run the unit tests there; 0 also where it is skipped.
run_place() {
  local place=$1 version=$1 python folder=.elsewhere/$1
  [[ $place != oldest ]] || version=3.11
  python=$(find_python "$version") || { skip "$place" "no Python $version here"; return 0; }
  if [[ ! -e $folder/.ready ]]; then
    "$python" -m venv --clear "$folder" || { skip "$place" "Python $version cannot make an environment"; return 0; }
    install "$place" "$folder" || { skip "$place" 'its packages are not to be had (see above)'; return 0; }
    touch "$folder/.ready"
  fi
  printf '== unit tests with %s: %s\n' "$place" "$("$folder/bin/python" --version)"
  local -a python_there=(env PYTHONPATH="$PWD/python" NUMBA_CACHE_DIR="$PWD/$folder/numba"
    SEDIFF_PYTHON="$PWD/$folder/bin/python" "$folder/bin/python")
  "${python_there[@]}" -m sediff warm > "$folder/warm.log" || return 1
  "${python_there[@]}" -m pytest -q -n auto --dist loadfile --no-loadscope-reorder -p no:cacheprovider -m unit \
      ${CASES:+--cases "$CASES"}
}

# install PLACE FOLDER: the dependencies, the oldest or those of constraints.txt.
install() {
  local -a wanted=(--constraint constraints.txt --editable '.[dev]')
  if [[ $1 == oldest ]]; then
    mapfile -t wanted < <("$2/bin/python" tests/lowest.py)
  fi
  "$2/bin/python" -m pip install --quiet --prefer-binary "${wanted[@]}"
}

# find_python VERSION: a Python of that version that runs, from PATH or pyenv.
find_python() {
  local python
  for python in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
    if "$python" -c 'import venv, ensurepip' 2> /dev/null; then
      printf '%s\n' "$python"
      return 0
    fi
  done
  return 1
}

# skip PLACE REASON: say that the tests did not run there.
skip() {
  printf '== SKIPPED: unit tests with %s: %s\n' "$1" "$2"
}

main "$@"
