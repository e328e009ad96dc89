"""IRAF's TNX and ZPX against the surfaces written out by hand."""
from __future__ import annotations

import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.wcs.read import copy_wcs, pixel_to_sky, read_wcs, sky_to_pixel
from sediff.wcs.tnx import surface
from sediff.wcs.tpv import tpv_cards

RA, DEC, CD = 187.3, -41.2, np.array([[-7.1e-5, 0.4e-5], [0.3e-5, 7.2e-5]])
X, Y = (plane.ravel() for plane in np.meshgrid(np.linspace(0, 2047, 7), np.linspace(0, 4095, 7)))


def header(kind, words=('', ''), **cards):
    out = Header({'CTYPE1': f'RA---{kind}', 'CTYPE2': f'DEC--{kind}', 'CRVAL1': RA, 'CRVAL2': DEC, 'CRPIX1': 3000.0,
                  'CRPIX2': -500.0, 'WAT0_001': 'system=image', **cards})
    for name, value in zip(('1_1', '1_2', '2_1', '2_2'), CD.ravel()):
        out[f'CD{name}'] = value
    for axis, (name, more) in enumerate(zip(('ra', 'dec'), words), 1):
        text = f'wtype={kind.lower()} axtype={name} {more}'
        for k in range(0, len(text), 68):
            out[f'WAT{axis}_{k // 68 + 1:03d}'] = text[k:k + 68]
    return out


def plane():
    p = np.stack([X + 1 - 3000.0, Y + 1 + 500.0])
    return CD @ p


def gnomonic(xi, eta):
    """Inverse gnomonic projection: RA, Dec (deg) of plane coordinates (deg)."""
    xi, eta, dec0 = np.radians(xi), np.radians(eta), np.radians(DEC)
    below = np.cos(dec0) - eta * np.sin(dec0)
    dec = np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, below))
    return RA + np.degrees(np.arctan2(xi, below)), np.degrees(dec)


def apart(found, truth):
    """Largest distance, arcsec."""
    return 3600 * np.hypot((found[0] - truth[0]) * np.cos(np.radians(DEC)), found[1] - truth[1]).max()


def text(kind, nx, ny, cross, limits, values):
    return f'"{kind}. {nx}. {ny}. {cross}. ' + ' '.join(f'{float(v)!r}' for v in (*limits, *values)) + ' "'


LIMITS = (-0.31, 0.22, -0.12, 0.42)
BASES = {1: lambda u: (1, u, 2 * u * u - 1, 4 * u**3 - 3 * u), 2: lambda u: (1, u, 1.5 * u * u - 0.5, 2.5 * u**3 - 1.5 * u)}


@pytest.mark.parametrize('kind', [1, 2, 3])
@pytest.mark.parametrize('cross', [0, 1, 2])
def test_surfaces(kind, cross):
    """Chebyshev, Legendre and plain polynomials with no, all and half of the cross terms; orders 4 along x and 3 along y."""
    rng = np.random.default_rng(10 * kind + cross)
    terms = {0: [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (0, 2)], 1: [(i, j) for j in range(3) for i in range(4)],
             2: [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (2, 1), (0, 2), (1, 2)]}[cross]
    values = [rng.normal(0, 2e-3, len(terms)) for _ in (0, 1)]
    xi, eta = plane()
    u, v = ((2 * z - (a + b)) / (b - a) for z, a, b in ((xi, *LIMITS[:2]), (eta, *LIMITS[2:])))
    along, across = ([z**k for k in range(4)] for z in (xi, eta)) if kind == 3 else (BASES[kind](u), BASES[kind](v))
    moved = [sum(value * along[i] * across[j] for (i, j), value in zip(terms, each)) for each in values]
    words = [f'{name} = {text(kind, 4, 3, cross, LIMITS, each)}' for name, each in zip(('lngcor', 'latcor'), values)]
    found = read_wcs(header('TNX', words))
    truth = gnomonic(xi + moved[0], eta + moved[1])
    assert apart(gnomonic(xi, eta), truth) > 1.0
    assert apart(pixel_to_sky(found, X, Y), truth) < 1e-6
    x, y = sky_to_pixel(found, *truth)
    assert np.hypot(x - X, y - Y).max() < 1e-3
    if cross != 1:
        assert apart(pixel_to_sky(read_wcs(tpv_cards(header('TNX', words))), X, Y), truth) < 1e-6


