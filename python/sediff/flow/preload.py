"""What every worker imports, loaded once by the fork server so that no worker pays for it again."""
import gc

import astropy.wcs
import fitsio
import numba
import pandas
import scipy.fft
import scipy.ndimage
import scipy.spatial
import sep

from sediff import steps
from sediff.engine.code import step_code
from sediff.flow.diffimg import candidates as diffimg_candidates
from sediff.flow.diffimg import injected as diffimg_injected
from sediff.flow.diffimg import prepare as diffimg_prepare
from sediff.flow.diffimg import subtract as diffimg_subtract
from sediff.flow.single_epoch import calibrate
from sediff.flow.single_epoch import steps as single_epoch

for step in steps.ALL + steps.COMMUNITY:
    step_code(step)
gc.freeze()                                                # no garbage: workers need not look for it among this

__all__ = ['astropy', 'calibrate', 'diffimg_candidates', 'diffimg_injected', 'diffimg_prepare', 'diffimg_subtract', 'fitsio',
           'numba', 'pandas', 'scipy', 'sep', 'single_epoch']
