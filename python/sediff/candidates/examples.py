"""Examples for training and tests: the detections of a simulated scene with their features and what they are."""
from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from sediff.candidates.features import features_at, star_proximity
from sediff.candidates.painters import REAL
from sediff.candidates.scenes import KINDS, Scene
from sediff.detect import detect_on_score, score_image

#: What the score tells apart; the first are real.
CLASSES = ('transient', 'nucleus', 'variable', 'asteroid', 'dipole', 'cosmic_ray', 'star', 'streak', 'bleed', 'ghost',
           'noise')
REAL_CLASSES = len(REAL)
#: Kinds of a scene that are one class with others.
_CLASS = {'hot_pixel': 'cosmic_ray', 'edge': 'bleed'}


def scene_examples(scene: Scene, threshold: float = 5.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Detections of both signs of a scene as examples.

    Returns
    -------
    features : ndarray, (n, len(FEATURES)) float64
    kinds : ndarray, (n,) str
        Of CLASSES, or 'blend' (see `label`).
    snr : ndarray, (n,) float64
    """
    scored = score_image(scene.difference, scene.variance, scene.bad, scene.psf_at)
    detections = detect_on_score(scored, scene.difference, scene.variance, scene.bad, scene.psf_at, threshold)
    x, y = detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0
    sigma = np.where(scene.bad, np.nan, np.sqrt(scene.variance)).astype(np.float32) * np.float32(scored.noise_scale)
    features = features_at(detections, scene.template, scene.difference, sigma, scored.fwhm,
                           star_proximity(x, y, scene.stars))
    return features, label(scene, x, y, scored.fwhm), detections['SNR'].astype(float)


def label(scene: Scene, x: np.ndarray, y: np.ndarray, fwhm: float) -> np.ndarray:
    """What lies at each 0-based position (px): (n,) str of CLASSES, or 'blend'.

    A real source within 0.6 FWHM (an asteroid within 2) is it, unless another is within 1.5 FWHM or an artefact has changed
    a usable pixel within one FWHM: neither real nor artefact, as what lies from 0.6 to 2 FWHM of a real source. Else it is
    the artefact that changed most of the pixels within 0.6 FWHM (at least 1.5 px), or noise.
    """
    real = scene.truth[np.isin(scene.truth['kind'], REAL)]
    tree = cKDTree(np.column_stack([real['x'], real['y']])) if len(real) else None
    out = []
    for u, v in zip(x, y):
        near = [] if tree is None else tree.query_ball_point((u, v), 2.0 * fwhm)
        near.sort(key=lambda k: np.hypot(u - real['x'][k], v - real['y'][k]))
        out.append(_kind_of(scene, u, v, fwhm, real[near]) if near else _artefact_at(scene, u, v, max(0.6 * fwhm, 1.5)))
    return np.array(out, dtype='U12')


def _kind_of(scene: Scene, x: float, y: float, fwhm: float, real: np.ndarray) -> str:
    distance = np.hypot(x - real['x'], y - real['y']) / fwhm
    kind = str(real['kind'][0])
    if distance[0] > (2.0 if kind == 'asteroid' else 0.6) or (distance[1:] < 1.5).any():
        return 'blend'
    return kind if _artefact_at(scene, x, y, fwhm, usable=True) == 'noise' else 'blend'


def _artefact_at(scene: Scene, x: float, y: float, radius: float, usable: bool = False) -> str:
    """The class of the artefact that owns most of the pixels within a radius (px), or 'noise'."""
    ny, nx = scene.artefact.shape
    rows = slice(max(int(y - radius), 0), min(int(y + radius) + 2, ny))
    columns = slice(max(int(x - radius), 0), min(int(x + radius) + 2, nx))
    j, i = np.ogrid[rows, columns]
    here = (np.hypot(i - x, j - y) <= radius) & (scene.artefact[rows, columns] >= 0)
    if usable:
        here &= ~scene.bad[rows, columns]
    if not here.any():
        return 'noise'
    kind = KINDS[int(np.bincount(scene.artefact[rows, columns][here]).argmax())]
    return _CLASS.get(kind, kind)
