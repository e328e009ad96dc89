"""Celestial frames of headers, and positions in them converted to ICRS and back."""
from __future__ import annotations

import re

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS

from sediff.errors import BadData

#: Equinoxes before this year are Besselian, of FK4, where a header does not say.
FK4_BEFORE = 1984.0
FK5_2000 = 'fk5 J2000.0'
#: Angles (mas) about x, y and z between the axes of FK5 of 2000 and ICRS (Mignard & Froeschle 2000, A&A 354, 732).
_ETA, _XI, _ALPHA = np.deg2rad(np.array([-19.9, 9.1, -22.9]) / 3.6e6)
#: ICRS to FK5 of 2000; products of such angles are below a nanoarcsecond.
_FK5_OF_ICRS = np.array([[1.0, _ALPHA, -_XI], [-_ALPHA, 1.0, -_ETA], [_XI, _ETA, 1.0]])


def frame_of(header: Header) -> str | None:
    """The frame of a header's coordinates as `name equinox`; None for ICRS, and where neither RADESYS nor EQUINOX is there.

    Raises
    ------
    BadData
        Coordinates that are not converted: the message has CTYPE and RADESYS.
    """
    kinds = sorted(str(header.get(f'CTYPE{axis}', '')).strip().upper()[:4].rstrip('-') for axis in (1, 2))
    named = ', '.join(str(header.get(f'CTYPE{axis}')) for axis in (1, 2))
    if kinds == ['GLAT', 'GLON']:
        return 'galactic'
    if kinds != ['DEC', 'RA']:
        raise BadData(f'no WCS that is understood: CTYPE1, CTYPE2 are {named}; RA and DEC, or GLON and GLAT, are needed')
    system = str(header.get('RADESYS', header.get('RADECSYS', '')) or '').strip().upper()
    equinox = _equinox(header)
    if system.startswith(('ICRS', 'ICRF', 'GAIA')) or (not system and equinox is None):
        return None
    if system in ('', 'J2000', 'B1950'):
        system = 'FK4' if system == 'B1950' or (equinox or 2000.0) < FK4_BEFORE else 'FK5'
    if system.startswith('FK5'):
        return FK5_2000 if (equinox or 2000.0) == 2000.0 else f'fk5 J{equinox}'
    if system in ('FK4', 'FK4-NO-E'):
        return f'{"fk4" if system == "FK4" else "fk4noeterms"} B{equinox or 1950.0}'
    raise BadData(f'RADESYS is {system} (CTYPE {named}): only ICRS, FK5, FK4 and FK4-NO-E are understood')


def _equinox(header: Header) -> float | None:
    text = next((str(header[name]).strip() for name in ('EQUINOX', 'EPOCH') if name in header), '')
    found = re.fullmatch(r"[JB]?(\d{4}(?:\.\d*)?)", text)
    return float(found[1]) if found else None


class FramedWcs(WCS):
    """A WCS in another frame or axis order, whose sky positions are ICRS, RA before Dec, all the same.

    Only `all_pix2world` and `all_world2pix` convert; what lies below (`wcs_pix2world`, `crval`) is as in the header.
    """

    frame: str | None = None
    latitude_first = False

    def all_pix2world(self, x, y, origin):
        """RA, Dec (deg, ICRS) of pixels."""
        first, second = super().all_pix2world(x, y, origin)
        return converted(*((second, first) if self.latitude_first else (first, second)), self.frame, True)

    def all_world2pix(self, ra, dec, origin, **options):
        """Pixels of RA, Dec (deg, ICRS)."""
        pair = converted(np.asarray(ra, float), np.asarray(dec, float), self.frame, False)
        return super().all_world2pix(*(pair[::-1] if self.latitude_first else pair), origin, **options)


def converted(longitude, latitude, frame: str | None, to_icrs: bool) -> tuple[np.ndarray, np.ndarray]:
    """Positions (deg) from a frame to ICRS, or from ICRS to it."""
    if frame is None:
        return longitude, latitude
    if frame == FK5_2000:
        return _turned(longitude, latitude, _FK5_OF_ICRS.T if to_icrs else _FK5_OF_ICRS)
    from astropy import units
    from astropy.coordinates import FK4, FK5, ICRS, FK4NoETerms, Galactic, SkyCoord
    name, _, equinox = frame.partition(' ')
    other = Galactic() if name == 'galactic' else {'fk4': FK4, 'fk5': FK5, 'fk4noeterms': FK4NoETerms}[name](equinox=equinox)
    good = np.isfinite(longitude) & np.isfinite(latitude)
    position = SkyCoord(np.where(good, longitude, 0.0) * units.deg, np.where(good, latitude, 0.0) * units.deg,
                        frame=other if to_icrs else ICRS())
    place = position.transform_to(ICRS() if to_icrs else other).spherical
    return np.where(good, place.lon.deg, np.nan), np.where(good, place.lat.deg, np.nan)


def _turned(longitude, latitude, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions (deg) after a rotation of the axes; NaN stays NaN."""
    a, d = np.deg2rad(np.asarray(longitude, float)), np.deg2rad(np.asarray(latitude, float))
    x, y, z = np.tensordot(matrix, np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)]), 1)
    return np.mod(np.rad2deg(np.arctan2(y, x)), 360.0), np.rad2deg(np.arctan2(z, np.hypot(x, y)))
