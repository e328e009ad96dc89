"""Fakes of a finished CCD: what its steps left on disk, and what becomes of the sources put into a copy of it."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from astropy.wcs import WCS

from sediff.candidates.scoremodel import read_score_model
from sediff.ccdimage import CcdImage
from sediff.csvtable import read_csv_rows
from sediff.engine.context import Context
from sediff.errors import BadInput
from sediff.fakes.draw import Galaxies, Recipe, draw, generator, surface_brightness
from sediff.fakes.paint import Light, Planes, borrowed, paint, paint_over
from sediff.fakes.recover import Search, recover, score_of_fakes
from sediff.fakes.truth import OUTCOME_DTYPE
from sediff.flow.diffimg.candidates import cut_settings, moving_limits, veto_stars
from sediff.flow.diffimg.star_shifts import middle_mjd, model_variance
from sediff.flow.single_epoch.stars import SPREAD_LIMIT
from sediff.formats.fits import read_header
from sediff.instruments.base import table_path
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.wcs.read import pixel_scale, pixel_to_sky, read_wcs, sky_to_pixel

#: Products of a finished CCD that fakes need.
NEEDED = ('force_image', 'diff_psf', 'force_photons', 'template_mh', 'immask', 'combined_psf', 'template_psf', 'kern',
          'fullcat', 'diff_info', 'score_info', 'star_shifts', 'search_zp', 'diff_cat')
#: Galaxies that may be hosts have at least this S/N.
HOST_SNR = 10.0


@dataclass(frozen=True)
class StagedCcd:
    """A finished CCD as fakes see it."""

    exposure: Exposure
    planes: Planes
    search: Search
    lights: tuple[Light, Light]         # of the search image, of the template
    galaxies: Galaxies
    before: np.ndarray                  # detections of the difference
    wcs: WCS


def missing(exposure: Exposure) -> list[Path]:
    """Products that fakes need and a CCD has not got, the first first."""
    repository = Repository.of(exposure)
    return [repository.path(name, exposure) for name in NEEDED if not repository.exists(name, exposure)]


def load_ccd(exposure: Exposure, parameters: Mapping, snveto: str | None = None) -> StagedCcd:
    """Read what a finished CCD left.

    Parameters
    ----------
    snveto : str, optional
        Name of the SNVETO list, as the difference imaging had it.

    Raises
    ------
    BadInput
        A product is missing or damaged; the message names it.
    """
    context = _context(exposure, parameters, snveto)
    found = staged_ccd(context)
    context.providers.clear()           # they hold the context, and with it planes that are done with
    return found


def staged_ccd(context: Context) -> StagedCcd:
    """A CCD as fakes see it, of the products that a context gives: in memory while its difference imaging runs.

    Raises
    ------
    BadInput
        The planes differ in shape.
    """
    difference, template, science = (context.load(name) for name in ('diff', 'template', 'combined'))
    photons, info = context.load('photons'), context.load('diff_info')
    shapes = {difference.image.shape, template.image.shape, science.image.shape, photons.shape}
    if len(shapes) > 1:
        raise BadInput(f'{context.exposure.label()}: difference, template, search image and photons differ in shape '
                       f'({sorted(shapes)}); they are of different runs: run its difference imaging again')
    planes = Planes(difference.image, photons, science.image, difference.weight <= 0)
    return StagedCcd(context.exposure, planes, _search(context, difference, template, science, info),
                     _lights(context, template, info['direction']), _galaxies(context.load('fullcat'), template.image),
                     context.load('diff_cat'), read_wcs(difference.header))


def _context(exposure: Exposure, parameters: Mapping, snveto: str | None) -> Context:
    """The CCD's products, those of difference imaging that are not kept as later forced photometry has them."""
    path = Repository.of(exposure).star_list(exposure, snveto) if snveto else None
    if snveto and path is None:
        raise BadInput(f'{exposure.label()}: no star list {snveto} in {Repository.of(exposure).folder(exposure)}')
    context = Context(exposure, parameters, {'snveto': [path] if path else []})
    kept = {'diff': 'force_image', 'combined': 'immask', 'template': 'template_mh', 'photons': 'force_photons'}
    context.providers |= {name: partial(_other, context, source) for name, source in kept.items()}
    return context


