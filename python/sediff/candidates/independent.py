"""Scenes of a second, independent generator, on which the score is judged and never trained.

All differs from `sediff.candidates.scenes`: the PSF is a sum of three Gaussians instead of a Moffat profile; galaxies are
Sersic models whose sizes and ellipticities are drawn from the distributions of Miller et al. (2013, MNRAS 429, 2858,
appendix B); sky, zero point and seeing are those of bands; the template is a deeper image whose noise the matching has
smoothed; asteroids move like those of the main belt; and each artefact is painted in another way.
"""
from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

from sediff.candidates.painters import Canvas, PsfAt, add_stamp, fwhm_of, noise_flux
from sediff.candidates.scenes import Scene, correlated, paint

#: Of a band: variance of the sky (electrons^2 a pixel of 90 s), seeing (px), depth of the template (its variance over that).
BANDS = {'g': (350.0, 4.6, 0.45), 'r': (800.0, 4.1, 0.3), 'i': (1500.0, 3.7, 0.6), 'z': (2800.0, 3.5, 0.8)}
ZERO_POINT = 30.3
#: arcsec a pixel.
SCALE = 0.263
COUNTS = {'transient': 26, 'nucleus': 12, 'variable': 14, 'asteroid': 10, 'dipole': 14, 'cosmic_ray': 16, 'hot_pixel': 4,
          'star': 8, 'streak': 1, 'bleed': 4, 'edge': 4, 'ghost': 1}


def gaussians_psf(fwhm: float, wings: float, ellipticity: float, angle: float) -> PsfAt:
    """A core, wings of 1.8 times its width that hold the share `wings`, and a halo of 4 times and 3 %: unit flux."""
    core = fwhm / 2.3548 / (1.0 + 0.25 * wings)
    parts = ((1.0 - wings - 0.03, core), (wings, 1.8 * core), (0.03, 4.0 * core))
    stretch, cosine, sine = np.sqrt((1.0 + ellipticity) / (1.0 - ellipticity)), np.cos(angle), np.sin(angle)

    def psf_at(x: float, y: float, size: int) -> np.ndarray:
        """The PSF at 0-based x, y (px): (size, size) float32."""
        grid = np.arange(size) - size // 2
        dx, dy = grid[None, :] - (x - np.floor(x + 0.5)), grid[:, None] - (y - np.floor(y + 0.5))
        square = (dx * cosine + dy * sine) ** 2 / stretch + (dy * cosine - dx * sine) ** 2 * stretch
        return sum(share / (2 * np.pi * sigma ** 2) * np.exp(-0.5 * square / sigma ** 2) for share, sigma in parts
                   ).astype(np.float32)

    return psf_at


def independent_scene(seed: int, shape: tuple[int, int] = (600, 600), counts: dict[str, int] | None = None) -> Scene:
    """Draw a scene; band, seeing and PSF follow from the seed."""
    rng = np.random.default_rng([seed, 77])
    sky, seeing, depth = BANDS[str(rng.choice(list(BANDS)))]
    fwhm, wings = seeing * float(rng.lognormal(0, 0.12)), float(rng.uniform(0.1, 0.35))
    ellipticity, angle = float(rng.beta(1.5, 20)), float(rng.uniform(0, np.pi))
    psf_at = gaussians_psf(fwhm, wings, ellipticity, angle)
    model = gaussians_psf(fwhm * float(rng.normal(1.0, 0.015)), wings * float(rng.uniform(0.8, 1.2)), ellipticity, angle)
    canvas = Canvas(rng, np.zeros(shape), np.zeros(shape), np.zeros(shape, bool), psf_at, noise_flux(sky, psf_at(0, 0, 51)))
    stars = _field(canvas)
    truth, artefact = paint(canvas, {**COUNTS, **(counts or {})}, 0.5 * np.sqrt(sky), PAINTERS)
    light = np.maximum(canvas.template + canvas.changed, 0)
    noise = correlated(rng, shape, 0.0) * np.sqrt(sky + light)
    older = 0.3 * depth * (sky + np.maximum(canvas.template, 0))
    smoothed = correlated(rng, shape, float(rng.uniform(0.5, 1.0))) * np.sqrt(older)
    difference = canvas.changed + noise - smoothed
    template = canvas.template + rng.normal(0, np.sqrt(depth * sky), shape)
    variance = sky + light + older
    return Scene(template.astype(np.float32), (template + difference).astype(np.float32), difference.astype(np.float32),
                 variance.astype(np.float32), canvas.bad, truth, stars, model, artefact)


