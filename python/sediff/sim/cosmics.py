"""Cosmic rays in thick silicon: muon tracks and the crooked paths of electrons."""
from __future__ import annotations

import numpy as np

THICKNESS = 250.0       # micron, DECam's fully depleted CCDs
PIXEL = 15.0            # micron
CHARGE = 75.0           # electrons per micron of silicon, a minimum-ionising particle
STEP = 0.2              # pixels


def add_cosmics(rng: np.random.Generator, image: np.ndarray, count: float) -> tuple[np.ndarray, np.ndarray]:
    """Add cosmic rays in place.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32
        Electrons.
    count : float
        Mean number of particles.

    Returns
    -------
    pixels : ndarray, (n, 2) int32
        0-based x, y of pixels that got more than 30 electrons, sorted by row.
    charge : ndarray, (n,) float32
        Electrons they got.

    Notes
    -----
    Three in four are muons, whose zenith angles follow cos^2: a track of horizontal length L leaves 75 electrons per
    micron of sqrt(L^2 + thickness^2). The rest are electrons that wander. The charge spreads by 0.4 pixels.
    """
    ny, nx = image.shape
    deposits: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for _ in range(rng.poisson(count)):
        x0, y0 = rng.uniform(0, nx), rng.uniform(0, ny)
        path = _muon(rng) if rng.uniform() < 0.75 else _electron(rng)
        deposits.append((x0 + path[0], y0 + path[1], path[2]))
    if not deposits:
        return np.zeros((0, 2), np.int32), np.zeros(0, np.float32)
    x, y, charge = (np.concatenate(parts) for parts in zip(*deposits))
    x, y = x + rng.normal(0.0, 0.4, x.size), y + rng.normal(0.0, 0.4, y.size)
    columns, rows = np.floor(x + 0.5).astype(int), np.floor(y + 0.5).astype(int)
    inside = (columns >= 0) & (columns < nx) & (rows >= 0) & (rows < ny)
    flat, where = np.unique(rows[inside] * nx + columns[inside], return_inverse=True)
    total = np.bincount(where, charge[inside]).astype(np.float32)
    image.reshape(-1)[flat] += total
    strong = total > 30.0
    return np.stack([flat[strong] % nx, flat[strong] // nx], axis=1).astype(np.int32), total[strong]


def _muon(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cosine = max(rng.uniform() ** 0.25, 0.02)
    length = THICKNESS / PIXEL * np.sqrt(1.0 - cosine ** 2) / cosine
    electrons = CHARGE * np.hypot(THICKNESS, length * PIXEL) * rng.lognormal(0.0, 0.15)
    steps = max(int(length / STEP), 40)
    angle, along = rng.uniform(0.0, 2.0 * np.pi), np.linspace(0.0, length, steps)
    return along * np.cos(angle), along * np.sin(angle), np.full(steps, electrons / steps)


def _electron(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    steps = int(rng.integers(40, 250))
    angle = rng.uniform(0.0, 2.0 * np.pi) + np.cumsum(rng.normal(0.0, 0.18, steps))
    charge = np.full(steps, rng.uniform(800.0, 2500.0) * STEP)
    return np.cumsum(STEP * np.cos(angle)), np.cumsum(STEP * np.sin(angle)), charge
