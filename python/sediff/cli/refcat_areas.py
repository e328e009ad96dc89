"""Areas as the command line names them: cone, polygon, exposure list, sky map."""
from __future__ import annotations

import os
from pathlib import Path

import fitsio
import healpy
import numpy as np

from sediff.errors import BadInput, BadUsage
from sediff.formats.fits import open_fits
from sediff.formats.integrity import check_sum
from sediff.refcat.areas import shards_of_cones, shards_of_map, shards_of_polygon
from sediff.repository.exposures import read_exposures

#: Radius (deg) around an exposure's centre: the field of 1.1 deg and some room for pointing errors.
EXPOSURE_RADIUS = 1.25
AREAS = ('cone:RA,DEC,RADIUS | polygon:RA,DEC,RA,DEC,RA,DEC... | exposures:FILE[,RADIUS] | skymap:FILE[,FRACTION] | all; '
         'angles in deg, FRACTION of the probability (default 0.9)')


def shards_of_area(text: str) -> np.ndarray:
    """RING pixels (nside 32) of an area.

    Parameters
    ----------
    text : str
        See AREAS.

    Returns
    -------
    ndarray of int64
        Ascending.

    Raises
    ------
    BadUsage
        An area that cannot be.
    BadInput
        Its file cannot be read.
    """
    kind, _, value = text.partition(':')
    if kind == 'all' and not value:
        return np.arange(12 * 32 ** 2)
    if kind == 'cone':
        ra, dec, radius = _numbers(value, text, 3)
        if not (-360.0 <= ra <= 360.0 and abs(dec) <= 90.0 and 0.0 < radius <= 180.0):
            raise BadUsage(f'{text}: no such cone; RA, Dec and radius are in deg')
        return shards_of_cones(ra, dec, radius)
    if kind == 'polygon':
        corners = np.array(_numbers(value, text)).reshape(-1, 2) if value.count(',') % 2 else None
        if corners is None:
            raise BadUsage(f'{text}: a polygon is pairs of RA,Dec')
        return shards_of_polygon(*corners.T)
    if kind in ('exposures', 'skymap'):
        name, last = _file_and_number(value, text, EXPOSURE_RADIUS if kind == 'exposures' else 0.9)
        if kind == 'skymap':
            return shards_of_map(*read_sky_map(name), last)
        exposures = read_exposures(name)
        return shards_of_cones(exposures['radeg'].to_numpy(), exposures['decdeg'].to_numpy(), last)
    raise BadUsage(f'unknown area {text!r}: {AREAS}')


def read_sky_map(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A HEALPix probability map, flat (RING or NESTED) or multi-order.

    Returns
    -------
    probability : ndarray, (n,) float64
    pixels, nsides : ndarray, (n,) int64
        NESTED pixel numbers, and the nside of each.

    Raises
    ------
    BadInput
        No such file, or no such map; a map in Galactic or ecliptic coordinates.
    """
    with open_fits(path) as handle:
        hdu = next((hdu for hdu in handle if hdu.get_exttype() == 'BINARY_TBL'), None)
        names = [] if hdu is None else [name.upper() for name in hdu.get_colnames()]
        if hdu is None or not {'PROB', 'PROBDENSITY', 'PROBABILITY'} & set(names):
            raise BadInput(f'{path} is no HEALPix probability map: it has columns {", ".join(names) or "none"}')
        check_sum(path, hdu)
        header = hdu.read_header()
        if str(header.get('COORDSYS', 'C')).strip().upper() not in ('C', 'ICRS', 'EQUATORIAL'):
            raise BadInput(f'{path}: COORDSYS is {header["COORDSYS"]}; only equatorial maps (C) are read')
        return _multi_order(hdu, path) if 'UNIQ' in names else _flat(hdu, header, names, path)


def _flat(hdu: fitsio.hdu.TableHDU, header, names: list[str], path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    column = next(name for name in names if name in ('PROB', 'PROBABILITY', 'PROBDENSITY'))
    try:
        probability = np.asarray(hdu.read_column(hdu.get_colnames()[names.index(column)]), float).ravel()
        nside = healpy.npix2nside(probability.size)
    except (OSError, ValueError) as error:
        raise BadInput(f'{path} is not a whole HEALPix map: {error}') from error
    pixels = np.arange(probability.size)
    if str(header.get('ORDERING', 'RING')).strip().upper() != 'NESTED':
        pixels = healpy.ring2nest(nside, pixels)
    return probability, pixels, np.full(probability.size, nside)


def _multi_order(hdu: fitsio.hdu.TableHDU, path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    uniq, density = (np.asarray(hdu.read_column(name)).ravel() for name in ('UNIQ', 'PROBDENSITY'))
    order = np.floor(np.log2(uniq / 4.0) / 2.0).astype(np.int64)
    if uniq.size == 0 or uniq.min() < 4:
        raise BadInput(f'{path}: UNIQ is not a list of HEALPix pixels')
    nsides = np.int64(1) << order
    area = 4.0 * np.pi / (12.0 * nsides.astype(float) ** 2)
    return density.astype(float) * area, uniq.astype(np.int64) - 4 * nsides ** 2, nsides


def _numbers(value: str, text: str, count: int = 0) -> list[float]:
    try:
        numbers = [float(word) for word in value.split(',')]
    except ValueError:
        raise BadUsage(f'{text}: {value!r} are not numbers with commas between; {AREAS}') from None
    if (count and len(numbers) != count) or not np.isfinite(numbers).all():
        raise BadUsage(f'{text}: {len(numbers)} numbers; {AREAS}')
    return numbers


def _file_and_number(value: str, text: str, default: float) -> tuple[Path, float]:
    name, comma, last = value.rpartition(',')
    if not comma or Path(value).is_file():
        return Path(value), default
    return Path(name), _numbers(last, text, 1)[0]