def galaxy_radius(rng: np.random.Generator, magnitude: float) -> float:
    """Half-light radius of a disc (arcsec): ln of the median scale length -1.145 - 0.269 (i - 23).

    p(r) ~ r exp(-(r / a)^(4/3)), whose median is 1.134 a; 1.678 scale lengths hold half the light.
    """
    median = np.exp(-1.145 - 0.269 * (magnitude - 23.0))
    return float(1.678 * median / 1.134 * rng.gamma(1.5) ** 0.75)


def galaxy_ellipticity(rng: np.random.Generator) -> float:
    """(a - b) / (a + b) of a disc: p(e) ~ e (1 - exp((e - 0.804) / 0.2539)) / ((1 + e) sqrt(e^2 + 0.0256^2))."""
    e = np.linspace(0.0, 0.804, 400)
    density = e * (1.0 - np.exp((e - 0.804) / 0.2539)) / ((1.0 + e) * np.hypot(e, 0.0256))
    return float(np.interp(rng.random(), np.cumsum(density) / density.sum(), e))


def sersic_stamp(rng: np.random.Generator, psf_at: PsfAt, x: float, y: float, magnitude: float) -> np.ndarray:
    """A galaxy of unit flux seen through the PSF, a tenth of them of index 4, the others of 1: (61, 61)."""
    size = max(galaxy_radius(rng, magnitude) / SCALE, 0.5)
    e, angle, index = galaxy_ellipticity(rng), rng.uniform(0, np.pi), 4.0 if rng.random() < 0.1 else 1.0
    fine = (np.arange(61 * 5) - 152) / 5.0
    dx, dy = fine[None, :] - (x - np.floor(x + 0.5)), fine[:, None] - (y - np.floor(y + 0.5))
    axis = (1.0 - e) / (1.0 + e)
    u, v = dx * np.cos(angle) + dy * np.sin(angle), (dy * np.cos(angle) - dx * np.sin(angle)) / axis
    slope = 2.0 * index - 1.0 / 3.0 + 0.009876 / index
    profile = np.exp(-slope * (np.hypot(u, v) / size) ** (1.0 / index)).reshape(61, 5, 61, 5).mean(axis=(1, 3))
    seen = fftconvolve(profile, psf_at(0.0, 0.0, 41), mode='same')
    return seen / seen.sum()


def _flux(magnitude: float) -> float:
    return float(10 ** (-0.4 * (magnitude - ZERO_POINT)))


def _field(canvas: Canvas) -> np.ndarray:
    """Stars and galaxies of both images that subtract well; the stars' x, y (0-based px), mag."""
    rng, (ny, nx) = canvas.rng, canvas.template.shape
    for _ in range(60):
        x, y, magnitude = rng.uniform(0, nx - 1), rng.uniform(0, ny - 1), 24.0 - rng.exponential(1.4)
        add_stamp(canvas.template, _flux(magnitude) * sersic_stamp(rng, canvas.psf_at, x, y, magnitude), x, y)
    stars = np.zeros(30, [('x', 'f8'), ('y', 'f8'), ('mag', 'f8')])
    stars['x'], stars['y'] = rng.uniform(0, nx - 1, 30), rng.uniform(0, ny - 1, 30)
    stars['mag'] = 17.0 + 6.0 * rng.power(1.8, 30)
    for star in stars:
        add_stamp(canvas.template, _flux(star['mag']) * canvas.psf_at(star['x'], star['y'], 61), star['x'], star['y'])
    return stars


def _bright(canvas: Canvas, least: float = 5.0) -> float:
    """A flux above `least` sigma of a Euclidean count, at most 300 sigma."""
    return float(canvas.unit * min(least * canvas.rng.random() ** (-1.0 / 1.2), 300.0))


def _transient(canvas: Canvas, x: float, y: float) -> float:
    rng, flux = canvas.rng, _bright(canvas)
    add_stamp(canvas.changed, flux * canvas.psf_at(x, y, 51), x, y)
    if rng.random() < 0.6:
        magnitude, angle = 22.5 - rng.exponential(1.3), rng.uniform(0, 2 * np.pi)
        away = max(rng.gamma(2.0) * galaxy_radius(rng, magnitude) / 1.678 / SCALE, 0.6 * fwhm_of(canvas.psf_at))
        u, v = x + away * np.cos(angle), y + away * np.sin(angle)
        add_stamp(canvas.template, _flux(magnitude) * sersic_stamp(rng, canvas.psf_at, u, v, magnitude), u, v)
    return flux


