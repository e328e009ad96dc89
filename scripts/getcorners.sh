#!/usr/bin/env bash
# getcorners.sh - the corners of an exposure's CCDs on the sky, from the headers of its immask files.
# Writes CORNERDIR/EXPNUM.out for all CCDs found, or CORNERDIR/EXPNUM_CCD.out for one.
#
# Usage: getcorners.sh EXPNUM DATADIR CORNERDIR [CCD]
#   EXPNUM     exposure number, any length
#   DATADIR    folder of the immask files, .fits.fz or .fits
#   CORNERDIR  folder for the .out file; made if absent
#   CCD        one CCD, of DECam 1 to 62
#   -h         this text
#
# Example: getcorners.sh 668443 persistent/gw/exp/20170817/668443 . 33
# Exit: 0 done, 2 usage, 3 input missing, 4 data unusable.
set -euo pipefail
scripts=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib/options.sh
source "$scripts/lib/options.sh"

usage_or_continue $#
parse_options h "$@"
((${#positional[@]} >= 3 && ${#positional[@]} <= 4)) \
  || fail 2 "needs EXPNUM DATADIR CORNERDIR [CCD], found ${#positional[@]} arguments; see $program -h"
check_integer EXPNUM "${positional[0]}"
[[ -d ${positional[1]} ]] || fail 3 "no folder ${positional[1]}"
if ((${#positional[@]} == 4)); then
  check_integer CCD "${positional[3]}"
  check_ccds CCD "$((10#${positional[3]}))"
fi
arguments=("${positional[@]}")
run_stage corners
