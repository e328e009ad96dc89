"""What every worker imports, loaded once by the fork server so that no worker pays for it again."""
import astropy.wcs
import fitsio
import numba
import pandas
import scipy.ndimage
import sep

from sediff.flow import calibrate, diffimg_candidates, diffimg_prepare, diffimg_subtract, single_epoch

__all__ = ['astropy', 'calibrate', 'diffimg_candidates', 'diffimg_prepare', 'diffimg_subtract', 'fitsio', 'numba',
           'pandas', 'scipy', 'sep', 'single_epoch']
