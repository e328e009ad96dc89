"""The examples of the documentation run, and print what their pages show."""
import pytest
from tests.docs.pages import REPOSITORY, differences, run


@pytest.fixture(scope='module')
def notebook():
    """Outputs and variables of docs/notebooks.md."""
    return run(REPOSITORY / 'docs' / 'notebooks.md')


def test_examples_print_what_the_page_shows(notebook):
    outputs, _ = notebook
    assert [what for printed, shown in outputs for what in differences(printed, shown)] == []
    assert sum(bool(shown) for _, shown in outputs) == 6


def test_examples_find_what_was_painted(notebook):
    v = notebook[1]
    x, y, flux = v['new']
    best = v['found'][0]
    assert abs(best['X_IMAGE'] - 1 - x) < 4 * best['ERRX_IMAGE'] and abs(best['Y_IMAGE'] - 1 - y) < 4 * best['ERRY_IMAGE']
    assert abs(v['forced']['FLUX'][0] - flux) < 4 * v['forced']['FLUXERR'][0]
    assert v['result'].kernel_sum == pytest.approx(v['SCALE'], abs=0.006)


@pytest.mark.parametrize(('printed', 'shown', 'fine'), [
    ('flux 4851 +- 309', 'flux 4862 +- 309', True), ('flux 4851 +- 309', 'flux 5400 +- 309', False),
    ('rms 0.03', 'rms 0.04', True), ('rms 0.03', 'rms 0.06', False), ('found 2', 'lost 2', False), ('', 'found 2', False)])
def test_a_page_that_shows_something_else_is_told(printed, shown, fine):
    assert (list(differences(printed, shown)) == []) == fine
