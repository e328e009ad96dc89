"""One bad CCD never stops the others: it is named and left out, of the tables, of difference imaging, of a template."""
import numpy as np
import pytest
from made_up_exposure import make_exposure

from sediff.engine.provenance import record_of, write_stamp
from sediff.errors import BadInput
from sediff.flow.exposure.inputs import diffimg_inputs
from sediff.flow.exposure.run import ready_for_diffimg
from sediff.flow.exposure.starcat import around, list_digest, write_star_lists
from sediff.flow.exposure.tables import write_exposure_tables
from sediff.flow.exposure.usable import failure, single_epoch_problem
from sediff.formats.corners import read_out
from sediff.formats.tables import read_csv
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.parameters.model import Parameters
from sediff.repository.inventory import take_inventory
from sediff.repository.names import product_path
from sediff.repository.table_sums import check_table
from sediff.sphere import from_vectors
from sediff.steps import CALIBRATION, SE

pytestmark = pytest.mark.busy

PARAMETERS = Parameters(declared(default_instrument()))
CCDS = (27, 28, 33)
SE_AND_CALIBRATION = {name: step for step in SE + CALIBRATION for name in step.makes}


def spoil(exposure, product, how):
    """Make a product missing or bad."""
    path = product_path(exposure, product)
    if how == 'missing':
        path.unlink()
    elif how == 'empty':
        path.write_bytes(b'')
    elif how == 'cut':
        path.write_bytes(path.read_bytes()[:path.stat().st_size // 3])
    else:
        path.write_bytes(np.random.default_rng(1).bytes(3000) if how == 'noise' else how.encode())


@pytest.mark.parametrize('product, how', [
    ('immask', 'noise'), ('immask', 'empty'), ('immask', 'missing'), ('fullcat', 'noise'), ('fullcat', 'missing'),
    ('fullcat', 'cut'), ('zero', 'empty'), ('zero', 'noise'), ('zero', 'a,b\n'), ('quality', 'empty'), ('quality', 'noise'),
    ('quality', '[1]'), ('quality', '{}'), ('quality', 'null'), ('quality', 'missing')])
def test_tables_of_the_exposure_are_made_without_a_bad_ccd(tmp_path, capsys, product, how):
    exposure = make_exposure(tmp_path, 1250064, CCDS)
    spoil(exposure.with_ccd(28), product, how)
    write_exposure_tables(exposure, CCDS, PARAMETERS)
    err = capsys.readouterr().err
    assert ('1250064 c28 left out of the tables' in err and product_path(exposure.with_ccd(28), product).name in err) or (
        f'no {product}' in err), err
    assert sorted(read_csv(product_path(exposure, 'exposure_zp'))['CCDNUM'].unique()) == [27, 33]


def test_a_text_with_another_digit_is_left_out_and_named(tmp_path, capsys):
    """By the sums in the stamp of its step; what was brought from elsewhere has no stamp and is taken as it is."""
    exposure = make_exposure(tmp_path, 1250064, CCDS)
    path, step = product_path(exposure.with_ccd(28), 'zero'), SE_AND_CALIBRATION['zero']
    stamp = exposure.with_ccd(28).se_folder / f'{step.label}.DONE'
    write_stamp(stamp, {'key': 'k', 'products': {'zero': record_of(path)}})
    write_exposure_tables(exposure, CCDS, PARAMETERS)
    assert 'left out' not in capsys.readouterr().err
    change_a_digit(path)
    write_exposure_tables(exposure, CCDS, PARAMETERS)
    assert f'1250064 c28 left out of the tables of the exposure: zero: {path} was altered' in capsys.readouterr().err
    stamp.unlink()
    write_exposure_tables(exposure, CCDS, PARAMETERS)
    assert 'left out' not in capsys.readouterr().err


@pytest.mark.parametrize('name', ['exposure_out', 'exposure_zp'])
def test_a_table_of_the_exposure_with_another_digit_is_noticed(tmp_path, monkeypatch, name):
    monkeypatch.setattr('sediff.repository.table_sums.PAUSE', 0.01)
    exposure = make_exposure(tmp_path, 1250064, CCDS)
    write_exposure_tables(exposure, CCDS, PARAMETERS)
    path = product_path(exposure, name)
    assert check_table(exposure, path) == path
    change_a_digit(path)
    with pytest.raises(BadInput, match='was altered since it was written; start single epoch of 1250064 again'):
        check_table(exposure, path)
    if name == 'exposure_out':
        with pytest.raises(BadInput, match='was altered'):
            take_inventory(exposure)
    write_exposure_tables(exposure, CCDS, PARAMETERS)
    assert check_table(exposure, path) == path


def change_a_digit(path):
    text = path.read_bytes()
    at = max(place for place in range(len(text)) if text[place:place + 1].isdigit())
    path.write_bytes(text[:at] + bytes([text[at] ^ 1]) + text[at + 1:])


def test_corners_and_catalogues_that_cannot_be_read_are_left_out(tmp_path, capsys):
    exposure = make_exposure(tmp_path, 1250064, CCDS)
    spoil(exposure.with_ccd(28), 'out', 'noise')
    spoil(exposure.with_ccd(33), 'match', 'noise')
    write_exposure_tables(exposure, CCDS, PARAMETERS)
    assert read_out(product_path(exposure, 'exposure_out'))['ccdnum'].tolist() == [27, 33]
    assert 'left out of the corners' in capsys.readouterr().err


def test_a_ccd_whose_last_run_failed_is_stale(tmp_path, capsys):
    exposure = make_exposure(tmp_path, 1250064, CCDS)
    one = exposure.with_ccd(28)
    write_stamp(one.se_folder / 'SE07_scamp.FAIL', {'step': 'SE07_scamp', 'reason': 'no stars', 'exit_code': 4})
    assert 'SE07_scamp failed (no stars)' in failure(one, SE) and 'earlier run' in single_epoch_problem(one)
    write_exposure_tables(exposure, [27, 33], PARAMETERS)
    assert '1250064 c28 left out' in capsys.readouterr().err
    assert sorted(read_csv(product_path(exposure, 'exposure_zp'))['CCDNUM'].unique()) == [27, 33]


def psf_file(exposure):
    from sediff.formats.psfex import write_psf
    from sediff.psf.model import PsfModel
    write_psf(product_path(exposure, 'psf'), PsfModel(np.full((1, 5, 5), 0.04, np.float32), 0, (0.0, 0.0), (1.0, 1.0), 1.0,
                                                      3.0, 1.0, 9, 9))


@pytest.fixture
def pair(tmp_path):
    """A calibrated search exposure and a template of it, three CCDs each."""
    made = [make_exposure(tmp_path, expnum, CCDS) for expnum in (1250064, 1250050)]
    for exposure in made:
        for ccd in CCDS:
            psf_file(exposure.with_ccd(ccd))
        write_exposure_tables(exposure, CCDS, PARAMETERS)
    (tmp_path / 'refcat').mkdir()
    return made


@pytest.mark.parametrize('product, how, words', [
    ('psf', 'noise', 'psf'), ('psf', 'missing', 'no psf'), ('fullcat', 'empty', 'fullcat'), ('immask', 'cut', 'immask'),
    ('zero_point', 'missing', 'no zero_point; run with -C'), ('zero_point', 'noise', 'zero_point'),
    ('zero_point', 'NewZP\nnan\n', 'has no zero point'), ('zero_point', 'NewZP\n-999.0\n', 'has no zero point'),
    ('out', 'noise', 'out'), ('out', 'missing', 'no out')])
def test_search_ccds_that_cannot_be_used_are_named(pair, capsys, product, how, words):
    search = pair[0]
    capsys.readouterr()
    spoil(search.with_ccd(28), product, how)
    assert ready_for_diffimg(search, CCDS) == [27, 33]
    err = capsys.readouterr().err
    assert err.count('\n') == 1 and '1250064 c28 left out of difference imaging: ' in err and words in err, err


@pytest.mark.parametrize('product, how', [('psf', 'missing'), ('immask', 'noise'), ('zero_point', 'empty'),
                                          ('fullcat', 'missing')])
def test_a_template_ccd_that_lacks_a_product_is_left_out(pair, capsys, product, how):
    search, template = pair
    more = make_exposure(search.root, 1250049, CCDS)
    for ccd in CCDS:
        psf_file(more.with_ccd(ccd))
    write_exposure_tables(more, CCDS, PARAMETERS)
    capsys.readouterr()
    spoil(template.with_ccd(28), product, how)
    found = diffimg_inputs(search.with_ccd(28), PARAMETERS, [template, more], None, None)
    assert (1250050, 28) not in [(each.exposure.expnum, each.exposure.ccd) for each in found['pairs']]
    assert 1250049 in [each.exposure.expnum for each in found['pairs']]
    assert '1250050 c28 left out of the template of 1250064 c28' in capsys.readouterr().err


def test_no_template_ccd_left_is_one_sentence(pair):
    search, template = pair
    for ccd in CCDS:
        spoil(template.with_ccd(ccd), 'psf', 'missing')
    with pytest.raises(BadInput, match='no overlapping template CCD of 1250050 can be used'):
        diffimg_inputs(search.with_ccd(28), PARAMETERS, [template], None, None)


def test_star_lists_do_without_a_template_that_cannot_be_read(pair, capsys):
    search, template = pair
    product_path(template, 'exposure_zp').write_bytes(b'')
    write_star_lists(search, PARAMETERS, [search, template], 'STARS.LIST', None)
    assert 'template 1250050 left out of the star lists' in capsys.readouterr().err
    with pytest.raises(BadInput, match='cannot read the table'):
        write_star_lists(search, PARAMETERS, [template], 'STARS.LIST', None)


def test_what_a_star_list_says_of_a_ccd_does_not_depend_on_the_other_ccds(pair):
    search, template = pair
    corners = read_out(product_path(search, 'exposure_out'))
    before = {}
    for ccds in ((28,), CCDS):
        lines = product_path(search, 'exposure_out').read_text().splitlines(keepends=True)
        rows = [line for line, row in zip(lines, corners)]
        kept = [line for line, row in zip(rows, corners) if row['ccdnum'] in ccds] or rows
        text = product_path(search, 'exposure_out').read_text()
        product_path(search, 'exposure_out').write_text(''.join(kept))
        path = write_star_lists(search, PARAMETERS, [template], 'STARS.LIST', None)[0]
        product_path(search, 'exposure_out').write_text(text)
        before[ccds] = path.read_text(), list_digest(path, search.with_ccd(28))
    assert before[28,][0] != before[CCDS][0] and before[28,][1] == before[CCDS][1]


def test_corners_are_moved_out_across_ra_0():
    corners = np.array([[359.9, -1.0], [359.9, 1.0], [0.3, -1.0], [0.3, 1.0]])
    ra, dec = from_vectors(around(corners, 0.1))
    assert ra == pytest.approx([359.8, 359.8, 0.4, 0.4], abs=1e-4) and dec == pytest.approx([-1.1, 1.1, 1.1, -1.1], abs=1e-4)
