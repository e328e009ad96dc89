#!/usr/bin/env bash
# RUN_DIFFIMG_PIPELINE.sh - difference imaging only, of an exposure whose single-epoch products and templates
# exist. Mind the letters: -r and -p mean other things here than in SEdiff.sh.
#
# Usage: RUN_DIFFIMG_PIPELINE.sh -E EXPNUM [-n NITE -b BAND] -r rNpM -p dpNN -c LIST [flags]
#   -E EXPNUM  exposure number, any length
#   -n NITE    night, YYYYMMDD (UTC date minus 12 h)
#   -b BAND    one of INSTRUMENT's (of DECam u g r i z Y or VR); it and -n are known of registered exposures
#              (sediff ingest)
#   -r rNpM    processing version of the single-epoch products (SEdiff.sh: -r N -p M)
#   -p dpNN    difference-imaging version, season (SEdiff.sh: -S dpNN)
#   -c LIST    CCDs: 33, or 1,3,5-12, or all, or 0 = element $PROCESS+1 of all (HTCondor)
#   -v NAME    version name of the difference imaging, kept in the products' history. Default gwdevel13
#   -d CACHE   persistent or scratch. Default persistent
#   -m SCHEMA  gw or wsdiff. Default wsdiff (SEdiff.sh: gw)
#   -F         keep all intermediate images
#   -O         redo all steps
#   -s         single-threaded: one CCD after the other in one process
#   -w N       number of worker processes. Default: all cores
#   -P K=V     set a parameter, over the rc files; repeatable
#   -R DIR     folder of rc files. Default: rc beside scripts
#   --id K=V ...  data IDs instead of -E, -n, -b and -c: visit=668443^668444 ccdnum=3^6..12:2 filter=i (several --id add up)
#   --where COND  a condition on what is registered: "nite=20170817 AND filter IN ('i', 'z')"
#   --show WHAT   data, config or config=GLOB: print it and end, unless run is among the words
#   --rerun [IN:]OUT
#              write products to ROOT/rerun/OUT, and read what it lacks through the rerun IN (default: the
#              one OUT was made from, at first ROOT itself)
#   --verbose  a line for each step, not only for each CCD
#   -h         this text
#
# Example: RUN_DIFFIMG_PIPELINE.sh -E 668443 -n 20170817 -b i -r r4p7 -p dp33 -m gw -c 33
# Exit: 0 done, 1 a step failed, 2 usage, 3 input missing, 4 data unusable, 75 try again.
set -euo pipefail
scripts=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
source "$scripts/lib/options.sh"

usage_or_continue $#
accept_long id:many where:one show:many rerun:one verbose:none
parse_options E:n:b:r:p:c:v:d:m:FOsw:P:R:h "$@"
require_exposure
require r:rNpM p:dpNN
chosen || require c:LIST
default v gwdevel13
default d persistent
default m wsdiff
check_exposure_flags
check_rpnum -r "${given[r]}"
check_season -p "${given[p]}"

value E --expnum n --nite b --band r --rpnum p --season c --ccds d --cache m --schema v --diffimg-version
switch s --serial
value w --workers
switch F --full-copy O --overwrite
rc_folder
run_stage diffimg
