"""The two lists a solution compares: what was detected and what is in the catalogue."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.astrometry.match import nearest_unique
from sediff.astrometry.solution import AstrometryOptions
from sediff.astrometry.tangent import project
from sediff.astrometry.tpv import Tpv


@dataclass(frozen=True)
class Stars:
    """Detections and reference stars, brightest first, without rows that are not finite.

    Parameters
    ----------
    x, y : ndarray, (n,) float64, 0-based pixels
    sigma_px : ndarray, (n,), pixels
    ra, dec : ndarray, (m,) float64, deg
    ref_sigma : ndarray, (m,), mas
    """

    x: np.ndarray
    y: np.ndarray
    sigma_px: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    ref_sigma: np.ndarray

    @classmethod
    def ranked(cls, x, y, flux, sigma_px, ra, dec, mag, ref_sigma=None) -> Stars:
        """Sorted and cleaned; a missing reference error is zero, one that is not finite drops its star."""
        ref_sigma = np.zeros(len(ra)) if ref_sigma is None else ref_sigma
        return cls(*_ranked(np.asarray(flux, float), x, y, sigma_px), *_ranked(-np.asarray(mag, float), ra, dec, ref_sigma))

    def only(self, chosen: np.ndarray) -> Stars:
        """With a part of the reference stars."""
        return Stars(self.x, self.y, self.sigma_px, self.ra[chosen], self.dec[chosen], self.ref_sigma[chosen])

    def pairs(self, model: Tpv, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
        """Indices of detections and stars that are each other's nearest within `tolerance` arcsec."""
        ref_xi, ref_eta = project(self.ra, self.dec, *model.crval)
        seen = np.flatnonzero(np.isfinite(ref_xi))
        first, second = nearest_unique(*model.plane(self.x, self.y), ref_xi[seen], ref_eta[seen], tolerance)
        return first, seen[second]

    def matched(self, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """x, y, ra, dec of pairs."""
        return self.x[first], self.y[first], self.ra[second], self.dec[second]

    def sigma(self, model: Tpv, first: np.ndarray, second: np.ndarray, floor: float) -> np.ndarray:
        """Errors of pairs along one axis, arcsec: centroid, catalogue and `floor` (mas) in quadrature."""
        known = np.hypot(self.sigma_px[first] * model.scale, 1e-3 * self.ref_sigma[second])
        return np.hypot(known, 1e-3 * floor)

    def unclipped(self, model: Tpv, first: np.ndarray, second: np.ndarray, options: AstrometryOptions) -> np.ndarray:
        """Which pairs lie within `options.clip` errors or, where that is more, robust scatters."""
        if len(first) == 0:
            return np.zeros(0, bool)
        off = np.hypot(*model.off(*self.matched(first, second)))
        off = off / (np.sqrt(2.0) * self.sigma(model, first, second, options.floor))
        return off <= options.clip * max(1.0, float(np.median(off)) / np.sqrt(np.log(2.0)))

    def chance(self, model: Tpv, radius: float) -> float:
        """Pairs expected within `radius` (arcsec) if detections and stars had nothing to do with each other."""
        xi, eta = model.plane(self.x, self.y)
        ref_xi, ref_eta = project(self.ra, self.dec, *model.crval)
        inside = (ref_xi > xi.min()) & (ref_xi < xi.max()) & (ref_eta > eta.min()) & (ref_eta < eta.max())
        return len(xi) * int(inside.sum()) * np.pi * radius ** 2 / max(float(np.ptp(xi) * np.ptp(eta)), 1.0)


def _ranked(rank: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
    columns = tuple(np.asarray(column, float) for column in columns)
    good = np.isfinite(rank) & np.all([np.isfinite(column) for column in columns], axis=0)
    order = np.flatnonzero(good)[np.argsort(-rank[good], kind='stable')]
    return tuple(column[order] for column in columns)
