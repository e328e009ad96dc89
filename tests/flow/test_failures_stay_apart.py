"""A CCD that fails and comes later changes nothing for the others.

On a made-up night whose steps leave empty files the real drivers decide what runs.
"""
import shutil
from dataclasses import replace

import numpy as np
import pytest
from made_up_exposure import CLEAR, EXPOSURE, header_of, make_ccd, make_exposure

from sediff.cli import drivers
from sediff.engine.provenance import write_stamp
from sediff.errors import Temporary
from sediff.flow.exposure.run import Options
from sediff.flow.exposure.starcat import list_digest
from sediff.flow.exposure.tables import write_exposure_tables
from sediff.flow.exposure.verify import templates_of_ccds
from sediff.flow.single_epoch.stars import read_assoc
from sediff.formats.atomic import write_text
from sediff.formats.psfex import write_psf
from sediff.formats.tables import read_csv
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.parameters.model import Parameters
from sediff.psf.model import PsfModel
from sediff.refcat.lookup import write_shards
from sediff.refcat.stars import empty_stars
from sediff.repository.names import PRODUCTS, product_path
from sediff.repository.repository import Repository
from sediff.steps import DIFFIMG, Step
from sediff.wcs.read import pixel_to_sky, read_wcs

pytestmark = pytest.mark.busy

SEARCH, TEMPLATES, FAILS, GOES_ON = 1250100, (1250064, 1250065), 34, (27, 28, 33)
ALL = [step.id for step in DIFFIMG]
NOTHING = {ccd: [] for ccd in GOES_ON}


def psf_file(exposure, fwhm=4.0):
    j, i = np.mgrid[-12:13, -12:13]
    stamp = np.exp(-0.5 * (i**2 + j**2) * (2.3548 / fwhm) ** 2)
    write_psf(product_path(exposure, 'psf'), PsfModel((stamp / stamp.sum())[None].astype(np.float32), 0, (0.0, 0.0),
                                                      (1.0, 1.0), 1.0, fwhm, 1.0, 9, 9))


def add_ccd(exposure, fwhm=1.0, **options):
    make_ccd(exposure, fwhm=fwhm, **options)
    psf_file(exposure, 4.0 * fwhm)


def shards(folder):
    """Stars of 10 to 20 on all CCDs."""
    rng, parts = np.random.default_rng(3), []
    for ccd in (*GOES_ON, FAILS):
        stars = empty_stars(200)
        stars['source_id'] = 1000 * ccd + np.arange(200)
        wcs = read_wcs(header_of(replace(EXPOSURE, ccd=ccd)))
        stars['ra'], stars['dec'] = pixel_to_sky(wcs, rng.uniform(-80, 2127, 200), rng.uniform(-80, 4175, 200))
        stars['phot_g_mean_mag'], stars['ref_epoch'] = rng.uniform(10.0, 20.0, 200), 2016.0
        parts.append(stars)
    write_shards(folder, np.concatenate(parts))


@pytest.fixture
def parameters():
    found = Parameters(declared(default_instrument()))
    found.set('STAR_MAX_MAGERR', '0.5', 'test')
    return found


