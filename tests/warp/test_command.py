"""The warp subcommand and the reading of its inputs."""
import numpy as np
import pytest

from sediff.cli.warp import run_argv
from sediff.errors import BadInput, BadUsage
from sediff.formats.fits import read_ccd, write_images
from sediff.formats.image_source import ImageSource, load
from sediff.warp.noise import sky_noise, variance_from


@pytest.fixture
def image_file(tmp_path, header, star):
    rng = np.random.default_rng(4)
    pixels = rng.poisson((200 + star(80, 110)) * 4).astype(np.float32) / 4
    head = header()
    head['GAIN'], head['SATURATE'] = 4.0, 520.0
    write_images(tmp_path / 'in.fits', [('SCI', pixels, head)])
    write_images(tmp_path / 'like.fits', [('SCI', np.zeros((150, 160), np.float32), header((70.5, 80.2)))])
    return tmp_path / 'in.fits'


def test_command_writes_three_planes(image_file, tmp_path):
    out = tmp_path / 'out.fits'
    assert run_argv([str(image_file), '-o', str(out), '--like', str(tmp_path / 'like.fits')]) == 0
    ccd = read_ccd(out)
    assert ccd.shape == (150, 160)
    assert np.median(ccd.image[ccd.weight > 0]) == pytest.approx(200, rel=0.01)


def test_variance_is_measured(image_file):
    ccd = load(ImageSource(str(image_file)))
    assert 1 / np.median(ccd.weight[ccd.weight > 0]) == pytest.approx(50, rel=0.06)
    assert (ccd.weight[ccd.image >= 520] == 0).all() and (ccd.image >= 520).any()


def test_measured_noise_is_that_of_the_photons():
    pixels = np.random.default_rng(5).poisson(800, (256, 256)).astype(np.float32) / 4
    bad = np.zeros(pixels.shape, bool)
    measured = variance_from(pixels, bad, sky_noise(pixels, bad), 4.0)
    assert np.median(measured) / np.median(pixels / 4.0) == pytest.approx(1.0, abs=0.1)


def test_wrong_input(image_file, tmp_path):
    with pytest.raises(BadInput, match='no such file'):
        load(ImageSource(str(tmp_path / 'none.fits')))
    with pytest.raises(BadUsage, match='shape'):
        load(ImageSource(str(image_file), mask=str(tmp_path / 'like.fits')))
    with pytest.raises(BadUsage, match='GAIN'):
        load(ImageSource(str(tmp_path / 'like.fits')))
    with pytest.raises(BadUsage, match='gain'):
        load(ImageSource(str(image_file), gain=-1.0))
    with pytest.raises(BadInput):
        run_argv([str(image_file), '-o', str(tmp_path / 'x.fits'), '--like', str(tmp_path / 'none.fits')])
    assert not (tmp_path / 'x.fits').exists()
