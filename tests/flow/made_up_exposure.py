"""Products of the CCDs of an exposure, as single epoch leaves them: tiny images, real headers and tables."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from astropy.io.fits import Header
from made_up_stars import catalogue_of

from sediff.ccdimage import CcdImage
from sediff.flow.single_epoch.calibrate import with_zero_point
from sediff.formats.corners import out_line
from sediff.instruments.ccds import ccd_table
from sediff.instruments.load import default_instrument
from sediff.photometry.tables import match_table, object_table, standard_table, zero_table
from sediff.photometry.zeropoint import ZeroPoint
from sediff.refcat.stars import empty_stars
from sediff.repository.names import PRODUCTS, Exposure, product_path
from sediff.repository.products import write_product
from sediff.wcs.read import out_corners, pixel_to_sky, read_wcs

CLEAR = 26.818 + 2.5 * np.log10(90.0)       # zero point in r, 90 s, airmass 1, no cloud
EXPOSURE = Exposure(Path('/nowhere'), 1250064, '20230926', 'r')


def header_of(exposure: Exposure) -> Header:
    """World coordinates and cards of a CCD."""
    row = ccd_table()[exposure.ccd - 1]
    header = Header()
    values = {'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': 52.5, 'CRVAL2': -28.0,
              'CRPIX1': 1024.5 - row['x_center_mm'] / 0.015, 'CRPIX2': 2048.5 - row['y_center_mm'] / 0.015, 'CD1_1': 0.0,
              'CD1_2': 7.3e-5, 'CD2_1': -7.3e-5, 'CD2_2': 0.0, 'EXPNUM': exposure.expnum, 'NITE': exposure.nite,
              'BAND': exposure.band, 'CCDNUM': exposure.ccd, 'AIRMASS': 1.0, 'EXPTIME': 90.0,
              'MJD-OBS': 60213.2, 'SKYBRITE': 950.0, 'SKYSIGMA': 32.0, 'SATURATE': 60000.0}
    for name, value in values.items():
        header[name] = value.item() if isinstance(value, np.generic) else value
    return header


def make_ccd(exposure: Exposure, zero_point: float | None = CLEAR, fwhm: float = 1.0, leave_out: tuple[str, ...] = (),
             stars: int = 30) -> None:
    """Write the products of SE and of SE12 of one CCD; a zero point of None is a CCD with too few stars."""
    header = header_of(exposure)
    rng = np.random.default_rng(exposure.ccd)
    wcs = read_wcs(header)
    ra, dec = pixel_to_sky(wcs, rng.uniform(0, 2047, stars), rng.uniform(0, 4095, stars))
    catalogue = catalogue_of(ra, dec, rng.uniform(16, 20, stars), CLEAR if zero_point is None else zero_point)
    standards = empty_stars(stars)
    standards['source_id'], standards['ra'], standards['dec'] = 100 * exposure.ccd + np.arange(stars), ra, dec
    std, obj = standard_table(standards, np.full(stars, 18.0)), object_table(catalogue, exposure.band)
    found = None if zero_point is None else ZeroPoint(zero_point, 0.03, 0.005, stars, stars)
    name = product_path(exposure, 'fullcat').name
    line = out_line(exposure.expnum, exposure.band, exposure.ccd, out_corners(wcs))
    values = {'immask': CcdImage(np.zeros((8, 8), np.float32), np.zeros((8, 8), np.uint16), np.ones((8, 8), np.float32),
                                 header),
              'fullcat': (catalogue, header), 'out': line,
              'std': std, 'obj': obj, 'match': match_table(std, obj, np.arange(stars), np.arange(stars)),
              'zero': zero_table(name, found, 3), 'quality': quality_of(exposure, zero_point, fwhm)}
    for product, value in values.items():
        if product not in leave_out:
            write_product(product_path(exposure, product), PRODUCTS[product].kind, value)
    if 'psf' not in leave_out:
        write_product(product_path(exposure, 'psf'), 'text', 'PSF\n')


def quality_of(exposure: Exposure, zero_point: float | None, fwhm: float) -> dict:
    """What SE12 keeps."""
    metrics = {'band': exposure.band, 'objects': 30, 'fwhm_arcsec': fwhm, 'ellipticity': 0.05, 'sky_electrons': 950.0,
               'sky_sigma': 32.0, 'psf_area': 40.0, 'exptime': 90.0, 'airmass': 1.0, 'astrometry_rms_mas': 12.0,
               'astrometry_stars': 80, 'astrometry_chi2': 1.0, 'zero_point': zero_point, 'reason': ''}
    if zero_point is not None:
        metrics |= {'zero_point_error': 0.004, 'relation_accuracy': 0.01, 'zero_point_rms': 0.03, 'star_scatter': 0.02,
                    'stars': 30, 'stars_all': 30, 'spatial': None}
    return metrics | with_zero_point(metrics, zero_point, default_instrument())


def make_exposure(root: Path, expnum: int, ccds, **options) -> Exposure:
    """An exposure with some CCDs."""
    exposure = replace(EXPOSURE, root=root, expnum=expnum)
    for ccd in ccds:
        make_ccd(exposure.with_ccd(ccd), **options)
    return exposure
