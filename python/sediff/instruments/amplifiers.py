"""Amplifiers of a raw detector: where their pixels lie and how they read out, from the header's section cards."""
from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from astropy.io.fits import Header

from sediff.errors import BadData

#: Rows and columns of a piece of an image, 0-based.
Section = tuple[slice, slice]

#: Cards that name an amplifier in their last letter.
_NAMED = re.compile(r'(?:DATA|BIAS|CCD|AMP)SEC([A-Z0-9])')
_NOTHING: Section = (slice(0, 0), slice(0, 0))
_SECTION = re.compile(r'^\s*\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]\s*$')


@dataclass(frozen=True)
class Amplifier:
    """One of a CCD's amplifiers.

    Parameters
    ----------
    name : str
        One letter or digit, such as 'A'.
    data, bias, pre, post : (slice, slice)
        Rows and columns, 0-based, in the raw image: pixels, overscan, prescan, and the rows read after the last; the last
        two are empty where the camera has none.
    ccd : (slice, slice)
        Where `data` goes in the trimmed image.
    flip_y, flip_x : bool
        Whether an axis must be reversed to put the pixels in the order they are read out.
    gain : float
        Electrons per ADU.
    read_noise : float
        Electrons.
    saturate : float
        ADU.
    """

    name: str
    data: Section
    bias: Section
    pre: Section
    post: Section
    ccd: Section
    flip_y: bool
    flip_x: bool
    gain: float
    read_noise: float
    saturate: float

    @property
    def readout(self) -> Section:
        """Slices that put this amplifier's own pixels (and back) in readout order."""
        return slice(None, None, -1 if self.flip_y else 1), slice(None, None, -1 if self.flip_x else 1)


def parse_section(text: str) -> Section:
    """Rows and columns (0-based slices) of a FITS section such as `[57:1080,1:4096]` (1-based, x first, ends included).

    A reversed range (`[2048:1025,4096:1]`) gives a slice with step -1, so that indexing reverses the axis.

    Raises
    ------
    BadData
        The text is no section, or it starts at 0.
    """
    match = _SECTION.match(str(text))
    if not match or '0' in match.groups():
        raise BadData(f'{text!r} is not an image section like [57:1080,1:4096]')
    x_first, x_last, y_first, y_last = (int(group) for group in match.groups())
    return _as_slice(y_first, y_last), _as_slice(x_first, x_last)


def amplifier_names(header: Header) -> tuple[str, ...]:
    """Names of the amplifiers that a header's section cards speak of, in order."""
    return tuple(sorted({match[1] for card in header if (match := _NAMED.fullmatch(card))}))


def read_amplifiers(header: Header) -> tuple[Amplifier, ...]:
    """The amplifiers of a raw CCD's header, A first.

    Raises
    ------
    BadData
        A section, gain, read noise or saturation card is missing, cannot be understood, or is empty; or the sections
        do not fit together (swapped between the amplifiers, say).
    """
    amplifiers = tuple(_read_amplifier(header, name) for name in amplifier_names(header) or ('A',))
    _check_layout(amplifiers)
    return amplifiers


def sampled(amplifiers: Sequence[Amplifier], first: int, last: int,
            step: int = 1) -> tuple[list[slice], tuple[Amplifier, ...]]:
    """Which rows of the raw image hold every `step`th row `first` to `last` (not in) of the trimmed one, and where they go.

    Returns
    -------
    parts : list of slice
        Rows of the raw image, one slice where all amplifiers lie side by side; read them and put one behind the other.
    few : tuple of Amplifier
        The amplifiers of those rows: `data` and `bias` in them, `ccd` in the trimmed rows. An amplifier without such rows is
        left out.
    """
    parts: dict[tuple[int, int, int], int] = {}
    few, count = [], 0
    for each in amplifiers:
        inside = [row for row in range(first, last, step) if each.ccd[0].start <= row < each.ccd[0].stop]
        if not inside:
            continue
        offset = each.data[0].start - each.ccd[0].start
        key = (inside[0] + offset, inside[-1] + offset + 1, step)
        if key not in parts:
            parts[key], count = count, count + len(inside)
        here = slice(parts[key], parts[key] + len(inside))
        start = (inside[0] - first) // step
        few.append(replace(each, data=(here, each.data[1]), bias=(here, each.bias[1]),
                           ccd=(slice(start, start + len(inside)), each.ccd[1])))
    return [slice(*key) for key in parts], tuple(few)


def seams_of(amplifiers: Sequence[Amplifier]) -> tuple[list[int], list[int]]:
    """Rows and columns of the trimmed image where other amplifiers begin."""
    rows, columns = (sorted({each.ccd[axis].start for each in amplifiers} - {0}) for axis in (0, 1))
    return rows, columns


