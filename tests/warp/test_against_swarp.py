"""Fluxes of stars after our resampling and after SWarp's, both Lanczos-3."""
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.formats.fits import read_image, write_images
from sediff.warp.resample import warp
from sediff.wcs.read import pixel_to_sky, read_wcs, sky_to_pixel

SHAPE = (500, 480)


def swarped(folder, target):
    """The image in.fits on the grid of a header, by SWarp."""
    program = shutil.which('SWarp') or shutil.which('swarp')
    if program is None:
        pytest.skip('SWarp is not installed (apt-get install swarp)')
    cards = Header([('SIMPLE', True), ('BITPIX', -32), ('NAXIS', 2), ('NAXIS1', SHAPE[1]), ('NAXIS2', SHAPE[0])])
    cards.update(target)
    (folder / 'out.head').write_text(cards.tostring(sep='\n', endcard=True, padding=False) + '\n')
    words = ('-IMAGEOUT_NAME out.fits -WEIGHTOUT_NAME w.fits -RESAMPLING_TYPE LANCZOS3 -SUBTRACT_BACK N -NTHREADS 1 '
             '-WRITE_XML N -VERBOSE_TYPE QUIET').split()
    subprocess.run([program, 'in.fits', *words], cwd=folder, check=True, timeout=120)
    return read_image(folder / 'out.fits')[0]


def fluxes(image, x, y, radius=14):
    """Sums of pixels within a radius."""
    v, u = np.mgrid[:image.shape[0], :image.shape[1]]
    return np.array([image[np.hypot(u - a, v - b) <= radius].sum() for a, b in zip(x, y)])


@pytest.mark.parametrize('angle', [0.0, 3.0])
def test_fluxes_of_stars_are_swarps(header, star, tmp_path, angle):
    grid = [(a, b) for a in (80, 200, 320) for b in (90, 240, 380)]
    places = [(x + 0.13 * k, y + 0.29 * k) for k, (x, y) in enumerate(grid)]
    image = sum(star(x, y, 1e4 * (k + 1), 1.9, SHAPE) for k, (x, y) in enumerate(places)).astype(np.float32)
    source, target = header((240.0, 250.0)), header((241.37, 249.59), 0.263, angle)
    write_images(tmp_path / 'in.fits', [('SCI', image, source)])
    theirs = swarped(tmp_path, target)
    ours = warp(CcdImage(image, np.zeros(SHAPE, np.uint16), np.ones(SHAPE, np.float32), source), target, SHAPE).image
    x, y = sky_to_pixel(read_wcs(target), *pixel_to_sky(read_wcs(source), *np.array(places).T))
    first, second = fluxes(ours, x, y), fluxes(theirs, x, y)
    assert np.abs(first / second - 1).max() < 1e-3
    assert np.abs(first / (1e4 * np.arange(1, 10)) - 1).max() < 1e-3
