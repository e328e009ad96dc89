"""Put a CCD image on another pixel grid, electrons conserved."""
from __future__ import annotations

import numpy as np
from astropy.io.fits import Header

from sediff.ccdimage import AMPLIFIERS, CcdImage
from sediff.errors import BadUsage
from sediff.maskbits import UNUSABLE, Bit
from sediff.warp.grid import PixelMap, pixel_map
from sediff.warp.lanczos import read_pixels, resample, tap_polynomials
from sediff.wcs.read import copy_wcs, read_wcs

#: Cards in units of the pixels, multiplied by the flux scale.
FLUX_CARDS = ('SATURATE', *(f'SATURAT{name}' for name in AMPLIFIERS), 'SKYBRITE', 'SKYSIGMA')
#: Cards in electrons per unit of the pixels, divided by it.
GAIN_CARDS = ('GAIN', *(f'GAIN{name}' for name in AMPLIFIERS))

#: Image, mask and weight.
Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def warp(ccd: CcdImage, target_header: Header, target_shape: tuple[int, int], flux_scale: float = 1.0, *,
         noise: str = 'white') -> CcdImage:
    """Resample a CCD onto the grid of another header with a Lanczos-3 kernel.

    Parameters
    ----------
    ccd : CcdImage
        Source; pixels with weight 0, an UNUSABLE bit or a value that is not finite are left out and the
        kernel renormalised.
    target_header : Header
        WCS of the target grid.
    target_shape : (ny, nx)
        Shape of the target grid.
    flux_scale : float
        Factor on the pixel values (10^(0.4 (ZP_target - ZP_source))).
    noise : {'white', 'pixel'}
        Meaning of the weight. 'white': inverse of the variance of white noise with the same power at low
        frequencies, right for anything that sums pixels (PSF fluxes, later convolution). 'pixel': inverse of
        the variance of single pixels, which the kernel lowers by correlating neighbours.

    Returns
    -------
    CcdImage
        On the target grid. Values are surface brightness times the Jacobian, so fluxes are conserved.
        Where the source does not reach, mask = EDGE and weight = 0. Bits of the four pixels around a
        position are kept; INTERP marks pixels whose kernel lost more than 5 % of its weight.

    Raises
    ------
    BadUsage
        Planes of different shape, a flux scale that is not positive, or an unknown `noise`.
    BadData
        A header without WCS, or a pixel map that cannot be interpolated.

    Notes
    -----
    SWarp's approach (Bertin et al. 2002, ASP 281, 228); the exact WCS is evaluated every 128 pixels or less
    and interpolated with a cubic whose error is measured.
    """
    _check(ccd, flux_scale, noise)
    positions = pixel_map(read_wcs(target_header), target_shape, read_wcs(ccd.header), ccd.shape)
    planes = warp_rows((ccd.image, ccd.mask, ccd.weight), positions, (0, target_shape[0]), 0, flux_scale, noise == 'white')
    return CcdImage(*planes, _header(ccd.header, target_header, flux_scale, positions))


def warp_rows(source: Planes, positions: PixelMap, rows: tuple[int, int], above: int, flux_scale: float,
              white: bool = True) -> Planes:
    """Rows of the target from as many rows of the source as they need.

    Parameters
    ----------
    source : (image, mask, weight)
        (n, nx) float32, uint16, float32: rows of the source, the first of them its row `above`.
    positions : PixelMap
        Of the whole target on the whole source (`PixelMap.source_rows` says which rows are needed).
    rows : (first, last)
        Of the target, last excluded.
    flux_scale, white
        As `warp` takes `flux_scale` and `noise`.

    Returns
    -------
    (image, mask, weight)
        (last - first, target's nx) float32, uint16, float32; as those of `warp`.
    """
    shape = rows[1] - rows[0], positions.target_shape[1]
    out_image, out_mask, out_weight = (np.zeros(shape, kind) for kind in (np.float32, np.uint16, np.float32))
    image, mask, weight = (np.ascontiguousarray(plane, kind) for plane, kind in
                           zip(source, (np.float32, np.uint16, np.float32)))
    variance, bad, careful = np.empty(image.shape, np.float32), np.empty(image.shape, bool), np.zeros(image.shape, bool)
    read_pixels(image, weight, mask, np.uint16(UNUSABLE), variance, bad, careful)
    resample(image, variance, mask, bad, careful, positions.x, positions.y, positions.area, positions.step, int(rows[0]),
             int(above), tap_polynomials(), float(flux_scale), bool(white),
             np.array((UNUSABLE, Bit.EDGE, Bit.BPM, Bit.INTERP), np.uint16), out_image, out_weight, out_mask)
    return out_image, out_mask, out_weight


def _check(ccd: CcdImage, flux_scale: float, noise: str) -> None:
    if ccd.image.ndim != 2 or not ccd.image.shape == ccd.mask.shape == ccd.weight.shape:
        raise BadUsage(f'image {ccd.image.shape}, mask {ccd.mask.shape} and weight {ccd.weight.shape} must have one '
                       'two-dimensional shape')
    if not (np.isfinite(flux_scale) and flux_scale > 0):
        raise BadUsage(f'flux scale must be positive, got {flux_scale}')
    if noise not in ('white', 'pixel'):
        raise BadUsage(f"noise must be 'white' or 'pixel', got {noise!r}")


def _header(source: Header, target: Header, flux_scale: float, positions: PixelMap) -> Header:
    header = source.copy()
    copy_wcs(target, header)
    for factor, cards in ((flux_scale, FLUX_CARDS), (1.0 / flux_scale, GAIN_CARDS)):
        for keyword in cards:
            if isinstance(header.get(keyword), (int, float)):
                header[keyword] = header[keyword] * factor
    header['FLXSCALE'] = (float(flux_scale), 'factor applied to the pixels by warp')
    header['WARPERR'] = (float(positions.error), '[pix] largest error of the pixel map')
    return header


def warm() -> None:
    """Compile the kernels on a small image."""
    header = Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRPIX1': 8.0, 'CRPIX2': 8.0, 'CRVAL1': 10.0,
                     'CRVAL2': 0.0, 'CD1_1': -7e-5, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': 7e-5})
    shape = (16, 16)
    ccd = CcdImage(np.ones(shape, np.float32), np.zeros(shape, np.uint16), np.ones(shape, np.float32), header)
    warp(ccd, header, shape)
