"""What the simulated scenes of the score hold, painted one object at a time."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

PsfAt = Callable[[float, float, int], np.ndarray]


@dataclass
class Canvas:
    """A scene while it is painted: planes (ny, nx), electrons.

    Parameters
    ----------
    rng : numpy.random.Generator
    template : ndarray, float64
        Light of both images.
    changed : ndarray, float64
        Light of the difference.
    bad : ndarray, bool
        Unusable pixels.
    psf_at : callable
        The true PSF.
    unit : float
        One-sigma error of a PSF flux, electrons.
    """

    rng: np.random.Generator
    template: np.ndarray
    changed: np.ndarray
    bad: np.ndarray
    psf_at: PsfAt
    unit: float

    def snr(self, low: float, high: float) -> float:
        """A flux of log-uniform S/N, electrons."""
        return float(self.unit * np.exp(self.rng.uniform(np.log(low), np.log(high))))


def moffat_psf(fwhm: float, beta: float = 3.5, ellipticity: float = 0.0, angle: float = 0.0) -> PsfAt:
    """A callable PSF: Moffat of that FWHM (px), centred on the sub-pixel position, unit flux in an infinite stamp.

    `ellipticity` is (a - b) / (a + b), its long side at `angle` (rad) from x.
    """
    alpha = fwhm / (2.0 * np.sqrt(2.0 ** (1.0 / beta) - 1.0))
    stretch = np.sqrt((1.0 + ellipticity) / (1.0 - ellipticity))
    cosine, sine = np.cos(angle), np.sin(angle)

    def psf_at(x: float, y: float, size: int) -> np.ndarray:
        """The PSF at 0-based x, y (px): (size, size) float32."""
        grid = np.arange(size) - size // 2
        dx, dy = grid[None, :] - (x - np.floor(x + 0.5)), grid[:, None] - (y - np.floor(y + 0.5))
        u, v = (dx * cosine + dy * sine) / np.sqrt(stretch), (dy * cosine - dx * sine) * np.sqrt(stretch)
        return ((beta - 1.0) / (np.pi * alpha ** 2) * (1.0 + (u ** 2 + v ** 2) / alpha ** 2) ** -beta).astype(np.float32)

    return psf_at


def noise_flux(sky: float, psf: np.ndarray) -> float:
    """One-sigma PSF flux error on a flat sky variance (electrons^2 per pixel)."""
    return float(np.sqrt(sky / np.sum(psf.astype(float) ** 2)))


def fwhm_of(psf_at: PsfAt) -> float:
    """FWHM (px) from the area above half maximum, good to a few percent."""
    psf = psf_at(0.0, 0.0, 51)
    return float(np.sqrt(4.0 / np.pi * np.count_nonzero(psf > 0.5 * psf.max())))


def add_stamp(image: np.ndarray, stamp: np.ndarray, x: float, y: float) -> None:
    """Add a stamp centred on the pixel nearest to 0-based x, y; what falls outside the image is lost."""
    half, j, i = stamp.shape[0] // 2, int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
    ny, nx = image.shape
    j0, j1, i0, i1 = max(j - half, 0), min(j + half + 1, ny), max(i - half, 0), min(i + half + 1, nx)
    if j1 > j0 and i1 > i0:
        image[j0:j1, i0:i1] += stamp[j0 - j + half:j1 - j + half, i0 - i + half:i1 - i + half]


def galaxy_stamp(rng: np.random.Generator, psf_at: PsfAt, x: float, y: float) -> np.ndarray:
    """An exponential galaxy, or a steeper one with a core like the PSF, of unit flux: (61, 61)."""
    grid = np.arange(61) - 30
    angle, axis, size = rng.uniform(0, np.pi), rng.uniform(0.3, 1.0), rng.uniform(1.5, 8)
    u = grid[None, :] * np.cos(angle) + grid[:, None] * np.sin(angle)
    v = grid[:, None] * np.cos(angle) - grid[None, :] * np.sin(angle)
    disc = np.exp(-np.sqrt(u ** 2 + (v / axis) ** 2 + 0.25 * fwhm_of(psf_at) ** 2) / size * 1.678)
    core = rng.choice((0.0, rng.uniform(0.0, 0.6)))
    return (1.0 - core) * disc / disc.sum() + core * psf_at(x, y, 61)


def _transient(canvas: Canvas, x: float, y: float) -> float:
    """A new source, half of them beside the nucleus of a galaxy."""
    rng, flux = canvas.rng, canvas.snr(4.5, 400.0)
    add_stamp(canvas.changed, flux * canvas.psf_at(x, y, 51), x, y)
    if rng.random() < 0.5:
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.6, 3.0) * fwhm_of(canvas.psf_at)
        u, v = x + distance * np.cos(angle), y + distance * np.sin(angle)
        add_stamp(canvas.template, flux * 10 ** rng.uniform(-0.5, 1.5) * galaxy_stamp(rng, canvas.psf_at, u, v), u, v)
    return flux


def _nucleus(canvas: Canvas, x: float, y: float) -> float:
    """A source that varies in the middle of a galaxy, one in four fading."""
    rng, flux = canvas.rng, canvas.snr(4.5, 400.0) * canvas.rng.choice((1, 1, 1, -1))
    add_stamp(canvas.changed, flux * canvas.psf_at(x, y, 51), x, y)
    host = max(abs(flux) * 10 ** rng.uniform(-0.3, 1.5), 50 * canvas.unit)
    add_stamp(canvas.template, host * galaxy_stamp(rng, canvas.psf_at, x, y), *(c + rng.normal(0, 0.3) for c in (x, y)))
    return flux


def _variable(canvas: Canvas, x: float, y: float) -> float:
    """A star that is brighter or fainter than in the template."""
    flux = canvas.snr(4.5, 400.0) * canvas.rng.choice((1, -1))
    add_stamp(canvas.changed, flux * canvas.psf_at(x, y, 51), x, y)
    light = abs(flux) * 10 ** canvas.rng.uniform(0.0 if flux > 0 else 0.02, 1.3)
    add_stamp(canvas.template, light * canvas.psf_at(x, y, 51), x, y)
    return flux


def _asteroid(canvas: Canvas, x: float, y: float) -> float:
    """A source that moves by 0.7 to 3.5 FWHM while the shutter is open."""
    rng, fwhm = canvas.rng, fwhm_of(canvas.psf_at)
    flux, length, angle = canvas.snr(9.0, 300.0), rng.uniform(0.7, 3.5) * fwhm, rng.uniform(0, 2 * np.pi)
    steps = np.linspace(-0.5, 0.5, int(2 * length) + 2) * length
    for step in steps:
        u, v = x + step * np.cos(angle), y + step * np.sin(angle)
        add_stamp(canvas.changed, flux / len(steps) * canvas.psf_at(u, v, 51), u, v)
    return flux


def _dipole(canvas: Canvas, x: float, y: float) -> float:
    """A star, or a galaxy, of both images whose registration is off by a fraction of a pixel."""
    rng, shift = canvas.rng, canvas.rng.uniform(0.05, 0.6)
    flux, angle = canvas.unit * 10 ** rng.uniform(0.9, 2.1) * 4.0 / shift, rng.uniform(0, 2 * np.pi)
    light = canvas.psf_at(x, y, 61).astype(float)
    if rng.random() < 0.25:
        light, flux = galaxy_stamp(rng, canvas.psf_at, x, y), 3.0 * flux
    moved = light + _shifted(light, shift * np.cos(angle), shift * np.sin(angle))
    add_stamp(canvas.changed, flux * (rng.normal(1.0, 0.01) * moved - light), x, y)
    add_stamp(canvas.template, flux * light, x, y)
    return 0.0


def _shifted(light: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """What a small shift of a stamp adds to it (linear interpolation, enough for a residual)."""
    right, up = np.roll(light, int(np.sign(dx)), 1), np.roll(light, int(np.sign(dy)), 0)
    return abs(dx) * (right - light) + abs(dy) * (up - light)


def _cosmic_ray(canvas: Canvas, x: float, y: float) -> float:
    """A straight track one or two pixels wide, not masked; in some the template's."""
    rng, (ny, nx) = canvas.rng, canvas.changed.shape
    length, angle, charge = int(rng.integers(1, 18)), rng.uniform(0, np.pi), canvas.snr(0.8, 15.0)
    charge *= rng.choice((1.0, 1.0, 1.0, -1.0))
    for step in 0.5 * np.arange(2 * length):
        j, i = int(y + step * np.sin(angle)), int(x + step * np.cos(angle))
        if 0 <= j < ny and 0 <= i < nx:
            canvas.changed[j, i] += charge * rng.uniform(0.3, 1.0)
            if rng.random() < 0.3 and i + 1 < nx:
                canvas.changed[j, i + 1] += 0.4 * charge * rng.random()
    return 0.0