def _other(context: Context, name: str, log: Callable[[str], None]) -> object:
    """Another product in the place of one that is not kept."""
    return context.load(name)


def _search(context: Context, difference: CcdImage, template: CcdImage, science: CcdImage, info: Mapping) -> Search:
    bad, psf, score = difference.weight <= 0, context.load('diff_psf'), context.load('score_info')
    systematic = model_variance(science.image, difference.image, bad, psf.fwhm, info, context.load('star_shifts'))
    return Search(psf, difference.weight, systematic, template.image, difference.mask, info['photon_factor'],
                  score['noise_scale'], score['fwhm_px'], context.load('search_zp')['zero_point'],
                  read_wcs(difference.header), veto_stars(context), cut_settings(context.parameters),
                  moving_limits(context.parameters),
                  read_score_model(table_path(context.instrument, 'autoscan.npz')),
                  *(context.parameter(name) for name in ('DIFF_THRESHOLD', 'MIN_MLSCORE', 'VETOMAG', 'FAKE_RADIUS')))


def _lights(context: Context, template: CcdImage, direction: str) -> tuple[Light, Light]:
    """Light of the search image, in electrons, and of the template, whose photons are those of several exposures."""
    weight, photons = template.weight, np.float32(template.header['PHOTVAR'])

    def per_unit(x: int, y: int) -> float:
        return float(photons / weight[y, x]) if weight[y, x] > 0 else 0.0
    kernels, turned = context.load('kern'), direction == 'science'
    context.release('kern')
    return (Light(context.load('combined_psf').image, 1.0, kernels if turned else None),
            Light(context.load('template_psf').image, per_unit, None if turned else kernels))


def _galaxies(catalogue: np.ndarray, light: np.ndarray) -> Galaxies:
    """Clean objects of the search image that are broader than the PSF."""
    broad = catalogue['SPREAD_MODEL'] > np.maximum(SPREAD_LIMIT, 3.0 * catalogue['SPREADERR_MODEL'])
    clean = (catalogue['FLAGS'] < 4) & (catalogue['IMAFLAGS_ISO'] == 0)
    rows = catalogue[broad & clean & (catalogue['FLUX_AUTO'] > HOST_SNR * catalogue['FLUXERR_AUTO'])]
    return Galaxies(rows['NUMBER'], rows['X_IMAGE'] - 1.0, rows['Y_IMAGE'] - 1.0, rows['A_IMAGE'], rows['B_IMAGE'],
                    rows['THETA_IMAGE'], light)


def fakes_of(ccd: StagedCcd, recipe: Recipe, seed: int, part: int = 0, chosen: np.ndarray | None = None,
             curve: tuple[np.ndarray, str] | None = None) -> np.ndarray:
    """Fakes of a CCD, put in and looked for.

    Parameters
    ----------
    seed, part : int
        Another part has other fakes.
    chosen : ndarray, (n, 2), optional
        RA, Dec (deg) of places that the user wants; those off the CCD are left out.

    Returns
    -------
    structured ndarray, (n,) of OUTCOME_DTYPE
    """
    rng = generator(seed, ccd.exposure.expnum, ccd.exposure.ccd, part)
    truth = _truth(ccd, recipe, rng, part, None if chosen is None else _on_ccd(ccd, chosen), curve)
    if not len(truth):
        return np.zeros(0, OUTCOME_DTYPE)
    painted = paint(ccd.planes, ccd.search.psf.image, *ccd.lights, truth, rng)
    return recover(truth, painted, ccd.search, ccd.before)


