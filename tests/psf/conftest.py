"""Star fields with a known, varying Moffat PSF."""
from __future__ import annotations

import numpy as np
import pytest

BETA = 3.0


class MoffatField:
    """A Moffat PSF (beta 3) whose width and ellipticity vary over an image of `shape`."""

    def __init__(self, shape: tuple[int, int], fwhm: float = 4.0, variation: float = 1.0) -> None:
        self.shape, self.width, self.variation = shape, fwhm, variation

    def fwhm(self, x, y):
        u, v = x / self.shape[1] - 0.5, y / self.shape[0] - 0.5
        return self.width * (1.0 + self.variation * (0.05 * u + 0.06 * v * v))

    def profile(self, dx, dy, x, y):
        """Flux per pixel of a unit star at (x, y), at the offsets dx, dy from it."""
        u, v = x / self.shape[1] - 0.5, y / self.shape[0] - 0.5
        e1, e2 = self.variation * (0.04 * u + 0.02 * u * v), self.variation * 0.05 * v
        alpha2 = (self.fwhm(x, y) / 2.0) ** 2 / (2.0 ** (1.0 / BETA) - 1.0)
        r2 = ((1 + e1) * dx ** 2 + (1 - e1) * dy ** 2 + 2 * e2 * dx * dy) / np.sqrt(1 - e1 ** 2 - e2 ** 2)
        return (BETA - 1) / np.pi / alpha2 * (1 + r2 / alpha2) ** -BETA

    def stamp(self, x, y, size):
        """Unit-flux stamp as PsfModel.image draws it, normalised to 1 within itself."""
        dy, dx = np.indices((size, size)) - size // 2
        stamp = self.profile(dx - (x - np.floor(x + 0.5)), dy - (y - np.floor(y + 0.5)), x, y)
        return stamp / stamp.sum()

    def image(self, x, y, flux, sky_sigma, seed):
        """Stars with the noise of sky and of themselves (gain 1): (ny, nx) float32."""
        image = np.zeros(self.shape)
        for a, b, f in zip(x, y, flux):
            top, left = max(int(b) - 40, 0), max(int(a) - 40, 0)
            box = image[top:int(b) + 41, left:int(a) + 41]
            rows, columns = np.indices(box.shape)
            box += f * self.profile(columns + left - a, rows + top - b, a, b)
        noise = np.random.default_rng(seed).normal(size=self.shape) * np.sqrt(sky_sigma ** 2 + image)
        return (image + noise).astype(np.float32)


@pytest.fixture(scope='session')
def moffat_field():
    return MoffatField


@pytest.fixture(scope='session')
def star_field():
    """300 jittered-grid stars of S/N 60-400 on 1200 x 1200 pixels: field, image, x, y, flux."""
    rng = np.random.default_rng(11)
    field = MoffatField((1200, 1200))
    rows, columns = np.divmod(np.arange(300), 20)
    x, y = 40 + columns * 58 + rng.uniform(-8, 8, 300), 40 + rows * 78 + rng.uniform(-8, 8, 300)
    flux = 10 ** rng.uniform(4.2, 5.2, 300)
    return field, field.image(x, y, flux, 10.0, 12), x, y, flux
