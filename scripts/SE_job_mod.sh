#!/usr/bin/env bash
# SE_job_mod.sh - single-epoch processing of one exposure; without -t also verifies its templates and makes
# the star lists, ready for RUN_DIFFIMG_PIPELINE.sh.
#
# Usage: SE_job_mod.sh -E EXPNUM [-n NITE -b BAND] -r RNUM -p PNUM -S dpNN [flags]
#   -E EXPNUM  exposure number, any length
#   -n NITE    night, YYYYMMDD (UTC date minus 12 h)
#   -b BAND    one of INSTRUMENT's (of DECam u g r i z Y or VR); it and -n are known of registered exposures
#              (sediff ingest)
#   -r RNUM    processing version; with -p gives rRNUMpPNUM in file names
#   -p PNUM    see -r
#   -S dpNN    difference-imaging version (season)
#   -c LIST    CCDs: 33, or 1,3,5-12, or all, or 0 = element $PROCESS+1 of all (HTCondor). Default all
#   -d CACHE   persistent or scratch. Default persistent
#   -m SCHEMA  gw or wsdiff. Default gw
#   -V NAME    write this list of veto stars (SNVETO)
#   -T NAME    write this list of calibration stars (SNSTAR)
#   -C         photometric calibration
#   -j         no image processing, only calibrate existing products
#   -t         template: stop after single-epoch processing
#   -O         process even where products exist
#   -Y         use the Y4E1 calibration set whatever the exposure number
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
# Example: SE_job_mod.sh -E 506432 -n 20151230 -b i -r 4 -p 7 -S dp33 -c 1,3,5-12 -C -t
# Exit: 0 done, 1 a step failed, 2 usage, 3 input missing, 4 data unusable, 75 try again.
set -euo pipefail
scripts=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
source "$scripts/lib/options.sh"

usage_or_continue $#
accept_long id:many where:one show:many rerun:one verbose:none
parse_options E:n:b:r:p:S:c:d:m:V:T:CjtOYsw:P:R:h "$@"
require_exposure
require r:RNUM p:PNUM S:dpNN
default c all
default d persistent
default m gw
check_exposure_flags
check_integer -r "${given[r]}"
check_integer -p "${given[p]}"
check_season -S "${given[S]}"

value E --expnum n --nite b --band r --rnum p --pnum S --season c --ccds d --cache m --schema
switch t --template-only C --calibrate j --calibrate-only s --serial
value w --workers
switch O --overwrite
value V --snveto T --snstar
switch Y --special-y4
rc_folder
run_stage se