def trimmed_shape(amplifiers: Sequence[Amplifier]) -> tuple[int, int]:
    """Rows and columns of the trimmed image."""
    return tuple(max(each.ccd[axis].stop for each in amplifiers) for axis in (0, 1))


def read_trimmed_amplifiers(header: Header) -> tuple[Amplifier, ...]:
    """The amplifiers of a trimmed image, from CCDSEC, AMPSEC and the gain cards that its header kept.

    `data` and `ccd` are the same; there is no overscan any more (`bias`, `pre` and `post` are empty).

    Raises
    ------
    BadData
        As `read_amplifiers`.
    """
    amplifiers = []
    for name in amplifier_names(header) or ('A',):
        ccd = _section_card(header, f'CCDSEC{name}')
        amplifiers.append(Amplifier(name, ccd, _NOTHING, _NOTHING, _NOTHING, ccd, *_direction(header, name),
                                    *_numbers(header, name)))
    return tuple(amplifiers)


def _read_amplifier(header: Header, name: str) -> Amplifier:
    data, bias, ccd = (_section_card(header, f'{kind}SEC{name}') for kind in ('DATA', 'BIAS', 'CCD'))
    pre, post = (_section_card(header, f'{kind}SEC{name}') if any(card.startswith(f'{kind}SEC') for card in header)
                 else _NOTHING for kind in ('PRE', 'POST'))
    if _shape(data) != _shape(ccd):
        raise BadData(f'DATASEC{name} {header[f"DATASEC{name}"]} and CCDSEC{name} {header[f"CCDSEC{name}"]} '
                      'differ in size; the header is not that of a raw CCD')
    return Amplifier(name, data, bias, pre, post, ccd, *_direction(header, name), *_numbers(header, name))


def _check_layout(amplifiers: tuple[Amplifier, ...]) -> None:
    """Each overscan must lie beside its own amplifier's pixels, and the amplifiers in the raw image as on the CCD."""
    ordered = sorted(amplifiers, key=lambda each: (each.data[0].start, each.data[1].start))
    pairs = [(one, other) for number, one in enumerate(ordered) for other in ordered[number + 1:]
             if _gap(one.data[0], other.data[0]) < 0]
    for first, second in pairs:
        if second.data[1].start < first.data[1].stop:
            raise BadData(f'DATASEC{first.name} and DATASEC{second.name} overlap; mend the header')
        if second.ccd[1].start < first.ccd[1].stop:
            raise BadData(f'CCDSEC{first.name} and CCDSEC{second.name} do not lie in the order of DATASEC{first.name} and '
                          f'DATASEC{second.name}; the sections of the amplifiers are swapped: mend the header')
    for own, other in (pair for one, another in pairs for pair in ((one, another), (another, one))):
        if _gap(own.bias[1], own.data[1]) > _gap(own.bias[1], other.data[1]):
            raise BadData(f'BIASSEC{own.name} lies beside DATASEC{other.name}, not DATASEC{own.name}; the sections of the '
                          'amplifiers are swapped: mend the header')


def _gap(one: slice, other: slice) -> int:
    """Columns between two ranges; negative where they overlap."""
    return max(one.start - other.stop, other.start - one.stop)


def _direction(header: Header, name: str) -> tuple[bool, bool]:
    rows, columns = _section_card(header, f'AMPSEC{name}', may_reverse=True)
    return rows.step == -1, columns.step == -1


def _numbers(header: Header, name: str) -> tuple[float, float, float]:
    gain, read_noise, saturation = (_number_card(header, f'{kind}{name}') for kind in ('GAIN', 'RDNOISE', 'SATURAT'))
    return gain, read_noise, saturation


def _section_card(header: Header, keyword: str, may_reverse: bool = False) -> Section:
    if keyword not in header:
        raise BadData(f'header card {keyword} is missing; the header of a raw CCD is needed')
    try:
        section = parse_section(header[keyword])
    except BadData as error:
        raise BadData(f'header card {keyword}: {error}') from error
    if not may_reverse and any(part.step == -1 for part in section):
        raise BadData(f'header card {keyword} = {header[keyword]} has zero width: it ends before it starts')
    return section


def _number_card(header: Header, keyword: str) -> float:
    value = header.get(keyword)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise BadData(f'header card {keyword} is {value!r}; a positive number is needed')
    return float(value)


def _as_slice(first: int, last: int) -> slice:
    if first <= last:
        return slice(first - 1, last)
    return slice(first - 1, last - 2 if last > 1 else None, -1)


def _shape(section: Section) -> tuple[int, int]:
    return section[0].stop - section[0].start, section[1].stop - section[1].start
