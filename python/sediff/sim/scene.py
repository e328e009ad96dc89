"""The whole simulated sky of a night, and the part of it that one CCD sees."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from sediff.kilonova import kilonova_magnitude
from sediff.refcat.motion import at_epoch, julian_year
from sediff.sim.cards import wcs_header
from sediff.sim.dcr import colours_of, displaced
from sediff.sim.detector import detector_of
from sediff.sim.edgestars import with_edge_stars
from sediff.sim.movers import MOVERS, with_movers
from sediff.sim.options import SKY, NightOptions, generator
from sediff.sim.plan import Pointing, SimExposure
from sediff.sim.sky import Region, draw_galaxies, draw_stars, from_plane, gaia_catalogue, star_magnitudes, to_plane
from sediff.sim.transients import TRANSIENT_DTYPE, place_kilonova, place_transients
from sediff.sim.variables import changes, with_bright_stars
from sediff.wcs.read import pixel_to_sky, read_wcs, sky_to_pixel

#: deg around the simulated CCDs: reference stars reach farther than the pointing errors; galaxies need only fill the images.
STAR_MARGIN, GALAXY_MARGIN = 0.25, 0.04
SOURCE_DTYPE = np.dtype([('id', 'i8'), ('ra', 'f8'), ('dec', 'f8'), ('mag', 'f8')])


@dataclass(frozen=True)
class Scene:
    """Stars (true, with their magnitudes in the night's band), Gaia's list of them, galaxies and transients.

    `star_change` is added to the magnitudes in the search exposure. `streak` is a line on the tangent plane of
    `streak_origin`: xi, eta (deg) of a point of it and its angle (radian). `colours` of stars, galaxies and transients where
    refraction displaces them by colour.
    """

    stars: np.ndarray
    star_mag: np.ndarray
    gaia: np.ndarray
    galaxies: np.ndarray
    transients: np.ndarray
    streak_origin: tuple[float, float]
    streak: tuple[float, float, float] | None
    star_change: np.ndarray
    colours: Mapping[str, np.ndarray] | None = None


def true_wcs(tpv: Mapping, pointing: Pointing) -> WCS:
    """WCS of a CCD, trimmed frame."""
    return read_wcs(wcs_header(tpv, pointing))


def make_scene(options: NightOptions, plan: Sequence[SimExposure], tpv: Mapping[int, Mapping], colour_term: dict,
               light_curve: np.ndarray) -> Scene:
    """Draw everything that shines.

    Parameters
    ----------
    tpv : mapping of CCD number to its row of world coordinates
    colour_term : dict
        Gaia's polynomial of the night's band.
    light_curve : structured ndarray
        AT2017gfo: band, days, abs_mag.
    """
    search = next(exposure for exposure in plan if exposure.role == 'search')
    wcs = {ccd: true_wcs(tpv[ccd], search.true) for ccd in options.ccds}
    corners = [pixel_to_sky(each, [0, nx, 0, nx], [0, 0, ny, ny])
               for each, (ny, nx) in ((one, options.shape_of(ccd)) for ccd, one in wcs.items())]
    ra, dec = (np.concatenate(parts) for parts in zip(*corners))
    rng = generator(options.seed, SKY)
    stars = draw_stars(rng, options, Region.around(ra, dec, STAR_MARGIN))
    stars = with_bright_stars(stars, options, wcs)
    if options.edge_stars:
        stars = with_edge_stars(options, wcs, stars)
    gaia = gaia_catalogue(rng, stars)
    if 'movers' in options.effects:
        stars, gaia = with_movers(stars, gaia, generator(options.seed, *MOVERS), julian_year(search.mjd))
    galaxies = draw_galaxies(rng, options, Region.around(ra, dec, GALAXY_MARGIN))
    first = options.ccds[0]
    shape = options.shape_of(first)
    along, across = pixel_to_sky(wcs[first], [shape[1] / 2], [shape[0] / 2])
    origin = float(along[0]), float(across[0])
    line = (*rng.uniform(-0.03, 0.03, 2), rng.uniform(0.0, np.pi)) if options.streak else None
    transients = np.zeros(0, TRANSIENT_DTYPE)
    if options.kilonova_distance > 0:
        views = [wcs[first]] + [true_wcs(tpv[first], each.true) for each in plan if each.role == 'template']
        kilonova = kilonova_magnitude(light_curve, options.facts.like, options.kilonova_days, options.kilonova_distance)
        rows, columns = np.nonzero(detector_of(options.seed, first, shape).bad)
        on_ccd = None if line is None else _on_ccd(wcs[first], origin, line)
        transients, host = place_kilonova(rng, options, views, np.stack([columns, rows], axis=1), first, kilonova, stars,
                                          on_ccd, len(galaxies) + 1)
        galaxies = np.concatenate([galaxies, host])
    transients = _add_transients(rng, options, search, wcs, galaxies, transients)
    magnitude = star_magnitudes(stars, colour_term)
    change = changes(options.seed, magnitude, options.effects)
    colours = None
    if 'dcr' in options.effects:
        colours = {name: colours_of(options, name, table['id'])
                   for name, table in (('galaxies', galaxies), ('transients', transients))}
        colours['stars'] = stars['phot_bp_mean_mag'] - stars['phot_rp_mean_mag']
    return Scene(stars, magnitude, gaia, galaxies, transients, origin, line, change, colours)


def _add_transients(rng, options: NightOptions, search: SimExposure, wcs: dict[int, WCS], galaxies, kilonova) -> np.ndarray:
    """The kilonova, if any, and the other transients of every CCD, numbered."""
    tables = [kilonova]
    for ccd in options.ccds:
        mine = kilonova[kilonova['ccdnum'] == ccd]
        taken = np.stack(sky_to_pixel(wcs[ccd], mine['ra'], mine['dec']), axis=1) if mine.size else np.zeros((0, 2))
        tables.append(place_transients(rng, options, search, ccd, wcs[ccd], galaxies, taken))
    transients = np.concatenate(tables)
    transients['id'] = np.arange(1, transients.size + 1)
    return transients


def _on_ccd(wcs: WCS, origin: tuple[float, float], line: tuple[float, float, float]) -> tuple[float, float, float]:
    """x, y and angle (pixels, radian) of a line given on the tangent plane of `origin`."""
    along = np.array([-0.05, 0.05])
    x, y = sky_to_pixel(wcs, *from_plane(line[0] + along * np.cos(line[2]), line[1] + along * np.sin(line[2]), *origin))
    return float(x[0]), float(y[0]), float(np.arctan2(y[1] - y[0], x[1] - x[0]))


@dataclass(frozen=True)
class View:
    """What one CCD sees in one exposure: SOURCE_DTYPE tables near it, galaxies, and the streak's end points (RA, Dec).

    `colours` of the three tables where refraction draws their light out.
    """

    stars: np.ndarray
    galaxies: np.ndarray
    transients: np.ndarray
    streak: tuple[tuple[float, float], tuple[float, float]] | None
    colours: Mapping[str, np.ndarray] | None = None


def view_of(scene: Scene, exposure: SimExposure, wcs: WCS, shape: tuple[int, int]) -> View:
    """The part of a scene near a CCD, stars moved to the time of the exposure."""
    ra, dec = (float(value[0]) for value in pixel_to_sky(wcs, [shape[1] / 2], [shape[0] / 2]))
    # from a CCD's middle to its corners, and some wings, deg
    reach = exposure.instrument.number('sim_reach', 0.0223 + exposure.pixel_scale * float(np.hypot(*shape)) / 7200.0)

    def near(table):
        xi, eta = to_plane(table['ra'], table['dec'], ra, dec)
        return np.hypot(xi, eta) < reach

    chosen = near(scene.stars)
    moved = at_epoch(scene.stars[chosen], exposure.mjd)
    changed = scene.star_change[chosen] if exposure.role == 'search' else 0.0
    stars = _sources(moved['source_id'], moved, scene.star_mag[chosen] + changed)
    galaxies = scene.galaxies[near(scene.galaxies)]
    new = scene.transients[near(scene.transients)] if exposure.role == 'search' else scene.transients[:0]
    streak = _streak_ends(scene, ra, dec, reach) if exposure.role == 'search' else None
    transients = _sources(new['id'], new, new['mag'])
    if scene.colours is None:
        return View(stars, galaxies, transients, streak)
    colours = {'stars': scene.colours['stars'][chosen], 'galaxies': scene.colours['galaxies'][near(scene.galaxies)],
               'transients': scene.colours['transients'][near(scene.transients)][:len(new)]}
    tables = {'stars': stars, 'galaxies': galaxies, 'transients': transients}
    lifted = {name: displaced(table, colours[name], exposure) for name, table in tables.items()}
    return View(lifted['stars'], lifted['galaxies'], lifted['transients'], streak, colours)


def _sources(numbers, positions, magnitudes) -> np.ndarray:
    table = np.zeros(len(numbers), SOURCE_DTYPE)
    table['id'], table['ra'], table['dec'], table['mag'] = numbers, positions['ra'], positions['dec'], magnitudes
    return table


def _streak_ends(scene: Scene, ra: float, dec: float, reach: float):
    """Two points of the streak on either side of the place where it comes nearest to (ra, dec); None if it stays away."""
    if scene.streak is None:
        return None
    xi, eta = to_plane(ra, dec, *scene.streak_origin)
    x0, y0, angle = scene.streak
    along = (xi - x0) * np.cos(angle) + (eta - y0) * np.sin(angle)
    if abs(-(xi - x0) * np.sin(angle) + (eta - y0) * np.cos(angle)) > reach:
        return None
    ends = [from_plane(x0 + s * np.cos(angle), y0 + s * np.sin(angle), *scene.streak_origin)
            for s in (along - 0.1, along + 0.1)]
    return tuple((float(a), float(d)) for a, d in ends)
