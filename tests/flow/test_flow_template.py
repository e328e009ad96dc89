"""The template steps RUN16 and RUN17 on made-up CCDs: partial coverage is a result, no overlap a clear exit."""
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io.fits import Header

from sediff import steps
from sediff.ccdimage import CcdImage
from sediff.engine.context import Context
from sediff.engine.runner import run_steps
from sediff.errors import BadData
from sediff.flow.diffimg.subtract import _photons_per_unit, coadd_templates
from sediff.flow.diffimg.template_inputs import photon_factor
from sediff.flow.exposure.inputs import TemplateCcd
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.maskbits import Bit
from sediff.parameters.model import Parameters
from sediff.psf.model import PsfModel
from sediff.repository.names import Exposure, product_path
from sediff.repository.products import read_product, write_product

pytestmark = pytest.mark.busy

SHAPE, SKY = (420, 400), 400.0
STEPS = [step for step in steps.DIFFIMG if step.id in ('RUN16', 'RUN17')]


def header(shift_y=0.0):
    values = {'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': 52.5, 'CRVAL2': -28.0, 'CRPIX1': 200.5,
              'CRPIX2': 210.5 + shift_y, 'CD1_1': 0.0, 'CD1_2': 7.3e-5, 'CD2_1': -7.3e-5, 'CD2_2': 0.0,
              'SATURATE': 60000.0, 'SKYSIGMA': 20.0, 'FWHM': 4.0, 'GAINA': 1.0}
    out = Header()
    for name, value in values.items():
        out[name] = value
    return out


def gaussian(x, y, flux, fwhm=4.0, shape=SHAPE):
    j, i = np.mgrid[:shape[0], :shape[1]]
    sigma = fwhm / 2.3548
    out = np.zeros(shape)
    for u, v, f in zip(x, y, flux):
        out += f / (2 * np.pi * sigma**2) * np.exp(-0.5 * ((i - u)**2 + (j - v)**2) / sigma**2)
    return out


def context_with(root: Path, shifts, stars=60, fwhms=(4.0, 4.0, 4.0)) -> Context:
    """A search image and templates shifted along y by so many pixels (added to a template's y)."""
    rng = np.random.default_rng(7)
    x, y = np.stack(np.meshgrid(np.linspace(25, 375, 8), np.linspace(25, 395, 8))).reshape(2, -1)[:, :stars]
    flux = 10 ** rng.uniform(4.0, 5.0, x.size)
    search = Exposure(root, 1250100, '20231115', 'r', ccd=33)
    context = Context(search, Parameters(declared(default_instrument())), {})
    context.pairs, rows, heads = [], [], []
    j, i = np.mgrid[-15:16, -15:16]
    for number, (shift, fwhm) in enumerate(zip(shifts, fwhms)):
        psf = np.exp(-0.5 * (i**2 + j**2) * (2.3548 / fwhm) ** 2)
        pair = TemplateCcd(replace(search, expnum=1250000 + number, nite='20231001'))
        image = (gaussian(x, y + shift, 0.5 * flux, fwhm) + rng.normal(0, np.sqrt(SKY), SHAPE)).astype(np.float32)
        ccd = CcdImage(image, np.zeros(SHAPE, np.uint16), np.full(SHAPE, 1 / SKY, np.float32), header(shift))
        write_product(pair.path('immask'), 'ccd', ccd)
        write_product(pair.path('psf'), 'psf', PsfModel((psf / psf.sum())[None], 0, (1.0, 1.0), (1.0, 1.0), 1.0, fwhm))
        context.pairs.append(pair)
        rows.append({'expnum': pair.exposure.expnum, 'ccd': 33, 'scale': 2.0, 'used': True, 'reason': ''})
        heads.append(ccd.header)
    write_product(context.path('wstemplate'), 'json', {'templates': rows, 'search_zero_point': 31.0})
    write_product(context.path('template_heads'), 'headers', heads)
    zeros = np.zeros(SHAPE, np.float32)
    context.save('combined', CcdImage(zeros, zeros.astype(np.uint16), zeros + 1, header()))
    context.truth = gaussian(x, y, flux)
    return context


def results(context):
    template = context.load('template')
    return template, *(json.loads(context.path(name).read_text()) for name in ('template_info', 'template_quality'))


def test_partial_coverage_is_a_result_with_its_mask(tmp_path):
    """Shifted by 140 px along y, a template misses the last 140 of 420 rows; two shifted apart leave the middle to both."""
    context = context_with(tmp_path, [140.0, 120.0])
    context.parameters.set('KEEP_INTERMEDIATE', 'true', 'test')
    assert run_steps(STEPS, context, overwrite=True) == 2
    template, info, quality = results(context)
    assert info['covered'] == pytest.approx(300 / 420, abs=0.02)
    assert (template.weight[305:] == 0).all() and (template.mask[305:] & Bit.EDGE != 0).all()
    assert (template.weight[:270] > 0).all() and info['unchecked'] == pytest.approx(20 / 300, abs=0.01)
    assert [row['covered'] for row in info['inputs']] == pytest.approx([280 / 420, 300 / 420], abs=0.02)
    assert info['share_of_pixels_by_number_of_inputs']['0'] == pytest.approx(120 / 420, abs=0.02)
    chi = (template.image - context.truth)[:270] * np.sqrt(template.weight[:270])
    assert abs(chi.mean()) < 0.02 and 0.7 < chi.std() < 1.05      # resampling lowers the noise of single pixels
    area = 4 * np.pi * (4.0 / 2.3548) ** 2
    truth = 31.0 - 2.5 * np.log10(5 * np.sqrt(area * SKY * 4 / 2))
    assert info['depth_5sigma'] == pytest.approx(truth, abs=0.03)
    assert quality['depth_5sigma'] == pytest.approx(truth, abs=0.1)
    assert quality['fwhm'] == pytest.approx(4.0, rel=0.05) and 'stars of the coadd' in quality['from']
    head = template.header
    assert head['NCOMBINE'] == 2 and head['TMPL001'] == '1250000_33'
    assert head['TREJ001'] == info['inputs'][0]['rejected'] < 1e-3
    assert head['SATURATE'] == 120000.0 and head['DEPTH5'] == pytest.approx(info['depth_5sigma'])


