"""Community Pipeline cutouts of the Legacy Survey against their Gaia stars."""
from __future__ import annotations

import fitsio
import numpy as np
import pytest

from sediff.astrometry.tables import Stars
from sediff.astrometry.tpv import Tpv
from sediff.catalog.measure import measure_bright
from sediff.ccdimage import CcdImage
from sediff.formats.fits import read_header, read_image
from sediff.refcat.motion import at_epoch
from sediff.refcat.stars import STAR_DTYPE, empty_stars


def gaia_of(folder):
    """The Gaia chunks of a test case."""
    parts = []
    for path in sorted(folder.glob('gaia/*.fits')):
        rows = fitsio.FITS(str(path))[1]
        if rows.get_nrows() == 0:
            continue
        rows = rows.read()
        stars = empty_stars(rows.size)
        for name in STAR_DTYPE.names:
            if name in rows.dtype.names:
                stars[name] = rows[name]
        parts.append(stars)
    return np.concatenate(parts)


def image_of(path):
    """Cutout in ADU, sky taken off by its median, weight from its scatter."""
    image, header = read_image(path)
    image = image.astype(np.float32) - np.float32(np.median(image))
    noise = 1.4826 * float(np.median(np.abs(image)))
    mask = np.zeros(image.shape, np.uint16)
    return CcdImage(image, mask, np.full(image.shape, 1.0 / noise ** 2, np.float32), header)


def offset(path, gaia):
    """Number of stars, their median offset and its error (arcsec) of a cutout's WCS."""
    image, primary = image_of(path), read_header(path, 0)
    found = measure_bright(image, 10.0)
    now = at_epoch(gaia, float(primary['MJD-OBS']))
    model = Tpv.of(image.header)
    errors = np.hypot(now['ra_error'], now['dec_error'])
    listed = Stars.ranked(found['XWIN_IMAGE'] - 1, found['YWIN_IMAGE'] - 1, found['FLUX_AUTO'], found['ERRAWIN_IMAGE'],
                          now['ra'], now['dec'], now['phot_g_mean_mag'], errors)
    first, second = listed.pairs(model, 0.7)
    pairs = listed.matched(first, second)
    if len(first) == 0:
        return 0, np.nan, np.nan
    sigma = listed.sigma(model, first, second, 20.0)
    # The median: galaxies count among the detections, and Gaia sees their cores half an arcsec off.
    return len(first), float(np.hypot(*np.median(model.off(*pairs), axis=1))), float(1.0 / np.sqrt(np.sum(sigma ** -2.0)))


@pytest.mark.parametrize(('case', 'images'), [('testcase4', 9), ('testcase8', 1), ('testcase9', 3)])
def test_offsets_from_gaia_are_within_60_mas(realdata, case, images):
    """Cutouts whose WCS rests on Gaia; those of earlier pipeline versions (v1, a1) are up to 0.26 arcsec off."""
    folder, measured = realdata / 'legacypipe' / case, 0
    gaia = gaia_of(folder)
    for path in sorted(folder.glob('images/*_ooi_*_ls9.*.fits*')):
        count, size, error = offset(path, gaia)
        measured += count > 0
        if count:
            assert size <= 0.06 + (2.0 * error if count < 3 else 0.0), path.name
    assert measured == images


def test_an_old_solution_is_seen_to_be_off(realdata):
    folder = realdata / 'legacypipe/testcase4'
    count, size, error = offset(folder / 'images/c4d_150411_035242_ooi_z_v1-N3.fits', gaia_of(folder))
    assert count == 3 and error < 0.02 < 0.2 < size < 0.3
