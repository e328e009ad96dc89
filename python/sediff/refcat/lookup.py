"""Reference-star shards and the small tables that go with them, from and to disk."""
from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from astropy.wcs import WCS

from sediff.csvtable import read_csv_rows
from sediff.errors import BadData, BadInput
from sediff.formats.integrity import check_sum
from sediff.formats.opening import first_line, open_fits, write_fits
from sediff.refcat.catalogue import column_of
from sediff.refcat.index import read_catalogue
from sediff.refcat.motion import at_epoch, julian_year
from sediff.refcat.regions import cells_for_polygon, pixels_of
from sediff.refcat.shard import DamagedShard, damaged, is_shard, open_shard, read_shard
from sediff.refcat.stars import REQUIRED, SHARD_NSIDE, STAR_DTYPE, STAR_NAMES, empty_stars, shard_name
from sediff.sphere import from_vectors, inside_polygon, unit_vectors, widened
from sediff.wcs.read import pixel_to_sky

HOW_TO_BUILD = ('build them with `sediff refcat build` (from Gaia archive files with --from, over the net with '
                '--tap AREA)')
#: No star moves faster (arcsec/yr; Barnard's), and the middle of the epochs of Gaia's releases (yr) with their half range.
FASTEST, EPOCH, EPOCH_RANGE = 10.4, 2015.75, 0.5
_NOTHING = empty_stars(1)[0]
_Within = Callable[[np.ndarray, np.ndarray], np.ndarray]


def read_shards(folder: str | os.PathLike, pixels: np.ndarray) -> tuple[np.ndarray, list[int]]:
    """Gaia stars of some whole shards.

    Parameters
    ----------
    folder : path
        Where `GAIA_%05d.fits` lie, compressed or plain FITS tables.
    pixels : array of int
        RING pixels (nside 32).

    Returns
    -------
    stars : ndarray of STAR_DTYPE
        All their stars; columns that a file lacks are NaN.
    missing : list of int
        Pixels without a file.

    Raises
    ------
    BadInput
        No such folder, none of the shards there, a file that is no star table or damaged.
    BadData
        The shards exist and hold no star.
    """
    parts, found, missing = _parts(folder, [int(pixel) for pixel in pixels], shard_name)
    stars = np.concatenate([as_stars(rows, str(path)) for path, rows in parts])
    if stars.size == 0:
        raise BadData(f'no reference stars: {_named(found)} in {folder} hold no rows; {HOW_TO_BUILD}')
    return stars, missing


def write_shards(folder: str | os.PathLike, stars: np.ndarray, nside: int = SHARD_NSIDE) -> list[Path]:
    """Write stars as one plain FITS table a HEALPix pixel, every digit kept; a shard already there is replaced.

    Parameters
    ----------
    folder : path
        Made if absent.
    stars : structured array
        Columns of STAR_DTYPE; those missing become NaN.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    BadData
        No stars, or a required column missing.
    """
    stars = as_stars(stars, 'the given table')
    if stars.size == 0:
        raise BadData('no stars to write as shards')
    pixels, paths = pixels_of(stars['ra'], stars['dec'], nside), []
    for pixel in np.unique(pixels):
        path = Path(folder) / shard_name(pixel)
        with write_fits(path) as handle:
            handle.write(stars[pixels == pixel], extname='STARS')
        paths.append(path)
    return paths


def reference_stars(folder: str | os.PathLike, wcs: WCS, shape: tuple[int, int], mjd: float,
                    margin_deg: float = 0.03) -> tuple[np.ndarray, list[int]]:
    """Gaia stars around a CCD, at the epoch of its exposure.

    Parameters
    ----------
    folder : path
        Where the shards lie.
    wcs : WCS
        Of the CCD; may be off by less than the margin.
    shape : tuple
        (ny, nx), pixels.
    mjd : float
        Time of the exposure, MJD (UTC).
    margin_deg : float
        Sky beyond the CCD's corners, deg; at least the largest pointing error.

    Returns
    -------
    stars : ndarray of STAR_DTYPE
        On the CCD and the margin around it, moved to `mjd`.
    missing : list of int
        Shards of that area which are not in the folder: the stars are those of the other shards.

    Raises
    ------
    BadInput
        No such folder, none of the shards there, one of them damaged.
    BadData
        The shards hold no star there.
    """
    return stars_around(folder, shard_name, as_stars, wcs, shape, mjd, margin_deg)