class Night:
    """The search exposure, and which steps of which CCD have run."""

    def __init__(self, search, parameters):
        self.search, self.parameters, self.ran = search, parameters, []

    def tables(self):
        have = [ccd for ccd in (*GOES_ON, FAILS) if product_path(self.search.with_ccd(ccd), 'zero').is_file()]
        write_exposure_tables(self.search, have, self.parameters)

    def run(self, *ccds):
        """Difference imaging; steps that ran, by CCD."""
        self.ran.clear()
        options = Options(ccds or (*GOES_ON, FAILS), 1, snstar='SNSTAR.LIST', snveto='SNVETO.LIST')
        self.code = drivers._difference(self.search, self.parameters, options)
        return {ccd: [step for one, step in self.ran if one == ccd] for ccd in options.ccds}


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    """A search exposure with three CCDs, and two templates that have CCD 34 too."""
    root, parameters = tmp_path_factory.mktemp('night'), Parameters(declared(default_instrument()))
    search = make_exposure(root, SEARCH, ())
    for number, one in enumerate(map(search.with_ccd, GOES_ON)):
        add_ccd(one, fwhm=1.0 + 0.1 * number, zero_point=CLEAR + 0.01 * number)
    for expnum in TEMPLATES:
        template = make_exposure(root, expnum, ())
        for one in map(template.with_ccd, (*GOES_ON, FAILS)):
            add_ccd(one)
        write_exposure_tables(template, (*GOES_ON, FAILS), parameters)
    (search.folder / 'WS_diff.list').write_text(f'3 r {SEARCH} {TEMPLATES[0]} {TEMPLATES[1]}\n')
    paths = ' '.join(str(product_path(replace(search, expnum=expnum), 'exposure_out')) for expnum in (SEARCH, *TEMPLATES))
    (search.folder / f'copy_pairs_for_{SEARCH}.sh').write_text(f'cp -p -- {paths} $TOPDIR_WSTEMPLATES/pairs/\n')
    shards(root / parameters['REFCAT_DIR'])
    return search


@pytest.fixture
def night(written, tmp_path, parameters, monkeypatch):
    """A copy of it for one test."""
    shutil.copytree(written.root, tmp_path, dirs_exist_ok=True)
    search = replace(written, root=tmp_path)
    made = Night(search, parameters)

    whole = Step.load

    def load(step):
        if not step.id.startswith('RUN'):
            return whole(step)

        def function(context):
            made.ran.append((context.exposure.ccd, step.id))
            for name in step.makes:
                write_text(context.path(name), f'{name}\n') if PRODUCTS[name].keep else context._memory.update({name: 1})
        return function

    monkeypatch.setattr(Step, 'load', load)
    monkeypatch.setattr('sediff.report.exposure_page.write_page', lambda *arguments, **options: 'page')
    monkeypatch.setattr('sediff.report.quality_picture.picture', lambda report, instrument: b'')
    made.tables()
    return made


def fails(exposure):
    """A transient failure of single epoch: a stamp, and no products."""
    write_stamp(exposure.se_folder / 'SE07_scamp.FAIL', {'step': 'SE07_scamp', 'reason': 'disk full',
                                                         'exit_code': Temporary.exit_code})


def comes(exposure, **options):
    (exposure.se_folder / 'SE07_scamp.FAIL').unlink()
    add_ccd(exposure, **options)


@pytest.mark.parametrize('seeing, zero_point', [(1.0, CLEAR), (0.5, CLEAR - 0.1), (2.0, CLEAR + 0.05), (1.3, None)])
def test_a_ccd_that_comes_later_redoes_no_step_of_another(night, capsys, seeing, zero_point):
    late = night.search.with_ccd(FAILS)
    fails(late)
    assert night.run() == {**dict.fromkeys(GOES_ON, ALL), FAILS: []} and night.code == 3
    assert f'{SEARCH} c34 left out of difference imaging' in capsys.readouterr().err
    before = Repository.of(night.search).star_list(night.search, 'SNVETO.LIST').read_text()
    comes(late, fwhm=seeing, zero_point=zero_point)
    night.tables()
    assert night.run() == {**NOTHING, FAILS: ALL} and night.code == 0
    listed = Repository.of(night.search).star_list(night.search, 'SNVETO.LIST').read_text()
    assert len(listed.splitlines()) > len(before.splitlines()) + 50
    assert not any(night.run().values())


def test_the_radii_of_the_list_are_shown_and_do_not_count(night):
    night.run()
    path = Repository.of(night.search).star_list(night.search, 'SNVETO.LIST')
    one, before = night.search.with_ccd(28), np.loadtxt(path)
    hashed = list_digest(path, one)
    add_ccd(night.search.with_ccd(27), fwhm=3.0)
    add_ccd(night.search.with_ccd(33), fwhm=3.0)
    night.tables()
    night.run(28)
    after = np.loadtxt(path)
    assert (before[:, 5] > 4.0 - 1e-6).all() and np.median(after[:, 5] / before[:, 5]) > 1.5
    assert list_digest(path, one) == hashed and 'RADIUS' not in read_assoc(path)


