"""Magnitudes of Gaia stars in a camera's bands from published colour terms."""
from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from sediff.errors import BadData
from sediff.photometry.published_noise import known_errors, measured

_BASES = {'G': 'phot_g_mean_mag', 'BP': 'phot_bp_mean_mag', 'RP': 'phot_rp_mean_mag'}


def band_magnitudes(stars: np.ndarray, band: str, terms: Mapping) -> np.ndarray:
    """AB magnitudes in a band.

    Parameters
    ----------
    stars : structured ndarray, (n,)
        phot_g_mean_mag, phot_bp_mean_mag, phot_rp_mean_mag (Vega, Gaia DR2 or later).
    band : str
        One of the table's.
    terms : mapping
        The colour-term table (`sediff.refcat.lookup.read_colour_terms`).

    Returns
    -------
    ndarray, (n,) float64
        NaN for stars without a colour, or outside the range in which a relation holds (Y): no default colour is put
        in their place, they must not decide a zero point.

    Raises
    ------
    BadData
        Gaia cannot calibrate this band.

    Notes
    -----
    m = base + sum c_i colour^i, Horner's scheme. Gaia colours are clipped to the table's `clip`. A band whose base is
    another band is reached in two steps, Gaia to `blue` and `base`, then base and blue - base to it (Y by i and z), and is
    good to a few hundredths of a magnitude at best.
    """
    term = terms.get(band)
    if not isinstance(term, Mapping):
        known = ', '.join(name for name, value in terms.items() if isinstance(value, Mapping))
        raise BadData(f'Gaia cannot calibrate {band}: no colour term for it (there are {known}); '
                      'give a zero point or another reference catalogue')
    if term['base'] in _BASES:
        colour = _gaia_colour(stars, terms)
        base = _magnitude(stars, _BASES[term['base']])
    else:
        base = band_magnitudes(stars, term['base'], terms)
        colour = band_magnitudes(stars, term.get('blue', 'i'), terms) - base
    low, high = term.get('range', (-np.inf, np.inf))
    colour = np.where((colour >= low) & (colour <= high), colour, np.nan)
    return base + np.polynomial.polynomial.polyval(colour, np.asarray(term['c'], float))


def bp_rp(stars: np.ndarray) -> np.ndarray:
    """Gaia colour BP-RP (mag), NaN where either is missing."""
    return _magnitude(stars, 'phot_bp_mean_mag') - _magnitude(stars, 'phot_rp_mean_mag')


def band_errors(stars: np.ndarray, band: str, terms: Mapping) -> np.ndarray:
    """Errors of the magnitudes of `band_magnitudes` from those of G, BP and RP: (n,) float64, mag.

    A missing error (NaN, or not above zero) is the one that Gaia has published for the star's magnitude: counted as none it
    would give the faint stars, whose BP-RP is off by tenths of a magnitude, the weight of the bright.

    Notes
    -----
    sqrt(sum (dm/db sigma_b)^2) over the three bands, the derivative from the change of m when b changes by its error.
    """
    middle = band_magnitudes(stars, band, terms)
    variance = np.zeros(len(stars))
    for name in _BASES.values():
        error = np.nan_to_num(known_errors(stars, 'gaia', name))
        moved = stars.copy()
        moved[name] += error
        # Y holds within a range only: a star that leaves it when moved adds nothing here
        variance += np.nan_to_num(band_magnitudes(moved, band, terms) - middle) ** 2
    return np.sqrt(variance)


def errors_assumed(stars: np.ndarray) -> np.ndarray:
    """Stars whose error of BP or RP, the large ones, is not their own but the published one: (n,) bool."""
    return ~(measured(stars['phot_bp_mean_mag_error']) & measured(stars['phot_rp_mean_mag_error']))


def relation_facts(band: str, terms: Mapping) -> tuple[tuple[float, float], float, float]:
    """How far a band's relation goes: its range of BP-RP (mag), the scatter of single stars (mag), its accuracy (mag)."""
    term = terms.get(band)
    if not isinstance(term, Mapping):
        return (-np.inf, np.inf), 0.0, 0.0
    low, high = term.get('colour', (-np.inf, np.inf))
    return (float(low), float(high)), float(term.get('scatter', 0.0)), float(term.get('accuracy', 0.0))


def _gaia_colour(stars: np.ndarray, terms: Mapping) -> np.ndarray:
    return np.clip(bp_rp(stars), *terms.get('clip', (-np.inf, np.inf)))


def _magnitude(stars: np.ndarray, name: str) -> np.ndarray:
    """A magnitude column with zero and NaN, both of which stand for missing, as NaN."""
    values = np.asarray(stars[name], float)
    return np.where(np.isfinite(values) & (values > 0.0), values, np.nan)
