"""A made-up CCD with DECam's scale, orientation and distortion, and star fields on it."""
from __future__ import annotations

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.tangent import deproject, project
from sediff.wcs.read import pixel_to_sky, read_wcs

SCALE = 0.263
SHAPE = (4096, 2048)


def ccd_header(ra: float = 30.0, dec: float = -20.0, crpix: tuple[float, float] = (-4300.0, 6200.0)) -> Header:
    """TPV header of a CCD off the optical axis, radial distortion of DECam's size (about 0.5 % at 1 deg)."""
    header = Header()
    cards = {'CTYPE1': 'RA---TPV', 'CTYPE2': 'DEC--TPV', 'CUNIT1': 'deg', 'CUNIT2': 'deg', 'CRVAL1': ra, 'CRVAL2': dec,
             'CRPIX1': crpix[0], 'CRPIX2': crpix[1], 'CD1_1': -1.2e-7, 'CD1_2': SCALE / 3600, 'CD2_1': -SCALE / 3600,
             'CD2_2': -1.3e-7, 'PV1_0': 4e-4, 'PV1_1': 1.006, 'PV1_2': -3e-4, 'PV1_4': 9e-4, 'PV1_5': -1e-3, 'PV1_6': 1e-3,
             'PV1_7': -4e-3, 'PV1_8': 1e-3, 'PV1_9': -3.5e-3, 'PV1_10': -1e-3, 'PV2_0': -5e-4, 'PV2_1': 1.0055,
             'PV2_2': 3e-4, 'PV2_4': 8e-4, 'PV2_5': -5e-4, 'PV2_6': -1e-3, 'PV2_7': -4e-3, 'PV2_8': 4e-4, 'PV2_9': -3e-3,
             'PV2_10': 4e-4}
    for keyword, value in cards.items():
        header[keyword] = value
    return header


def mispointed(header: Header, east: float, north: float, rotation: float) -> Header:
    """The header with its pointing off by arcsec east and north and its field turned by degrees about the axis."""
    out = header.copy()
    ra, dec = deproject(east, north, header['CRVAL1'], header['CRVAL2'])
    out['CRVAL1'], out['CRVAL2'] = float(ra), float(dec)
    cosine, sine = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    matrix = np.array([[header['CD1_1'], header['CD1_2']], [header['CD2_1'], header['CD2_2']]])
    matrix = np.array([[cosine, -sine], [sine, cosine]]) @ matrix
    out['CD1_1'], out['CD1_2'], out['CD2_1'], out['CD2_2'] = (float(value) for value in matrix.ravel())
    return out


def star_field(header: Header, n_stars: int, seed: int, false: float = 0.3, found: float = 0.9) -> dict[str, np.ndarray]:
    """Reference stars over the CCD and 2 arcmin around it, and detections: most of the stars, and false ones.

    `false` is the part of the detections that are no stars; the centroid error grows from 0.02 to 0.2 pixels with
    magnitude, and the detections' magnitudes differ from the reference ones by a colour of 0.3 mag scatter.
    """
    rng = np.random.default_rng(seed)
    wcs, margin = read_wcs(header), 450.0
    area = (SHAPE[1] + 2 * margin) * (SHAPE[0] + 2 * margin) / (SHAPE[0] * SHAPE[1])
    count = int(n_stars * area)
    x, y = rng.uniform(-margin, SHAPE[1] + margin, count), rng.uniform(-margin, SHAPE[0] + margin, count)
    ra, dec = pixel_to_sky(wcs, x, y)
    mag = 21.0 + 2.5 * np.log10(rng.uniform(0.0005, 1.0, count)) / 0.9
    on_ccd = (x > 0) & (x < SHAPE[1] - 1) & (y > 0) & (y < SHAPE[0] - 1)
    seen = np.flatnonzero(on_ccd & (rng.uniform(size=count) < found))
    sigma = 0.02 + 0.18 * 10 ** (0.2 * (mag[seen] - 21.0))
    n_false = int(len(seen) * false / (1.0 - false))
    det_mag = np.append(mag[seen] + rng.normal(0.0, 0.3, len(seen)), rng.choice(mag, n_false))
    return {'ra': ra, 'dec': dec, 'mag': mag,
            'x': np.append(x[seen] + sigma * rng.normal(size=len(seen)), rng.uniform(0, SHAPE[1], n_false)),
            'y': np.append(y[seen] + sigma * rng.normal(size=len(seen)), rng.uniform(0, SHAPE[0], n_false)),
            'flux': 10 ** (-0.4 * (det_mag - 30.0)), 'sigma': np.append(sigma, np.full(n_false, 0.1))}


def wcs_error(one: Header, two: Header, n: int = 9) -> float:
    """Largest distance (mas) between two solutions over the CCD."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0, SHAPE[1] - 1, n), np.linspace(0, SHAPE[0] - 1, n)))
    first, second = pixel_to_sky(read_wcs(one), x, y), pixel_to_sky(read_wcs(two), x, y)
    center = float(first[0][0]), float(first[1][0])
    xi, eta = (np.subtract(*pair) for pair in zip(project(*first, *center), project(*second, *center)))
    return 1e3 * float(np.hypot(xi, eta).max())


