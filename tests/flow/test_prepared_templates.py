"""Prepared templates on the small night: as good as warping each template, made once, made anew when anything changes."""
from dataclasses import replace

import numpy as np
import pytest

from sediff import steps
from sediff.flow.diffimg.prepared import prepared_stack
from sediff.flow.diffimg.template_inputs import template_inputs
from sediff.flow.diffimg.tiles import TooManyInputs
from sediff.flow.exposure.bank import bank_digest, template_bank
from sediff.flow.exposure.job import Job, prepare
from sediff.flow.exposure.run import with_field
from sediff.flow.exposure.verify import planned_templates
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.parameters.model import Parameters
from sediff.repository.names import Exposure
from sediff.repository.products import read_product, write_product
from sediff.template.coadd import stack
from sediff.warp.grid import pixel_map
from sediff.wcs.read import read_wcs

from .conftest import BAND, EXPNUM, NITE, copy_of


@pytest.fixture(scope='module')
def job(night, tmp_path_factory):
    """RUN01 to RUN16 of the search CCD, on a copy of the processed night, with prepared templates, which all tests share."""
    parameters = Parameters(declared(default_instrument()))
    parameters.set('TEMPLATE_CACHE_GB', '1', 'test')
    root = copy_of(night, tmp_path_factory.mktemp('prepared') / 'night').root
    target = with_field(Exposure(root, EXPNUM, NITE, BAND), parameters).with_ccd(33)
    return Job(target, 'diffimg', parameters, templates=planned_templates(target))


def context_of(job):
    """A context in which the inputs of RUN16 are in memory."""
    context = prepare(job)[1]
    for step in steps.DIFFIMG[:15]:
        if step.id in ('RUN01', 'RUN05', 'RUN11', 'RUN12'):
            context.begin(step)
            step.load()(context)
    context.begin(next(step for step in steps.DIFFIMG if step.id == 'RUN16'))
    return context


def shifted(inputs, search, x, y):
    """The same inputs, and search image, for another search exposure that points elsewhere (px)."""
    header = search.header.copy()
    header['CRPIX1'], header['CRPIX2'] = header['CRPIX1'] + x, header['CRPIX2'] + y
    target = read_wcs(header)
    return [replace(one, target_wcs=target, positions=pixel_map(target, search.shape, one.wcs, one.file.shape))
            for one in inputs]


def direct(inputs, shape):
    return stack([one.source for one in inputs], shape)


def agree(prepared, plain):
    """Two coadds of the same templates: the same pixels within their noise, weights, inputs."""
    both = (prepared.image.weight > 0) & (plain.image.weight > 0)
    assert both.sum() > 0.995 * max((each.image.weight > 0).sum() for each in (prepared, plain))
    assert np.median(prepared.image.weight[both] / plain.image.weight[both]) == pytest.approx(1.0, abs=0.01)
    sigma = (prepared.image.image - plain.image.image)[both] * np.sqrt(plain.image.weight[both])
    assert 1.4826 * np.median(np.abs(sigma)) < 0.25                    # noise that the second kernel smooths
    assert (prepared.members == plain.members)[both].mean() > 0.99
    light = both & (plain.image.image > 30.0 / np.sqrt(np.median(plain.image.weight[both])))
    light[1:] |= light[:-1]
    light[:-1] |= light[1:]
    assert prepared.image.image[light].sum() / plain.image.image[light].sum() == pytest.approx(1.0, abs=0.004)
    assert prepared.good == pytest.approx(plain.good, abs=0.01)
    assert prepared.weights == pytest.approx(plain.weights, rel=0.02)


def test_a_second_exposure_of_the_field_makes_nothing_new_and_both_are_as_if_warped_directly(job):
    context, said = context_of(job), []
    search, bank = context.load('combined'), context.load('prepared')
    inputs, _ = template_inputs(context, search)
    first = prepared_stack(bank, inputs, search.shape, said.append)
    agree(first, direct(inputs, search.shape))
    other = shifted(inputs, search, 11.3, -21.6)
    agree(prepared_stack(bank, other, search.shape, said.append), direct(other, search.shape))
    again = prepared_stack(template_bank(job.exposure, job.parameters, job.templates), inputs, search.shape, said.append)
    for name in ('image', 'mask', 'weight'):
        assert np.array_equal(getattr(first.image, name), getattr(again.image, name))
    assert np.array_equal(first.members, again.members) and first.rejected == again.rejected
    made = [int(line.split(' of them')[0].split()[-1]) for line in said]
    assert made[0] > 3 and made[1:] == [0, 0]


def test_a_damaged_tile_is_made_again(job):
    context, said = context_of(job), []
    search, bank = context.load('combined'), context.load('prepared')
    inputs, _ = template_inputs(context, search)
    first = prepared_stack(bank, inputs, search.shape, said.append)
    tile = sorted(job.exposure.root.rglob('prepared/*/*/tile*.fits.fz'))[0]
    content = bytearray(tile.read_bytes())
    content[len(content) // 2] ^= 4
    tile.write_bytes(content)
    again = prepared_stack(bank, inputs, search.shape, said.append)
    assert np.array_equal(first.image.image, again.image.image) and ' 1 of them made now' in said[-1]


def test_more_inputs_than_bits_are_warped_directly(job):
    context = context_of(job)
    search = context.load('combined')
    inputs, _ = template_inputs(context, search)
    with pytest.raises(TooManyInputs):
        prepared_stack(context.load('prepared'), inputs * 9, search.shape, print)


def test_a_changed_template_is_another_tile_and_another_key_of_the_step(job):
    context, said = context_of(job), []
    search, bank = context.load('combined'), context.load('prepared')
    inputs, _ = template_inputs(context, search)
    first, before = prepared_stack(bank, inputs, search.shape, said.append), bank_digest(bank)
    path = next(one.ccd.path('immask') for one in bank.neighbours if one.number[0] == inputs[-1].row['expnum'])
    ccd = read_product(path, 'ccd')
    ccd.image[700:720, 800:820] += 400.0
    path.unlink()                                                       # a link to the night that all share
    write_product(path, 'ccd', ccd)
    bank = template_bank(job.exposure, job.parameters, job.templates)
    assert bank_digest(bank) != before
    second = prepared_stack(bank, template_inputs(context, search)[0], search.shape, said.append)
    assert not said[-1].endswith('0 of them made now') and not np.array_equal(first.members, second.members)


def test_without_the_parameter_nothing_is_kept(night):
    parameters = Parameters(declared(default_instrument()))
    target = with_field(Exposure(night.root, EXPNUM, NITE, BAND), parameters).with_ccd(33)
    context = prepare(Job(target, 'diffimg', parameters, templates=planned_templates(target)))[1]
    assert 'prepared' not in context.providers and context.digests['prepared'] == 'none'
