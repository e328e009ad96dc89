"""Simulated warps of one field with different seeing, and the artefacts put into each."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.ccdimage import CcdImage

SKY = 1000.0


def moffat(shape, x, y, flux, fwhm, beta=3.5, radius=50):
    """Moffat stars, 0-based positions."""
    out = np.zeros(shape)
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / beta) - 1))
    for u, v, f in zip(x, y, flux):
        y0, y1 = max(0, int(v) - radius), min(shape[0], int(v) + radius + 1)
        x0, x1 = max(0, int(u) - radius), min(shape[1], int(u) + radius + 1)
        j, i = np.mgrid[y0:y1, x0:x1]
        out[y0:y1, x0:x1] += f * (beta - 1) / (np.pi * alpha**2) * (1 + ((i - u)**2 + (j - v)**2) / alpha**2) ** -beta
    return out


@dataclass
class Field:
    """Warps, their noiseless truth, what was added to each, and the stars (x, y, flux)."""

    warps: list
    truth: np.ndarray
    added: list
    plain: np.ndarray
    stars: np.ndarray


def field(fwhms, seed=1, shape=(512, 512), beta=3.5, artefacts=True, count=140):
    """Stars of 600 to 1.5 million electrons, offsets of 0.1 px; moving objects, cosmic rays and a streak in each warp."""
    rng = np.random.default_rng(seed)
    stars = np.c_[rng.uniform(0, shape[1], count), rng.uniform(0, shape[0], count), 10 ** rng.uniform(2.8, 6.2, count)]
    warps, truths, added = [], [], []
    for fwhm in fwhms:
        dx, dy = rng.normal(0, 0.1, 2)
        truths.append(moffat(shape, stars[:, 0] + dx, stars[:, 1] + dy, stars[:, 2], fwhm, beta))
        extra = _artefacts(rng, shape, fwhm) if artefacts else np.zeros(shape)
        image = rng.poisson(truths[-1] + extra + SKY) - SKY
        warps.append(CcdImage(image.astype(np.float32), np.zeros(shape, np.uint16), np.full(shape, 1 / SKY, np.float32)))
        warps[-1].header['GAINA'], warps[-1].header['FWHM'] = 1.0, fwhm
        added.append(extra)
    return Field(warps, np.mean(truths, axis=0), added, np.mean([warp.image for warp in warps], axis=0), stars)


def _artefacts(rng, shape, fwhm):
    area = 4 * np.pi * (fwhm / 2.3548) ** 2
    moving = rng.uniform((30, 30), (shape[1] - 30, shape[0] - 30), (5, 2))
    extra = moffat(shape, *moving.T, rng.uniform(10, 60, 5) * np.sqrt(SKY * area), fwhm)
    y, x = np.mgrid[:shape[0], :shape[1]]
    angle, place = rng.uniform(0, np.pi), rng.uniform(150, 350, 2)
    across = (x - place[0]) * np.sin(angle) - (y - place[1]) * np.cos(angle)
    extra += 1.5 * np.sqrt(SKY) * np.exp(-0.5 * (across / 4.0) ** 2)
    for u, v in rng.uniform(20, min(shape) - 20, (20, 2)):
        angle = rng.uniform(0, np.pi)
        for step in range(rng.integers(1, 10)):
            extra[int(v + step * np.sin(angle)), int(u + step * np.cos(angle))] += rng.uniform(8, 60) * np.sqrt(SKY)
    return extra
