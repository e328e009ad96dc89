#!/usr/bin/env bash
# RUNMON.sh - which steps of which CCDs of an exposure are done, how long they took, and the first failure of each.
# Mind the letters: -r and -p are as in RUN_DIFFIMG_PIPELINE.sh.
#
# Usage: RUNMON.sh -E EXPNUM -n NITE -r rNpM -p dpNN [flags]
#   -E EXPNUM  exposure number, any length
#   -n NITE    night, YYYYMMDD (UTC date minus 12 h)
#   -r rNpM    processing version of the single-epoch products
#   -p dpNN    difference-imaging version, season
#   -f FIELD   accepted as in DES-GW; not needed
#   -v NAME    accepted as in DES-GW; not needed
#   -d CACHE   persistent or scratch. Default persistent
#   -m SCHEMA  gw or wsdiff. Default wsdiff (SEdiff.sh: gw)
#   -P K=V     set a parameter, over the rc files; repeatable
#   -R DIR     folder of rc files. Default: rc beside scripts
#   -h         this text
#
# Example: RUNMON.sh -E 668443 -n 20170817 -r r4p7 -p dp33 -m gw
# Exit: 0 nothing failed, 1 a step failed, 2 usage, 3 nothing was run.
set -euo pipefail
scripts=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
source "$scripts/lib/options.sh"

usage_or_continue $#
parse_options E:n:r:p:f:v:d:m:P:R:h "$@"
require E:EXPNUM n:NITE r:rNpM p:dpNN
default d persistent
default m wsdiff
check_integer -E "${given[E]}"
check_nite -n "${given[n]}"
check_rpnum -r "${given[r]}"
check_season -p "${given[p]}"
check_word -d "${given[d]}"
check_word -m "${given[m]}"
no_positional

value E --expnum n --nite r --rpnum p --season d --cache m --schema
rc_folder
run_stage status
