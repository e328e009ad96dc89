"""Stars of a catalogue in a pair of images: where they are, how far they moved between the two, their colour."""
from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

#: An object of the image is the star of the list that is nearest within this distance, px.
MATCH_RADIUS = 2.5


@dataclass(frozen=True)
class ListedStars:
    """Stars whose places in both images are known from elsewhere.

    Parameters
    ----------
    x, y : ndarray, (n,) float64
        0-based place in the science image, px.
    shift : ndarray, (n, 2) float64
        That place less the one in the template, along x and y, px; NaN: not known.
    colour : ndarray, (n,) float64
        Any colour, mag; NaN: not known.
    slope : ndarray, (2,) float64
        Shift that a magnitude of colour should make, px (differential refraction): what the stars' own is tested against.
    slope_error : float
        How far the true one may lie from it, px a magnitude.
    usual : float or None
        Colour of the light that is not listed, mag; None: the median.
    """

    x: np.ndarray
    y: np.ndarray
    shift: np.ndarray
    colour: np.ndarray
    slope: np.ndarray = field(default_factory=lambda: np.zeros(2))
    slope_error: float = 1.0
    usual: float | None = None

    def turned(self) -> ListedStars:
        """The same for the two images exchanged."""
        shift = np.nan_to_num(self.shift)
        return replace(self, x=self.x - shift[:, 0], y=self.y - shift[:, 1], shift=-self.shift, slope=-self.slope)

    def nearest(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Index of the listed star at each place, -1 where there is none: (m,) int64."""
        if not len(self.x) or not len(x):
            return np.full(len(x), -1)
        order = np.argsort(self.y, kind='stable')
        low, high = (np.searchsorted(self.y[order], np.asarray(y, float) + side * MATCH_RADIUS) for side in (-1, 1))
        out = np.full(len(x), -1)
        for k in range(len(x)):
            near = order[low[k]:high[k]]
            distance = np.hypot(self.x[near] - x[k], self.y[near] - y[k])
            if near.size and distance.min() <= MATCH_RADIUS:
                out[k] = near[distance.argmin()]
        return out

    def at(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shift (m, 2), 0 where it is not known, and colour (m,) of the stars at these places."""
        index = self.nearest(x, y)
        return self.shifts(index), self.colours(index)

    def known(self, index: np.ndarray) -> np.ndarray:
        """Whether each of `nearest`'s stars has a known shift: (m,) bool."""
        return (index >= 0) & np.isfinite(self.shift).all(axis=1)[index] if len(self.x) else np.zeros(len(index), bool)

    def shifts(self, index: np.ndarray) -> np.ndarray:
        """Shift of each of `nearest`'s stars, 0 where it is not known: (m, 2) float64."""
        out = np.zeros((len(index), 2))
        known = self.known(index)
        out[known] = self.shift[index[known]]
        return out

    def colours(self, index: np.ndarray) -> np.ndarray:
        """Colour of each of `nearest`'s stars, NaN where there is none: (m,) float64."""
        out = np.full(len(index), np.nan)
        out[index >= 0] = self.colour[index[index >= 0]]
        return out
