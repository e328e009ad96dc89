"""Skies in which streaks are looked for: stars, galaxies, bleed trails, and streaks of known place and width."""
from __future__ import annotations

import numpy as np
from isr_scenes import moffat

from sediff.isr.bleed import mark_bleed_trails
from sediff.maskbits import UNUSABLE, Bit

SKY, READ_NOISE, FULL_WELL = 1000.0, 6.0, 150000.0
SIGMA = float(np.sqrt(SKY + READ_NOISE ** 2))


def empty_sky(seed: int, size: int = 1024, stars: int = 300, galaxies: int = 60, bleeds: int = 3):
    """Image, weight and mask (saturation and bleed trails marked as in the pipeline) without a streak."""
    rng = np.random.default_rng(seed)
    light = np.zeros((size + 240, size + 240))
    for _ in range(stars):
        add(light, rng, 10.0 ** rng.uniform(2.5, 5.5) * moffat(30, 4.0, *rng.uniform(-0.5, 0.5, 2)))
    for number in range(galaxies):
        if number < 2:
            radius, ratio, flux = rng.uniform(20, 45), rng.uniform(0.1, 0.3), 10.0 ** rng.uniform(5, 6)
        else:
            radius, ratio, flux = rng.lognormal(1.0, 0.5), rng.uniform(0.15, 1), 10.0 ** rng.uniform(3, 5)
        add(light, rng, flux * galaxy(radius, ratio, rng.uniform(0, np.pi)))
    light = light[120:-120, 120:-120]
    image = rng.normal(light, np.sqrt(SKY + READ_NOISE ** 2 + light)).astype(np.float32)
    for _ in range(bleeds):
        add_bleed(image, rng)
    mask = np.where(image > 0.98 * FULL_WELL, int(Bit.SATURATE), 0).astype(np.uint16)
    mask = mark_bleed_trails(image, mask, READ_NOISE)
    weight = np.where(mask & int(UNUSABLE), 0, 1 / SIGMA ** 2).astype(np.float32)
    return image, weight, mask


def add(light: np.ndarray, rng: np.random.Generator, stamp: np.ndarray) -> None:
    """Add a stamp of odd size at a random place."""
    half = len(stamp) // 2
    y, x = rng.integers(half, len(light) - half, 2)
    light[y - half:y + half + 1, x - half:x + half + 1] += stamp


def galaxy(radius: float, ratio: float, angle: float) -> np.ndarray:
    """An exponential disc of flux 1; `radius` is its scale length in pixels."""
    half = min(int(6 * radius) + 4, 119)
    y, x = np.indices((2 * half + 1, 2 * half + 1)) - half
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    disc = np.exp(-np.hypot(along, across / ratio) / radius)
    return disc / disc.sum()


def add_bleed(image: np.ndarray, rng: np.random.Generator) -> None:
    """A saturated star whose charge runs along its columns, up to the whole image, with a faint rim on both sides."""
    size = len(image)
    x, y, width = rng.integers(60, size - 60), rng.integers(0, size), rng.integers(1, 6)
    first, last = max(y - rng.integers(30, size), 0), min(y + rng.integers(30, size), size)
    image[first:last, x:x + width] = FULL_WELL
    for side in (x - 1, x + width):
        image[first:last, side] += rng.uniform(0.001, 0.02) * FULL_WELL
    rows, columns = np.arange(max(y - 60, 0), min(y + 61, size)), np.arange(max(x - 60, 0), min(x + 61, size))
    radius2 = (rows[:, None] - y) ** 2 + (columns[None] - x) ** 2
    image[np.ix_(rows, columns)] = np.minimum(image[np.ix_(rows, columns)] + 3e6 * (1 + radius2 / 9) ** -2.5, FULL_WELL)


def streak_light(shape: tuple[int, int], start, end, peak: float, fwhm: float):
    """Light of a streak from start to end, (x, y), and each pixel's distance across and place along it (0 to 1)."""
    y, x = np.indices(shape)
    (x0, y0), (x1, y1) = start, end
    length = np.hypot(x1 - x0, y1 - y0)
    across = ((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / length
    along = ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length ** 2
    return peak * np.exp(-4 * np.log(2) * (across / fwhm) ** 2) * ((along >= 0) & (along <= 1)), across, along