def _hot_pixel(canvas: Canvas, x: float, y: float) -> float:
    canvas.changed[int(y), int(x)] += canvas.snr(2.0, 50.0) * canvas.rng.choice((1.0, 1.0, -1.0))
    return 0.0


def _star(canvas: Canvas, x: float, y: float) -> float:
    """A bright star whose PSF was matched badly, in some besides shifted; half of them with a masked core."""
    rng, flux = canvas.rng, canvas.unit * 10 ** canvas.rng.uniform(2.0, 3.9)
    ellipticity, angle = rng.uniform(0, 0.15), rng.uniform(0, np.pi)
    wide = moffat_psf(fwhm_of(canvas.psf_at) * rng.choice((rng.uniform(0.8, 0.96), rng.uniform(1.04, 1.25))),
                      ellipticity=ellipticity, angle=angle)
    star = canvas.psf_at(x, y, 61).astype(float)
    shift = rng.uniform(0, 0.3) * rng.integers(0, 2)
    moved = _shifted(star, shift * np.cos(angle), shift * np.sin(angle))
    add_stamp(canvas.template, flux * star, x, y)
    add_stamp(canvas.changed, 0.3 * flux * (wide(x, y, 61) - star + moved), x, y)
    if rng.random() < 0.5:
        _mask_disc(canvas.bad, x, y, rng.uniform(2, 8))
    return 0.0