def fakes_in_place(context: Context, recipe: Recipe, seed: int) -> np.ndarray:
    """As `fakes_of`, of the CCD whose difference imaging runs, in its own planes, which are then as they were."""
    ccd = staged_ccd(context)
    rng = generator(seed, ccd.exposure.expnum, ccd.exposure.ccd)
    truth = _truth(ccd, recipe, rng)
    if not len(truth):
        return np.zeros(0, OUTCOME_DTYPE)
    planes, search, before, lights = ccd.planes, ccd.search, ccd.before, ccd.lights
    with borrowed(planes, truth):
        paint_over(planes, search.psf.image, *lights, truth, rng)
        del ccd, lights                 # the kernels
        scored = [score_of_fakes(truth, planes, search)]
        bare = replace(search, systematic=np.zeros((0, 0), np.float32))     # a plane less while they are measured
        del search
        return recover(truth, planes, bare, before, scored.pop())   # not held here while the cuts make their planes


def _truth(ccd: StagedCcd, recipe: Recipe, rng: np.random.Generator, part: int = 0, places: np.ndarray | None = None,
           curve: tuple[np.ndarray, str] | None = None) -> np.ndarray:
    """What is put in, with fluxes and places on the sky: (n,) of TRUTH_DTYPE."""
    truth = draw(recipe, rng, ccd.planes.bad.shape, ccd.galaxies, places, curve)
    if not len(truth):
        return truth
    x, y, zero_point = truth['X_IMAGE'] - 1.0, truth['Y_IMAGE'] - 1.0, ccd.search.zero_point
    truth['EXPNUM'], truth['CCD'] = ccd.exposure.expnum, ccd.exposure.ccd
    truth['ID'] += part * max(recipe.count, len(truth))
    truth['RA'], truth['DEC'] = pixel_to_sky(ccd.wcs, x, y)
    truth['FLUX'] = truth['SIGN'] * 10.0 ** (0.4 * (zero_point - truth['MAG']))
    truth['HOST_SB'] = surface_brightness(ccd.search.template, x, y, zero_point, pixel_scale(ccd.wcs))
    return truth


def _on_ccd(ccd: StagedCcd, chosen: np.ndarray) -> np.ndarray:
    """Places (n, 2; deg) as 0-based pixels, those off the CCD left out."""
    x, y = sky_to_pixel(ccd.wcs, chosen[:, 0], chosen[:, 1])
    (ny, nx), here = ccd.planes.bad.shape, np.isfinite(x) & np.isfinite(y)
    here &= (x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5)
    return np.column_stack([x[here], y[here]])


def days_after(exposure: Exposure, trigger: float) -> float:
    """Days from a trigger (MJD, UTC) to the middle of an exposure (of the CCD whose product has it)."""
    header = read_header(Repository.of(exposure).path('immask', exposure), 'SCI')
    return middle_mjd(header) - trigger


def tells_of(curve: np.ndarray, band: str) -> bool:
    """Whether a light curve has the three points in a band that its late slope needs."""
    return bool(np.count_nonzero(curve['band'] == band) >= 3)


def read_light_curve(path: Path) -> np.ndarray:
    """A table of band, days (after the trigger), abs_mag (AB), sorted by band and days.

    Raises
    ------
    BadInput
        It is missing, or a row of it is no number.
    """
    rows = read_csv_rows(path, 'a light curve: band, days, abs_mag')
    try:
        curve = [(row['band'], float(row['days']), float(row['abs_mag'])) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f'{path} is no light curve: each row needs band, days and abs_mag ({error})') from None
    table = np.array(curve, [('band', 'U8'), ('days', 'f8'), ('abs_mag', 'f8')])
    if not len(table) or not (np.isfinite(table['days']) & np.isfinite(table['abs_mag'])).all():
        raise BadInput(f'{path} is no light curve: it has no rows, or numbers that are not finite')
    return np.sort(table, order=('band', 'days'))
