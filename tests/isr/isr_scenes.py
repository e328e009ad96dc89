"""Raw CCDs with known truth: sections and overscan as in real DECam headers of both halves."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header

SECTIONS = {
    'N': {'DATASECA': '[57:1080,1:4096]', 'BIASSECA': '[7:56,1:4096]', 'PRESECA': '[1:6,1:4096]',
          'POSTSECA': '[57:1080,4097:4146]', 'CCDSECA': '[1:1024,1:4096]', 'AMPSECA': '[1:1024,1:4096]',
          'DATASECB': '[1081:2104,1:4096]', 'BIASSECB': '[2105:2154,1:4096]', 'PRESECB': '[2155:2160,1:4096]',
          'POSTSECB': '[1081:2104,4097:4146]', 'CCDSECB': '[1025:2048,1:4096]', 'AMPSECB': '[2048:1025,1:4096]'},
    'S': {'DATASECA': '[1081:2104,51:4146]', 'BIASSECA': '[2105:2154,51:4146]', 'PRESECA': '[2155:2160,51:4146]',
          'POSTSECA': '[1081:2104,1:50]', 'CCDSECA': '[1025:2048,1:4096]', 'AMPSECA': '[2048:1025,4096:1]',
          'DATASECB': '[57:1080,51:4146]', 'BIASSECB': '[7:56,51:4146]', 'PRESECB': '[1:6,51:4146]',
          'POSTSECB': '[57:1080,1:50]', 'CCDSECB': '[1:1024,1:4096]', 'AMPSECB': '[1:1024,4096:1]'}}


def raw_header(half: str = 'N', ccdnum: int = 56, obstype: str = 'object') -> Header:
    """Header of a raw CCD, primary and CCD merged, with the cards that instrument signature removal reads."""
    header = Header()
    header['EXPNUM'], header['CCDNUM'], header['OBSTYPE'] = 411371, ccdnum, obstype
    header['DATE-OBS'], header['MJD-OBS'] = '2015-02-18T05:26:37.433035', 57071.22682214
    header['FILTER'], header['EXPTIME'] = 'g DECam SDSS c0001 4720.0 1520.0', 86.0
    for name, section in SECTIONS[half].items():
        header[name] = section
    for name, gain, noise, saturate in (('A', 3.892, 5.75, 49415.0), ('B', 4.091, 5.87, 44433.0)):
        header[f'GAIN{name}'], header[f'RDNOISE{name}'], header[f'SATURAT{name}'] = gain, noise, saturate
    return header


def corners(section: str) -> tuple[slice, slice]:
    """Slices of a section, worked out here so that the tests do not lean on the code."""
    x, y = section.strip('[]').split(',')
    (x1, x2), (y1, y2) = (sorted(map(int, part.split(':'))) for part in (x, y))
    return slice(y1 - 1, y2), slice(x1 - 1, x2)


def raw_frame(half: str, electrons: np.ndarray, seed: int = 1) -> tuple[np.ndarray, Header]:
    """Raw pixels (4146, 2160) uint16 of a trimmed image in electrons (noise of the photons not added here)."""
    rng = np.random.default_rng(seed)
    header = raw_header(half)
    frame = np.repeat((2000.0 + 20.0 * np.sin(np.arange(4146) / 200.0))[:, None], 2160, axis=1).astype(np.float32)
    for name in 'AB':
        gain, noise = header[f'GAIN{name}'], header[f'RDNOISE{name}']
        for kind in ('DATA', 'BIAS', 'PRE', 'POST'):
            section = corners(header[f'{kind}SEC{name}'])
            frame[section] += noise / gain * rng.standard_normal(frame[section].shape, dtype=np.float32)
        frame[corners(header[f'DATASEC{name}'])] += electrons[corners(header[f'CCDSEC{name}'])] / gain
    return np.clip(np.rint(frame), 0, 65535).astype(np.uint16), header


@dataclass
class Scene:
    """A flat field of sky with stars and cosmic rays, and what is in it; electrons, sky subtracted."""

    image: np.ndarray
    stars: np.ndarray
    rays: np.ndarray
    positions: list[tuple[float, float, float]]
    sky: float
    read_noise: float
    saturated: np.ndarray

    @property
    def sigma(self) -> np.ndarray:
        """Noise of each pixel without cosmic rays."""
        return np.sqrt(self.sky + self.read_noise ** 2 + self.stars)

    @property
    def weight(self) -> np.ndarray:
        """Inverse variance of sky and read noise."""
        return np.full(self.image.shape, 1.0 / (self.sky + self.read_noise ** 2), np.float32)


def moffat(half: int, fwhm: float, dy: float, dx: float, beta: float = 3.5) -> np.ndarray:
    """A pixel-integrated star of flux 1."""
    alpha = fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))
    axis = np.arange(-half, half + 1)
    star = sum((1.0 + ((axis[:, None] + p - dy) ** 2 + (axis[None] + q - dx) ** 2) / alpha ** 2) ** -beta
               for p in (-1 / 3, 0, 1 / 3) for q in (-1 / 3, 0, 1 / 3))
    return star / star.sum()


def make_scene(shape: tuple[int, int] = (768, 768), stars: int = 350, rays: int = 200, fwhm: float = 3.6,
               sky: float = 1000.0, read_noise: float = 6.0, seed: int = 3) -> Scene:
    """Stars of 400 to 800000 e- and straight or winding cosmic-ray tracks, with their noise."""
    rng = np.random.default_rng(seed)
    source, positions = _add_stars(rng, shape, stars, fwhm)
    charge = _add_rays(rng, shape, rays)
    image = rng.poisson(sky + source) + rng.poisson(charge) + rng.normal(0.0, read_noise, shape) - sky
    return Scene(image.astype(np.float32), source, charge, positions, sky, read_noise, image > 150000)


def _add_stars(rng: np.random.Generator, shape: tuple[int, int], count: int, fwhm: float):
    source, positions = np.zeros((shape[0] + 80, shape[1] + 80)), []
    for _ in range(count):
        y, x, flux = rng.uniform(0, shape[0] - 1), rng.uniform(0, shape[1] - 1), 10.0 ** rng.uniform(2.6, 5.9)
        j, i = round(y), round(x)
        source[j:j + 81, i:i + 81] += flux * moffat(40, fwhm, y - j, x - i)
        positions.append((y, x, flux))
    return source[40:-40, 40:-40], positions


def _add_rays(rng: np.random.Generator, shape: tuple[int, int], count: int) -> np.ndarray:
    from scipy.special import erf
    charge = np.zeros((shape[0] + 40, shape[1] + 40))
    edges = np.arange(-2, 4) - 0.5
    for _ in range(count):
        y, x, angle = rng.uniform(0, shape[0] - 1), rng.uniform(0, shape[1] - 1), rng.uniform(0, 2 * np.pi)
        winding = rng.uniform() > 0.7
        steps = int(4 * (rng.uniform(0, 4) if winding else rng.exponential(15))) + 1
        per_pixel, spread = 10.0 ** rng.uniform(2.3, 3.7), np.linspace(*rng.uniform(0.1, 0.45, 2), steps)
        for width in spread:
            j, i = round(y), round(x)
            if not (0 <= j < shape[0] and 0 <= i < shape[1]):
                break
            part_y, part_x = (np.diff(erf((edges + k - c) / width / 2 ** 0.5)) / 2 for k, c in ((j, y), (i, x)))
            charge[j + 18:j + 23, i + 18:i + 23] += per_pixel / 4 * rng.gamma(4, 0.25) * np.outer(part_y, part_x)
            angle += rng.normal(0, 0.3) if winding else 0.0
            y, x = y + np.sin(angle) / 4, x + np.cos(angle) / 4
    return charge[20:-20, 20:-20]
