"""What the database and the images of a season know of candidates: one epoch a difference image of their place."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.wcs import WCS
from sqlalchemy import Connection

from sediff.candidates.cuts import reject_names
from sediff.candidates.database import images_of
from sediff.candidates.queries import counting, select_in
from sediff.candidates.schema import DETECTIONS, FORCED
from sediff.errors import SediffError
from sediff.formats.fits import read_grid
from sediff.report.light_curve import LIMIT, Point, ab_magnitude
from sediff.report.north import Turn, north_up
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.sphere import separation
from sediff.wcs.read import read_wcs, sky_to_pixel


@dataclass(frozen=True)
class Epoch:
    """A candidate in one exposure.

    Parameters
    ----------
    visit, ccd : int
    nite : int or None
    band : str
    mjd : float or None
        TAI, middle.
    flux, error : float or None
        Forced, nJy.
    good : float or None
        Share of the PSF on usable pixels.
    number, reject, score, snr : int, int, float, float, or None
        Of its detection there; None without one.
    x, y : float or None
        0-based px of the detection, else of the candidate.
    strip : str
        Name of the picture of its stamps; '' for none.
    current : bool
        Of the exposure whose page it is.
    """

    visit: int
    ccd: int
    nite: int | None = None
    band: str = ''
    mjd: float | None = None
    flux: float | None = None
    error: float | None = None
    good: float | None = None
    number: int | None = None
    reject: int | None = None
    score: float | None = None
    snr: float | None = None
    x: float | None = None
    y: float | None = None
    strip: str = ''
    current: bool = False

    @property
    def point(self) -> Point | None:
        """Its point of the light curve; None without a forced measurement."""
        if self.flux is None or self.error is None or self.mjd is None:
            return None
        return Point(self.mjd, self.flux, self.error, self.band, self.current)

    @property
    def magnitude(self) -> str:
        """AB magnitude of the forced flux, or its limit with `>`; '' without one."""
        if self.flux is None or not self.error:
            return ''
        if self.flux >= LIMIT * self.error:
            return f'{ab_magnitude(self.flux):.2f} ± {1.0857 * self.error / self.flux:.2f}'
        return f'> {ab_magnitude(LIMIT * self.error):.2f}'

    @property
    def said(self) -> str:
        """What the cuts made of its detection."""
        if self.reject is None:
            return 'no detection'
        return 'passed' if self.reject == 0 else reject_names(self.reject).replace('_', ' ').replace(',', ', ')


@dataclass(frozen=True)
class ImageFiles:
    """The files of a difference image, and how it lies on the sky.

    Parameters
    ----------
    exposure : Exposure
        With its CCD and field.
    """

    exposure: Exposure
    turn: Turn

    def path(self, product: str) -> Path:
        """One of its files."""
        return Repository.of(self.exposure).path(product, self.exposure)


@dataclass(frozen=True)
class SeasonImage(ImageFiles):
    """A difference image of the season whose files are here.

    Parameters
    ----------
    row : mapping
        Of the table of images.
    """

    row: Mapping
    wcs: WCS
    shape: tuple[int, int]

    @property
    def files(self) -> ImageFiles:
        """What a worker needs of it."""
        return ImageFiles(self.exposure, self.turn)

    @property
    def reach(self) -> float:
        """Half of its diagonal, deg."""
        return 0.5 * float(np.hypot(*self.shape)) * self.turn.scale / 3600.0

    def places(self, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """0-based x, y of positions (n,) in deg, and whether they are in the image."""
        with np.errstate(invalid='ignore'):
            x, y = sky_to_pixel(self.wcs, ra, dec)
            return x, y, (x > -0.5) & (y > -0.5) & (x < self.shape[1] - 0.5) & (y < self.shape[0] - 0.5)


def season_images(connection: Connection, exposure: Exposure, season: int, near: Sequence[tuple[float, float]]
                  ) -> dict[tuple[int, int], SeasonImage]:
    """(visit, CCD) -> the difference images within reach of these places (deg) whose files are there and can be read."""
    found: dict[tuple[int, int], SeasonImage] = {}
    fields: dict[int, dict[int, Exposure]] = {}
    centres = np.array(near, float).reshape(-1, 2)
    reach = 1.0                                           # deg, until the first image tells how large they are
    for row in images_of(connection, season):
        if row['ra'] is None or row['dec'] is None or not len(centres):
            continue
        if separation(row['ra'], row['dec'], centres[:, 0], centres[:, 1]).min() > 2.1 * reach:
            continue
        visit = int(row['visit'])
        if visit not in fields:
            one = replace(exposure, expnum=visit, nite=str(row['nite']), band=str(row['band']), ccd=0, field=Exposure.field)
            fields[visit] = {each.ccd: each for each in Repository.of(exposure).where('diff_mh', one)}
        image = _image(fields[visit].get(int(row['detector'])), row)
        if image is not None:
            found[visit, int(row['detector'])], reach = image, image.reach
    return found


def _image(exposure: Exposure | None, row: Mapping) -> SeasonImage | None:
    if exposure is None:
        return None
    try:
        shape, header = read_grid(Repository.of(exposure).path('diff_mh', exposure))
        wcs = read_wcs(header)
    except SediffError:
        return None
    return SeasonImage(exposure, north_up(wcs.pixel_scale_matrix), row, wcs, shape)


def histories(connection: Connection, season: int, expnum: int, places: Mapping[int, tuple[float, float]],
              images: Mapping[tuple[int, int], SeasonImage]) -> dict[int, list[Epoch]]:
    """Candidate -> its epochs by time: detections, forced measurements, and images that hold its place without either.

    Parameters
    ----------
    places : mapping
        diaObjectId -> RA, Dec (deg).
    """
    epochs: dict[int, dict[tuple[int, int], Epoch]] = {identifier: {} for identifier in places}
    _add_images(epochs, places, images, expnum)
    for row in select_in(connection, FORCED, FORCED.c.diaObjectId, places, FORCED.c.season == season, *counting(FORCED)):
        _update(epochs, row, expnum, flux=row['psfFlux'], error=row['psfFluxErr'], good=row['goodFraction'])
    for row in select_in(connection, DETECTIONS, DETECTIONS.c.diaObjectId, places, DETECTIONS.c.season == season,
                         *counting(DETECTIONS)):
        _update(epochs, row, expnum, number=row['number'], reject=row['reject'], score=row['reliability'], snr=row['snr'],
                nite=row['nite'], x=row['x'], y=row['y'])
    return {identifier: sorted(found.values(), key=lambda each: (each.mjd or 0.0, each.visit, each.ccd))
            for identifier, found in epochs.items()}


def _add_images(epochs: dict, places: Mapping, images: Mapping[tuple[int, int], SeasonImage], expnum: int) -> None:
    ids = list(places)
    ra, dec = np.array([places[one] for one in ids], float).reshape(-1, 2).T
    for (visit, ccd), image in images.items():
        x, y, inside = image.places(ra, dec)
        for k in np.flatnonzero(inside):
            row = image.row
            epochs[ids[k]][visit, ccd] = Epoch(visit, ccd, row['nite'], str(row['band']), row['midpointMjdTai'],
                                               x=float(x[k]), y=float(y[k]), current=visit == expnum)


def _update(epochs: dict, row: Mapping, expnum: int, **values) -> None:
    key = int(row['visit']), int(row['detector'])
    mine = epochs[row['diaObjectId']]
    old = mine.get(key) or Epoch(*key, current=key[0] == expnum)
    mine[key] = replace(old, band=str(row['band'] or old.band), mjd=row['midpointMjdTai'] or old.mjd, **values)
