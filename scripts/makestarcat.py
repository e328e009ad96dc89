#!/usr/bin/env python3
"""Star lists (SNSTAR, SNVETO) of a search exposure from the calibrated catalogues of its templates; -h tells the flags.

Example: makestarcat.py -e 668443 -n 20170817 -r 4 -p 7 -b i -s 33 -snstar SNSTAR_668443_r4p7.LIST
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / 'lib'))
from launch import launch

sys.exit(launch('starcat'))