def stars_around(folder: str | os.PathLike, name_of: Callable[[int], str], rows_as: Callable[[np.ndarray, str], np.ndarray],
                 wcs: WCS, shape: tuple[int, int], mjd: float, margin_deg: float) -> tuple[np.ndarray, list[int]]:
    """As `reference_stars`, of any catalogue: `name_of` a pixel is its file, `rows_as` gives rows their type."""
    return stars_between(folder, name_of, rows_as, corners_of(wcs, shape), mjd, margin_deg)


def footprint_stars(folder: str | os.PathLike, corners: np.ndarray, mjd: float,
                    margin_deg: float = 0.0) -> tuple[np.ndarray, list[int]]:
    """As `reference_stars`, of a CCD known by its corners: (4, 2) RA, Dec (deg), in order around it."""
    return stars_between(folder, shard_name, as_stars, unit_vectors(*np.asarray(corners, float).T), mjd, margin_deg)


def stars_between(folder: str | os.PathLike, name_of: Callable[[int], str],
                  rows_as: Callable[[np.ndarray, str], np.ndarray], corners: np.ndarray, mjd: float,
                  margin_deg: float) -> tuple[np.ndarray, list[int]]:
    """As `stars_around`, within `corners`, (4, 3) unit vectors in order."""
    area, reach = widened(corners, margin_deg), _reach(corners, mjd, margin_deg)
    cells = cells_for_polygon(reach)
    parts, _, missing = _parts(folder, cells, name_of, lambda a, d: inside_polygon(a, d, reach))
    touched = set(cells_for_polygon(area))
    near = [rows_as(rows, str(path)) for path, rows in parts]
    moved = at_epoch(near[0] if len(near) == 1 else np.concatenate(near), mjd)
    inside = moved.take(np.flatnonzero(inside_polygon(moved['ra'], moved['dec'], area)))
    missing = sorted(touched.intersection(missing))
    if inside.size == 0:
        ra, dec = (float(value) for value in from_vectors(corners.sum(axis=0)))
        raise BadData(f'no reference star within {margin_deg:.3f} deg of the CCD at RA {ra:.5f} Dec {dec:+.5f}; looked in '
                      f'{folder}, {_named(list(cells), name_of)} ({len(missing)} of them missing); {HOW_TO_BUILD}')
    return inside, missing


def _reach(corners: np.ndarray, mjd: float, margin_deg: float) -> np.ndarray:
    """The area from which stars may have come by now: corners, (4, 3) unit vectors, moved out."""
    return widened(corners, margin_deg + FASTEST / 3600.0 * (abs(julian_year(mjd) - EPOCH) + EPOCH_RANGE))


def shards_between(folder: str | os.PathLike, name_of: Callable[[int], str], corners: np.ndarray, mjd: float,
                   margin_deg: float) -> list[Path]:
    """The shards that `stars_between` looks for, whether they are there or not."""
    return [Path(folder) / name_of(pixel) for pixel in sorted(cells_for_polygon(_reach(corners, mjd, margin_deg)))]


def corners_of(wcs: WCS, shape: tuple[int, int]) -> np.ndarray:
    """Unit vectors (4, 3) of the corners of an image of shape (ny, nx), in order around it."""
    ny, nx = shape
    x, y = np.array([0, nx, nx, 0]) - 0.5, np.array([0, 0, ny, ny]) - 0.5
    return unit_vectors(*pixel_to_sky(wcs, x, y))


def as_stars(table: np.ndarray, where: str) -> np.ndarray:
    """A structured array as STAR_DTYPE; BadData where a required column is missing.

    A column may have the name of STAR_DTYPE or, as in a table of the archive, be had from others (fluxes and their errors)
    as `catalogs/refcat_columns.json` says.
    """
    if table.dtype == STAR_DTYPE:
        return table
    columns = {name.lower(): table[name] for name in table.dtype.names or ()}
    catalogue, stars = read_catalogue('gaia'), np.empty(table.size, STAR_DTYPE)
    known = {name: columns.keys() & {name, *(option for way in catalogue.origins.get(name, ()) for option in way.names)}
             for name in STAR_NAMES}
    absent = [name for name in REQUIRED if not known[name]]
    if absent:
        raise BadData(f'{where} is not a table of reference stars: it lacks {", ".join(absent)}')
    for name in STAR_NAMES:
        stars[name] = columns[name] if name in columns else _NOTHING[name]
        if known[name] and name.startswith('phot_'):
            own = np.isfinite(stars[name]) & (stars[name] > 0.0)
            stars[name] = np.where(own, stars[name], column_of(catalogue, columns, name))
    return stars


