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
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
source "$scripts/lib/options.sh"

readonly expnum=1250100 nite=20231115 band=r ccds=33,34 season=dp33

main() {
  local folder=${1:-demo}
  if [[ $folder == -h ]]; then print_usage; exit 0; fi
  if [[ -e $folder && ! -e $folder/truth ]]; then
    fail 2 "$folder exists and is no earlier demo; name another folder"
  fi
  find_python
  python=$(realpath --no-symlinks -- "$(command -v -- "$python")")
  rm -rf -- "$folder"
  mkdir -p -- "$folder"
  cd -- "$folder"
  export SEDIFF_ROOT=$PWD
  say "simulating 3 template exposures, 1 search exposure and calibrations in $PWD"
  "$python" -m sediff sim . --seed 1 --expnum "$expnum" --nite "$nite" --band "$band" --ccds "$ccds"
  calibrations
  say "choosing templates"
  "$scripts/DAGMaker.sh" -c "$ccds" -P "SEARCH_OPTS=-C -P FAKE_LIST=truth/transients.csv" "$expnum"
  say "SEdiff.sh: single epoch of the templates and the search exposure, then difference imaging"
  bash "mytemp_$expnum/desgw_pipeline_$expnum.sh"
  say "what was injected, what was found"
  "$python" -m sediff check --expnum "$expnum" --nite "$nite" --band "$band" --season "$season"
}

# calibrations: bias, dome flat and bad-pixel mask from the night's own exposures.
calibrations() {
  local kind
  say "bias, dome flat, bad-pixel mask"
  for kind in build-bias build-dflat build-bpm; do
    local -a options=(--root . --nite "$nite" --ccds "$ccds")
    [[ $kind == build-bias ]] || options+=(--band "$band")
    "$python" -m sediff calib "$kind" "${options[@]}"
  done
}

say() { printf '\n== %s\n' "$*"; }

main "$@"
