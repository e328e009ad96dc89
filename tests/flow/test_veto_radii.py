"""Radii of veto stars as RUN22 and RUN24 take them: those of the CCD's own stars, or of a list that says its own."""
import numpy as np
import pytest
from made_up_exposure import EXPOSURE, header_of

from sediff.ccdimage import CcdImage
from sediff.engine.context import Context
from sediff.flow.diffimg.candidates import veto_stars
from sediff.parameters.model import Parameters
from sediff.parameters.table import TABLE
from sediff.photometry.starcat import PROFILE_MARK
from sediff.photometry.vetoradius import ccd_light, veto_radius
from sediff.psf.model import PsfModel
from sediff.wcs.read import pixel_to_sky, read_wcs

ONE = EXPOSURE.with_ccd(28)
MAGNITUDES = np.array([12.0, 14.0, 16.0, 18.0])


def psf_of(fwhm):
    j, i = np.mgrid[-12:13, -12:13]
    stamp = np.exp(-0.5 * (i**2 + j**2) * (2.3548 / fwhm) ** 2)
    return PsfModel((stamp / stamp.sum())[None].astype(np.float32), 0, (0.0, 0.0), (1.0, 1.0), 1.0, fwhm, 1.0, 9, 9)


@pytest.fixture
def context_with(tmp_path):
    """A context with a list of four stars of 40 px, and what RUN22 has in memory of its CCD."""
    def make(mark, fwhm=4.0, noise=32.0, zero_point=31.5, scale=1.0):
        header = header_of(ONE)
        header['SKYSIGMA'] = noise
        ra, dec = pixel_to_sky(read_wcs(header), np.array([300.0, 700.0, 1100.0, 1500.0]), np.full(4, 2000.0))
        path = tmp_path / 'SNVETO.LIST'
        path.write_text(f'# SNVETO, CATALOG= r4p7{mark}\n# NVAR: 7\n' + ''.join(
            f'{n}\t{a:.6f}\t{d:.6f}\t{m:.4f}\t0.01\t40.0\t6\n' for n, (a, d, m) in enumerate(zip(ra, dec, MAGNITUDES))))
        parameters = Parameters(TABLE)
        parameters.set('VETO_SCALE', str(scale), 'test')
        context = Context(ONE, parameters, {'snveto': [path]})
        plane = np.broadcast_to(np.float32(0), (4096, 2048))
        image = CcdImage(plane, plane.astype(np.uint16), plane, header)
        context._memory |= {'diff': image, 'combined': image, 'combined_psf': psf_of(fwhm),
                            'search_zp': {'zero_point': zero_point}}
        return context
    return make


@pytest.mark.parametrize('metrics', [{}, {'fwhm': 7.0}, {'noise': 8.0}, {'zero_point': 30.0, 'scale': 1.5}])
def test_a_list_by_profile_has_the_radii_of_each_ccd(context_with, metrics):
    context = context_with(f', {PROFILE_MARK}', **metrics)
    found = veto_stars(context)
    light = ccd_light(psf_of(metrics.get('fwhm', 4.0)), context.load('combined').header, metrics.get('zero_point', 31.5))
    assert found['mag'] == pytest.approx(MAGNITUDES)
    assert found['x'] == pytest.approx([300.0, 700.0, 1100.0, 1500.0], abs=0.01)
    assert found['radius'] == pytest.approx(metrics.get('scale', 1.0) * veto_radius(MAGNITUDES, light), rel=1e-5)
    assert (np.diff(found['radius']) <= 0.0).all() and found['radius'][0] > found['radius'][-1]


def test_the_radii_of_any_other_list_count(context_with):
    assert veto_stars(context_with('', scale=0.5))['radius'] == pytest.approx(np.full(4, 20.0))
