"""What a mask plane calls unusable, by the convention of whoever wrote it."""
from __future__ import annotations

import numpy as np

from sediff.cards import Cards, number_of
from sediff.formats.planes import Pixels
from sediff.maskbits import UNUSABLE, Bit

#: Planes of the Rubin pipelines that make a pixel unusable; their bits are in cards MP_<name>.
RUBIN_BAD = ('BAD', 'SAT', 'CR', 'EDGE', 'NO_DATA', 'SUSPECT', 'STREAK', 'UNMASKEDNAN', 'SENSOR_EDGE',
             'VIGNETTED', 'CROSSTALK')
#: Telescopes whose masks have one bit that says "do not use".
DO_NOT_USE = {'JWST': 1, 'ROMAN': 1}


def unusable(plane: Pixels, header: Cards) -> tuple[np.ndarray, np.ndarray]:
    """Unusable pixels (bool) of a mask plane, and the mask as DES bits (uint16).

    Parameters
    ----------
    plane : Pixels
        A plane called MSK holds DES bits. Of one with MP_ cards (Rubin) the bits of real defects count, of JWST's and
        Roman's the bit DO_NOT_USE; of others, every value that is not 0.
    header : Cards
        Of the image.
    """
    values = np.nan_to_num(plane.values, nan=1.0) if plane.values.dtype.kind == 'f' else plane.values
    if plane.name.strip().upper() == 'MSK':
        bits = values.astype(np.uint16)
        return (bits & np.uint16(UNUSABLE)) != 0, bits
    wanted = _wanted_bits(plane.cards, header)
    bad = values != 0 if wanted is None else (values.astype(np.int64) & wanted) != 0
    if plane.missing is not None:
        bad |= plane.missing
    return bad, np.where(bad, np.uint16(Bit.BPM), np.uint16(0))


def _wanted_bits(cards: Cards, header: Cards) -> int | None:
    rubin = {text[:8].strip() if not text.startswith('HIERARCH') else text[9:].split('=')[0].strip() for text in cards.texts}
    names = {name.upper() for name in rubin if name.upper().startswith('MP_')}
    if names:
        planes = [number_of(cards.get(f'MP_{name}')) for name in RUBIN_BAD if f'MP_{name}' in names]
        return sum(1 << int(plane) for plane in planes if plane is not None and 0 <= plane < 63)
    return DO_NOT_USE.get(str(header.get('TELESCOP', '')).strip().upper())
