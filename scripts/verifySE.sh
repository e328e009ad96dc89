#!/usr/bin/env bash
# verifySE.sh - which templates of an exposure can be used: checks each one's products CCD by CCD, takes those
# that cannot be used off WS_diff.list and copy_pairs_for_EXPNUM.sh, and makes the star lists.
#
# Usage: verifySE.sh -E EXPNUM [-n NITE -b BAND] -r RNUM -p PNUM -S dpNN [flags]
#   -E EXPNUM  search exposure number, any length
#   -n NITE    its night, YYYYMMDD (UTC date minus 12 h)
#   -b BAND    one of INSTRUMENT's (of DECam u g r i z Y or VR); it and -n are known of registered exposures
#              (sediff ingest)
#   -r RNUM    processing version; with -p gives rRNUMpPNUM in file names
#   -p PNUM    see -r
#   -S dpNN    difference-imaging version (season)
#   -d CACHE   persistent or scratch. Default persistent
#   -m SCHEMA  gw or wsdiff. Default wsdiff (the other drivers' default is gw)
#   -C         templates must be calibrated, too
#   -V NAME    make this list of veto stars (SNVETO)
#   -T NAME    make this list of calibration stars (SNSTAR)
#   -Y         accepted for old callers; has no effect here
#   -P K=V     set a parameter, over the rc files; repeatable
#   -R DIR     folder of rc files. Default: rc beside scripts
#   --id K=V ...  data IDs instead of -E, -n and -b: visit=668443^668444 ccdnum=3^6..12:2 filter=i (several --id add up)
#   --where COND  a condition on what is registered: "nite=20170817 AND filter IN ('i', 'z')"
#   --show WHAT   data, config or config=GLOB: print it and end, unless run is among the words
#   --rerun [IN:]OUT
#              write products to ROOT/rerun/OUT, and read what it lacks through the rerun IN (default: the
#              one OUT was made from, at first ROOT itself)
#   -h         this text
#
# Example: verifySE.sh -E 668443 -n 20170817 -b i -r 4 -p 7 -S dp33 -m gw -C -T SNSTAR_668443_r4p7.LIST
# Exit: 0 done, 1 a step failed, 2 usage, 3 input missing, 4 data unusable, 75 try again.
set -euo pipefail
scripts=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
source "$scripts/lib/options.sh"

usage_or_continue $#
accept_long id:many where:one show:many rerun:one
parse_options E:n:b:r:p:S:d:m:V:T:CYP:R:h "$@"
require_exposure
require r:RNUM p:PNUM S:dpNN
default d persistent
default m wsdiff
check_exposure_flags
check_integer -r "${given[r]}"
check_integer -p "${given[p]}"
check_season -S "${given[S]}"
if [[ -n ${given[Y]-} ]]; then warn '-Y has no effect on verification'; fi

value E --expnum n --nite b --band r --rnum p --pnum S --season d --cache m --schema
switch C --calibrate
value V --snveto T --snstar
rc_folder
run_stage verify
