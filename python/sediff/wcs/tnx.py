"""IRAF's TNX and ZPX: distortions in WAT cards, rewritten as SIP polynomials on TAN and ZPN."""
from __future__ import annotations

import re

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS, Sip
from numpy.polynomial import chebyshev, legendre

from sediff.errors import BadData
from sediff.wcs.polynomials import substitute

CHEBYSHEV, LEGENDRE, POLYNOMIAL = 1, 2, 3
NO_CROSS, FULL_CROSS, HALF_CROSS = 0, 1, 2
#: Characters of a WAT card; blanks at its end count.
WIDTH = 68
LARGEST_DEGREE = 12


def attributes(header: Header, axis: int) -> dict[str, str]:
    """The words of an axis' WAT cards: {name: value}, quotes removed."""
    text, number = '', 1
    while f'WAT{axis}_{number:03d}' in header:
        text += str(header[f'WAT{axis}_{number:03d}']).ljust(WIDTH)
        number += 1
    return {name: value.strip('"').strip() for name, value in re.findall(r'(\w+)\s*=\s*("[^"]*"|[^\s"]+)', text)}


def plain_cards(header: Header, kind: str) -> Header:
    """Cards of the projection below the distortion: TAN, or ZPN with its coefficients as PV2_m.

    Raises
    ------
    BadData
        There are no WAT cards, or their numbers cannot be read.
    """
    words = {**attributes(header, 1), **attributes(header, 2)}
    if not words:
        raise BadData(f'CTYPE1, CTYPE2 are {header.get("CTYPE1")}, {header.get("CTYPE2")}, and the cards WAT1_001, WAT2_001 '
                      'with the distortion are missing')
    out = Header([card for card in header.cards if not re.match(r'WAT\d|PV\d|(A|B|AP|BP)_', card.keyword)])
    below = {'TNX': 'TAN', 'ZPX': 'ZPN'}[kind]
    for axis in (1, 2):
        out[f'CTYPE{axis}'] = str(header[f'CTYPE{axis}']).strip()[:5] + below
    if kind == 'ZPX':
        powers = {name[5:]: value for name, value in words.items() if re.fullmatch(r'projp\d', name)} or {'1': '1.0'}
        for power, value in powers.items():
            out[f'PV2_{power}'] = _number(value, f'projp{power}')
    return out


def add_distortion(wcs: WCS, header: Header) -> None:
    """Give a WCS of `plain_cards` the corrections lngcor and latcor of the header, as a SIP polynomial.

    Raises
    ------
    BadData
        A surface cannot be read, or is of a degree beyond 12.

    Notes
    -----
    IRAF evaluates xi' = xi + lngcor(xi, eta), eta' = eta + latcor(xi, eta) on (xi, eta) = CD p (deg), p = pixel - CRPIX,
    before the projection. The same is p' = p + CD^-1 (lngcor, latcor)(CD p), a polynomial in pixels.
    """
    words = {**attributes(header, 1), **attributes(header, 2)}
    surfaces = [surface(words[name], name) if name in words else np.zeros((1, 1)) for name in ('lngcor', 'latcor')]
    size = max(len(each) for each in surfaces)
    if not any(each.any() for each in surfaces):
        return
    matrix = wcs.pixel_scale_matrix
    planes = []
    for each in surfaces:
        padded = np.zeros((size, size))
        padded[:len(each), :len(each)] = each
        planes.append(substitute(padded, matrix, np.zeros(2)))
    inverse = np.linalg.inv(matrix)
    first, second = (inverse[k, 0] * planes[0] + inverse[k, 1] * planes[1] for k in (0, 1))
    wcs.sip = Sip(first, second, None, None, wcs.wcs.crpix)


def surface(text: str, name: str) -> np.ndarray:
    """Coefficients [i, j] of x^i y^j of one of IRAF's surfaces (gsurfit): (n, n) float64, zero where i + j >= n.

    Parameters
    ----------
    text : str
        Function type (1 Chebyshev, 2 Legendre, 3 polynomial), numbers of terms along x and y, cross terms (0 none, 1 full,
        2 half), ranges of x and y, coefficients, those along x first.
    """
    numbers = np.array([_number(word, name) for word in text.split()])
    if len(numbers) < 8 or not np.isfinite(numbers).all():
        raise BadData(f'{name} of the WAT cards has {len(numbers)} numbers, 8 and the coefficients are needed, all finite')
    kind, nx, ny, cross = (int(value) for value in numbers[:4])
    pairs = list(_terms(nx, ny, cross))
    given = numbers[8:]
    degree = max((i + j for i, j in pairs), default=0)
    if kind not in (CHEBYSHEV, LEGENDRE, POLYNOMIAL) or cross not in (NO_CROSS, FULL_CROSS, HALF_CROSS) or not pairs \
            or len(given) != len(pairs) or degree > LARGEST_DEGREE:
        raise BadData(f'{name} of the WAT cards is not a readable surface: type {kind}, {nx} x {ny} terms, cross terms '
                      f'{cross}, {len(given)} coefficients where {len(pairs)} belong')
    bases = [_basis(kind, count, *limits) for count, limits in ((nx, numbers[4:6]), (ny, numbers[6:8]))]
    out = np.zeros((degree + 1, degree + 1))
    for (i, j), value in zip(pairs, given):
        part = value * np.outer(bases[0][i], bases[1][j])
        rows, columns = (min(size, degree + 1) for size in part.shape)
        out[:rows, :columns] += part[:rows, :columns]
    return out


def _terms(nx: int, ny: int, cross: int):
    """Orders (i, j) in the order of the coefficients."""
    if not (1 <= nx <= LARGEST_DEGREE + 1 and 1 <= ny <= LARGEST_DEGREE + 1):
        return
    width, largest = nx, max(nx, ny)
    for j in range(ny):
        for i in range(width):
            yield i, j
        if cross == NO_CROSS:
            width = 1
        elif cross == HALF_CROSS and j + 1 + nx + 1 > largest + 1:
            width -= 1


def _basis(kind: int, count: int, low: float, high: float) -> np.ndarray:
    """Power coefficients (count, count) of the basis functions along one axis."""
    out = np.zeros((count, count))
    if kind == POLYNOMIAL:
        return np.eye(count)
    if high == low:
        raise BadData('a surface of the WAT cards has a range of zero width')
    expand = chebyshev.cheb2poly if kind == CHEBYSHEV else legendre.leg2poly
    stretched = np.polynomial.Polynomial([-(high + low) / (high - low), 2.0 / (high - low)])
    for k in range(count):
        power = np.polynomial.Polynomial(expand([0.0] * k + [1.0]))(stretched).coef
        out[k, :len(power)] = power
    return out


def _number(word: str, name: str) -> float:
    try:
        return float(word.replace('D', 'E').replace('d', 'e'))
    except ValueError as error:
        raise BadData(f'{name} of the WAT cards holds {word!r}, which is not a number') from error
