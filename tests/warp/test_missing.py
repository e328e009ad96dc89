"""Pixels without data in every form that a file has."""
from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits as afits

from sediff.formats.image_source import ImageSource, load_planes
from sediff.warp.missing import mark_missing

SHAPE = (200, 160)


def sky(level=200.0, sigma=7.0, seed=1):
    return np.random.default_rng(seed).normal(level, sigma, SHAPE).astype(np.float32)


def hole():
    """A corner, a strip, a single row and a disc."""
    v, u = np.mgrid[:SHAPE[0], :SHAPE[1]]
    return (u < 30) & (v < 40) | (v > 180) | (v == 100) | ((u - 110) ** 2 + (v - 60) ** 2 < 15**2)


@pytest.mark.parametrize('level', [200.0, 0.0, 3.0])
@pytest.mark.parametrize('fill', [0.0, -999.0, 1e-30, -1e30, -32768.0])
def test_areas_of_one_value(level, fill):
    """All of a hole is found and no other pixel, where the sky is far above zero and where it is not."""
    image = sky(level)
    image[hole()] = fill
    bad = np.zeros(SHAPE, bool)
    assert mark_missing(image, bad) == hole().sum()
    # the tips of the disc, one or two pixels long in both directions, may stay
    assert not (bad & ~hole()).any() and (hole() & ~bad).sum() == 0


@pytest.mark.parametrize('sigma', [0.4, 0.7, 1.5, 5.0])
def test_small_integers_have_true_zeros(sigma):
    """Zeros that noise gives are no data missing; a hole among them is found but for its rim."""
    image = np.round(sky(0.0, sigma))
    bad = np.zeros(SHAPE, bool)
    mark_missing(image, bad)
    assert bad.mean() < 1e-3
    if sigma < 0.5:             # four zeros in five pixels: only very long runs tell
        return
    image[hole()] = 0
    mark_missing(image, bad)
    deep = np.zeros(SHAPE, bool)
    deep[190:, :] = deep[:38, :28] = True
    assert bad[deep].all() and bad[~hole()].mean() < 0.05


def test_a_single_zero_counts_where_the_sky_is_far_above_and_nothing_else_changes():
    image = sky()
    image[50, 60] = 0.0
    bad = np.zeros(SHAPE, bool)
    assert mark_missing(image, bad) == 1 and bad[50, 60]
    assert mark_missing(sky(0.0), np.zeros(SHAPE, bool)) == 0
    assert mark_missing(sky(), np.zeros(SHAPE, bool)) == 0


def loaded_bad(path, **options):
    return load_planes(ImageSource(str(path), gain=4.0, **options)).bad


@pytest.mark.parametrize('kind', ['nan', 'int16', 'uint16', 'int32', 'scaled', 'rice float', 'gzip float', 'rice int',
                                  'float64'])
def test_forms_of_fits(tmp_path, kind):
    image, where, path = sky(), hole(), tmp_path / 'a.fits'
    if kind in ('nan', 'float64', 'rice float', 'gzip float'):
        image = image.astype(np.float64 if kind == 'float64' else np.float32)
        image[where] = np.nan
        hdu = afits.PrimaryHDU(image) if 'float' not in kind or kind == 'float64' else None
        if hdu is None:
            method = {'rice float': 'RICE_1', 'gzip float': 'GZIP_1'}[kind]
            hdu = afits.CompImageHDU(image, compression_type=method, quantize_level=16)
    else:
        pixels = np.round(image * (10 if kind == 'scaled' else 1)).astype(np.int32)
        pixels[where] = -5000
        pixels = pixels.astype(np.int32 if 'int32' in kind or 'rice' in kind else np.int16)
        if kind == 'uint16':
            hdu = afits.PrimaryHDU((pixels.astype(np.int32) + 5100).astype(np.uint16))
            hdu.header['BLANK'] = -5000 + 5100 - 32768
        else:
            hdu = (afits.CompImageHDU if 'rice' in kind else afits.PrimaryHDU)(pixels)
            hdu.header['BLANK'] = -5000
        if kind == 'scaled':
            hdu.header['BSCALE'], hdu.header['BZERO'] = 0.1, 3.0
    hdus = [hdu] if isinstance(hdu, afits.PrimaryHDU) else [afits.PrimaryHDU(), hdu]
    afits.HDUList(hdus).writeto(path, output_verify='ignore')
    bad = loaded_bad(path)
    assert (bad == where).all()


def test_limits_and_fill_of_hotpants(tmp_path):
    """Values up to the lower limit, from the upper one on, and equal to the fill value."""
    image = sky(20.0)
    image[10, 10:14] = [0.0, -3.0, 5e4, -777.5]
    afits.PrimaryHDU(image).writeto(tmp_path / 'a.fits')
    bad = loaded_bad(tmp_path / 'a.fits', saturate=5e4, lower=0.0)
    assert (bad == ((image <= 0) | (image >= 5e4))).all() and bad[10, 10:14].all()
    assert np.argwhere(loaded_bad(tmp_path / 'a.fits', fill=-777.5)).tolist() == [[10, 13]]


def test_a_fill_value_below_the_smallest_integer_is_no_zero(tmp_path):
    image = np.round(sky(20.0)).astype(np.int16)
    image[10, 10] = 0
    afits.PrimaryHDU(image).writeto(tmp_path / 'a.fits')
    assert not loaded_bad(tmp_path / 'a.fits', fill=1e-30)[10, 10]
    assert loaded_bad(tmp_path / 'a.fits', fill=0.0)[10, 10]


def test_hotpants_flags_reach_the_reader():
    from sediff.cli.hotpants import parse
    words = '-inim s.fits[1] -tmplim t.fits -outim d.fits -il -5 -tl -6 -fi -999 -fin -1'.split()
    request = parse(words)
    assert (request.science.lower, request.template.lower) == (-5.0, -6.0) and request.science.path == 's.fits[1]'
    assert request.science.fill == request.template.fill == -999.0 and request.fill == (-999.0, -1.0)
    assert parse([*words, '--scale-weights']).science.scale_weights
