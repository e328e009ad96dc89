"""A TPV solution as numbers: fast, exact and easily changed; the header is written from it at the end."""
from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from astropy.io.fits import Header

from sediff.astrometry.tangent import deproject, project
from sediff.wcs.tpv import CD, EXPONENTS, RADIAL, add_polynomial, read_terms, substitute, tpv_cards, with_terms


@dataclass(frozen=True)
class Tpv:
    """World coordinates of a CCD.

    Parameters
    ----------
    cards : Header
        The TPV cards it came from; keeps what is not in the numbers.
    crval : ndarray, (2,) deg
    crpix : ndarray, (2,) pixels, 1-based
    cd : ndarray, (2, 2) deg per pixel
    terms : ndarray, (2, 40)
        PV terms.
    """

    cards: Header
    crval: np.ndarray
    crpix: np.ndarray
    cd: np.ndarray
    terms: np.ndarray

    @classmethod
    def of(cls, header: Header) -> Tpv:
        """The solution of a header that `tpv_cards` understands."""
        cards = tpv_cards(header)
        return cls(cards, np.array([cards['CRVAL1'], cards['CRVAL2']], float),
                   np.array([cards['CRPIX1'], cards['CRPIX2']], float),
                   np.array([cards[name] for name in CD], float).reshape(2, 2), read_terms(cards))

    def plane(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Tangent-plane coordinates about CRVAL (arcsec east, north) of 0-based pixels."""
        dx, dy = np.asarray(x, float) + 1.0 - self.crpix[0], np.asarray(y, float) + 1.0 - self.crpix[1]
        xi, eta = (row[0] * dx + row[1] * dy for row in self.cd)
        return 3600.0 * _series(self.terms[0], xi, eta), 3600.0 * _series(self.terms[1], eta, xi)

    def sky(self, x: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """RA in [0, 360) and Dec (deg) of 0-based pixels."""
        return deproject(*self.plane(x, y), *self.crval)

    def off(self, x: npt.ArrayLike, y: npt.ArrayLike, ra: npt.ArrayLike,
            dec: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Where pixels fall minus where they should, arcsec, along the axes of the tangent plane."""
        xi, eta = self.plane(x, y)
        ref_xi, ref_eta = project(ra, dec, *self.crval)
        return xi - ref_xi, eta - ref_eta

    def moved(self, shift: np.ndarray, matrix: np.ndarray) -> Tpv:
        """The pointing shifted by (east, north) arcsec, and the plane about it multiplied by 1 + matrix.

        North turns where the pointing moves along a parallel; the CD matrix turns along, so that the field does not.
        """
        crval = np.array(deproject(*shift, *self.crval))
        north = deproject(shift[0] + np.zeros(2), shift[1] + np.array([0.0, 60.0]), *self.crval)
        north_x, north_y = (np.diff(values)[0] for values in project(*north, *crval))
        turn = np.array([[north_y, north_x], [-north_x, north_y]]) / np.hypot(north_x, north_y)
        return replace(self, crval=crval, cd=turn @ (np.eye(2) + matrix) @ self.cd)

    def bent(self, first: np.ndarray, second: np.ndarray, center: np.ndarray, half: np.ndarray) -> Tpv:
        """A polynomial of the place on the CCD added to the plane coordinates.

        Parameters
        ----------
        first, second : ndarray, (n, n), arcsec
            Coefficient [i, j] multiplies s^i t^j, with (s, t) = (pixel - center) / half; n <= 8.
        center, half : ndarray, (2,)
            0-based pixels.
        """
        matrix = np.linalg.inv(self.cd) / half[:, None]
        offset = (self.crpix - 1.0 - center) / half
        change = [substitute(table / 3600.0, matrix, offset) for table in (first, second)]
        return replace(self, terms=add_polynomial(self.terms, *change))

    @property
    def scale(self) -> float:
        """Arcsec per pixel, from the CD matrix."""
        return 3600.0 * float(np.sqrt(abs(np.linalg.det(self.cd))))

    def header(self) -> Header:
        """TPV cards; terms that did not change keep their cards."""
        changed = not np.array_equal(self.terms, read_terms(self.cards))
        out = with_terms(self.cards, self.terms) if changed else Header([copy(card) for card in self.cards.cards])
        for keyword, value in zip(('CRVAL1', 'CRVAL2', *CD), (*self.crval, *self.cd.ravel())):
            out[keyword] = float(value)
        return out


def _series(terms: np.ndarray, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    out = np.zeros_like(own)
    highest = max((sum(EXPONENTS[k]) for k in np.flatnonzero(terms).tolist() if k in EXPONENTS), default=0)
    powers = [[np.ones_like(own)], [np.ones_like(own)]]
    for _ in range(highest):
        for rows, base in zip(powers, (own, other)):
            rows.append(rows[-1] * base)
    for k in np.flatnonzero(terms).tolist():
        if k in RADIAL:
            out += terms[k] * np.hypot(own, other) ** RADIAL[k]
        else:
            i, j = EXPONENTS[k]
            out += terms[k] * powers[0][i] * powers[1][j]
    return out
