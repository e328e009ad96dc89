"""`sediff classify`: stamps scored, scores judged, and a model of one's own, from labels and from votes."""
import json

import numpy as np
import pandas as pd
import pytest

from sediff.__main__ import main
from sediff.candidates.examples import scene_examples
from sediff.candidates.scenes import simulate_scene
from sediff.candidates.scoremodel import read_score_model
from sediff.candidates.texttable import table_text
from sediff.detect import detect_on_score, score_image
from sediff.detect.stamps import cut_triplet
from sediff.formats.stamp_archive import write_stamp_archive

pytestmark = pytest.mark.busy

COUNTS = {'nucleus': 0, 'asteroid': 0, 'streak': 0, 'ghost': 0, 'variable': 0, 'bleed': 0, 'edge': 0, 'hot_pixel': 0,
          'star': 1, 'transient': 34, 'cosmic_ray': 26, 'dipole': 6}


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """stamps.tar.gz of a scene, labels of them, votes on candidates 1000 + OBJID, and the table that joins them."""
    path = tmp_path_factory.mktemp('classify')
    scene = simulate_scene(11, (520, 520), counts=COUNTS)
    _, kinds, _ = scene_examples(scene)
    scored = score_image(scene.difference, scene.variance, scene.bad, scene.psf_at)
    found = detect_on_score(scored, scene.difference, scene.variance, scene.bad, scene.psf_at)
    use = np.nonzero(kinds != 'blend')[0]
    planes = scene.template, scene.search, np.where(scene.bad, np.nan, scene.difference)
    write_stamp_archive(path / 'stamps.tar.gz', {int(found['NUMBER'][k]): cut_triplet(
        *planes, found['X_IMAGE'][k] - 1, found['Y_IMAGE'][k] - 1) for k in use})
    numbers, words = found['NUMBER'][use], np.where(kinds[use] == 'transient', 'real', 'bogus')
    (path / 'labels.csv').write_text('stamps,objid,label\n' + ''.join(
        f'stamps.tar.gz,{number},{word}\n' for number, word in zip(numbers, words)))
    (path / 'votes.csv').write_text('candidate,vote,comment,time,season,exposure\n' + ''.join(
        f'{1000 + number},{word},,2026-01-01T00:00:00Z,33,668443\n' for number, word in zip(numbers, words)))
    (path / 'r_33_makeCand.out').write_text(table_text({'OBJID': numbers, 'diaObjectId': 1000 + numbers}))
    return path


def test_apply_and_evaluate(folder, capsys):
    assert main(['classify', 'apply', f'{folder}/stamps.tar.gz', '--out', f'{folder}/scores.csv']) == 0
    scores, labels = (pd.read_csv(folder / name) for name in ('scores.csv', 'labels.csv'))
    assert list(scores) == ['stamps', 'objid', 'score', 'class', 'probability']
    assert scores['objid'].tolist() == sorted(labels['objid'])
    capsys.readouterr()
    assert main(['classify', 'evaluate', f'{folder}/labels.csv', f'{folder}/stamps.tar.gz']) == 0
    out = capsys.readouterr().out
    both = scores.merge(labels, on='objid').dropna()
    real = both['label'] == 'real'
    assert f'{len(both)} examples, {real.sum()} real' in out
    assert f'completeness {(both["score"] >= 0.3)[real].mean():.4f}' in out
    assert (both['score'] >= 0.3)[real].mean() > 0.85 and (both['score'] < 0.3)[~real].mean() > 0.85


def test_a_model_of_one_s_own(folder, capsys):
    stamps = f'{folder}/stamps.tar.gz'
    for name, labels in (('own', 'labels'), ('again', 'votes')):
        assert main(['classify', 'train', f'{folder}/{labels}.csv', stamps, '--out', f'{folder}/{name}.npz']) == 0
    assert (folder / 'own.npz').read_bytes() == (folder / 'again.npz').read_bytes()
    card = json.loads((folder / 'own.json').read_text())
    assert card['version'] == read_score_model(folder / 'own.npz').version == 'own' and card['real'] > 20
    capsys.readouterr()
    assert main(['classify', 'evaluate', f'{folder}/labels.csv', stamps, '--model', f'{folder}/own.npz']) == 0
    area = float(capsys.readouterr().out.split('ROC area ')[1].split(';')[0])
    assert area > 0.95


def test_simulated_scenes(capsys):
    assert main(['classify', 'evaluate', '--simulated', 'own', '--scenes', '1']) == 0
    out = capsys.readouterr().out
    assert 'macro recall' in out and 'dipole' in out


@pytest.mark.parametrize('words, code, said', [
    (['apply'], 2, 'STAMPS'), (['apply', 'none.tar.gz'], 3, 'no stamps none.tar.gz'),
    (['evaluate'], 2, 'STAMPS'), (['train', '--out', 'model.csv', 'a', 'b'], 2, '.npz'),
    (['train', '--out', 'model.npz'], 2, 'LABELS'), (['evaluate', '--simulated', 'own', '--scenes', '0'], 2, '--scenes'),
    (['apply', '--fwhm', '0.1', 'x'], 2, '--fwhm')])
def test_bad_calls(words, code, said, capsys):
    assert main(['classify', *words]) == code
    assert said in capsys.readouterr().err


@pytest.mark.parametrize('content, said', [
    ('stamps,objid,label\nstamps.tar.gz,1,maybe\n', 'line 2'), ('a,b\n1,2\n', 'neither labels'),
    ('stamps,objid,label\nother.tar.gz,1,real\n', 'no label of any'), (None, 'cannot read')])
def test_bad_labels(folder, tmp_path, content, said, capsys):
    if content is not None:
        (tmp_path / 'labels.csv').write_text(content)
    assert main(['classify', 'evaluate', str(tmp_path / 'labels.csv'), f'{folder}/stamps.tar.gz']) == 3
    assert said in capsys.readouterr().err


def test_votes_need_the_table_of_candidates(folder, tmp_path, capsys):
    (tmp_path / 'stamps.tar.gz').write_bytes((folder / 'stamps.tar.gz').read_bytes())
    assert main(['classify', 'evaluate', f'{folder}/votes.csv', f'{tmp_path}/stamps.tar.gz']) == 3
    assert 'makeCand.out' in capsys.readouterr().err


def test_too_few_labels(folder, tmp_path, capsys):
    lines = (folder / 'labels.csv').read_text().splitlines()[:12]
    (tmp_path / 'few.csv').write_text('\n'.join(lines) + '\n')
    assert main(['classify', 'train', f'{tmp_path}/few.csv', f'{folder}/stamps.tar.gz', '--out', f'{tmp_path}/m.npz']) == 4
    assert 'training needs 20 of each' in capsys.readouterr().err