def _nucleus(canvas: Canvas, x: float, y: float) -> float:
    rng, flux = canvas.rng, _bright(canvas) * canvas.rng.choice((1, 1, -1))
    magnitude = 21.5 - rng.exponential(1.2)
    add_stamp(canvas.changed, flux * canvas.psf_at(x, y, 51), x, y)
    add_stamp(canvas.template, _flux(magnitude) * sersic_stamp(rng, canvas.psf_at, x, y, magnitude), x, y)
    if flux < 0 or rng.random() < 0.3:
        add_stamp(canvas.template, 1.3 * abs(flux) * canvas.psf_at(x, y, 51), x, y)
    return flux


def _variable(canvas: Canvas, x: float, y: float) -> float:
    """A star that pulsates by 0.05 to 1 mag about a mean, seen at two phases."""
    rng, amplitude = canvas.rng, canvas.rng.uniform(0.05, 1.0)
    one, two = 10 ** (-0.4 * amplitude * np.sin(rng.uniform(0, 2 * np.pi, 2)))
    flux = _bright(canvas) * np.sign(one - two)
    mean = flux / (one - two) if abs(one - two) > 0.02 else abs(flux) / 0.02
    add_stamp(canvas.changed, flux * canvas.psf_at(x, y, 61), x, y)
    add_stamp(canvas.template, abs(mean) * two * canvas.psf_at(x, y, 61), x, y)
    return float(flux)


def _asteroid(canvas: Canvas, x: float, y: float) -> float:
    """Main belt near opposition: 36 +- 6 arcsec an hour, seen for 90 to 200 s."""
    rng, flux = canvas.rng, _bright(canvas, 10.0)
    length = max(rng.normal(36.0, 6.0), 20.0) / 3600.0 * rng.uniform(90.0, 200.0) / SCALE
    angle = rng.normal(0.4, 0.3)
    for step in np.linspace(-0.5, 0.5, 25) * length:
        u, v = x + step * np.cos(angle), y + step * np.sin(angle)
        add_stamp(canvas.changed, flux / 25 * canvas.psf_at(u, v, 51), u, v)
    return flux


def _dipole(canvas: Canvas, x: float, y: float) -> float:
    """A star at two places: refraction or proper motion."""
    rng, angle, shift = canvas.rng, canvas.rng.uniform(0, 2 * np.pi), canvas.rng.exponential(0.15) + 0.05
    flux = canvas.unit * min(rng.uniform(8, 80) * fwhm_of(canvas.psf_at) / shift, 2e4)
    for weight, step in ((flux * rng.normal(1.0, 0.01), 0.5 * shift), (-flux, -0.5 * shift)):
        u, v = x + step * np.cos(angle), y + step * np.sin(angle)
        add_stamp(canvas.changed, weight * canvas.psf_at(u, v, 61), u, v)
    add_stamp(canvas.template, flux * canvas.psf_at(x, y, 61), x, y)
    return 0.0


def _cosmic_ray(canvas: Canvas, x: float, y: float) -> float:
    """A muon's track of exponential length with fluctuating charge, or an electron's that wanders."""
    rng, (ny, nx) = canvas.rng, canvas.changed.shape
    angle, wander = rng.uniform(0, 2 * np.pi), rng.choice((0.0, 0.5))
    mean = canvas.unit * rng.lognormal(0.6, 0.8)
    for _ in range(1 + int(rng.exponential(9.0))):
        if 0 <= int(y) < ny and 0 <= int(x) < nx:
            canvas.changed[int(y), int(x)] += mean * (0.4 + rng.exponential(0.6))
        angle += rng.normal(0, wander)
        x, y = x + 0.7 * np.cos(angle), y + 0.7 * np.sin(angle)
    return 0.0


def _hot_pixel(canvas: Canvas, x: float, y: float) -> float:
    height = int(canvas.rng.integers(1, 3))
    canvas.changed[int(y):int(y) + height, int(x)] += canvas.unit * canvas.rng.uniform(2.0, 30.0)
    return 0.0


