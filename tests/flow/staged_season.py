"""A made-up season of staged differences with what single epoch and RUN15 leave beside them."""
from dataclasses import replace

import numpy as np
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.formats.corners import out_line
from sediff.psf.model import PsfModel
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.wcs.read import pixel_to_sky, read_wcs

ZERO_POINT, PIXEL = 31.4, 0.263


def exposure_of(root, expnum=1250100, ccd=33, season='dp33', band='r') -> Exposure:
    return Exposure(root, expnum, '20231115', band, season=season, field='WS525-280', ccd=ccd)


def header_of(shape, ra=52.5, dec=-28.0) -> Header:
    """TPV without distortion, the middle of the image at ra, dec."""
    header = Header()
    for axis, kind, middle, size in ((1, 'RA---TPV', ra, shape[1]), (2, 'DEC--TPV', dec, shape[0])):
        header[f'CTYPE{axis}'], header[f'CUNIT{axis}'], header[f'CRVAL{axis}'] = kind, 'deg', middle
        header[f'CRPIX{axis}'], header[f'PV{axis}_1'], header[f'PV{axis}_0'] = (size + 1) / 2.0, 1.0, 0.0
    header['CD1_1'], header['CD1_2'], header['CD2_1'], header['CD2_2'] = -PIXEL / 3600, 0.0, 0.0, PIXEL / 3600
    header['RADESYS'], header['EQUINOX'] = 'ICRS', 2000.0
    return header


def gaussian_psf(fwhm=4.2) -> PsfModel:
    j, i = np.mgrid[-15:16, -15:16]
    plane = np.exp(-0.5 * (i**2 + j**2) * (2.3548 / fwhm) ** 2)
    return PsfModel((plane / plane.sum())[None].astype(np.float32), 0, (0.0, 0.0), (1.0, 1.0), 1.0, fwhm, 1.0, 9, 9)


def stage(exposure, image, variance, psf, photons, bad=None, scale=1.0, mjd_tai=60264.25, zero_point=ZERO_POINT, ra=52.5,
          dec=-28.0):
    """Write a difference as RUN28 does, with the products of RUN15, RUN16 and SE11 that go with it; returns its WCS."""
    repository, header = Repository.of(exposure), header_of(image.shape, ra, dec)
    bad = np.zeros(image.shape, bool) if bad is None else bad
    weight = np.where(bad, 0.0, 1.0 / variance).astype(np.float32)
    repository.put('force_image', exposure, CcdImage(image.astype(np.float32), bad.astype(np.uint16), weight, header))
    repository.put('force_psf', exposure, psf)
    light = header.copy()
    light['NOISESCL'] = scale
    repository.put('force_photons', exposure, (photons.astype(np.float32), light))
    repository.put('ingest', exposure, {'midpointMjdTai': mjd_tai, 'zeroPoint': zero_point, 'skySigma': 20.0})
    repository.put('template_info', exposure, {'inputs': [{'expnum': 7}, {'expnum': 8}], 'zero_point': ZERO_POINT,
                                               'depth_5sigma': 24.0, 'psf_area_px': 40.0})
    wcs, (ny, nx) = read_wcs(header), image.shape
    corners = np.stack(pixel_to_sky(wcs, [0, 0, nx - 1, nx - 1], [0, ny - 1, 0, ny - 1]), axis=1)
    whole = replace(exposure, ccd=0)
    known = repository.text('exposure_out', whole)
    repository.put('exposure_out', whole, known + out_line(exposure.expnum, exposure.band, exposure.ccd, corners))
    return wcs
