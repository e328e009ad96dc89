"""Single cosmic rays with known pixels: faint straight tracks, and rays on the flanks of stars."""
from __future__ import annotations

import numpy as np
from isr_scenes import moffat

from sediff.sim import cosmics

SKY, READ_NOISE, SHAPE = 1000.0, 6.0, (800, 1000)
SIGMA = float(np.sqrt(SKY + READ_NOISE ** 2))


def pixels_of(x: np.ndarray, y: np.ndarray, charge: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and electrons of the pixels that get the charge of these points."""
    columns, rows = np.floor(x + 0.5).astype(int), np.floor(y + 0.5).astype(int)
    inside = (columns >= 0) & (columns < SHAPE[1]) & (rows >= 0) & (rows < SHAPE[0])
    flat, where = np.unique(rows[inside] * SHAPE[1] + columns[inside], return_inverse=True)
    return flat // SHAPE[1], flat % SHAPE[1], np.bincount(where, charge[inside], len(flat))


def faint_track(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A straight track of 30 to 150 px that leaves 150 to 300 e- a pixel, in clumps."""
    along, angle = np.arange(0.0, rng.uniform(30, 150), 0.2), rng.uniform(0, 2 * np.pi)
    charge = rng.uniform(150, 300) * 0.2 * rng.gamma(0.3, 1 / 0.3, along.size)
    x0, y0, width = rng.uniform(0, SHAPE[1]), rng.uniform(0, SHAPE[0]), rng.uniform(0.2, 0.45)
    return pixels_of(x0 + along * np.cos(angle) + rng.normal(0, width, along.size),
                     y0 + along * np.sin(angle) + rng.normal(0, width, along.size), charge)


def stars_and_rays_on_flanks(rng: np.random.Generator, fwhm: float, beta: float, count: int = 120):
    """Light of stars with peaks of 20 to 1500 sigma of the sky, and a ray through the flank of each."""
    light, rays = np.zeros((SHAPE[0] + 80, SHAPE[1] + 80)), []
    for k in range(count):
        y, x = 40 + 70 * (k // 12) + rng.uniform(-9, 9), 45 + 82 * (k % 12) + rng.uniform(-9, 9)
        star = moffat(40, fwhm, y - round(y), x - round(x), beta)
        light[round(y):round(y) + 81, round(x):round(x) + 81] += 10 ** rng.uniform(1.3, 3.2) * SIGMA * star / star.max()
        path = cosmics._muon(rng) if rng.uniform() < 0.75 else cosmics._electron(rng)
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.6) * fwhm
        across, up = (part - part.mean() + rng.normal(0, 0.4, part.size) for part in path[:2])
        rays.append(pixels_of(x + distance * np.cos(angle) + across, y + distance * np.sin(angle) + up, path[2]))
    return light[40:-40, 40:-40], rays


def exposed(rng: np.random.Generator, light: np.ndarray, rays) -> tuple[np.ndarray, np.ndarray]:
    """The image less its sky, and the noise of each pixel without the rays."""
    charge = np.zeros(SHAPE)
    for rows, columns, electrons in rays:
        charge[rows, columns] += electrons
    image = rng.poisson(SKY + light) + rng.poisson(charge) + rng.normal(0, READ_NOISE, SHAPE) - SKY
    return image.astype(np.float32), np.sqrt(SIGMA ** 2 + light)


def found_share(rays, found: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Of each ray with such pixels, the share found of those above 5 sigma."""
    shares = []
    for rows, columns, electrons in rays:
        strong = electrons > 5 * sigma[rows, columns]
        if strong.any():
            shares.append(found[rows, columns][strong].mean())
    return np.array(shares)
