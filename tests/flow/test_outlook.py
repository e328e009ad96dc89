"""What a plan sees of the single epoch of its exposures: calibrations that are missing or too old, and raw cards."""
import pytest

from sediff.flow.exposure import outlook as module
from sediff.flow.exposure.outlook import outlook
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.parameters.model import Parameters
from sediff.repository.names import Exposure, calib_path

HERE = (197.45, -23.38)


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """`seen(ccds, {kind: (night, ccds)}, NAME=value ...)`: the outlook of an i exposure of 2017-08-17 with good cards."""
    monkeypatch.setattr(module, '_cards', lambda exposure, pointing: [])

    def look(ccds, nights, **values):
        parameters = Parameters(declared(default_instrument()))
        for name, value in values.items():
            parameters.set(name, value, 'test')
        for kind, (night, there) in nights.items():
            for ccd in there:
                path = calib_path(tmp_path, kind, night, ccd, 'i' if kind == 'norm-dflatcor' else None)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        return outlook(Exposure(tmp_path, 668443, '20170817', 'i'), ccds, HERE, parameters)
    return look


def night(day, ccds=(1, 3, 4)):
    return dict.fromkeys(('biascor', 'norm-dflatcor', 'bpm'), (day, ccds))


def test_all_there(seen):
    found = seen((1, 3, 4), night('20170815'))
    assert not found.text() and not found.lacking
    assert found.used[0] == 'bias D_n20170815_c##_biascor.fits (2 d) CCD 1,3-4'


def test_too_old_says_what_to_build_and_what_to_raise(seen):
    found = seen((1, 3, 4), night('20171117'), MAX_CALIB_DAYS='30')
    assert found.lacking == {1, 3, 4}
    for word in ('CCD 1,3-4: biascor, norm-dflatcor, bpm: the nearest is 92 d away', 'build from a night near 20170817',
                 'build-bias, build-dflat --band i, build-bpm --band i', 'raise MAX_CALIB_DAYS to 92'):
        assert word in found.text()
    assert not seen((1, 3, 4), {}, MAX_CALIB_DAYS='92').text()


def test_calibrations_of_another_epoch_only(seen):
    found = seen((1,), night('20170517', (1,)), MAX_CALIB_DAYS='9999')
    assert 'its epoch; build from a night near 20170817' in found.text() and 'CALIB_EPOCHS' in found.text()


def test_missing_of_some_ccds_names_those(seen):
    found = seen((1, 3, 4), night('20170815', (1, 4)))
    assert found.lacking == {3} and found.text().startswith('CCD 3: biascor, norm-dflatcor, bpm: none; build')


def test_a_users_own_file_that_is_not_there(seen):
    found = seen((1,), night('20170815'), FLAT_FILE='mine_{ccd:02d}.fits')
    assert 'FLAT_FILE names' in found.text() and 'mine_01.fits' in found.text()


def test_a_users_own_bad_pixels_do_without_a_built_mask(seen, tmp_path):
    (tmp_path / 'bad.csv').write_text('x,y\n')
    nights = {kind: value for kind, value in night('20170815').items() if kind != 'bpm'}
    assert not seen((1,), nights, BPM_FILE='bad.csv').text()


def test_dead_ccds_and_other_inputs_need_nothing(seen):
    assert not seen((61,), {}).text()
    assert not seen((1,), {}, INPUT='community').text()


def test_raw_files_that_are_not_there_or_say_otherwise(tmp_path):
    found = outlook(Exposure(tmp_path, 668443, '20170817', 'i'), (), HERE, Parameters(declared(default_instrument())))
    assert 'no such file' in found.problems[0] and 'DECam_00668443.fits.fz' in found.text()
