"""Cosmic rays: time, recall, precision and stars touched, of sediff and of astroscrappy on the same CCDs.

`python tests/bench_cosmicrays.py [--shape NY NX] [--full]`. astroscrappy is measured where it can be imported.
"""
from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from benchtable import keep
from sediff.catalog.detect import estimate_fwhm
from sediff.isr import cosmicrays
from sediff.maskbits import Bit
from sediff.sim.cosmics import add_cosmics

#: arcsec per pixel.
SCALE = 0.2637
SKY, READ_NOISE, FULL_WELL = 1000.0, 6.0, 150000.0
#: Stars and cosmic rays per 2048 x 4096 pixels; fluxes (e-) go as N(>F) ~ F^-0.55.
SPARSE, CROWDED, RAYS = 2500, 40000, 800
FLUXES = (400.0, 3.0e6)


@dataclass
class Scene:
    """An exposure of known stars and cosmic rays: electrons, sky subtracted."""

    image: np.ndarray
    stars: np.ndarray
    rays: np.ndarray
    places: np.ndarray
    fwhm: float

    @property
    def sigma(self) -> np.ndarray:
        """Noise of each pixel without the cosmic rays."""
        return np.sqrt(SKY + READ_NOISE ** 2 + self.stars)

    @property
    def mask(self) -> np.ndarray:
        """Saturated pixels and their neighbours."""
        full = ndimage.binary_dilation(self.image > FULL_WELL, np.ones((3, 3)))
        return np.where(full, int(Bit.SATURATE), 0).astype(np.uint16)

    @property
    def weight(self) -> np.ndarray:
        """Inverse variance of sky and read noise; 0 under the mask."""
        return np.where(self.mask, 0.0, 1.0 / (SKY + READ_NOISE ** 2)).astype(np.float32)


def make_scene(seeing: float, count: int, shape: tuple[int, int] = (4096, 2048), rays: int = RAYS, beta: float = 3.5,
               ellipticity: float = 0.05, seed: int = 5) -> Scene:
    """Moffat stars of `seeing` arcsec and the simulator's muons and electrons, with their noise."""
    rng = np.random.default_rng(seed)
    part = shape[0] * shape[1] / (4096 * 2048)
    fwhm = seeing / SCALE
    places = _draw_stars(rng, int(count * part), shape)
    stars = _render(places, shape, fwhm, beta, ellipticity)
    charge = np.zeros(shape, np.float32)
    add_cosmics(rng, charge, rays * part)
    image = rng.poisson(SKY + stars) + rng.poisson(charge) + rng.normal(0.0, READ_NOISE, shape) - SKY
    return Scene(image.astype(np.float32), stars, charge, places, fwhm)


def _draw_stars(rng: np.random.Generator, count: int, shape: tuple[int, int]) -> np.ndarray:
    low, high = FLUXES[0] ** -0.55, FLUXES[1] ** -0.55
    flux = rng.uniform(high, low, count) ** (-1.0 / 0.55)
    return np.stack([rng.uniform(0, shape[0] - 1, count), rng.uniform(0, shape[1] - 1, count), flux], axis=1)


def _render(places: np.ndarray, shape: tuple[int, int], fwhm: float, beta: float, ellipticity: float) -> np.ndarray:
    """Sum of the stars, each pixel-integrated at its place rounded to 1/10 pixel, out to where it ends in the noise."""
    margin = 80
    out = np.zeros((shape[0] + 2 * margin, shape[1] + 2 * margin))
    profiles = {}
    for y, x, flux in places:
        j, i = round(y), round(x)
        phase = (round(10 * (y - j)), round(10 * (x - i)))
        if phase not in profiles:
            profiles[phase] = _star(margin, fwhm, beta, ellipticity, phase[0] / 10, phase[1] / 10)
        half = min(margin, int(3 * fwhm * (flux / 1000.0) ** 0.25) + 8)
        cut = np.s_[margin - half:margin + half + 1]
        out[j + margin - half:j + margin + half + 1, i + margin - half:i + margin + half + 1] += \
            flux * profiles[phase][cut, cut]
    return out[margin:-margin, margin:-margin]


def _star(half: int, fwhm: float, beta: float, ellipticity: float, dy: float, dx: float) -> np.ndarray:
    alpha, fine = fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0)), 5
    axis = (np.arange((2 * half + 1) * fine) + 0.5) / fine - 0.5 - half
    radius2 = ((axis[:, None] - dy) * (1 + ellipticity)) ** 2 + ((axis[None] - dx) * (1 - ellipticity)) ** 2
    star = ((1.0 + radius2 / alpha ** 2) ** -beta).reshape(2 * half + 1, fine, 2 * half + 1, fine).mean(axis=(1, 3))
    return star / star.sum()