def read_colour_terms(path: str | os.PathLike) -> dict:
    """The colour-term table (an instrument's `colour_terms.json`); BadInput if it is missing or no such table."""
    try:
        terms = json.loads(Path(path).read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise BadInput(f'colour terms cannot be read from {path}: {error}') from error
    bands = {name: term for name, term in terms.items() if isinstance(term, dict)}
    if not bands or not all({'base', 'c'} <= set(term) for term in bands.values()):
        raise BadInput(f'{path} is not a table of colour terms: each band needs "base" and "c"')
    return terms


def read_quality_table(path: str | os.PathLike) -> dict[str, dict[str, float]]:
    """Reference conditions a band (an instrument's `teff.csv`): {band: {column: value}}, empty cells left out."""
    rows = read_csv_rows(path, 'a table of reference conditions')
    try:
        return {row.pop('band'): {name: float(value) for name, value in row.items() if value} for row in rows}
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f'{path} is not a table of reference conditions (column or number wrong: {error})') from error


def _parts(folder: str | os.PathLike, cells: Mapping[int, np.ndarray] | list[int],
           name_of: Callable[[int], str],
           within: _Within | None = None) -> tuple[list[tuple[Path, np.ndarray]], list[int], list[int]]:
    """(path, rows) of the shards that are there, their pixels, and the pixels of those that are not."""
    folder = Path(folder)
    if not folder.is_dir():
        raise BadInput(f'no folder of reference stars at {folder}; {HOW_TO_BUILD}, or set its path')
    found = [pixel for pixel in cells if (folder / name_of(pixel)).is_file()]
    if not found:
        raise BadInput(f'no reference stars: none of {_named(list(cells), name_of)} is in {folder}; {HOW_TO_BUILD}')
    wanted = cells if isinstance(cells, Mapping) else dict.fromkeys(cells)
    parts = [(folder / name_of(pixel), read_rows(folder / name_of(pixel), wanted[pixel], within)) for pixel in found]
    return parts, found, [pixel for pixel in cells if pixel not in set(found)]


def read_rows(path: Path, cells: np.ndarray | None = None, within: _Within | None = None) -> np.ndarray:
    """Rows of a shard whose places are `within`: of a compressed one those of `cells`, of a plain FITS table all.

    Raises
    ------
    DamagedShard
        It cannot be read.
    BadData
        A table without positions.
    """
    if is_shard(path):
        return read_shard(open_shard(path), cells, within, STAR_DTYPE)
    try:
        rows = _read_plain(path)
    except DamagedShard:
        raise
    except BadInput as error:
        raise DamagedShard(f'{error}') from error
    names = rows.dtype.names or ()
    if not {'ra', 'dec'} <= {name.lower() for name in names}:
        raise BadData(f'{path} is not a table of reference stars: it lacks ra, dec')
    rows.dtype.names = tuple(name.lower() if name.lower() in ('ra', 'dec') else name for name in names)
    return rows if within is None else rows[within(rows['ra'], rows['dec'])]


def _read_plain(path: Path) -> np.ndarray:
    with open_fits(path) as handle:
        tables = [hdu for hdu in handle if hdu.get_exttype() == 'BINARY_TBL']
        if not tables:
            raise BadInput(f'{path} holds no table; {HOW_TO_BUILD}')
        try:
            check_sum(path, tables[0])
            return np.atleast_1d(tables[0].read())
        except (OSError, ValueError) as error:
            raise DamagedShard(damaged(path, first_line(error))) from error


def _named(pixels, name_of: Callable[[int], str] = shard_name) -> str:
    names = [name_of(pixel) for pixel in pixels]
    return ', '.join(names) if len(names) <= 12 else f'{", ".join(names[:10])} ... {names[-1]} ({len(names)} shards)'
