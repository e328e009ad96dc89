# shellcheck shell=bash
# Flags of the drivers: reading, checking, and passing on to `python -m sediff STAGE`. Sourced, never run.

library=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
repository=$(dirname -- "$(dirname -- "$library")")
# shellcheck source-path=SCRIPTDIR source=messages.sh
source "$library/messages.sh"
# shellcheck source-path=SCRIPTDIR source=selection.sh
source "$library/selection.sh"
((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404)) || fail 3 "needs bash 4.4 or later, this is $BASH_VERSION"

declare -A given=()     # letter -> its value, or 1 for a switch
declare -a positional=() # what stands after the flags
declare -a overrides=() # -P name=value, ready to pass on
declare -a arguments=() # the command line being built for Python
declare -A long_kinds=() # the driver's long options: name -> one (a value), many (values up to the next flag), none (a switch)
declare -A long_given=() # long options that were given: name -> 1
declare -a long_arguments=() # --name value ..., in the order they were given, ready to pass on
taken=0                  # words that the last long option took

# accept_long NAME:KIND...: long options of this driver; Python gets them as they are and checks their values.
accept_long() {
  local option
  for option in "$@"; do long_kinds[${option%%:*}]=${option#*:}; done
}

# parse_options OPTSTRING ARGUMENT...: fills given, overrides, positional, long_given and long_arguments; -h prints the usage
# and ends, -- ends the flags.
parse_options() {
  local letters=$1 letter
  shift
  OPTIND=1
  while getopts ":$letters-:" letter; do
    case $letter in
      -) take_long "$OPTARG" "${@:OPTIND}"; OPTIND=$((OPTIND + taken)) ;;
      :) fail 2 "-$OPTARG needs an argument; see $program -h" ;;
      \?) fail 2 "unknown flag -$OPTARG; see $program -h" ;;
      h) print_usage; exit 0 ;;
      *) take_option "$letter" "${OPTARG-}" "$letters" ;;
    esac
  done
  shift $((OPTIND - 1))
  positional=("$@")
}

# take_option LETTER VALUE LETTERS: keep one flag.
take_option() {
  local letter=$1 value=$2 letters=$3
  if [[ $letters != *"$letter:"* ]]; then
    given[$letter]=1
  elif [[ -z $value || $value == -* ]]; then
    fail 2 "-$letter needs an argument, found '$value'; see $program -h"
  elif [[ $letter == P ]]; then
    [[ $value =~ ^[A-Za-z_][A-Za-z0-9_]*= ]] || fail 2 "-P must be name=value, found '$value'"
    overrides+=(-P "$value")
  else
    given[$letter]=$value
  fi
}

