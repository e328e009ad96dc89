#!/usr/bin/env bash
# SEdiff.sh - one exposure from raw pixels to candidates: single-epoch processing, verification of its
# templates, star lists and difference imaging, for the CCDs asked for.
#
# Usage: SEdiff.sh -E EXPNUM [-n NITE -b BAND] -r RNUM -p PNUM -S dpNN [flags]
#   -E EXPNUM  exposure number, any length
#   -n NITE    night, YYYYMMDD (UTC date minus 12 h)
#   -b BAND    one of INSTRUMENT's (of DECam u g r i z Y or VR); it and -n are known of registered exposures
#              (sediff ingest)
#   -r RNUM    processing version; with -p gives rRNUMpPNUM in file names
#   -p PNUM    see -r
#   -S dpNN    difference-imaging version (season)
#   -c LIST    CCDs: 33, or 1,3,5-12, or all, or 0 = element $PROCESS+1 of all (HTCondor). Default all:
#              every CCD that worked that night, by ccds.csv of the instrument
#   -d CACHE   persistent or scratch. Default persistent
#   -m SCHEMA  gw or wsdiff. Default gw
#   -v NAME    version name of the difference imaging, kept in the products' history. Default gw8
#   -V NAME    write and use this list of veto stars (SNVETO)
#   -T NAME    write and use this list of calibration stars (SNSTAR)
#   -C         photometric calibration
#   -j         no image processing, only calibrate existing products
#   -t         template: stop after single-epoch processing
#   -O         do single-epoch processing even where its products exist
#   -Y         use the Y4E1 calibration set whatever the exposure number
#   -F         keep all intermediate images
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
# Example: SEdiff.sh -E 668443 -n 20170817 -b i -r 4 -p 7 -S dp33 -c 33 -C \
#            -T SNSTAR_668443_r4p7.LIST -V SNVETO_668443_r4p7.LIST
# Exit: 0 done, 1 a step failed, 2 usage, 3 input missing, 4 data unusable, 75 try again.
set -euo pipefail
scripts=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
source "$scripts/lib/options.sh"

usage_or_continue $#
accept_long id:many where:one show:many rerun:one verbose:none
parse_options E:n:b:r:p:S:c:d:m:v:V:T:CjtOYFsw:P:R:h "$@"
require_exposure
require r:RNUM p:PNUM S:dpNN
default c all
default d persistent
default m gw
default v gw8
check_exposure_flags
check_integer -r "${given[r]}"
check_integer -p "${given[p]}"
check_season -S "${given[S]}"

value E --expnum n --nite b --band r --rnum p --pnum S --season c --ccds d --cache m --schema v --diffimg-version
switch t --template-only C --calibrate j --calibrate-only s --serial
value w --workers
switch O --overwrite
value V --snveto T --snstar
switch Y --special-y4 F --full-copy
rc_folder
run_stage sediff
