"""Standard stars of a CCD from the first catalogue of a cascade that has enough of them."""
from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.wcs import WCS

from sediff.errors import BadData, BadInput, BadUsage
from sediff.instruments.base import Instrument, table_path
from sediff.instruments.load import default_instrument
from sediff.photometry.colour_terms import band_magnitudes
from sediff.photometry.published_noise import unmeasured_share
from sediff.refcat.catalogue import Catalogue
from sediff.refcat.index import read_catalogue
from sediff.refcat.lookup import HOW_TO_BUILD, read_colour_terms, reference_stars, stars_around
from sediff.refcat.shard import DamagedShard
from sediff.refcat.standards import as_gaia, magnitudes_used

#: Sky (deg) around a CCD from which standard stars are taken, too.
STANDARDS_MARGIN = 0.03


@dataclass(frozen=True)
class Standards:
    """Standard stars of a CCD.

    Parameters
    ----------
    stars : ndarray of STAR_DTYPE
        At the exposure's epoch; `terms` make magnitudes of the camera's bands of them.
    terms : dict
        Colour terms.
    catalogue : str
        Where they are from.
    missing : list of int
        Shards that this catalogue lacks around the CCD.
    skipped : list of str
        Why earlier catalogues of the cascade were not taken.
    unmeasured : float
        Share of the stars one of whose magnitudes came without an error: theirs is the survey's published one.
    """

    stars: np.ndarray
    terms: dict
    catalogue: str
    missing: list[int]
    skipped: list[str]
    unmeasured: float = 0.0


def cascade_names(text: str) -> list[str]:
    """Names of a cascade such as 'gaia,ps1'; BadUsage for an empty or unknown one."""
    names = text.replace(',', ' ').split()
    if not names:
        raise BadUsage('REFCAT_CASCADE is empty: name at least one catalogue, such as gaia')
    for name in names:
        read_catalogue(name)
    return names


def catalogue_folder(folder: str | os.PathLike, name: str) -> Path:
    """Gaia's shards lie in the folder itself, another catalogue's in one of its name there."""
    return Path(folder) if name == 'gaia' else Path(folder) / name


def catalogue_stars(folder: str | os.PathLike, catalogue: Catalogue, wcs: WCS, shape: tuple[int, int], mjd: float,
                    margin_deg: float = STANDARDS_MARGIN) -> tuple[np.ndarray, list[int]]:
    """As `sediff.refcat.lookup.reference_stars`, of any catalogue: rows of `catalogue.dtype`, and the missing shards."""
    def rows_as(rows: np.ndarray, where: str) -> np.ndarray:
        """Rows of a shard in the catalogue's dtype."""
        if rows.dtype.names != catalogue.dtype.names:
            raise BadData(f'{where} is not a shard of {catalogue.title}: its columns are '
                          f'{", ".join(rows.dtype.names or ())}')
        return rows.astype(catalogue.dtype)
    return stars_around(folder, catalogue.shard_name, rows_as, wcs, shape, mjd, margin_deg)


def standard_stars(folder: str | os.PathLike, cascade: str, band: str, wcs: WCS, shape: tuple[int, int], mjd: float,
                   magnitude_range: tuple[float, float] = (0.0, 30.0), min_stars: int = 4,
                   instrument: Instrument | None = None) -> Standards:
    """Standard stars of a CCD in a band.

    Parameters
    ----------
    folder : path
        REFCAT_DIR.
    cascade : str
        Catalogues in order, REFCAT_CASCADE.
    band : str
        u, g, r, i, z or Y.
    wcs, shape, mjd
        As for `reference_stars`.
    magnitude_range : tuple
        Stars within it count (magnitudes of the band).
    min_stars : int
        How many a catalogue must have.

    Returns
    -------
    Standards
        Of the first catalogue with enough stars and no shard missing; else of the first with enough stars.

    Raises
    ------
    BadUsage
        An unknown catalogue.
    BadInput
        A damaged shard; no catalogue has shards there.
    BadData
        None has enough stars, or a relation for this band.
    """
    skipped, partial, only_absent = [], None, True
    instrument = instrument or default_instrument()
    for name in cascade_names(cascade):
        try:
            stars, terms, missing, unmeasured = _standards(catalogue_folder(folder, name), name, band, wcs, shape, mjd,
                                                           instrument)
        except DamagedShard:
            raise
        except (BadData, BadInput) as error:
            only_absent &= isinstance(error, BadInput)
            skipped.append(f'{name}: {error}')
            continue
        only_absent = False
        count = _count(band_magnitudes(stars, band, terms), magnitude_range)
        if count < min_stars:
            skipped.append(f'{name}: {count} usable stars, {min_stars} are needed')
        elif not missing:
            return Standards(stars, terms, name, missing, skipped, unmeasured)
        else:
            skipped.append(f'{name}: {len(missing)} shards are missing')
            partial = partial or Standards(stars, terms, name, missing, list(skipped[:-1]), unmeasured)
    if partial:
        return partial
    kind = BadInput if only_absent else BadData
    raise kind(f'no standard stars in {band}: {"; ".join(skipped)}. {HOW_TO_BUILD[0].upper() + HOW_TO_BUILD[1:]}, '
               'or name other catalogues in REFCAT_CASCADE')


def _count(magnitude: np.ndarray, limits: tuple[float, float]) -> int:
    """How many magnitudes are within limits."""
    return int(np.sum((magnitude >= limits[0]) & (magnitude <= limits[1])))


def _standards(folder: Path, name: str, band: str, wcs: WCS, shape: tuple[int, int], mjd: float,
               instrument: Instrument) -> tuple[np.ndarray, dict, list[int], float]:
    catalogue = read_catalogue(name, instrument)
    if name == 'gaia':
        stars, missing = reference_stars(folder, wcs, shape, mjd, STANDARDS_MARGIN)
        terms = read_colour_terms(table_path(instrument, 'colour_terms.json'))
        band_magnitudes(stars[:0], band, terms)      # rejects a band without a relation
        return stars, terms, missing, unmeasured_share(stars, catalogue.magnitudes)
    stars, missing = catalogue_stars(folder, catalogue, wcs, shape, mjd)
    return *as_gaia(stars, band, catalogue), missing, unmeasured_share(stars, magnitudes_used(band, catalogue))
