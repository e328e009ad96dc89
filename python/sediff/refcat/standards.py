"""Standard stars of any reference catalogue, in the form that the zero point takes: Gaia's table and colour terms."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sediff.errors import BadData
from sediff.photometry.published_noise import known_errors, measured
from sediff.refcat.catalogue import MOTIONS, POSITION_ERRORS, Catalogue
from sediff.refcat.stars import empty_stars

#: BP-RP given to stars whose G is a magnitude of the band: in the middle of every range, so no cut of colour bites.
NEUTRAL_COLOUR = 1.0


def catalogue_magnitudes(stars: np.ndarray, band: str, catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray]:
    """Magnitudes (AB) in a camera's band of stars of a catalogue other than Gaia, and their errors.

    Parameters
    ----------
    stars : structured ndarray, (n,) of `catalogue.dtype`
    band : str
        One of the terms'.
    catalogue : Catalogue
        With its own colour terms.

    Returns
    -------
    magnitude, error : ndarray, (n,) float64, mag
        NaN for a star without a magnitude the relation needs, or outside its colour ranges; a missing error is the one that
        the survey has published for the magnitude.

    Raises
    ------
    BadData
        The catalogue has no relation for this band.

    Notes
    -----
    m = base + sum_i c_i (first - second)^i; the error has the base's and, through the slope, those of the colour.
    """
    terms = catalogue.colour_terms
    term = terms.get(band)
    if not isinstance(term, Mapping):
        known = ', '.join(name for name, value in terms.items() if isinstance(value, Mapping))
        raise BadData(f'{catalogue.title} cannot calibrate {band}: no colour term for it (it has {known or "none"})')
    base = _magnitude(stars, term['base'])
    if 'colour' not in term:
        return base + float(term['c'][0]), known_errors(stars, catalogue.name, term['base'])
    first, second = term['colour']
    colour, coefficients = _magnitude(stars, first) - _magnitude(stars, second), np.asarray(term['c'], float)
    magnitude = base + np.polynomial.polynomial.polyval(colour, coefficients)
    for blue, red, low, high in terms.get('ranges', ()):
        if {blue, red} == {first, second}:
            magnitude = np.where((colour > low) & (colour <= high), magnitude, np.nan)
    slope = np.polynomial.polynomial.polyval(np.nan_to_num(colour), np.polynomial.polynomial.polyder(coefficients))
    weights = dict.fromkeys((term['base'], first, second), 0.0)
    for name, weight in ((term['base'], 1.0), (first, slope), (second, -slope)):
        weights[name] = weights[name] + weight
    return magnitude, np.sqrt(sum((weight * known_errors(stars, catalogue.name, name)) ** 2
                                 for name, weight in weights.items()))


def as_gaia(stars: np.ndarray, band: str, catalogue: Catalogue) -> tuple[np.ndarray, dict]:
    """Stars of a catalogue as Gaia's table whose G is the band's magnitude, and the colour terms that leave it as it is.

    Returns
    -------
    stars : ndarray, (n,) of STAR_DTYPE
        Positions and motions as they are; G the magnitude in `band`, BP - RP neutral; their errors missing where the
        catalogue's are, so that G's is known to be an assumed one. A star that the relation does not
        reach has its brightest magnitude as G and no colour: no standard, but a neighbour whose light counts.
    terms : dict
        For `photometry.calibrate.calibrate_ccd`.

    Raises
    ------
    BadData
        As `catalogue_magnitudes`.
    """
    magnitude, error = catalogue_magnitudes(stars, band, catalogue)
    table = empty_stars(stars.size)
    for name in ('source_id', 'ra', 'dec', 'ref_epoch', *MOTIONS, *POSITION_ERRORS):
        table[name] = stars[name]
    known = np.isfinite(magnitude)
    brightest = np.fmin.reduce([_magnitude(stars, name) for name in catalogue.magnitudes])
    table['phot_g_mean_mag'], table['phot_g_mean_mag_error'] = np.where(known, magnitude, brightest), error
    table['phot_bp_mean_mag'] = magnitude + NEUTRAL_COLOUR / 2.0
    table['phot_rp_mean_mag'] = magnitude - NEUTRAL_COLOUR / 2.0
    own = np.array([measured(stars[f'{name}_error']) for name in magnitudes_used(band, catalogue)]).all(axis=0)
    table['phot_bp_mean_mag_error'] = table['phot_rp_mean_mag_error'] = np.where(own, error, np.nan)
    given = catalogue.colour_terms[band]
    term = {'base': 'G', 'c': [0.0]} | {name: given[name] for name in ('scatter', 'accuracy') if name in given}
    return table, {'source': catalogue.title, band: term}


def magnitudes_used(band: str, catalogue: Catalogue) -> list[str]:
    """Columns that a band's relation takes; none where there is no relation."""
    terms = catalogue.colour_terms
    term = terms.get(band)
    return sorted({term['base'], *term.get('colour', ())}) if isinstance(term, Mapping) else []


def _magnitude(stars: np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(stars[name], float)
    return np.where(np.isfinite(values) & (values > 0.0), values, np.nan)
