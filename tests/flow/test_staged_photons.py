"""RUN28 stages what forced photometry at a later time needs for the errors that RUN26 gives."""
import numpy as np
import pytest
from astropy.io.fits import Header

from sediff.candidates.forced import forced_photometry
from sediff.ccdimage import CcdImage
from sediff.engine.context import Context
from sediff.flow.diffimg.candidates import prep_force_photo
from sediff.formats.fits import read_header, read_image
from sediff.parameters.model import Parameters
from sediff.parameters.table import TABLE
from sediff.psf.model import PsfModel
from sediff.repository.names import PRODUCTS, Exposure
from sediff.repository.products import read_product

SIDE, SKY = 300, 400.0


def test_errors_on_a_host_are_those_of_the_night(tmp_path):
    exposure = Exposure(tmp_path, 1250100, '20231115', 'r', season='dp33', field='WS525-280', ccd=33)
    context = Context(exposure, Parameters(TABLE))
    rng, (j, i) = np.random.default_rng(1), np.mgrid[-12:13, -12:13]
    psf = np.exp(-0.5 * (i**2 + j**2) * (2.3548 / 4.0) ** 2)
    y, x = np.mgrid[:SIDE, :SIDE]
    host = 5e3 * np.exp(-np.hypot(x - 150.0, y - 150.0) / 8.0)
    image = rng.normal(0.0, np.sqrt(SKY + 2.0 * host)).astype(np.float32)
    difference = CcdImage(image, np.zeros((SIDE, SIDE), np.uint16), np.full((SIDE, SIDE), 1.0 / SKY, np.float32), Header())
    context._memory |= {
        'diff': difference, 'photons': (2.0 * host + rng.normal(0.0, 20.0, image.shape)).astype(np.float32),
        'diff_psf': PsfModel((psf / psf.sum())[None].astype(np.float32), 0, (0.0, 0.0), (1.0, 1.0), 1.0, 4.0, 1.0, 9, 9),
        'score_info': {'noise_scale': 1.05}}
    context.save('diff_mh', difference)
    context.save('diff_psf', context.load('diff_psf'))
    prep_force_photo(context)
    assert all(PRODUCTS[name].place == 'forcephoto' for name in ('force_image', 'force_psf', 'force_photons'))
    paths = [context.path(name) for name in ('force_image', 'force_psf', 'force_photons')]
    assert len({path.parent for path in paths}) == 1 and all(path.is_file() for path in paths)
    staged, model, photons = (read_product(path, PRODUCTS[name].kind)
                              for path, name in zip(paths, ('force_image', 'force_psf', 'force_photons')))
    scale = read_header(paths[2], 'PLANE')['NOISESCL']
    places = np.array([150.0, 160.0, 60.0]), np.array([150.0, 150.0, 60.0])
    none = np.zeros(image.shape, bool)
    now = forced_photometry(image, 1.0 / difference.weight, none, context.load('diff_psf').image, *places,
                            noise_scale=1.05, photons=context.load('photons'))
    later = forced_photometry(staged.image, 1.0 / staged.weight, none, model.image, *places, noise_scale=scale,
                              photons=photons)
    bare = forced_photometry(staged.image, 1.0 / staged.weight, none, model.image, *places)
    assert later['FLUXERR'] == pytest.approx(now['FLUXERR'], rel=0.01)
    assert now['FLUXERR'][0] > 3.0 * bare['FLUXERR'][0] and now['FLUXERR'][2] < 1.1 * bare['FLUXERR'][2]
    assert read_image(paths[2])[0].dtype == np.float32
