"""Where a place of the sky lies on the CCDs of an exposure: on one, in a gap between two, or off the camera."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header

from sediff.errors import BadData, BadInput
from sediff.formats.fits import read_grid
from sediff.instruments.focalplane import camera_model
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.sphere import separation
from sediff.wcs.read import pixel_scale, pixel_to_sky, read_wcs, sky_to_pixel

#: A place nearer than this share of a CCD's shorter side to two CCDs is in the gap between them.
GAP = 0.125


@dataclass(frozen=True)
class Spot:
    """A place as one CCD sees it.

    Parameters
    ----------
    exposure : Exposure
        With the CCD.
    x, y : float
        0-based px; far off the CCD they are of no use.
    off : float
        arcsec from the CCD's edge; 0 on the CCD.
    gap : float
        Width (arcsec) of what counts as a gap beside this CCD.
    processed : bool
        The exposure has an image of this CCD; else the camera model says where it lies, to some arcsec.
    """

    exposure: Exposure
    x: float
    y: float
    off: float
    gap: float
    processed: bool


def spots(exposure: Exposure, ra: float, dec: float) -> list[Spot]:
    """A place (deg) on every CCD of an exposure, the one that it is on, or else is nearest to, first.

    Raises
    ------
    BadInput
        The exposure has no image.
    """
    repository = Repository.of(exposure)
    found, axis = [], None
    for one in repository.where('immask', exposure):
        (ny, nx), header = read_grid(repository.path('immask', one), 'SCI')
        axis = axis or (float(header['CRVAL1']), float(header['CRVAL2']))
        found.append(_spot(one, header, (ny, nx), ra, dec, True))
    if axis is None:
        raise BadInput(f'{exposure.expnum}: no CCD has an image in {repository.folder(exposure)}: single epoch was not run; '
                       'check exposure, night, band, season, cache (-d) and schema (-m)')
    found += _of_the_model(exposure, {one.exposure.ccd for one in found}, axis, ra, dec)
    return sorted(found, key=lambda one: (one.off, not one.processed))


def _of_the_model(exposure: Exposure, known: set[int], axis: tuple[float, float], ra: float, dec: float) -> Iterator[Spot]:
    """The CCDs that have no image, where the camera's tables tell their places."""
    for ccd in set(exposure.instrument.ccds) - known:
        try:
            header = camera_model(ccd, *axis, exposure.instrument)
        except BadData:
            continue
        yield _spot(exposure.with_ccd(ccd), header, exposure.instrument.detector(ccd).shape, ra, dec, False)


def _spot(one: Exposure, header: Header, shape: tuple[int, int], ra: float, dec: float, processed: bool) -> Spot:
    wcs, (ny, nx) = read_wcs(header), shape
    scale = pixel_scale(wcs)
    gap = GAP * min(shape) * scale
    middle = pixel_to_sky(wcs, (nx - 1) / 2, (ny - 1) / 2)
    far = 3600.0 * float(separation(ra, dec, *middle)) - 0.5 * scale * float(np.hypot(nx, ny))
    if far > 10.0 * gap:                                    # the distortion is not to be trusted there
        return Spot(one, np.nan, np.nan, far, gap, processed)
    x, y = (float(value) for value in sky_to_pixel(wcs, ra, dec))
    if not np.isfinite([x, y]).all():
        return Spot(one, np.nan, np.nan, max(far, gap), gap, processed)
    off = np.hypot(max(-0.5 - x, 0.0, x - nx + 0.5), max(-0.5 - y, 0.0, y - ny + 0.5))
    return Spot(one, x, y, float(off) * scale, gap, processed)


def where_words(found: list[Spot]) -> str:
    """Where a place lies, in a sentence, from what `spots` returns."""
    first, second = found[0], found[1] if len(found) > 1 else None
    if first.off <= 0.0:
        return (f'on CCD {first.exposure.ccd}, x {first.x:.1f}, y {first.y:.1f} (the first pixel is at 0)'
                + ('' if first.processed else ' by the camera model; this CCD was not processed'))
    if second is not None and second.off <= second.gap:
        return (f'off the CCDs, in the gap between CCD {first.exposure.ccd} ({first.off:.1f} arcsec away) and CCD '
                f'{second.exposure.ccd} ({second.off:.1f} arcsec away)')
    distance = f'{first.off:.1f} arcsec' if first.off < 60 else f'{first.off / 60:.1f} arcmin' if first.off < 3600 else \
        f'{first.off / 3600:.1f} deg'
    return f'off the CCDs, {distance} from the nearest, CCD {first.exposure.ccd}'
