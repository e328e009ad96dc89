"""The 62 science CCDs: names, places, amplifiers that are dead on a night, and lists of CCDs as users write them."""
from __future__ import annotations

import csv
from functools import lru_cache

import numpy as np

from sediff.camera.amplifiers import AMPLIFIER_NAMES
from sediff.camera.catalogs import catalog_path
from sediff.errors import BadUsage

FIRST_CCD, LAST_CCD = 1, 62


_DTYPE = [('ccdnum', 'i4'), ('detpos', 'U3'), ('half', 'U1'), ('gain_a', 'f8'), ('gain_b', 'f8'),
          ('read_noise_a', 'f8'), ('read_noise_b', 'f8'), ('saturate_a', 'f8'), ('saturate_b', 'f8'),
          ('x_center_mm', 'f8'), ('y_center_mm', 'f8'), ('bad_from', 'U8'), ('bad_to', 'U8'), ('bad_amps', 'U2')]


@lru_cache(maxsize=1)
def ccd_table() -> np.ndarray:
    """Facts of the science CCDs: a structured array of 62 rows, CCD n in row n - 1.

    Fields: ccdnum, detpos, half ('N' or 'S'), gain_a, gain_b (e-/ADU), read_noise_a, read_noise_b (e-), saturate_a,
    saturate_b (ADU), x_center_mm, y_center_mm (focal plane), bad_from, bad_to (nights YYYYMMDD, '' = open),
    bad_amps ('', 'A', 'AB'). Do not change it: it is shared.
    """
    names = [name for name, _ in _DTYPE]
    with catalog_path('ccds.csv').open(encoding='utf-8') as lines:
        rows = [tuple(row[name] for name in names)
                for row in csv.DictReader(line for line in lines if not line.startswith('#'))]
    return np.array(rows, dtype=_DTYPE)


def detpos(ccdnum: int) -> str:
    """Detector position name of a CCD number: 25 is 'S1'."""
    return str(ccd_table()[_checked(ccdnum) - 1]['detpos'])


def dead_amplifiers(ccdnum: int, nite: str | int | None = None) -> tuple[str, ...]:
    """Names of the amplifiers that cannot be used on a night.

    Parameters
    ----------
    nite : str or int, optional
        Night YYYYMMDD; None: those that are dead with no end known.
    """
    row = ccd_table()[_checked(ccdnum) - 1]
    if nite is None:
        bad = not row['bad_to']
    else:
        bad = (row['bad_from'] or '00000000') <= str(nite) <= (row['bad_to'] or '99999999')
    return tuple(str(row['bad_amps'])) if bad else ()


def parse_ccd_list(text: str, nite: str | int | None = None) -> list[int]:
    """CCD numbers of a list such as '33', '1,3,5-12' or 'all', in order, each once.

    'all' leaves out CCDs without a living amplifier on `nite`; a CCD that is named is always kept.

    Raises
    ------
    BadUsage
        A token is neither a number, a range nor 'all', or lies outside 1-62.
    """
    numbers: dict[int, None] = {}
    for token in str(text).split(','):
        numbers.update(dict.fromkeys(_expand(token.strip(), str(text), nite)))
    return list(numbers)


def _expand(token: str, text: str, nite: str | int | None) -> list[int]:
    if token.lower() == 'all':
        return [ccd for ccd in range(FIRST_CCD, LAST_CCD + 1)
                if len(dead_amplifiers(ccd, nite)) < len(AMPLIFIER_NAMES)]
    first, dash, last = token.partition('-')
    last = last if dash else first
    if not (_is_number(first) and _is_number(last)) or not FIRST_CCD <= int(first) <= int(last) <= LAST_CCD:
        raise BadUsage(f'{token!r} in the CCD list {text!r} is not a CCD number or range within '
                       f'{FIRST_CCD}-{LAST_CCD}; write 33, 1,3,5-12 or all')
    return list(range(int(first), int(last) + 1))


def _is_number(text: str) -> bool:
    return text.strip().isascii() and text.strip().isdigit()


def _checked(ccdnum: int) -> int:
    if not FIRST_CCD <= int(ccdnum) <= LAST_CCD:
        raise BadUsage(f'CCD {ccdnum} does not exist; science CCDs are {FIRST_CCD}-{LAST_CCD}')
    return int(ccdnum)
