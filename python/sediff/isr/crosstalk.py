"""Crosstalk: the small copy of one amplifier's pixels that appears in another read out at the same time."""
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from sediff.instruments.amplifiers import Amplifier


@dataclass(frozen=True)
class CrosstalkTerm:
    """How much of a source amplifier appears in a victim.

    Parameters
    ----------
    source : str
        Amplifier name such as 'ccd25A'.
    linear : float
        Victim ADU per source ADU, below `onset`.
    onset : float
        Source level (ADU) above which the response is not linear.
    polynomial : (float, float, float)
        Coefficients p1, p2, p3 of the excess of the source level over `onset`.
    """

    source: str
    linear: float
    onset: float
    polynomial: tuple[float, float, float]


#: Terms of each victim amplifier.
CrosstalkTable = Mapping[str, Sequence[CrosstalkTerm]]


#: Name of an amplifier in the crosstalk table.
AMPLIFIER = re.compile(r'ccd([0-9]{2,})([A-Z0-9])')


def ccd_of(key: str) -> int:
    """Number of the CCD of an amplifier of the crosstalk table: 25 of 'ccd25A'."""
    return int(parts_of(key)[0])


def parts_of(key: str) -> tuple[str, str]:
    """Number of the CCD and name of an amplifier of the crosstalk table, as text: '25', 'A' of 'ccd25A'."""
    found = AMPLIFIER.fullmatch(key)
    assert found is not None    # keys are checked when a table is read
    return found[1], found[2]


def amplifier_key(ccdnum: int, name: str) -> str:
    """Name of an amplifier in the crosstalk table: 'ccd25A'."""
    return f'ccd{ccdnum:02d}{name}'


def needed_sources(ccdnum: int, table: CrosstalkTable) -> set[int]:
    """CCD numbers whose pixels leak into this CCD, itself included if its own amplifiers do."""
    return {ccd_of(term.source) for victim, terms in table.items() if ccd_of(victim) == ccdnum for term in terms}


def needed_later(ccdnum: int, table: CrosstalkTable, ccds: Iterable[int]) -> set[int]:
    """CCDs that those after this one need, themselves included, when an exposure is worked through in ascending order."""
    later = {ccd for ccd in ccds if ccd > ccdnum}
    return later | {ccd_of(term.source) for victim, terms in table.items() if ccd_of(victim) in later for term in terms}


def readout_arrays(image: np.ndarray, ccdnum: int, amplifiers: Sequence[Amplifier],
                   dead: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Views of a trimmed image's amplifiers in readout order, by crosstalk name; dead ones are left out."""
    return {amplifier_key(ccdnum, amplifier.name): image[amplifier.ccd][amplifier.readout]
            for amplifier in amplifiers if amplifier.name not in dead}


def crosstalk_signal(source: np.ndarray, term: CrosstalkTerm) -> np.ndarray:
    """What a source's pixels add to the victim's pixels read at the same time.

    With s the source level (ADU, overscan subtracted), x the linear coefficient and s0 the onset:
    x s for s <= s0, and x s0 + p1 (s - s0) + p2 (s - s0)^2 + p3 (s - s0)^3 above. It is continuous at s0. That the
    polynomial is in s - s0 follows from the table: p1 has the size and sign of x (correlation 0.75 over its 123
    non-linear pairs), while a polynomial in s itself would jump by 200 ADU at s0.

    Returns
    -------
    ndarray of the shape of `source`, float32, ADU of the victim
    """
    signal = np.zeros(source.shape, np.float32)
    _subtract_signal(signal, np.ascontiguousarray(source, np.float32), term.linear, term.onset, *term.polynomial,
                     np.zeros(source.shape, np.bool_), np.inf)
    return -signal


def correct_crosstalk(image: np.ndarray, ccdnum: int, amplifiers: Sequence[Amplifier],
                      sources: Mapping[str, np.ndarray], table: CrosstalkTable,
                      suspicious: tuple[np.ndarray, float] | None = None) -> tuple[np.ndarray, list[str]]:
    """Subtract the crosstalk of all source amplifiers from a CCD (Bernstein et al. 2017, 4.1).

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, ADU
        Overscan-subtracted, trimmed image of the victim CCD.
    ccdnum : int
    amplifiers : sequence of Amplifier
        Those of the victim CCD.
    sources : mapping of name to ndarray, (rows, columns) float32, ADU
        Source amplifiers ('ccd25A') in their own readout order and uncorrected, from `readout_arrays`.
    table : mapping
        From `sediff.formats.crosstalk.read_crosstalk`.
    suspicious : (ndarray (ny, nx) bool, float), optional
        Set (in place) where a source pixel above its onset, that is a super-saturated one, adds at least so many ADU.

    Returns
    -------
    corrected : ndarray, (ny, nx) float32, ADU
        A new array.
    skipped : list of str
        Source amplifiers that the table names and `sources` lacks.
    """
    corrected = image.astype(np.float32, copy=True)
    skipped = []
    flags, least = suspicious or (np.zeros(image.shape, np.bool_), np.inf)
    for amplifier in amplifiers:
        victim, flag = corrected[amplifier.ccd][amplifier.readout], flags[amplifier.ccd][amplifier.readout]
        for term in table.get(amplifier_key(ccdnum, amplifier.name), ()):
            source = sources.get(term.source)
            if source is None or source.shape != victim.shape:
                skipped.append(term.source)
                continue
            _subtract_signal(victim, source, term.linear, term.onset, *term.polynomial, flag, least)
    return corrected, sorted(set(skipped))


@njit(cache=True)
def _subtract_signal(victim, source, linear, onset, p1, p2, p3, flag, least):
    for y in range(victim.shape[0]):
        for x in range(victim.shape[1]):
            level = source[y, x]
            if level <= onset:
                victim[y, x] -= np.float32(linear * level)
            else:
                above = level - onset
                signal = linear * onset + above * (p1 + above * (p2 + above * p3))
                victim[y, x] -= np.float32(signal)
                if abs(signal) >= least:
                    flag[y, x] = True


def warm() -> None:
    """Compile the kernel for arrays as they come: contiguous, and reversed views."""
    pixels, flags = np.ones((4, 8), np.float32), np.zeros((4, 8), np.bool_)
    for view in (slice(None), slice(None, None, -1)):
        for step in (1, -1):
            part = pixels[view, :4][:, ::step]
            flag = flags[view, :4][:, ::step]
            _subtract_signal(part, part.copy(), 0.0, 1.0, 0.0, 0.0, 0.0, flag, 1.0)
            _subtract_signal(part, part, 0.0, 1.0, 0.0, 0.0, 0.0, flag, 1.0)
    _subtract_signal(pixels, pixels, 0.0, 1.0, 0.0, 0.0, 0.0, flags, 1.0)
