#!/usr/bin/env python3
"""Photometric calibration of one CCD of an exposure against reference stars; -h tells the flags.

Example: BLISS-expCalib_Y3apass.py --expnum 668443 --reqnum 4 --attnum 7 --ccd 33
"""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / 'lib'))
from launch import launch

sys.exit(launch('calibrate'))
