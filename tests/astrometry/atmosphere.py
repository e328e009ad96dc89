"""Star fields as the sky gives them: through a turbulent atmosphere, under a header whose distortion is a little off."""
from __future__ import annotations

import numpy as np
from astropy.io.fits import Header
from star_field import SCALE, SHAPE, mispointed

from sediff.astrometry.tpv import Tpv

MIDDLE, HALF = np.array([(SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2]), np.array([(SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2])
#: Seeing (FWHM, pixels) and S/N of a star of magnitude 20.
FWHM, SNR_20 = 4.0, 60.0


class Turbulence:
    """Displacements of star images by the atmosphere over one exposure of a CCD: a smooth random field.

    Parameters
    ----------
    rms : float
        mas along one axis, over the CCD and about its mean there.
    outer_scale : float
        arcmin; the power falls as k^(-11/3) above 1 / outer_scale (von Karman), so that neighbours within a minute of arc
        move together.

    Notes
    -----
    A sum of plane waves whose wave numbers follow that spectrum; each axis has its own phases.
    """

    def __init__(self, seed: int, rms: float = 8.0, outer_scale: float = 6.0, waves: int = 300) -> None:
        rng = np.random.default_rng([seed, 77])
        grid = np.linspace(0.02, 20.0, 20000)                     # wave number times outer scale
        chance = np.cumsum(grid * (1.0 + grid ** 2) ** (-11 / 6))
        k = np.interp(rng.uniform(size=waves), chance / chance[-1], grid) * 2 * np.pi / (outer_scale * 60.0 / SCALE)
        direction = rng.uniform(0, 2 * np.pi, waves)
        self._k = np.stack([k * np.cos(direction), k * np.sin(direction)])
        self._phase, self._scale, self._mean = rng.uniform(0, 2 * np.pi, (2, waves)), np.ones(2), np.zeros(2)
        x, y = (values.ravel() for values in np.meshgrid(np.linspace(0, SHAPE[1], 41), np.linspace(0, SHAPE[0], 81)))
        moves = np.stack(self(x, y))
        self._mean, self._scale = moves.mean(axis=1), 1e-3 * rms / SCALE / moves.std(axis=1)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Displacement along x and y (pixels) at 0-based pixels."""
        argument = np.outer(x, self._k[0]) + np.outer(y, self._k[1])
        return tuple((np.cos(argument + phase).sum(axis=1) - mean) * scale
                     for phase, mean, scale in zip(self._phase, self._mean, self._scale))


def bent_header(header: Header, seed: int, size: float = 20.0) -> Header:
    """The header with second- and third-degree terms off by up to `size` mas somewhere on the CCD."""
    rng = np.random.default_rng([seed, 78])
    tables = np.zeros((2, 4, 4))
    for i in range(4):
        for j in range(4 - i):
            if i + j >= 2:
                tables[:, i, j] = rng.normal(size=2)
    model = Tpv.of(header)
    x, y = (values.ravel() for values in np.meshgrid(np.linspace(0, SHAPE[1] - 1, 9), np.linspace(0, SHAPE[0] - 1, 17)))
    unit = model.bent(*tables, MIDDLE, HALF)
    design = np.stack([np.ones(x.size), x, y], axis=1)
    change = np.stack([new - old for new, old in zip(unit.plane(x, y), model.plane(x, y))], axis=1)
    beyond = change - design @ np.linalg.lstsq(design, change, rcond=None)[0]
    return model.bent(*(tables * 1e-3 * size / np.hypot(*beyond.T).max()), MIDDLE, HALF).header()


def observed(header: Header, n_stars: int, seed: int, rms: float = 8.0, false: float = 0.3,
             gaia_limit: float = 20.7) -> dict:
    """Gaia stars over a CCD and 2 arcmin around it, and what is detected of them and besides them.

    Returns
    -------
    dict
        Reference stars ra, dec, mag; detections x, y, flux, sigma (pixels), snr; true_ra, true_dec (NaN for false ones);
        moved_x, moved_y: image places without the centroid's noise.
    """
    rng = np.random.default_rng([seed, 79])
    model, margin = Tpv.of(header), 450.0
    count = int(n_stars * (SHAPE[1] + 2 * margin) * (SHAPE[0] + 2 * margin) / (SHAPE[0] * SHAPE[1]))
    x, y = rng.uniform(-margin, SHAPE[1] + margin, count), rng.uniform(-margin, SHAPE[0] + margin, count)
    ra, dec = model.sky(x, y)
    low, high = 10 ** (0.22 * np.array([15.0, gaia_limit]))
    mag = np.log10(rng.uniform(low, high, count)) / 0.22
    shift = Turbulence(seed, rms)(x, y)
    moved_x, moved_y = x + shift[0], y + shift[1]
    on_ccd = (moved_x > 0) & (moved_x < SHAPE[1] - 1) & (moved_y > 0) & (moved_y < SHAPE[0] - 1)
    seen = np.flatnonzero(on_ccd & (rng.uniform(size=count) < 0.95))
    n_false = round(len(seen) * false / (1.0 - false))
    snr = np.append(SNR_20 * 10 ** (-0.4 * (mag[seen] - 20.0)), rng.uniform(10.0, 40.0, n_false))
    sigma = np.hypot(FWHM / 2.355 / snr, 0.005)
    nothing = np.full(n_false, np.nan)
    places = np.append(moved_x[seen], nothing), np.append(moved_y[seen], nothing)
    false_at = rng.uniform(0, SHAPE[1], n_false), rng.uniform(0, SHAPE[0], n_false)
    colour = rng.normal(0.0, 0.4, len(sigma))
    return {'ra': ra, 'dec': dec, 'mag': mag, 'snr': snr, 'sigma': sigma, 'moved_x': places[0], 'moved_y': places[1],
            'x': np.append(moved_x[seen], false_at[0]) + sigma * rng.normal(size=len(sigma)),
            'y': np.append(moved_y[seen], false_at[1]) + sigma * rng.normal(size=len(sigma)),
            'flux': snr * 10 ** (0.4 * colour),
            'true_ra': np.append(ra[seen], nothing), 'true_dec': np.append(dec[seen], nothing)}


def lost(header: Header, seed: int, radius: float = 60.0, rotation: float = 0.1) -> Header:
    """The header pointed wrong by up to `radius` arcsec where the CCD is, turned by up to `rotation` deg, bent by 20 mas."""
    rng = np.random.default_rng([seed, 80])
    direction, size = rng.uniform(0, 2 * np.pi), radius * np.sqrt(rng.uniform())
    bent = bent_header(header, seed)
    turned = Tpv.of(mispointed(bent, 0.0, 0.0, rng.uniform(-rotation, rotation)))
    off = turned.off(*MIDDLE[:, None], *(value[:1] for value in Tpv.of(bent).sky(*MIDDLE[:, None])))
    shift = np.array([size * np.cos(direction) - off[0][0], size * np.sin(direction) - off[1][0]])
    return turned.moved(shift, np.zeros((2, 2))).header()


def residual_rms(header: Header, field: dict, snr: float = 50.0, noise: bool = True) -> float:
    """rms (mas, one axis) of solved against true positions of stars above an S/N, with or without the centroids' noise."""
    use = np.isfinite(field['true_ra']) & (field['snr'] > snr)
    x, y = ('x', 'y') if noise else ('moved_x', 'moved_y')
    off = Tpv.of(header).off(field[x][use], field[y][use], field['true_ra'][use], field['true_dec'][use])
    return 1e3 * float(np.sqrt(np.mean(np.square(off))))


def field_error(header: Header, truth: Header, seed: int, rms: float = 8.0, count: int = 400) -> float:
    """rms (mas, one axis) of solved against true positions of noise-free images anywhere on the CCD, fitted or not."""
    rng = np.random.default_rng([seed, 81])
    x, y = rng.uniform(0, SHAPE[1] - 1, count), rng.uniform(0, SHAPE[0] - 1, count)
    shift = Turbulence(seed, rms)(x, y)
    off = Tpv.of(header).off(x + shift[0], y + shift[1], *Tpv.of(truth).sky(x, y))
    return 1e3 * float(np.sqrt(np.mean(np.square(off))))
