"""RUNMON's lines: CCDs, the steps of the whole exposure, and products of several versions of a package."""
import io

from sediff import steps
from sediff.cli.status import status_lines
from sediff.engine.progress import Progress
from sediff.engine.provenance import package_versions, write_stamp
from sediff.repository.names import Exposure


def stamp(folder, step, seconds=1.0, **packages):
    write_stamp(folder / f'{step.label}.DONE', {'step': step.label, 'seconds': seconds, 'version': '0.1.0',
                                                'packages': package_versions() | packages})


def test_steps_of_the_whole_exposure_have_a_line_and_mixed_versions_are_told(tmp_path):
    exposure = Exposure(tmp_path, 1250064, '20230926', 'r')
    for step in steps.SE + steps.CALIBRATION:
        stamp(exposure.with_ccd(33).se_folder, step)
    for step in steps.EXPOSURE:
        stamp(exposure.with_ccd(0).se_folder, step, 2.0)
    lines = status_lines(exposure)
    assert [line.split()[0] for line in lines] == ['ccd', '33', 'all']
    assert lines[1].split()[1] == '12/12' and lines[2].split()[1:3] == ['SE13', '2.0'] and lines[2].endswith('-')
    stamp(exposure.with_ccd(34).se_folder, steps.SE[0], numpy='1.0.0')
    mixed = [line for line in status_lines(exposure) if line.startswith('mixed versions')]
    assert len(mixed) == 1 and 'of numpy: 1.0.0 (1 steps: SE01), ' in mixed[0] and '(13 steps: SE01 SE02' in mixed[0]
    failed = steps.COMMON[0].label
    write_stamp(exposure.with_ccd(0).se_folder / f'{failed}.FAIL', {'step': failed, 'reason': 'few'})
    assert any(line.startswith('all') and line.endswith('SE14_commonAstrometry: few') for line in status_lines(exposure))


def test_what_is_kept_in_spite_of_newer_code_is_said_once(monkeypatch):
    monkeypatch.setattr(Progress, 'said_pinned', False)
    texts = []
    for _ in range(2):
        stream = io.StringIO()
        progress = Progress('1 SE', 2, 12, stream)
        progress.event('1 c03', ('pinned', '', {'steps': ['SE07_scamp', 'SE10_fullcat']}))
        progress.event('1 c04', ('pinned', '', {'steps': ['SE07_scamp']}))
        progress.close()
        texts.append(stream.getvalue())
    assert texts[0].count('CODE_CHANGES=keep') == 1 and 'SE07, SE10' in texts[0] and 'CODE_CHANGES' not in texts[1]
