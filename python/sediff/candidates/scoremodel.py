"""The trained score model: read from and written to one file of plain arrays (npz)."""
from __future__ import annotations

import os
import zipfile
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from sediff.candidates.features import NAMES
from sediff.candidates.score import ScoreModel
from sediff.candidates.trees import Trees
from sediff.errors import BadInput
from sediff.formats.atomic import atomic_path

_WORDS = ('features', 'names', 'version')
_NUMBERS = ('scale', 'offset', 'seed')
_LARGEST = 100_000_000


def write_score_model(path: str | os.PathLike, model: ScoreModel) -> None:
    """Write a model, its arrays stored as they are and without times, so that the same model has the same bytes."""
    words = {'features': NAMES, 'names': model.names, 'version': (model.version,)}
    arrays = {name: np.frombuffer('\n'.join(texts).encode(), np.uint8) for name, texts in words.items()}
    arrays |= {name: np.array([getattr(model, name)], np.int64 if name == 'seed' else np.float64) for name in _NUMBERS}
    arrays |= {f'{part}_{name}': values for part in ('real', 'classes')
               for name, values in asdict(getattr(model, part)).items()}
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, 'w', zipfile.ZIP_STORED) as archive:
        for name, values in arrays.items():
            with archive.open(zipfile.ZipInfo(f'{name}.npy'), 'w') as file:
                np.lib.format.write_array(file, np.ascontiguousarray(values), (1, 0), allow_pickle=False)


def read_score_model(path: str | os.PathLike) -> ScoreModel:
    """The score model of a file, such as an instrument's autoscan.npz.

    Raises
    ------
    BadInput
        The file is missing, damaged, or does not fit the features.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise BadInput(f'{path} is larger than {_LARGEST / 1e6:.0f} MB: no score model')
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise BadInput(f'no score model {path}; give one or train it (sediff classify train)') from error
    except (OSError, ValueError, EOFError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        raise BadInput(f'{path} is no score model ({error}); train it again (sediff classify train)') from error
    return _model(arrays, path)


def _model(arrays: dict[str, np.ndarray], path: Path) -> ScoreModel:
    wanted = {*_WORDS, *_NUMBERS, *(f'{part}_{field.name}' for part in ('real', 'classes') for field in fields(Trees))}
    if set(arrays) != wanted:
        raise BadInput(f'{path} is no score model of this version (differs in {", ".join(sorted(set(arrays) ^ wanted))}); '
                       'train it again (sediff classify train)')
    features, names, version = (tuple(arrays[name].astype(np.uint8).tobytes().decode('utf-8', 'replace').split('\n'))
                                for name in _WORDS)
    if features != NAMES:
        raise BadInput(f'{path} does not fit the features of this version (differs in '
                       f'{", ".join(sorted(set(features) ^ set(NAMES))) or "their order"}); train it again')
    real, classes = (_trees({field.name: arrays[f'{part}_{field.name}'] for field in fields(Trees)}, width, path)
                     for part, width in (('real', 1), ('classes', len(names))))
    scale, offset, seed = (arrays[name].ravel()[:1].astype(float).tolist() for name in _NUMBERS)
    if not (scale and offset and seed and np.isfinite([*scale, *offset, *seed]).all()):
        raise BadInput(f'{path} is damaged: {", ".join(_NUMBERS)} must be numbers; take a whole copy or train it again')
    return ScoreModel(real, scale[0], offset[0], classes, names, version[0], int(seed[0]))


def _trees(arrays: dict[str, np.ndarray], width: int, path: Path) -> Trees:
    """Trees whose arrays fit each other, so that no walk leaves them or goes in circles."""
    trees = Trees(arrays['feature'].astype(np.int16), arrays['threshold'].astype(np.float32),
                  arrays['left'].astype(np.int32), arrays['value'].astype(np.float32), arrays['root'].astype(np.int32),
                  arrays['start'].astype(np.float32))
    count, inner = len(trees.feature), trees.feature >= 0
    fits = (trees.threshold.shape == trees.left.shape == (count,) and trees.value.shape == (count, width)
            and trees.start.shape == (width,) and count > 0 and bool((trees.feature < len(NAMES)).all())
            and bool((trees.left[inner] > np.nonzero(inner)[0]).all()) and bool((trees.left[inner] + 1 < count).all())
            and bool(((trees.root >= 0) & (trees.root < count)).all())
            and all(bool(np.isfinite(part).all()) for part in (trees.threshold, trees.value, trees.start)))
    if not fits:
        raise BadInput(f'{path} is damaged: its trees do not fit together; take a whole copy or train it again')
    return trees