def _mask_disc(bad: np.ndarray, x: float, y: float, radius: float) -> None:
    ny, nx = bad.shape
    j, i = np.ogrid[:ny, :nx]
    bad[(j - y) ** 2 + (i - x) ** 2 < radius ** 2] = True


def _streak(canvas: Canvas, x: float, y: float) -> float:
    """A satellite's trail across the image, as wide as the PSF or wider; some end here or flicker."""
    rng, (ny, nx) = canvas.rng, canvas.changed.shape
    angle = rng.uniform(0, np.pi)
    j, i = np.mgrid[:ny, :nx]
    across = (i - x) * np.sin(angle) - (j - y) * np.cos(angle)
    along = (i - x) * np.cos(angle) + (j - y) * np.sin(angle)
    width = fwhm_of(canvas.psf_at) / 2.35 * rng.uniform(0.9, 1.6)
    level = canvas.unit * 10 ** rng.uniform(-1.2, 0.3) * np.exp(-0.5 * (across / width) ** 2)
    if rng.random() < 0.3:
        level *= 0.6 + 0.4 * np.sin(along / rng.uniform(6.0, 30.0))
    canvas.changed += level if rng.random() < 0.7 else level * (along > 0)
    return 0.0


def _bleed(canvas: Canvas, x: float, y: float) -> float:
    """A saturated star's charge along the columns, its middle masked and its ends and borders not."""
    rng, (ny, nx) = canvas.rng, canvas.changed.shape
    width, length, i, j = int(rng.integers(1, 6)), int(rng.integers(15, 90)), int(x), int(y)
    top, bottom = max(j - length, 0), min(j + length, ny)
    level = canvas.snr(0.3, 6.0) * np.clip(1.0 - (np.abs(np.arange(top, bottom) - j) / length) ** 3, 0, 1)
    canvas.changed[top:bottom, i:min(i + width, nx)] += (level * rng.choice((1.0, 1.0, -1.0)))[:, None]
    if rng.random() < 0.6:
        share = rng.uniform(0.2, 0.95)
        rows = slice(max(int(j - share * length), 0), min(int(j + share * length), ny))
        canvas.bad[rows, max(i - rng.integers(-1, 2), 0):min(i + width + rng.integers(-1, 2), nx)] = True
    return 0.0


def _edge(canvas: Canvas, x: float, y: float) -> float:
    """A masked box or line (defect, amplifier's border, rows, columns) with a border of wrong pixels left unmasked."""
    rng, (ny, nx), j, i = canvas.rng, canvas.bad.shape, int(y), int(x)
    height, width = (rng.integers(10, 80), rng.integers(1, 7))[::rng.choice((1, -1))]
    level = canvas.snr(0.15, 3.0) * rng.choice((1.0, -1.0))
    if rng.random() < 0.7:
        canvas.changed[max(j - 1, 0):min(j + height + 1, ny), max(i - 1, 0):min(i + width + 1, nx)] += level
    canvas.bad[j:min(j + height, ny), i:min(i + width, nx)] = True
    return 0.0


def _ghost(canvas: Canvas, x: float, y: float) -> float:
    """The edge of a ghost: a faint ring or disc, one or two pixels sharp."""
    rng, (ny, nx) = canvas.rng, canvas.changed.shape
    radius, width, sharp = rng.uniform(12, 90), rng.uniform(2, 10), rng.uniform(0.7, 2.0)
    j, i = np.ogrid[:ny, :nx]
    distance = np.hypot(i - x, j - y)
    ring = 1.0 / (1.0 + np.exp(np.clip((distance - radius) / sharp, -50, 50)))
    if rng.random() < 0.7:
        ring = ring - 1.0 / (1.0 + np.exp(np.clip((distance - radius + width) / sharp, -50, 50)))
    canvas.changed += canvas.unit * 10 ** rng.uniform(-1.3, -0.5) * ring
    return 0.0


#: Kind of an object -> what paints it at 0-based x, y and returns its flux (0 for artefacts).
PAINTERS: dict[str, Callable[[Canvas, float, float], float]] = {
    'transient': _transient, 'nucleus': _nucleus, 'variable': _variable, 'asteroid': _asteroid, 'dipole': _dipole,
    'cosmic_ray': _cosmic_ray, 'hot_pixel': _hot_pixel, 'star': _star, 'streak': _streak, 'bleed': _bleed, 'edge': _edge,
    'ghost': _ghost}
#: Those that are real.
REAL = ('transient', 'nucleus', 'variable', 'asteroid')