def test_unlike_psfs_become_one_and_the_zones_of_the_noise_are_told(tmp_path):
    """Seeing of 3.8 and 4.2 px, the first covers rows from 0, the second from 120: stars have one profile in both parts."""
    context = context_with(tmp_path, [0.0, -120.0], fwhms=(3.8, 4.2))
    context.parameters.set('KEEP_INTERMEDIATE', 'true', 'test')
    run_steps(STEPS, context, overwrite=True)
    template, info, quality = results(context)
    zones = context.load('template_zones')
    assert len(np.unique(zones.labels)) == 2 and zones.labels[5, 20] != zones.labels[40, 20]
    assert np.sum(zones.kernels, axis=(1, 2)) == pytest.approx(1.0, abs=1e-4)
    assert info['broadened_px2'] == 0.0 and quality['fwhm'] == pytest.approx(4.0, rel=0.02)
    psf = context.load('template_psf')
    ratios = []
    for rows in (slice(20, 100), slice(140, 400)):
        truth, found = (np.where(context.truth > 30.0, plane, 0.0)[rows] for plane in (context.truth, template.image))
        ratios.append(np.sum(truth * found) / np.sum(truth**2))
    assert ratios[0] / ratios[1] == pytest.approx(1.0, abs=0.003)
    assert psf.fwhm == pytest.approx(4.0, rel=0.02)


def test_without_stars_the_psf_is_that_of_the_inputs(tmp_path):
    context = context_with(tmp_path, [3.3, -5.7], stars=1)
    context.parameters.set('KEEP_INTERMEDIATE', 'true', 'test')
    run_steps(STEPS, context, overwrite=True)
    _, info, quality = results(context)
    psf = context.load('template_psf')
    assert quality['from'].startswith('PSFs of the inputs') and psf.fwhm == 4.0 == info['fwhm_px']
    assert psf.image(200, 200).sum() == pytest.approx(1.0, abs=1e-5)


def test_zero_overlap_is_a_clear_exit(tmp_path):
    context = context_with(tmp_path, [5000.0, -3000.0])
    with pytest.raises(BadData, match='no template CCD reaches the search CCD: 1250000 c33 does not reach') as caught:
        run_steps(STEPS, context, overwrite=True)
    assert caught.value.exit_code == 4
    assert 'no template CCD reaches' in context.stamp_path(STEPS[0], 'FAIL').read_text()


def test_a_ccd_that_does_not_reach_the_search_ccd_is_not_read(tmp_path, monkeypatch):
    context = context_with(tmp_path, [2.0, 5000.0])
    from sediff.formats.ccdrows import CcdRows
    read = []
    plain = CcdRows.read
    monkeypatch.setattr(CcdRows, 'read', lambda self, *rows: read.append(str(self.path)) or plain(self, *rows))
    context._lines = []
    coadd_templates(context)
    info = json.loads(context.path('template_info').read_text())
    assert set(read) == {str(product_path(context.pairs[0].exposure, 'immask'))}
    assert info['left_out'] == [{'expnum': 1250001, 'ccd': 33, 'reason': 'does not reach the search CCD'}]
    assert len(info['inputs']) == 1 and info['unchecked'] == 1.0


def test_photon_variance_of_a_coadd():
    """Light of 1000 e seen by three exposures of different depth and scale, drawn, scaled and averaged."""
    scales, noises, light = np.array([0.8, 1.0, 1.6]), np.array([30.0, 60.0, 45.0]), 1000.0
    weights = 1.0 / (scales * noises) ** 2
    used = [{'scale': s, 'weight': w, 'covered': 1.0} for s, w in zip(scales, weights)]
    rng = np.random.default_rng(4)
    drawn = sum(w * s * rng.poisson(light / s, 200_000) for w, s in zip(weights, scales)) / weights.sum()
    variance = photon_factor(used) / weights.sum()
    assert drawn.var() / drawn.mean() == pytest.approx(variance, rel=0.02)


def test_the_photons_of_a_coadd_are_weighted_as_its_pixels(tmp_path):
    """One of two inputs has a third of the other's weight, which its header does not tell, and half of the flux scale."""
    context = context_with(tmp_path, [0.0, 0.0])
    context.parameters.set('KEEP_INTERMEDIATE', 'true', 'test')
    path = context.pairs[0].path('immask')
    ccd = read_product(path, 'ccd')
    write_product(path, 'ccd', replace(ccd, weight=ccd.weight / 3.0))
    rows = context.load('wstemplate')
    rows['templates'][0]['scale'] = 1.0
    context._memory['wstemplate'] = rows
    run_steps(STEPS[:1], context, overwrite=True)
    template, info = context.load('template'), json.loads(context.path('template_info').read_text())
    scale, weight = (np.array([row[name] for row in info['inputs']]) for name in ('scale', 'weight'))
    assert scale.tolist() == [1.0, 2.0] and weight[0] / weight[1] == pytest.approx(4.0 / 3.0, rel=0.01)
    expected = np.sum(weight**2 * scale) / np.sum(weight) ** 2
    assert template.header['PHOTVAR'] / np.sum(weight) == pytest.approx(expected, rel=1e-3)
    assert _photons_per_unit(template) == pytest.approx(expected, rel=0.02)
