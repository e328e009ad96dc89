"""Locks of files: held, waited for, freed by death, and not to be had at all."""
import errno
import fcntl
import multiprocessing
import os
import signal
import time

import pytest

from sediff.errors import BadInput
from sediff.formats.locks import Held, lock, patient_lock

pytestmark = pytest.mark.busy


def hold(path, seconds, ready):
    """Another process that holds a lock for some time."""
    with lock(path, 'CCD 33'):
        ready.set()
        time.sleep(seconds)


@pytest.fixture
def holder(tmp_path):
    """Function that starts a process which holds tmp_path/a.lock for some seconds."""
    context, started = multiprocessing.get_context('fork'), []

    def start(seconds):
        ready = context.Event()
        process = context.Process(target=hold, args=(tmp_path / 'a.lock', seconds, ready))
        process.start()
        started.append(process)
        assert ready.wait(20)
        return process
    yield start
    for process in started:
        process.kill()
        process.join()


def test_a_held_lock_names_its_holder_and_is_free_after_its_death(tmp_path, holder):
    process = holder(60)
    with pytest.raises(Held, match=f'by process {process.pid} on'), lock(tmp_path / 'a.lock', 'CCD 33'):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with lock(tmp_path / 'a.lock', 'CCD 33'):
        assert (tmp_path / 'a.lock').read_text().startswith(f'process {os.getpid()} on')


def test_waits_for_a_lock_with_growing_pauses(tmp_path, holder, monkeypatch):
    slept, sleep = [], time.sleep
    monkeypatch.setattr(time, 'sleep', lambda seconds: (slept.append(seconds), sleep(seconds)))
    holder(1.0)
    with patient_lock(tmp_path / 'a.lock', 'the sky', 30):
        pass
    assert 3 <= len(slept) < 12 and max(slept) > 5 * slept[0]
    holder(60)
    with pytest.raises(Held), patient_lock(tmp_path / 'a.lock', 'the sky', 0.3):
        pass


@pytest.mark.parametrize('number', [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL])
def test_a_file_system_without_locks_is_said_and_nobody_waits(tmp_path, monkeypatch, number):
    def reject(handle, operation):
        raise OSError(number, os.strerror(number))
    monkeypatch.setattr(fcntl, 'flock', reject)
    started = time.monotonic()
    with pytest.raises(BadInput, match='without locks') as caught, patient_lock(tmp_path / 'a.lock', 'CCD 33', 30):
        pass
    assert os.strerror(number) in str(caught.value) and 'another process' not in str(caught.value)
    assert time.monotonic() - started < 5


def test_a_folder_that_cannot_be_made_is_no_held_lock(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(BadInput, match='cannot write'), patient_lock(tmp_path / 'file' / 'a.lock', 'CCD 33', 30):
        pass
