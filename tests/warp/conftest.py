"""Small images with a WCS, shared by the tests of the resampling."""
import numpy as np
import pytest
from astropy.io.fits import Header


def tan_header(crpix=(90.0, 100.0), scale=0.263, angle=0.0):
    """A TAN header: scale in arcsec/px, angle in degrees."""
    c, s, d = np.cos(np.radians(angle)), np.sin(np.radians(angle)), scale / 3600
    return Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRPIX1': crpix[0], 'CRPIX2': crpix[1], 'CRVAL1': 40.0,
                   'CRVAL2': -30.0, 'CD1_1': -d * c, 'CD1_2': d * s, 'CD2_1': d * s, 'CD2_2': d * c})


def gaussian_star(x, y, flux=1e4, sigma=2.0, shape=(200, 180)):
    """A Gaussian star at a 0-based position."""
    v, u = np.mgrid[:shape[0], :shape[1]]
    return flux / (2 * np.pi * sigma**2) * np.exp(-0.5 * ((u - x)**2 + (v - y)**2) / sigma**2)


@pytest.fixture(scope='session')
def header():
    """Function that makes a header."""
    return tan_header


@pytest.fixture(scope='session')
def star():
    """Function that draws a star."""
    return gaussian_star
