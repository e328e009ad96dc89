"""Which staged differences of a season may cover some places: by the corners of the CCDs, no image is opened."""
from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sediff.errors import BadInput
from sediff.flow.exposure.withdrawn import withdrawn
from sediff.formats.corners import read_out
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.sphere import inside_polygon, unit_vectors

#: Places so much further from the middle of a CCD than its corners are looked at, too: for the reason of a gap.
MARGIN = 1.02
#: Corners of a `.out` line in an order that goes around the CCD.
AROUND = [0, 1, 3, 2]


@dataclass(frozen=True)
class Near:
    """A CCD of an exposure, and the places that may be on it.

    Parameters
    ----------
    exposure : Exposure
        With its CCD.
    places : ndarray, (n,) int
        Indices of the places.
    inside : ndarray, (n,) bool
        Those inside the corners; all True where the corners are not known.
    staged : bool
        Whether its difference is there.
    """

    exposure: Exposure
    places: np.ndarray
    inside: np.ndarray
    staged: bool = True


def find_near(season: Exposure, ra: np.ndarray, dec: np.ndarray, expnums: Container[int] | None = None) -> list[Near]:
    """CCDs of a season near some places, of exposures of which any difference is staged and that were not withdrawn.

    Parameters
    ----------
    season : Exposure
        Names tree, season, cache and schema; its exposure does not count.
    ra, dec : ndarray, (n,) float
        Deg, ICRS.
    expnums : container of int, optional
        Only these exposures.

    Raises
    ------
    BadInput
        The season has no staged difference.
    """
    repository = Repository.of(season)
    exposures = repository.exposures_in('forcephoto', season)
    if not exposures:
        raise BadInput(f'no staged difference of {season.season} in {repository.folder(season, "forcephoto").parents[1]}; '
                       'run difference imaging (RUN28 stages them), or look at --season, --cache and --schema')
    vectors = unit_vectors(ra, dec)
    return [near for exposure in exposures if (expnums is None or exposure.expnum in expnums) and not withdrawn(exposure)
            for near in _near_ccds(repository, exposure, vectors, ra, dec)]


def _near_ccds(repository: Repository, exposure: Exposure, vectors: np.ndarray, ra: np.ndarray, dec: np.ndarray
               ) -> Iterator[Near]:
    keys: dict[str, Any] = {name: getattr(exposure, name) for name in ('nite', 'expnum', 'season', 'cache', 'schema')}
    corners = _corners(repository, exposure)
    if corners is None:
        everywhere = np.arange(len(ra))
        for one in repository.where('force_image', **keys):
            yield Near(one, everywhere, np.ones(len(ra), bool))
        return
    quadrangles = unit_vectors(corners['corners'][..., 0], corners['corners'][..., 1])
    middle = quadrangles.sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1)[:, None]
    reach = MARGIN * np.linalg.norm(quadrangles - middle[:, None], axis=2).max(axis=1)
    # the cosine of the angle whose chord is the reach
    close = vectors @ middle.T > 1.0 - 0.5 * reach**2
    for k in np.flatnonzero(close.any(axis=0)):
        places = np.flatnonzero(close[:, k])
        inside = inside_polygon(ra[places], dec[places], quadrangles[k][AROUND])
        ccd, band = int(corners['ccdnum'][k]), str(corners['band'][k])
        staged = repository.where('force_image', ccd=ccd, **keys)
        if staged:
            yield Near(staged[0], places, inside)
        elif inside.any():
            yield Near(replace(exposure, band=band, ccd=ccd), places[inside], inside[inside], False)


def _corners(repository: Repository, exposure: Exposure) -> np.ndarray | None:
    """Band, CCD and corners of an exposure's CCDs (`read_out`); None where no file tells them."""
    if not repository.exists('exposure_out', exposure):
        return None
    try:
        return read_out(repository.path('exposure_out', exposure))
    except BadInput:
        return None