@dataclass
class Score:
    """Figures of one detector on one scene."""

    seconds: float
    recall: float
    precision: float
    touched: int
    stars: int


def score(scene: Scene, rays: np.ndarray, seconds: float) -> Score:
    """Recall of pixels whose charge exceeds 5 sigma, precision against those above 1 sigma, stars touched in the core.

    Pixels under the mask do not count. A star counts when its S/N exceeds 50 and no cosmic ray lies within a pixel of its
    core (radius half the FWHM, at least 2 pixels).
    """
    free, sigma = scene.mask == 0, scene.sigma
    wanted, true = free & (scene.rays > 5 * sigma), scene.rays > 1.0 * sigma
    found = rays & free
    touched, stars = touched_stars(scene, found)
    return Score(seconds, float(found[wanted].mean()), float(true[found].mean()), touched, stars)


def touched_stars(scene: Scene, found: np.ndarray) -> tuple[int, int]:
    """How many stars of S/N > 50 have a found pixel in the core, of how many."""
    area = 4 * np.pi * (scene.fwhm / 2.3548) ** 2
    flux = scene.places[:, 2]
    good = flux / np.sqrt(flux + area * (SKY + READ_NOISE ** 2)) > 50
    reach = max(2.0, 0.5 * scene.fwhm)
    near = _disc(scene.rays > 0.3 * scene.sigma, reach + 1.0) | (scene.mask != 0)
    core = _disc(found, reach)
    y, x = np.rint(scene.places[good, :2]).astype(int).T
    clean = ~near[y, x]
    return int(np.count_nonzero(core[y, x] & clean)), int(np.count_nonzero(clean))


def _disc(flags: np.ndarray, radius: float) -> np.ndarray:
    axis = np.arange(-int(radius + 1), int(radius + 1) + 1)
    return ndimage.binary_dilation(flags, np.hypot(axis[:, None], axis[None]) <= radius + 0.5)


def run_sediff(scene: Scene) -> tuple[np.ndarray, float]:
    """Mask of this project's detector, with the measured seeing, and its CPU seconds."""
    weight, mask = scene.weight, scene.mask
    fwhm = estimate_fwhm(scene.image, weight, mask)
    return timed(lambda: cosmicrays.find_cosmic_rays(scene.image, weight, mask, fwhm))


def run_astroscrappy(scene: Scene) -> tuple[np.ndarray, float]:
    """The same of astroscrappy: separable medians, 4 iterations, its other defaults."""
    import astroscrappy
    image, mask = (scene.image + np.float32(SKY)).astype(np.float32), scene.mask != 0
    return timed(lambda: astroscrappy.detect_cosmics(image, inmask=mask, gain=1.0, readnoise=READ_NOISE,
                                                     satlevel=FULL_WELL, niter=4, sepmed=True)[0])


def timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """Result and CPU seconds."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def detectors() -> dict[str, Callable]:
    """What can be measured here."""
    try:
        import astroscrappy  # noqa: F401
    except ImportError:
        return {'sediff': run_sediff}
    return {'sediff': run_sediff, 'astroscrappy': run_astroscrappy}


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--shape', nargs=2, type=int, default=(4096, 2048), help='rows and columns (default %(default)s)')
    parser.add_argument('--full', action='store_true', help='every seeing for astroscrappy too, not only one')
    options = parser.parse_args(arguments)
    cosmicrays.warm()
    print(f'{"":13s} seeing  field      CPU s   recall  precision  stars touched')
    took = {}
    for seeing in (0.7, 1.0, 1.3, 1.6):
        for name, count in (('sparse', SPARSE), ('crowded', CROWDED)):
            scene = make_scene(seeing, count, tuple(options.shape))
            for detector, run in detectors().items():
                if detector == 'astroscrappy' and seeing != 1.0 and not options.full:
                    continue
                metrics = score(scene, *run(scene))
                print(f'{detector:13s} {seeing:4.1f}"   {name:8s} {metrics.seconds:7.3f}  {metrics.recall:7.4f} '
                      f'{metrics.precision:9.4f}   {metrics.touched} of {metrics.stars}', flush=True)
                if seeing == 1.0:
                    took[name, detector] = metrics
    for name in ('sparse', 'crowded'):
        own, peer = took[name, 'sediff'], took.get((name, 'astroscrappy'))
        keep(f'cosmic rays, {name}', own.seconds, peer='astroscrappy' if peer else '', peer_seconds=peer and peer.seconds,
             note=f'recall {own.recall:.3f}, precision {own.precision:.3f}'
                  + (f', theirs {peer.recall:.3f}, {peer.precision:.3f}' if peer else ''))
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
