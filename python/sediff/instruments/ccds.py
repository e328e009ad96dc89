"""The detectors of an instrument: names, amplifiers that are dead on a night, and lists of CCDs as users write them."""
from __future__ import annotations

import re

import numpy as np

from sediff.errors import BadUsage
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.values import shown


def ccd_table(instrument: Instrument | None = None) -> np.ndarray:
    """Facts of the detectors: a structured array, a row each, in order of their numbers.

    Fields: ccdnum, detpos, half, x_center_mm, y_center_mm (focal plane), width_mm, height_mm (along the columns and the rows
    of its pixels), bad_from, bad_to (nights YYYYMMDD, '' = open), bad_amps ('', 'A', 'AB'), and of each amplifier, here A,
    gain_a (e-/ADU), read_noise_a (e-), saturate_a (ADU).
    """
    instrument = instrument or default_instrument()
    names = sorted({each.name for one in instrument.detectors.values() for each in one.amplifiers})
    size = instrument.number('pixel_size', 0.015)
    dtype = [('ccdnum', 'i4'), ('detpos', 'U16'), ('half', 'U16'), ('x_center_mm', 'f8'), ('y_center_mm', 'f8'),
             ('width_mm', 'f8'), ('height_mm', 'f8'), ('bad_from', 'U8'), ('bad_to', 'U8'), ('bad_amps', 'U36'),
             *((f'{kind}_{name.lower()}', 'f8') for name in names for kind in ('gain', 'read_noise', 'saturate'))]
    table = np.zeros(len(instrument.ccds), dtype)
    for row, one in zip(table, map(instrument.detector, instrument.ccds)):
        row['ccdnum'], row['detpos'], row['half'] = one.number, one.name, one.part
        (row['x_center_mm'], row['y_center_mm']), (ny, nx) = one.centre, one.shape
        row['width_mm'], row['height_mm'] = nx * size, ny * size
        row['bad_from'], row['bad_to'], row['bad_amps'] = one.bad_from, one.bad_to, one.bad
        for each in one.amplifiers:
            for kind in ('gain', 'read_noise', 'saturate'):
                row[f'{kind}_{each.name.lower()}'] = getattr(each, kind)
    return table


def detpos(ccdnum: int, instrument: Instrument | None = None) -> str:
    """What the camera calls a CCD."""
    return (instrument or default_instrument()).detector(ccdnum).name


def dead_amplifiers(ccdnum: int, nite: str | int | None = None, instrument: Instrument | None = None) -> tuple[str, ...]:
    """Names of the amplifiers of a CCD that cannot be used on a night.

    Parameters
    ----------
    nite : str or int, optional
        Night YYYYMMDD; None: those that are dead with no end known.
    """
    return (instrument or default_instrument()).detector(ccdnum).dead_amplifiers(nite)


def parse_ccd_list(text: str, nite: str | int | None = None, instrument: Instrument | None = None) -> list[int]:
    """CCD numbers of a list such as '33', '1,3,5-12' or 'all', in order, each once.

    'all' leaves out CCDs without a living amplifier on `nite`; a CCD that is named is always kept.

    Raises
    ------
    BadUsage
        A token is neither a number, a range nor 'all', or names a CCD that the camera has not.
    """
    instrument = instrument or default_instrument()
    numbers: dict[int, None] = {}
    for token in str(text).split(','):
        numbers.update(dict.fromkeys(_expand(token.strip(), str(text), nite, instrument)))
    return list(numbers)


def _expand(token: str, text: str, nite: str | int | None, instrument: Instrument) -> list[int]:
    if token.lower() == 'all':
        return [ccd for ccd in instrument.ccds if instrument.detector(ccd).alive(nite)]
    first, dash, last = token.partition('-')
    last = last if dash else first
    if not (_is_number(first) and _is_number(last)) or not (
            int(first) <= int(last) and {int(first), int(last)} <= set(instrument.ccds)):
        raise BadUsage(f'{shown(token)} in the CCD list {shown(text)} is not a CCD number or range within '
                       f'{instrument.ccd_text}; write 33, 1,3,5-12 or all')
    return [ccd for ccd in instrument.ccds if int(first) <= ccd <= int(last)]


def _is_number(text: str) -> bool:
    return re.fullmatch(r'\s*[0-9]{1,9}\s*', text) is not None