# take_long NAME[=VALUE] WORD...: keep one long option with its values.
take_long() {
  local name=${1%%=*} word=$1
  local -a values=()
  shift
  taken=0
  [[ $name =~ ^[a-z][a-z-]*$ && -n ${long_kinds[$name]-} ]] || fail 2 "unknown flag --$name; see $program -h"
  [[ ${long_kinds[$name]} == many || -z ${long_given[$name]-} ]] || fail 2 "--$name is given twice"
  if [[ $word == *=* ]]; then
    [[ ${long_kinds[$name]} != none ]] || fail 2 "--$name takes no value, found '${word#*=}'"
    values=("${word#*=}")
  elif [[ ${long_kinds[$name]} != none ]]; then
    while (($#)) && [[ $1 != -* ]] && [[ $taken == 0 || ${long_kinds[$name]} == many ]]; do
      values+=("$1")
      taken=$((taken + 1))
      shift
    done
  fi
  [[ ${long_kinds[$name]} == none || -n ${values[0]-} ]] || fail 2 "--$name needs an argument, found '${1-}'; see $program -h"
  long_given[$name]=1
  long_arguments+=("--$name" "${values[@]}")
}

# no_positional: nothing may stand after the flags.
no_positional() {
  if ((${#positional[@]})); then
    fail 2 "unexpected argument '${positional[0]}' after the flags; see $program -h"
  fi
}

# require LETTER:NAME...: each of these flags must have been given.
require() {
  local flag
  for flag in "$@"; do
    [[ -n ${given[${flag%%:*}]-} ]] || fail 2 "-${flag%%:*} ${flag#*:} is required; see $program -h"
  done
}

# default LETTER VALUE: the value of a flag that was not given.
default() {
  given[$1]=${given[$1]-$2}
}

# check_pattern FLAG VALUE REGEX WHAT: the value must match.
check_pattern() {
  [[ $2 =~ $3 ]] || fail 2 "$1 must be $4, found '$2'"
}

check_integer() { check_pattern "$1" "$2" '^[0-9]+$' 'an integer'; }
check_nite() { check_pattern "$1" "$2" '^[0-9]{8}$' 'a night as YYYYMMDD'; }
check_season() { check_pattern "$1" "$2" '^dp[0-9]+$' 'dp and a number, such as dp33'; }
check_rpnum() { check_pattern "$1" "$2" '^r[0-9]+p[0-9]+$' 'rNpM, such as r4p7'; }
check_word() { check_pattern "$1" "$2" '^[A-Za-z0-9][A-Za-z0-9_.+-]*$' 'one word without a slash'; }

# check_workers FLAG VALUE: at least one.
check_workers() {
  check_pattern "$1" "$2" '^0*[1-9][0-9]*$' 'a number of processes, 1 or more'
}

# check_ccds FLAG VALUE: 33, 1,3,5-12, all, or 0 (element $PROCESS+1 of all, for HTCondor). Which there are Python knows.
check_ccds() {
  [[ $2 == all || $2 == 0 ]] && return
  check_pattern "$1" "$2" '^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$' 'a list of CCDs such as 33 or 1,3,5-12, or all, or 0'
}

# check_exposure_flags: the flags every exposure driver has, where given.
check_exposure_flags() {
  check_exposure
  check_word -d "${given[d]}"
  check_word -m "${given[m]}"
  if [[ -n ${given[v]-} ]]; then check_word -v "${given[v]}"; fi
  if [[ -n ${given[V]-} ]]; then check_word -V "${given[V]}"; fi
  if [[ -n ${given[T]-} ]]; then check_word -T "${given[T]}"; fi
  if [[ -n ${given[w]-} ]]; then check_workers -w "${given[w]}"; fi
  if [[ -n ${given[w]-} && -n ${given[s]-} ]]; then
    fail 2 "-s (single-threaded) and -w ${given[w]} (processes) exclude each other"
  fi
  if [[ -n ${given[c]-} ]]; then check_ccds -c "${given[c]}"; fi
  if [[ ${given[c]-} == 0 ]]; then
    [[ ${PROCESS-} =~ ^[0-9]+$ ]] || fail 2 "-c 0 takes the CCD from \$PROCESS, which is '${PROCESS-}'"
  fi
  no_positional
}

# value LETTER --option ...: pass on the values of these flags, where given.
value() {
  while (($#)); do
    if [[ -n ${given[$1]-} ]]; then arguments+=("$2" "${given[$1]}"); fi
    shift 2
  done
}

# switch LETTER --option ...: pass on these switches, where given.
switch() {
  while (($#)); do
    if [[ -n ${given[$1]-} ]]; then arguments+=("$2"); fi
    shift 2
  done
}

# rc_folder: pass on -R DIR, by default the rc/ folder beside scripts/.
rc_folder() {
  local folder=${given[R]-$repository/rc}
  [[ -d $folder ]] || fail 3 "-R: no folder of rc files at '$folder'"
  arguments+=(--rc "$folder")
}

# find_python: SEDIFF_PYTHON, else the repository's virtual environment, else python3; must be able to import sediff.
find_python() {
  python=${SEDIFF_PYTHON-}
  if [[ -z $python ]]; then
    # a checkout has .venv; an installed package lies in ENVIRONMENT/lib/pythonX.Y/site-packages/sediff/share
    for python in "$repository/.venv/bin/python" "$repository/../../../../../bin/python"; do
      [[ -x $python ]] && break
      python=python3
    done
  fi
  command -v -- "$python" > /dev/null || fail 3 "no Python at '$python'; run make setup in $repository"
  "$python" -c 'import sediff' 2> /dev/null \
    || fail 3 "$python cannot import sediff; run make setup in $repository"
}

# run_stage STAGE: hand over to Python with everything gathered.
run_stage() {
  local python
  find_python
  exec "$python" -m sediff "$1" "${arguments[@]}" "${long_arguments[@]}" "${overrides[@]}"
}
