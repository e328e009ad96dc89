"""What every worker imports, loaded once by the fork server with the kernels, so that no worker pays for it again."""
import gc
import sqlite3

import astropy.wcs
import fitsio
import numba
import pandas
import PIL.Image
import scipy.fft
import scipy.ndimage
import scipy.spatial
import sep

from sediff import steps
from sediff.candidates import database
from sediff.compiled import load_kernels
from sediff.engine.code import step_code
from sediff.flow.diffimg import candidates as diffimg_candidates
from sediff.flow.diffimg import injected as diffimg_injected
from sediff.flow.diffimg import prepare as diffimg_prepare
from sediff.flow.diffimg import subtract as diffimg_subtract
from sediff.flow.exposure import job
from sediff.flow.single_epoch import calibrate
from sediff.flow.single_epoch import steps as single_epoch
from sediff.formats import psfex, rice, stamp_archive

for step in steps.HASHED:
    step_code(step)
load_kernels()
gc.freeze()                                                # no garbage: workers need not look for it among this
gc.enable()

__all__ = ['PIL', 'astropy', 'calibrate', 'database', 'diffimg_candidates', 'diffimg_injected', 'diffimg_prepare',
           'diffimg_subtract', 'fitsio', 'job', 'numba', 'pandas', 'psfex', 'rice', 'scipy', 'sep', 'single_epoch',
           'sqlite3', 'stamp_archive']
