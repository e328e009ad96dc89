#!/usr/bin/env bash
# DAGMaker.sh - plans the processing of search exposures: finds and chooses their templates in exposures.list,
# and writes what to run, in mytemp_EXPNUM/ of the current folder: desgw_pipeline_EXPNUM.sh for this machine,
# desgw_pipeline_EXPNUM.dag for a grid, the lists of exposures, and why each template was taken or not.
#
# Usage: DAGMaker.sh [flags] EXPNUM [EXPNUM2 ...]
#        DAGMaker.sh --id visit=EXPNUM^EXPNUM2 [flags]
#   EXPNUM     search exposure; the others are of the same sequence: planned too, and never templates of each other
#   -c LIST    CCDs: 33, or 1,3,5-12, or all. Default all that worked that night
#   -P K=V     set a parameter, over the rc file, such as -P TWINDOW=15; repeatable
#   -R DIR     folder of rc files. Default: ./dagmaker.rc if there is one, else rc beside scripts
#   --id K=V ...  data IDs instead of EXPNUM: visit=668443^668444 filter=i (several --id add up)
#   --where COND  a condition on what is registered: "nite=20170817 AND filter IN ('i', 'z')"
#   --show WHAT   data, config or config=GLOB: print it and end, unless run is among the words
#   --rerun [IN:]OUT
#              write products to ROOT/rerun/OUT, and read what it lacks through the rerun IN (default: the
#              one OUT was made from, at first ROOT itself)
#   -h         this text
#
# Example: DAGMaker.sh -P TEFF_CUT_i=0.2 668443
#          nohup bash mytemp_668443/desgw_pipeline_668443.sh > 668443.log 2>&1 &
# Exit: 0 done, 2 usage, 3 input missing, 4 data unusable (no template, or the exposure is too short).
set -euo pipefail
scripts=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
source "$scripts/lib/options.sh"

usage_or_continue $#
accept_long id:many where:one show:many rerun:one
parse_options c:P:R:h "$@"
chosen || ((${#positional[@]})) || fail 2 "an exposure number must be given; see $program -h"
for exposure in "${positional[@]}"; do
  [[ $exposure != -* ]] || fail 2 "flag $exposure must stand before the exposure numbers"
  check_integer EXPNUM "$exposure"
done
if [[ -n ${given[c]-} ]]; then check_ccds -c "${given[c]}"; fi
[[ ${given[c]-} != 0 ]] || fail 2 '-c 0 is for jobs; a plan needs a list of CCDs, such as 1,3,5-12 or all'

arguments+=("${positional[@]}")
value c --ccds
if [[ -z ${given[R]-} && -f dagmaker.rc ]]; then
  arguments+=(--rcfile ./dagmaker.rc)
else
  rc_folder
fi
run_stage plan
