#!/usr/bin/env bash
# demo.sh - simulates a small night, runs the whole pipeline on it and compares what it found with the truth.
#
# Usage: demo.sh [FOLDER]
#   FOLDER   where the night is made and processed; made anew. Default demo
#
# Example: demo.sh /tmp/demo
# Exit: 0 everything that had to be found was found, 1 something is missing, else as the drivers.
set -euo pipefail
scripts=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib/messages.sh
source "$scripts/lib/messages.sh"

main() {
  local folder=${1:-demo} python=${SEDIFF_PYTHON:-$scripts/../.venv/bin/python} expnum nite
  [[ $folder == -h ]] && { print_usage; exit 0; }
  [[ -e $folder && ! -e $folder/exposures.list ]] && fail 2 "$folder exists and is no earlier demo; name another folder"
  rm -rf -- "$folder"
  mkdir -p -- "$folder"
  cd -- "$folder"
  export SEDIFF_ROOT=$PWD
  "$python" -m sediff sim . --seed 1
  read -r expnum nite <truth/search
  say "calibration images"
  "$python" -m sediff calib build-bias --nite "$nite" --ccds 33,34
  "$python" -m sediff calib build-dflat --nite "$nite" --ccds 33,34 --band r
  "$python" -m sediff calib build-bpm --nite "$nite" --ccds 33,34 --band r
  say "plan"
  "$scripts/DAGMaker.sh" -c 33,34 -P "SEARCH_OPTS=-C -P FAKE_LIST=truth/fakes.csv" "$expnum"
  say "single epoch of the templates, then the search exposure"
  bash "mytemp_$expnum/desgw_pipeline_$expnum.sh"
  "$python" -m sediff check --expnum "$expnum" --nite "$nite" --band r --season dp33
}

say() { printf '== %s\n' "$*" >&2; }

main "$@"