def _star(canvas: Canvas, x: float, y: float) -> float:
    """A bright star through a kernel that has the core, the wings and the flux slightly wrong."""
    rng, flux = canvas.rng, canvas.unit * 10 ** canvas.rng.uniform(2.0, 3.6)
    fwhm = fwhm_of(canvas.psf_at) * rng.choice((rng.uniform(0.85, 0.95), rng.uniform(1.05, 1.15)))
    wrong = gaussians_psf(fwhm, rng.uniform(0.05, 0.4), rng.uniform(0, 0.08), rng.uniform(0, np.pi))
    own, other = canvas.psf_at(x, y, 61), wrong(x, y, 61)
    change = own / own.sum() - rng.normal(1.0, 0.01) * other / other.sum()
    add_stamp(canvas.changed, 0.5 * flux * change, x, y)
    add_stamp(canvas.template, flux * own, x, y)
    if rng.random() < 0.4:
        half = int(rng.uniform(1, 6))
        canvas.bad[max(int(y) - half, 0):int(y) + half + 1, max(int(x) - half, 0):int(x) + half + 1] = True
    return 0.0


def _streak(canvas: Canvas, x: float, y: float) -> float:
    """A line of some width through the PSF, some of it flashing."""
    rng, (ny, nx) = canvas.rng, canvas.changed.shape
    angle, sigma, half = rng.uniform(0, np.pi), fwhm_of(canvas.psf_at) / 2.3548, rng.uniform(0.0, 2.0)
    j, i = np.mgrid[:ny, :nx]
    across, along = (i - x) * np.sin(angle) - (j - y) * np.cos(angle), (i - x) * np.cos(angle) + (j - y) * np.sin(angle)
    line = 1.0 / (1.0 + np.exp(np.clip((np.abs(across) - half - sigma) / (0.6 * sigma), -50, 50)))
    if rng.random() < 0.3:
        line = line * (0.3 + 0.7 * (np.mod(along, rng.uniform(40, 120)) < rng.uniform(15, 40)))
    canvas.changed += canvas.unit * 10 ** rng.uniform(-1.0, 0.2) * line
    return 0.0


def _bleed(canvas: Canvas, x: float, y: float) -> float:
    """A trail along the columns that tapers off, of one sign, half of it masked."""
    rng, (ny, nx), i, j = canvas.rng, canvas.changed.shape, int(x), int(y)
    length, level = rng.exponential(40.0) + 12.0, canvas.unit * rng.lognormal(0.2, 0.8) * rng.choice((1.0, 1.0, 1.0, -1.0))
    for column in range(i, min(i + int(rng.integers(1, 5)), nx)):
        reach = int(length * rng.uniform(0.7, 1.0))
        rows = np.arange(max(j - reach, 0), min(j + reach, ny))
        canvas.changed[rows, column] += level * np.exp(-np.abs(rows - j) / length)
        if rng.random() < 0.5:
            canvas.bad[max(j - reach // 2, 0):min(j + reach // 2, ny), column] = True
    return 0.0


def _edge(canvas: Canvas, x: float, y: float) -> float:
    """Masked columns or a masked disc whose rim is wrong."""
    rng, (ny, nx), i, j = canvas.rng, canvas.bad.shape, int(x), int(y)
    if rng.random() < 0.5:
        rows = slice(max(j - 60, 0), min(j + 60, ny))
        canvas.changed[rows, max(i - 1, 0)] += canvas.unit * rng.normal(0, 0.5)
        canvas.bad[rows, i:min(i + int(rng.integers(1, 4)), nx)] = True
        return 0.0
    v, u = np.ogrid[:ny, :nx]
    distance, radius = np.hypot(u - x, v - y), rng.uniform(4, 20)
    canvas.changed[(distance >= radius) & (distance < radius + 1.2)] += canvas.unit * rng.normal(0, 0.8)
    canvas.bad[distance < radius] = True
    return 0.0


def _ghost(canvas: Canvas, x: float, y: float) -> float:
    """An elliptical pupil with a hole."""
    rng, (ny, nx) = canvas.rng, canvas.changed.shape
    v, u = np.ogrid[:ny, :nx]
    distance, radius = np.hypot(u - x, (v - y) / rng.uniform(0.7, 1.0)), rng.uniform(20, 80)
    inside = 1.0 / (1.0 + np.exp(np.clip((distance - radius) / 1.0, -50, 50)))
    hole = 1.0 / (1.0 + np.exp(np.clip((distance - 0.4 * radius) / 1.0, -50, 50)))
    canvas.changed += canvas.unit * rng.uniform(0.05, 0.25) * (inside - hole)
    return 0.0


#: As `sediff.candidates.painters.PAINTERS`.
PAINTERS = {'transient': _transient, 'nucleus': _nucleus, 'variable': _variable, 'asteroid': _asteroid, 'dipole': _dipole,
            'cosmic_ray': _cosmic_ray, 'hot_pixel': _hot_pixel, 'star': _star, 'streak': _streak, 'bleed': _bleed,
            'edge': _edge, 'ghost': _ghost}