def test_radii_of_a_list_made_by_hand_count(night):
    night.parameters.set('VETO_RADIUS', '20', 'test')
    night.run()
    path = Repository.of(night.search).star_list(night.search, 'SNVETO.LIST')
    one, hashed = night.search.with_ccd(28), list_digest(path, night.search.with_ccd(28))
    assert read_assoc(path)['RADIUS'].max() > 20.0
    rows = path.read_text().splitlines()
    path.write_text('\n'.join([line if line[0] == '#' else line.replace('\t6', '\t7') for line in rows]) + '\n')
    assert list_digest(path, one) != hashed
    words = [line.split('\t') for line in rows if line[0] != '#']
    path.write_text('\n'.join([*rows[:4], *('\t'.join([*row[:5], '50.0', row[6]]) for row in words)]) + '\n')
    assert list_digest(path, one) != hashed and (read_assoc(path)['RADIUS'] == 50.0).all()


def test_flags_that_compare_ccds_are_no_reason_to_run_again(night):
    """Two more CCDs of another zero point: all of the exposure's flags turn to -9999."""
    fails(night.search.with_ccd(FAILS))
    add_ccd(night.search.with_ccd(10))
    night.tables()
    assert night.run(*GOES_ON) == dict.fromkeys(GOES_ON, ALL)
    comes(night.search.with_ccd(FAILS), zero_point=CLEAR - 0.5)
    add_ccd(night.search.with_ccd(35), zero_point=CLEAR - 0.5)
    night.tables()
    flags = read_csv(product_path(night.search.with_ccd(28), 'zero_point'))['NewZPFlag']
    assert flags.tolist() == [-9999]
    assert night.run(*GOES_ON) == NOTHING


def test_only_a_lent_zero_point_changes_with_the_ccds_it_comes_from(night):
    """CCD 27 has too few stars of its own: a CCD more changes what is lent to it, and only its steps run again."""
    add_ccd(night.search.with_ccd(27), zero_point=None)
    night.tables()
    fails(night.search.with_ccd(FAILS))
    night.run()
    comes(night.search.with_ccd(FAILS), zero_point=CLEAR - 0.01)
    night.tables()
    ran = night.run()
    assert ran[28] == ran[33] == [] and {'RUN02', 'RUN03', 'RUN18', 'RUN22'} <= set(ran[27])


def test_a_template_is_judged_for_each_ccd_alone(night, capsys):
    """The template CCD below the one that failed is missing: the others have that template before and after."""
    fails(night.search.with_ccd(FAILS))
    product_path(replace(night.search, expnum=TEMPLATES[0]).with_ccd(FAILS), 'psf').unlink()
    assert night.run() == {**dict.fromkeys(GOES_ON, ALL), FAILS: []}
    comes(night.search.with_ccd(FAILS))
    night.tables()
    capsys.readouterr()
    assert night.run() == {**NOTHING, FAILS: ALL}
    said = capsys.readouterr().err
    assert f'{SEARCH}: template {TEMPLATES[0]} dropped: no psf of CCD 34 (for CCD 34)' in said
    found, listed = templates_of_ccds(night.search, night.parameters, (28, FAILS))
    assert {ccd: [one.expnum for one in mine] for ccd, mine in found.items()} == {28: [*TEMPLATES], FAILS: [TEMPLATES[1]]}
    assert [one.expnum for one in listed] == [*TEMPLATES]


def test_a_ccd_without_reference_stars_leaves_those_of_the_others(night, capsys):
    """Its own image has no date: the stars around it are missing from the list, those around the others are not."""
    night.run()
    path = Repository.of(night.search).star_list(night.search, 'SNVETO.LIST')
    hashed = {ccd: list_digest(path, night.search.with_ccd(ccd)) for ccd in (28, 33)}
    product_path(night.search.with_ccd(27), 'immask').write_bytes(b'')
    capsys.readouterr()
    assert night.run() == {**NOTHING, FAILS: []}
    assert 'stars around CCD 27 are missing from the SNVETO list' in capsys.readouterr().err
    assert hashed == {ccd: list_digest(path, night.search.with_ccd(ccd)) for ccd in (28, 33)}