def test_zpx_is_zpn_with_the_coefficients_of_the_wat_cards():
    powers = {1: 1.0, 3: 337.74, 5: 632.052}
    words = ' '.join(f'projp{k}={v}' for k, v in powers.items())
    found = read_wcs(header('ZPX', (words, words)))
    plain = header('ZPN')
    for k, v in powers.items():
        plain[f'PV2_{k}'] = v
    assert apart(pixel_to_sky(found, X, Y), pixel_to_sky(read_wcs(plain), X, Y)) < 1e-9
    shifted = read_wcs(header('ZPX', (words + ' lngcor = ' + text(3, 2, 2, 2, LIMITS, (0.001, 0.0, 0.0)), words)))
    ra, _ = pixel_to_sky(shifted, X, Y)
    assert 3600 * np.cos(np.radians(DEC)) * np.median(ra - pixel_to_sky(found, X, Y)[0]) == pytest.approx(3.6, rel=0.02)


def test_wat_cards_alone_count_and_blanks_at_the_end_of_a_card_do():
    words = ['lngcor = ' + text(3, 3, 3, 2, LIMITS, (1e-3, 2e-3, 0, 0, 0, 0)),
             'latcor = ' + text(3, 2, 2, 2, LIMITS, (0, 0, 3e-3))]
    plain = header('TNX', words)
    odd = plain.copy()
    odd['PV1_1'], odd['PV2_4'], odd['A_ORDER'], odd['A_2_0'], odd['CDELT1'], odd['CROTA2'] = 1.1, 0.3, 2, 1e-4, 1.0, 33.0
    assert apart(pixel_to_sky(read_wcs(odd), X, Y), pixel_to_sky(read_wcs(plain), X, Y)) < 1e-9
    cut = Header([card for card in plain.cards if not card.keyword.startswith('WAT1')])
    whole = f'wtype=tnx axtype=ra {words[0]}'
    pieces, rest = [], whole
    while rest:                                # end every card behind a blank, as IRAF may
        end = len(rest) if len(rest) < 60 else rest.rindex(' ', 0, 68) + 1
        pieces.append(rest[:end].ljust(68) if end < len(rest) else rest)
        rest = rest[end:]
    for k, piece in enumerate(pieces, 1):
        cut[f'WAT1_{k:03d}'] = piece.rstrip()
    assert apart(pixel_to_sky(read_wcs(cut), X, Y), pixel_to_sky(read_wcs(plain), X, Y)) < 1e-9


def test_wat_cards_left_in_a_header_of_another_projection_do_nothing():
    words = ['lngcor = ' + text(3, 2, 2, 2, LIMITS, (1e-2, 0, 0)), '']
    for kind in ('TAN', 'TPV'):
        assert apart(pixel_to_sky(read_wcs(header(kind, words)), X, Y), gnomonic(*plane())) < 1e-6
    target = header('TNX', words)
    copy_wcs(Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN'}), target)
    assert not [name for name in target if name.startswith('WAT')]


@pytest.mark.parametrize('numbers, said', [
    ('3. 3. 3. 2. -0.1 0.1 -0.1 0.1 1. 2. 3.', '3 coefficients where 6 belong'), ('3. 2. 2.', '3 numbers'),
    ('7. 2. 2. 2. -0.1 0.1 -0.1 0.1 1. 2. 3.', 'type 7'), ('3. 2. 2. 2. -0.1 x 0.1 0.1 1. 2. 3.', "'x'"),
    ('1. 2. 2. 2. 0.1 0.1 -0.1 0.1 1. 2. 3.', 'zero width'), ('3. 2. 2. 2. -1 1 -1 1 1. nan 3.', 'finite'),
    ('3. 90. 2. 2. -1 1 -1 1 1. 1. 3.', '90 x 2 terms')])
def test_surfaces_that_cannot_be_read(numbers, said):
    with pytest.raises(BadData, match=said):
        read_wcs(header('TNX', (f'lngcor = "{numbers}"', '')))


def test_tnx_without_wat_cards_is_rejected():
    plain = header('TNX')
    bare = Header([card for card in plain.cards if not card.keyword.startswith('WAT')])
    with pytest.raises(BadData, match=r'TNX.*WAT1_001'):
        read_wcs(bare)
    assert apart(pixel_to_sky(read_wcs(plain), X, Y), gnomonic(*plane())) < 1e-6
    assert surface('3. 1. 1. 0. 0. 1. 0. 1. 0.5', 'lngcor') == pytest.approx(0.5)
