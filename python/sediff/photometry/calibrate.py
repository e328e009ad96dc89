"""Photometric calibration of one CCD: catalogue and reference stars in, zero point and tables out."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.photometry.colour_terms import band_errors, band_magnitudes, bp_rp, errors_assumed, relation_facts
from sediff.photometry.match import match_sky
from sediff.photometry.spatial import SpatialOptions
from sediff.photometry.tables import CATALOGUE_ZERO_POINT, match_table, object_table, standard_table, zero_table
from sediff.photometry.zeropoint import (
    ClipOptions,
    StarCuts,
    ZeroPoint,
    fit_zero_point,
    isolated,
    select_objects,
    select_references,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CcdCalibration:
    """Zero point of a CCD and its tables.

    Parameters
    ----------
    zero_point : ZeroPoint or None
        None where too few stars matched.
    reason : str
        Why there is none; '' otherwise.
    tables : dict of DataFrame
        'std', 'obj', 'match', 'zero'.
    accuracy : float
        Of the colour relation as a whole, mag: what no number of stars improves.
    """

    zero_point: ZeroPoint | None
    reason: str
    tables: dict[str, pd.DataFrame]
    accuracy: float = 0.0


def calibrate_ccd(fullcat: np.ndarray, header: Header, reference_stars: np.ndarray, band: str, terms: Mapping,
                  filename: str, shape: tuple[int, int], cuts: StarCuts | None = None, clip: ClipOptions | None = None,
                  flux_name: str = 'FLUX_PSF') -> CcdCalibration:
    """Zero point and calibration tables of one CCD.

    Parameters
    ----------
    fullcat : structured ndarray, (n,)
        Its catalogue; fluxes in electrons of the whole exposure.
    header : Header
        EXPNUM and CCDNUM.
    reference_stars : structured ndarray, (m,)
        Gaia stars around the CCD at the exposure's epoch.
    band : str
        u, g, r, i, z or Y.
    terms : mapping
        Colour terms (`sediff.refcat.lookup.read_colour_terms`); a band's range of colour narrows that of `cuts`, and its
        scatter is the expected one of `clip`.
    filename : str
        Name of the catalogue's file, an entry of the tables.
    shape : tuple
        (ny, nx) of the CCD, pixels.
    cuts : StarCuts, optional
    clip : ClipOptions, optional
        Default: with a spatial term where the stars warrant one.
    flux_name : str
        'FLUX_PSF' or 'FLUX_AUTO'.

    Returns
    -------
    CcdCalibration
        Too few stars is an outcome, told by `reason`: the zero point of the exposure may be the fallback
        (`exposure.exposure_zero_points`).

    Raises
    ------
    BadData
        The band cannot be calibrated with Gaia, or the catalogue or header lacks something.
    """
    cuts, clip, accuracy = _of_the_relation(band, terms, cuts or StarCuts(), clip or ClipOptions(spatial=SpatialOptions()))
    expnum, ccdnum = _identity(header)
    _check_columns(fullcat, flux_name)
    reference_stars = reference_stars[np.isfinite(reference_stars['ra']) & np.isfinite(reference_stars['dec'])]
    magnitude = band_magnitudes(reference_stars, band, terms)
    usable = select_references(magnitude, bp_rp(reference_stars), cuts) & isolated(reference_stars, cuts)
    chosen = fullcat[select_objects(fullcat, cuts, flux_name)]
    objects = object_table(chosen, band, flux_name)
    first, second = _pairs(objects, reference_stars, usable, cuts.match_radius)
    tables = _tables(reference_stars, magnitude, objects, first, second)
    kind = 'mag_' + flux_name[5:].lower()
    try:
        zero_point = fit_zero_point(objects['MAG'].to_numpy()[first] - CATALOGUE_ZERO_POINT,
                                    objects['MAGERR'].to_numpy()[first], magnitude[second],
                                    band_errors(reference_stars, band, terms)[second], clip,
                                    _places(chosen[first], shape), errors_assumed(reference_stars)[second])
    except BadData as error:
        reason = f'exposure {expnum} CCD {ccdnum}: {error} ({_counts(fullcat, chosen, reference_stars, usable)})'
        return CcdCalibration(None, reason, tables | {'zero': zero_table(filename, None, len(first), kind)}, accuracy)
    tables['zero'] = zero_table(filename, zero_point, magnitude_type=kind)
    return CcdCalibration(zero_point, '', tables, accuracy)


def _of_the_relation(band: str, terms: Mapping, cuts: StarCuts, clip: ClipOptions) -> tuple[StarCuts, ClipOptions, float]:
    """Cuts within the colours of a band's relation, its scatter as the one expected, and its accuracy (mag)."""
    (low, high), scatter, accuracy = relation_facts(band, terms)
    colours = max(low, cuts.colour_range[0]), min(high, cuts.colour_range[1])
    return replace(cuts, colour_range=colours), replace(clip, intrinsic_scatter=scatter or clip.intrinsic_scatter), accuracy


def _tables(reference_stars: np.ndarray, magnitude: np.ndarray, objects: pd.DataFrame, first: np.ndarray,
            second: np.ndarray) -> dict[str, pd.DataFrame]:
    """The tables of standards, objects and pairs (rows `first` of the objects and `second` of the stars)."""
    row_of = np.cumsum(np.isfinite(magnitude)) - 1      # row of each star in the table of standards
    standards = standard_table(reference_stars, magnitude)
    return {'std': standards.sort_values('RA', kind='stable', ignore_index=True), 'obj': objects,
            'match': match_table(standards, objects, first, row_of[second])}


def _counts(fullcat: np.ndarray, chosen: np.ndarray, reference_stars: np.ndarray, usable: np.ndarray) -> str:
    return (f'{len(fullcat)} objects, {len(chosen)} of them star-like and bright; {len(reference_stars)} reference stars, '
            f'{usable.sum()} of usable magnitude and colour')


def _places(objects: np.ndarray, shape: tuple[int, int]):
    """0-based pixels of objects and the CCD's shape; None where the catalogue has no windowed places."""
    if not {'XWIN_IMAGE', 'YWIN_IMAGE'} <= set(objects.dtype.names or ()):
        return None
    return objects['XWIN_IMAGE'].astype(float) - 1.0, objects['YWIN_IMAGE'].astype(float) - 1.0, shape


def _pairs(objects: pd.DataFrame, stars: np.ndarray, usable: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows of objects and stars that belong together, the star usable; matched against all stars, so that no object
    goes to a usable star when another is nearer."""
    first, second, _ = match_sky(objects['RA'], objects['DEC'], stars['ra'], stars['dec'], radius)
    keep = usable[second]
    return first[keep], second[keep]


def _identity(header: Header) -> tuple[int, int]:
    missing = [keyword for keyword in ('EXPNUM', 'CCDNUM') if keyword not in header]
    if missing:
        raise BadData(f'the header lacks {", ".join(missing)}; make the image again')
    return int(header['EXPNUM']), int(header['CCDNUM'])


def _check_columns(fullcat: np.ndarray, flux_name: str) -> None:
    names = ('NUMBER', 'ALPHAWIN_J2000', 'DELTAWIN_J2000', 'FLAGS', flux_name, flux_name.replace('FLUX_', 'FLUXERR_'))
    missing = [name for name in names if name not in (fullcat.dtype.names or ())]
    if missing:
        raise BadData(f'the catalogue lacks {", ".join(missing)}; extract it again')
