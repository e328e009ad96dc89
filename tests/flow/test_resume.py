"""What is redone after a change, an interruption, a lost product; and that two runs do not meddle with each other."""
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest

from .conftest import EXPNUM, NITE, SCRIPTS, Night, done


def steps_run(result) -> list[str]:
    return re.findall(r'c33 (\w+?\d\d)_\S+ done', result.stderr)


def test_a_changed_cut_redoes_the_steps_below_it_and_remakes_what_they_need(copy):
    ran = steps_run(done(copy.sediff('-P', 'MAXA=1.4')))
    assert not [step for step in ran if step.startswith('SE')]
    assert {'RUN22', 'RUN23', 'RUN24', 'RUN25', 'RUN26', 'RUN27'} <= set(ran)
    assert not {'RUN02', 'RUN19', 'RUN20', 'RUN21', 'RUN28'} & set(ran)


def test_with_intermediates_kept_exactly_the_steps_below_run(copy):
    done(copy.sediff('-F', '-O'))
    ran = set(steps_run(done(copy.sediff('-F', '-P', 'MAXA=1.4'))))
    assert ran == {'RUN22', 'RUN23', 'RUN24', 'RUN25', 'RUN26', 'RUN27'}


def test_a_lost_product_is_made_again_the_same(copy):
    path = copy.folder / f'D{EXPNUM:08d}_r_33_r4p7_fullcat.fits'
    before = path.read_bytes()
    path.unlink()
    assert 'SE10' in steps_run(done(copy.sediff('-t')))
    assert path.read_bytes() == before


WORDS = ['-E', str(EXPNUM), '-n', NITE, '-b', 'r', '-r', '4', '-p', '7', '-S', 'dp33', '-c', '33', '-C', '-t', '--verbose']


def start(copy: Night, *words, ignored: bool = False) -> subprocess.Popen:
    """SEdiff.sh of single epoch in a group of its own; SIGINT as a shell gives it, or ignored as to background jobs."""
    def sigint():
        signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.SIG_DFL)
    return subprocess.Popen([str(SCRIPTS / 'SEdiff.sh'), *WORDS, *words], cwd=copy.root, env=copy.environment(), text=True,
                            stderr=subprocess.PIPE, start_new_session=True, preexec_fn=sigint)


@pytest.mark.parametrize('number, code, ignored', [(signal.SIGINT, 130, False), (signal.SIGINT, 130, True),
                                                   (signal.SIGTERM, 143, False)])
def test_a_stop_in_the_middle_leaves_nothing_half_written_and_goes_on(copy, number, code, ignored):
    shutil.rmtree(copy.folder / 'se_33')
    run = start(copy, '-O', ignored=ignored)
    for line in run.stderr:
        if 'SE05_cosmicray done' in line:
            break
    os.killpg(run.pid, number)
    assert run.wait(60) == code
    assert 'Traceback' not in run.stderr.read()
    time.sleep(1)
    assert not list(copy.root.rglob('.tmp*'))
    assert (copy.folder / 'se_33' / 'SE06_sextractor.DONE').exists() is False
    assert 'SE10' in steps_run(done(copy.sediff('-t')))


@pytest.mark.slow
def test_kills_at_random_moments_end_in_the_same_products(copy):
    """Twenty kills of single epoch, started again each time; then what it leaves is the same, byte for byte."""
    watched = sorted(path for path in copy.folder.glob('*_33_r4p7*') if path.suffix in ('.fits', '.psf', '.csv', '.head'))
    before = {path.name: path.read_bytes() for path in watched}
    for path in copy.folder.glob('*_33*'):
        path.unlink() if path.is_file() else shutil.rmtree(path)
    shutil.rmtree(copy.folder / 'se_33', ignore_errors=True)
    moments = random.Random(7)
    for _ in range(20):
        run = start(copy, ignored=moments.random() < 0.5)
        time.sleep(moments.uniform(0.2, 5.0))
        number = moments.choice([signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
        os.killpg(run.pid, number)
        text = run.communicate(timeout=60)[1]
        assert run.returncode in (0, -number, 128 + number) and 'Traceback' not in text, text
    done(copy.sediff('-t'))
    assert not list(copy.folder.rglob('.tmp*'))
    assert {path.name: path.read_bytes() for path in watched} == before


def test_what_a_killed_worker_left_is_cleared_away(copy):
    leftover = copy.folder / f'.tmp99_D{EXPNUM:08d}_r_33_r4p7_immask.fits.fz'
    leftover.write_text('half')
    done(copy.sediff('-t'))
    assert not leftover.exists()


def test_a_second_process_on_the_same_ccd_is_told_to_try_again(copy):
    lock = copy.folder / 'locks' / f'{EXPNUM}_33.lock'
    holder = subprocess.Popen(['flock', str(lock), 'sleep', '60'])
    try:
        time.sleep(0.5)
        result = copy.sediff('-t')
    finally:
        holder.kill()
    assert result.returncode == 75 and 'is being processed by' in result.stderr
