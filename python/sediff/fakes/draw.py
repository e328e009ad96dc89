"""What is injected: places, magnitudes, light curves. Every draw comes from one generator of a CCD."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from sediff.errors import BadUsage
from sediff.fakes.truth import TRUTH_DTYPE
from sediff.kilonova import kilonova_magnitude

#: Fakes are at least this far from each other, px: none is in another's stamp or among its negative pixels.
APART = 45.0
#: A galaxy's light is followed to so many times A_IMAGE, B_IMAGE.
EXTENT = 3.0
#: Radius of the circle in which the host's surface brightness is measured, px, and what stands where there is no light.
RADIUS, NO_LIGHT = 2, 99.0
#: Places that are tried for each one that is wanted.
TRIES = 20


@dataclass(frozen=True)
class Recipe:
    """How many fakes a CCD gets, and of what kind.

    Parameters
    ----------
    count : int
        Fakes on a CCD; fewer where they find no room (`APART`).
    bright, faint : float
        Magnitudes are uniform between these (AB); equal: one magnitude.
    hosts : float
        Share of them on galaxies.
    negative : float
        Share of them that are fainter than the template.
    distances : tuple of float
        Mpc: each fake has the light curve's brightness at one of these; empty: `bright` to `faint`.
    days : float
        Days after the trigger.

    Raises
    ------
    BadUsage
        A value out of its range.
    """

    count: int = 100
    bright: float = 17.0
    faint: float = 25.0
    hosts: float = 0.3
    negative: float = 0.1
    distances: tuple[float, ...] = ()
    days: float = 0.5

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 1000:
            raise BadUsage(f'the number of fakes on a CCD must be 1 to 1000, not {self.count}')
        if not 5.0 <= self.bright <= self.faint <= 35.0:
            raise BadUsage('magnitudes of fakes go from the bright one to the faint one within 5 to 35, not from '
                           f'{self.bright:g} to {self.faint:g}')
        for name in ('hosts', 'negative'):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise BadUsage(f'the share of fakes that are {name} must be 0 to 1, not {getattr(self, name):g}')
        if not all(0.1 <= each <= 1e5 for each in self.distances):
            raise BadUsage('distances of light curves must be 0.1 to 100000 Mpc')


@dataclass(frozen=True)
class Galaxies:
    """Galaxies that may be hosts, and the image that has their light.

    Parameters
    ----------
    number : ndarray, (n,) int
    x, y : ndarray, (n,) float
        0-based px.
    a, b, theta : ndarray, (n,) float
        Rms of the profile along the axes, px, and the angle from x to the major one, deg.
    light : ndarray, (ny, nx) float32
        Sky subtracted, without the fakes: the template.
    """

    number: np.ndarray
    x: np.ndarray
    y: np.ndarray
    a: np.ndarray
    b: np.ndarray
    theta: np.ndarray
    light: np.ndarray


def generator(seed: int, expnum: int, ccd: int, part: int = 0) -> np.random.Generator:
    """The random numbers of a CCD of an exposure, in one of several parts: the same whatever else is run."""
    return np.random.default_rng([seed, expnum, ccd, part])


def field_places(rng: np.random.Generator, shape: tuple[int, int], count: int) -> np.ndarray:
    """Places (count, 2) of 0-based x, y, uniform over an image (ny, nx)."""
    return rng.uniform((-0.5, -0.5), (shape[1] - 0.5, shape[0] - 0.5), (count, 2))


def host_places(rng: np.random.Generator, galaxies: Galaxies, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places on galaxies, each as likely as another, and in it where its light is.

    Returns
    -------
    places : ndarray, (m, 2)
        0-based x, y; m is less than `count` where galaxies have no light.
    hosts : ndarray, (m,) int
        NUMBER of the galaxy.
    """
    places, hosts = [], []
    for k in rng.integers(len(galaxies.x), size=count) if len(galaxies.x) else ():
        place = _in_galaxy(rng, galaxies, int(k))
        if place is not None:
            places.append(place)
            hosts.append(int(galaxies.number[k]))
    return np.array(places, float).reshape(-1, 2), np.array(hosts, int)


def _in_galaxy(rng: np.random.Generator, galaxies: Galaxies, k: int) -> tuple[float, float] | None:
    """A place in a galaxy with the probability of its light there (0-based x, y); None where it has none."""
    (ny, nx), light = galaxies.light.shape, galaxies.light
    half = int(np.ceil(EXTENT * max(galaxies.a[k], 1.0)))
    i, j = round(float(galaxies.x[k])), round(float(galaxies.y[k]))
    x0, x1, y0, y1 = max(i - half, 0), min(i + half + 1, nx), max(j - half, 0), min(j + half + 1, ny)
    if x1 <= x0 or y1 <= y0:
        return None
    y, x = np.mgrid[y0:y1, x0:x1]
    turn = np.radians(galaxies.theta[k])
    u, v = x - galaxies.x[k], y - galaxies.y[k]
    along, across = u * np.cos(turn) + v * np.sin(turn), v * np.cos(turn) - u * np.sin(turn)
    inside = (along / max(galaxies.a[k], 0.5)) ** 2 + (across / max(galaxies.b[k], 0.5)) ** 2 <= EXTENT ** 2
    share = np.where(inside, np.clip(np.nan_to_num(light[y0:y1, x0:x1].astype(float)), 0.0, None), 0.0).ravel()
    if not share.sum() > 0:
        return None
    pixel = rng.choice(share.size, p=share / share.sum())
    dx, dy = rng.uniform(-0.5, 0.5, 2)
    return float(np.clip(x.ravel()[pixel] + dx, -0.5, nx - 0.5)), float(np.clip(y.ravel()[pixel] + dy, -0.5, ny - 0.5))


