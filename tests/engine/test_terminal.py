"""Signals, a closed output, a full disk and errors that nobody expected: the right code, one sentence, never a traceback."""
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.busy

SLEEPY = [sys.executable, str(Path(__file__).with_name('sleepy.py'))]


def start(tmp_path, *words, ignored=()) -> subprocess.Popen:
    """A sleepy stage in a process group of its own, with signals ignored as a shell leaves them to background jobs.

    The others are as on a terminal, even where this suite runs under nohup.
    """
    def ignore():
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)
    return subprocess.Popen([*SLEEPY, *map(str, words)], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, start_new_session=True, preexec_fn=ignore)


def until(run: subprocess.Popen, words: str) -> None:
    for line in run.stdout:
        if words in line:
            return
    raise AssertionError(run.stderr.read())


def ended(run: subprocess.Popen, tmp_path, quiet: bool = True) -> tuple[int, str]:
    """Exit code and stderr; nothing half-written is left, and nothing of the group runs on."""
    _, err = run.communicate(timeout=30)
    assert 'Traceback' not in err and 'Exception ignored' not in err, err
    time.sleep(0.1)
    assert not list(tmp_path.glob('.tmp*'))
    with pytest.raises(ProcessLookupError):
        for _ in range(50):
            os.killpg(run.pid, 0)
            time.sleep(0.1)
    return run.returncode, err


@pytest.mark.parametrize('number, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize('workers, whole_group', [(1, False), (2, False), (2, True)])
def test_a_signal_stops_the_command_and_its_workers(tmp_path, number, code, workers, whole_group):
    run = start(tmp_path, 'work', workers)
    until(run, 'is at 3')
    (os.killpg if whole_group else os.kill)(run.pid, number)
    returned, err = ended(run, tmp_path)
    assert returned == code and 'stopped by' in err and 'it resumes' in err


def test_sigint_stops_a_job_in_the_background_and_nohup_is_kept(tmp_path):
    run = start(tmp_path, 'work', 2, ignored=(signal.SIGINT, signal.SIGHUP))
    until(run, 'is at 3')
    os.killpg(run.pid, signal.SIGHUP)
    until(run, 'is at 6')
    os.killpg(run.pid, signal.SIGINT)
    assert ended(run, tmp_path)[0] == 130


def test_a_signal_that_a_library_turned_into_an_error_of_its_own(tmp_path):
    run = start(tmp_path, 'wrapped')
    until(run, 'is at 3')
    os.kill(run.pid, signal.SIGTERM)
    returned, err = ended(run, tmp_path)
    assert returned == 143 and 'stopped by SIGTERM' in err and 'RuntimeError' not in err


@pytest.mark.slow
def test_kills_at_random_moments_of_the_start(tmp_path):
    """While modules are loaded, the fork server starts, workers start: never a traceback, never another code."""
    moments = random.Random(5)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)) * 2:
        run = start(tmp_path, 'work', 2, ignored=(signal.SIGINT,))
        time.sleep(moments.uniform(0.6, 2.5))
        os.killpg(run.pid, number)
        returned = ended(run, tmp_path)[0]
        assert returned == code or (returned, number) == (-number, signal.SIGTERM)     # before Python had a handler


def test_a_killed_parent_leaves_no_worker_and_no_traceback(tmp_path):
    run = start(tmp_path, 'work', 2)
    until(run, 'is at 3')
    os.kill(run.pid, signal.SIGKILL)
    assert ended(run, tmp_path)[0] == -9


def test_a_killed_fork_server_harms_no_running_worker(tmp_path):
    run = start(tmp_path, 'work', 2)
    until(run, 'is at 3')
    server = [int(each.name) for each in Path('/proc').iterdir() if each.name.isdigit() and _is_server(each, run.pid)]
    os.kill(server[0], signal.SIGKILL)
    until(run, 'is at 20')
    os.kill(run.pid, signal.SIGTERM)
    assert ended(run, tmp_path)[0] == 143


def _is_server(process: Path, parent: int) -> bool:
    try:
        words, status = (process / 'cmdline').read_bytes(), (process / 'stat').read_text().rpartition(')')[2].split()
    except OSError:
        return False
    return b'forkserver' in words and int(status[1]) == parent


def test_a_reader_that_goes_away_does_not_stop_the_work(tmp_path):
    run = start(tmp_path, 'lines')
    run.stdout.readline()
    run.stdout.close()
    run.stdout = None
    assert ended(run, tmp_path)[0] == 0
    assert (tmp_path / 'end.txt').read_text() == 'reached\n'


def test_an_output_on_a_full_disk_is_said_and_the_work_goes_on(tmp_path):
    with open('/dev/full', 'w') as full:
        run = subprocess.run([*SLEEPY, 'lines'], cwd=tmp_path, text=True, stdout=full, stderr=subprocess.PIPE, check=False)
    assert run.returncode == 75 and 'No space left on device' in run.stderr
    assert (tmp_path / 'end.txt').is_file()


@pytest.mark.parametrize('what, code, words', [
    ('key', 1, ["KeyError: 'AIRMASS'", 'log: ', 'report it']), ('type', 1, ['TypeError: None', 'log: ']),
    ('memory', 1, ['MemoryError', 'fewer workers', 'log: ']), ('unicode', 1, ['UnicodeDecodeError', 'log: ']),
    ('recursion', 1, ['RecursionError', 'log: ']), ('data', 4, ['no sky']), ('input', 3, ['no file']),
    ('busy', 75, ['lock']), ('full', 75, ['/x/y', 'No space left', 'MB free']), ('limit', 75, ['/x/y', 'File too large']),
    ('readonly', 75, ['/x/y', 'Read-only']), ('absent', 3, ['/x/y', 'no such file']),
    ('denied', 3, ['/x/y', 'owner and mode']), ('long', 3, ['File name too long'])])
def test_the_last_resort_is_a_sentence_and_a_log(tmp_path, monkeypatch, capsys, what, code, words):
    from sediff import __main__ as command
    monkeypatch.setitem(command.STAGES, 'sleepy', ('sleepy', 'for tests'))
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setattr('signal.signal', lambda number, handler: None)
    assert command.main(['sleepy', what]) == code
    err = capsys.readouterr().err
    assert all(word in err for word in words) and err.count('\n') == 1 and 'Traceback' not in err, err
    logs = list(tmp_path.glob('sediff_*.log'))
    assert bool(logs) == ('log: ' in words) and all('Traceback' in log.read_text() for log in logs)
