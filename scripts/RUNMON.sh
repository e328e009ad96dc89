#!/usr/bin/env bash
# RUNMON.sh - which steps of which CCDs of an exposure are done, how long they took, and the first failure of each.
# Mind the letters: -r and -p are as in RUN_DIFFIMG_PIPELINE.sh.
#
# Usage: RUNMON.sh -E EXPNUM [-n NITE] -r rNpM -p dpNN [flags]
#   -E EXPNUM  exposure number, any length
#   -n NITE    night, YYYYMMDD (UTC date minus 12 h); known of registered exposures
#   -r rNpM    processing version of the single-epoch products
#   -p dpNN    difference-imaging version, season
#   -f FIELD   accepted as in DES-GW; not needed
#   -v NAME    accepted as in DES-GW; not needed
#   -d CACHE   persistent or scratch. Default persistent
#   -m SCHEMA  gw or wsdiff. Default wsdiff (SEdiff.sh: gw)
#   -P K=V     set a parameter, over the rc files; repeatable
#   -R DIR     folder of rc files. Default: rc beside scripts
#   --id K=V ...  data IDs instead of -E and -n: visit=668443^668444 filter=i (several --id add up)
#   --where COND  a condition on what is registered: "nite=20170817 AND filter IN ('i', 'z')"
#   --show WHAT   data, config or config=GLOB: print it and end, unless run is among the words
#   --rerun OUT
#              look at the rerun ROOT/rerun/OUT and what it reads through
#   -h         this text
#
# Example: RUNMON.sh -E 668443 -n 20170817 -r r4p7 -p dp33 -m gw
# Exit: 0 nothing failed, 1 a step failed, 2 usage, 3 nothing was run.
set -euo pipefail
scripts=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
source "$scripts/lib/options.sh"

usage_or_continue $#
accept_long id:many where:one show:many rerun:one
parse_options E:n:r:p:f:v:d:m:P:R:h "$@"
require_exposure
require r:rNpM p:dpNN
default d persistent
default m wsdiff
check_exposure
check_rpnum -r "${given[r]}"
check_season -p "${given[p]}"
check_word -d "${given[d]}"
check_word -m "${given[m]}"
no_positional

value E --expnum n --nite r --rpnum p --season d --cache m --schema
rc_folder
run_stage status
