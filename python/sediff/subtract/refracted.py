"""Offsets of stars that go with their colour: differential refraction, found from the stars themselves."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.stats import sigma_about

#: Stars with a colour from which the offset may also bend with colour.
BENT_STARS = 40
#: Gain in ln(likelihood) the stars must show for a relation to be used.
LEAST_GAIN = 8.0
#: Stars this many sigma off the relation are rejected; rounds of that.
CLIP, ROUNDS = 4.0, 4
#: Scatter of offsets that is allowed for beside their errors, px, and the colours (mag) the relation holds between.
SCATTER, COLOURS = 0.01, (-0.5, 4.0)
#: Width of the prior on the bend, px a squared magnitude.
BEND_ERROR = 0.3


@dataclass(frozen=True)
class ColourShift:
    """Offset of a star of a colour from one of the middle colour, px.

    Parameters
    ----------
    coefficients : ndarray, (2, 2) float64
        Of (colour - middle) and of its square, along x and y.
    middle : float
        Colour that is not offset, mag.
    """

    coefficients: np.ndarray
    middle: float

    @property
    def slope(self) -> np.ndarray:
        """Offset for a magnitude at the middle colour: (2,) px."""
        return self.coefficients[0]

    def at(self, colour: np.ndarray) -> np.ndarray:
        """Offsets (n, 2), 0 where the colour is not known."""
        q = np.clip(colour, *COLOURS) - self.middle
        return np.nan_to_num(np.stack([q, q * q], axis=1) @ self.coefficients)


def fit_colour_shift(colour: np.ndarray, x: np.ndarray, y: np.ndarray, offset: np.ndarray, error: np.ndarray,
                     prior: tuple[np.ndarray, float], usual: float | None = None,
                     field: tuple[float, float] | None = None) -> ColourShift | None:
    """The relation of offsets with colour, None where the stars show none.

    Parameters
    ----------
    colour : ndarray, (n,)
        mag; NaN: not known.
    x, y : ndarray, (n,)
        Positions, px.
    offset : ndarray, (n, 2)
        Measured offsets, px.
    error : ndarray, (n,)
        Their error, px.
    prior : (ndarray (2,), float)
        Slope that is expected, px a magnitude, and its error.
    usual : float, optional
        Colour that is not offset, mag; default: the median.
    field : (length, rms), optional
        Registration field that the offsets also carry, px.

    Notes
    -----
    Generalised least squares: constant and gradient over the image, slope and bend with colour; covariance of the errors and
    of the field (Rasmussen & Williams 2006, section 2.7). With few stars the prior decides.
    """
    good = np.isfinite(colour) & (error > 0) & np.isfinite(offset).all(axis=1)
    if not good.any():
        return None
    colour, x, y, offset, error = (np.asarray(a, float)[good] for a in (colour, x, y, offset, error))
    middle = float(np.median(colour)) if usual is None else usual
    q = np.clip(colour, *COLOURS) - middle
    bend = q * q * (len(q) >= BENT_STARS)
    design = np.stack([q, bend, np.ones(len(q)), (x - x.mean()) / 1000.0, (y - y.mean()) / 1000.0], axis=1)
    width = np.array([prior[1], BEND_ERROR, 1.0, 1.0, 1.0])
    mean = np.zeros((5, 2))
    mean[0] = prior[0]
    kept = np.ones(len(q), bool)
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(_covariance(x[kept], y[kept], error[kept], field))
        normal = design[kept].T @ inverse @ design[kept] + np.diag(width ** -2.0)
        right = design[kept].T @ inverse @ offset[kept] + mean / width[:, None] ** 2
        found = np.linalg.solve(normal, right)
        left = offset - design @ found
        spread = np.hypot(error, max(SCATTER, sigma_about(left[kept])))
        now = (np.abs(left) < CLIP * spread[:, None]).all(axis=1)
        if (now == kept).all() or now.sum() < 0.5 * len(kept):
            break
        kept = now
    covariance = np.linalg.inv(normal)[:2, :2]
    gain = 0.5 * np.einsum('ia,ij,ja->', found[:2], np.linalg.inv(covariance), found[:2])
    return _significant(found[:2], middle, gain)


def _significant(coefficients: np.ndarray, middle: float, gain: float) -> ColourShift | None:
    return ColourShift(coefficients, middle) if gain > LEAST_GAIN and np.any(coefficients) else None


def _covariance(x, y, error, field) -> np.ndarray:
    out = np.diag(error**2 + SCATTER**2)
    if field is not None:
        length, rms = field
        out += rms**2 * np.exp(-0.5 * ((x[:, None] - x) ** 2 + (y[:, None] - y) ** 2) / length**2)
    return out