def keep_apart(places: np.ndarray, apart: float = APART) -> np.ndarray:
    """Which places (n, 2) stay so that no two are nearer than `apart`, px; the earlier one of two stays: (n,) bool."""
    kept = np.ones(len(places), bool)
    if len(places):
        for one, other in sorted(map(tuple, np.sort(cKDTree(places).query_pairs(apart, output_type='ndarray'), axis=1))):
            kept[other] &= not kept[one]
    return kept


def surface_brightness(light: np.ndarray, x: np.ndarray, y: np.ndarray, zero_point: float, scale: float) -> np.ndarray:
    """Surface brightness (mag / arcsec^2) of an image within `RADIUS` px of 0-based places; NO_LIGHT where it has none.

    Parameters
    ----------
    light : ndarray, (ny, nx) float32, electrons
    scale : float
        arcsec / px.
    """
    ny, nx = light.shape
    out = np.full(len(x), NO_LIGHT, np.float32)
    for k, (i, j) in enumerate(zip(np.floor(np.asarray(x) + 0.5).astype(int), np.floor(np.asarray(y) + 0.5).astype(int))):
        rows, columns = (np.arange(max(c - RADIUS, 0), min(c + RADIUS + 1, size)) for c, size in ((j, ny), (i, nx)))
        near = (rows[:, None] - j) ** 2 + (columns - i) ** 2 <= RADIUS ** 2
        values = light[np.ix_(rows, columns)][near]
        values = values[np.isfinite(values)]
        if values.size and values.mean() > 0:
            out[k] = zero_point - 2.5 * np.log10(float(values.mean()) / scale ** 2)
    return out


def draw(recipe: Recipe, rng: np.random.Generator, shape: tuple[int, int], galaxies: Galaxies | None = None,
         chosen: np.ndarray | None = None, curve: tuple[np.ndarray, str] | None = None) -> np.ndarray:
    """The fakes of a CCD, without their fluxes and places on the sky.

    Parameters
    ----------
    shape : (ny, nx)
    galaxies : Galaxies, optional
        Without them all fakes are in the field.
    chosen : ndarray, (m, 2), optional
        0-based x, y of places that the user wants; they come first, and `recipe.count` is not looked at.
    curve : (table, band), optional
        Light curve (`sediff.kilonova.kilonova_magnitude`) for `recipe.distances`.

    Returns
    -------
    structured ndarray, (n,) of TRUTH_DTYPE
    """
    if chosen is not None:
        places, hosts = np.asarray(chosen, float).reshape(-1, 2), np.zeros(len(chosen), int)
        kinds, kept = np.full(len(places), 'place'), np.ones(len(places), bool)
    else:
        places, kinds, hosts = _mixed(recipe, rng, shape, galaxies)
        kept = keep_apart(places)
        kept &= np.cumsum(kept) <= recipe.count
    out = np.zeros(int(kept.sum()), TRUTH_DTYPE)
    out['ID'] = np.arange(1, len(out) + 1)
    out['X_IMAGE'], out['Y_IMAGE'] = places[kept].T + 1.0
    out['KIND'] = kinds[kept]
    out['HOST'], out['HOST_SB'] = hosts[kept], NO_LIGHT
    out['SIGN'] = np.where(rng.random(len(out)) < recipe.negative, -1, 1)
    out['MAG'] = rng.uniform(recipe.bright, recipe.faint, len(out))
    if recipe.distances:
        out['DISTANCE'], out['DAYS'] = rng.choice(recipe.distances, len(out)), recipe.days
        out['MAG'] = light_curve_magnitudes(out['DISTANCE'].astype(float), recipe.days, curve)
    return out


def light_curve_magnitudes(distances: np.ndarray, days: float, curve: tuple[np.ndarray, str] | None) -> np.ndarray:
    """Apparent magnitudes (AB) of a light curve at distances (Mpc) so many days after the trigger: (n,) float64.

    Raises
    ------
    BadUsage
        No light curve, none of the band, or it is dark then.
    """
    if curve is None:
        raise BadUsage('distances need a light curve')
    if days < 0.0:
        raise BadUsage(f'{days:g} days after the trigger: before it the light curve is dark')
    return np.array([kilonova_magnitude(*curve, days, float(each)) for each in distances])


def _mixed(recipe: Recipe, rng: np.random.Generator, shape: tuple[int, int], galaxies: Galaxies | None
           ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidates for places, more than are wanted, those on galaxies and in the field in turn: places, kinds, hosts."""
    wanted = TRIES * recipe.count
    field = field_places(rng, shape, wanted)
    on, hosts = host_places(rng, galaxies, 3 * round(recipe.hosts * recipe.count)) if galaxies is not None else (
        np.zeros((0, 2)), np.zeros(0, int))
    used = _first_apart(on, round(recipe.hosts * recipe.count))
    on, hosts = on[used], hosts[used]
    return (np.concatenate([on, field]), np.repeat(['host', 'field'], [len(on), len(field)]),
            np.concatenate([hosts, np.zeros(len(field), int)]))


def _first_apart(places: np.ndarray, most: int) -> np.ndarray:
    kept = keep_apart(places)
    return np.flatnonzero(kept)[:most]
