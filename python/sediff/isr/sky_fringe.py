"""Fringes: night-sky lines interfering in the silicon, a fixed pattern of varying strength."""
from __future__ import annotations

from collections.abc import Mapping

from astropy.io.fits import Header

from sediff.isr.history import once, record


def record_fringe(header: Header, strength: float, error: float, name: str, checksum: str = '') -> None:
    """Say that fringes were subtracted (in place): FRINGEA is their rms (e-), FRINGEE its error, FRINGFIL the file.

    Raises
    ------
    BadData
        They were subtracted before.
    """
    once(header, 'FRINGFIL', 'the fringe correction')
    record(header, 'FRINGFIL', name, 'Fringes subtracted', checksum)
    header['FRINGEA'], header['FRINGEE'] = (strength, '[e-] rms of the fringes'), (error, '[e-] its error')


def fringes_left(header: Mapping) -> bool | None:
    """Whether an image of a band with fringes still has them; None where the header (FRINGFIL) does not say.

    The sky step writes FRINGFIL in bands that fringe: the file of the pattern that was subtracted, or `none`.
    """
    return None if 'FRINGFIL' not in header else str(header['FRINGFIL']).strip() == 'none'
