#!/usr/bin/env bash
# RUN_POSTPROC.sh - forced photometry of a season: every candidate in every staged difference of its place, before and
# after discovery; one light curve file a candidate, des_real_SNID.dat, in the columns of DES-GW's data files.
#
# Usage: RUN_POSTPROC.sh -S dpNN [flags]
#   -S dpNN    difference-imaging version (season); a bare number does, too
#   -d CACHE   persistent or scratch. Default persistent
#   -m SCHEMA  gw or wsdiff. Default gw
#   -w N       worker processes. Default: cores
#   -s         one image after the other in one process
#   -P K=V     set a parameter, over the rc files; repeatable
#   -R DIR     folder of rc files. Default: rc beside scripts
#   --season NN           the same as -S dpNN
#   --schema SCHEMA       the same as -m
#   --expnums LIST        only these exposures: 668443,668444
#   --outputdir DIR       folder of the light curves. Default: ROOT/CACHE/SCHEMA/forcephoto/output/dpNN
#   --format FORM         dat (SNANA), csv or fits. Default dat
#   --numepochs-min N     candidates with fewer measurements get no file. Default 1
#   --writedb             write the measurements into the season's database, too
#   --rerun OUT           the season of the rerun ROOT/rerun/OUT
#   -h         this text
#
# Example: RUN_POSTPROC.sh -S dp33 -w 8 --outputdir datafiles
# Exit: 0 done, 1 an image failed, 2 usage, 3 the season has no database or no staged difference, 4 data unusable,
#       75 try again.
set -euo pipefail
scripts=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
source "$scripts/lib/options.sh"

usage_or_continue $#
accept_long season:one schema:one expnums:one outputdir:one format:one numepochs-min:one writedb:none rerun:one
parse_options S:d:m:w:sP:R:h "$@"
if [[ -z ${long_given[season]-} ]]; then require S:dpNN; fi
default d persistent
if [[ -z ${long_given[schema]-} ]]; then default m gw; fi
if [[ -n ${given[S]-} ]]; then check_pattern -S "${given[S]}" '^(dp)?[0-9]+$' 'dp and a number, such as dp33'; fi
check_word -d "${given[d]}"
if [[ -n ${given[m]-} ]]; then check_word -m "${given[m]}"; fi
if [[ -n ${given[w]-} ]]; then check_workers -w "${given[w]}"; fi
if [[ -n ${given[w]-} && -n ${given[s]-} ]]; then
  fail 2 "-s (single-threaded) and -w ${given[w]} (processes) exclude each other"
fi
no_positional

value S --season d --cache m --schema w --workers
switch s --serial
rc_folder
run_stage postproc
