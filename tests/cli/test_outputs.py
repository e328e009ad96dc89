"""Outputs never take the place of an input or of one another."""
import numpy as np
import pytest
from astropy.io import fits

from sediff.__main__ import main


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Two small images and a link to the first, in the current folder; their bytes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('signal.signal', lambda number, handler: None)
    for name in ('s.fits', 't.fits'):
        fits.writeto(name, np.random.default_rng(1).normal(100.0, 5.0, (64, 64)).astype(np.float32))
    (tmp_path / 'link.fits').symlink_to('s.fits')
    return lambda: [(tmp_path / name).read_bytes() for name in ('s.fits', 't.fits')]


@pytest.mark.parametrize('words, said', [
    ('subtract s.fits t.fits --gain 4 -o s.fits', 's.fits would be written over the input s.fits'),
    ('subtract s.fits t.fits --gain 4 -o d.fits --noise ./t.fits', 'over the input t.fits'),
    ('subtract s.fits[0] t.fits --gain 4 -o link.fits', 'over the input s.fits[0]'),
    ('subtract s.fits t.fits --gain 4 -o d.fits --mask d.fits', 'written twice'),
    ('subtract -inim s.fits -tmplim t.fits -outim t.fits', 'over the input t.fits'),
    ('warp s.fits --like t.fits --gain 4 -o t.fits', 'over the input t.fits'),
    ('warp s.fits --like t.fits --gain 4 -o link.fits', 'over the input s.fits'),
])
def test_an_output_that_is_an_input_is_rejected(images, capsys, words, said):
    before = images()
    assert main(words.split()) == 2
    assert said in capsys.readouterr().err
    assert images() == before


def test_an_output_of_its_own_goes_on(images, capsys):
    """What stops it then is the image without stars."""
    assert main('subtract s.fits t.fits --gain 4 -o d.fits'.split()) != 2
    assert 'over the input' not in capsys.readouterr().err
