"""The truth of a simulated night as tables, and the comparison of what was found with what was there."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from sediff.errors import BadData
from sediff.instruments.amplifiers import parse_section
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.sim.cards import wcs_cards
from sediff.sim.exposure import COSMIC, CcdTruth
from sediff.sim.plan import SimExposure
from sediff.sim.scene import Scene, true_wcs
from sediff.sphere import angle_of_chord, unit_vectors
from sediff.wcs.read import sky_to_pixel

#: A transient is on good pixels when masked ones are farther than this (pixels), cosmic rays farther than the second.
CLEAR, CLEAR_OF_COSMICS = 12.0, 5.0
#: Distance written where there is no such pixel at all.
FAR = 9999.0


def exposure_table(plan: Sequence[SimExposure]) -> pd.DataFrame:
    """One row an exposure: conditions, commanded and true pointing."""
    return pd.DataFrame([{
        'expnum': each.expnum, 'nite': each.nite, 'mjd': each.mjd, 'role': each.role, 'obstype': each.obstype,
        'band': each.band, 'exptime': each.exptime, 'seeing_arcsec': each.seeing, 'sky_e': each.sky,
        'zero_point': each.zero_point, 'transparency': each.transparency, 'airmass': each.airmass,
        't_eff': each.effective_time, 'ra_header': each.commanded.ra, 'dec_header': each.commanded.dec,
        'ra_true': each.true.ra, 'dec_true': each.true.dec, 'rotation_true_deg': each.true.rotation,
        'scale_true': each.true.scale} for each in plan])


def wcs_table(plan: Sequence[SimExposure], tpv: Mapping[int, Mapping], ccds: Sequence[int]) -> pd.DataFrame:
    """True TPV cards of every sky exposure and CCD (trimmed frame, 1-based)."""
    return pd.DataFrame([{'expnum': each.expnum, 'ccdnum': ccd, **wcs_cards(tpv[ccd], each.true)}
                         for each in plan if each.on_sky for ccd in ccds])


def streak_table(truths: Sequence[CcdTruth]) -> pd.DataFrame:
    """Two points (0-based pixels) on each streak, its height (electrons) and width (pixels)."""
    rows = [(each.expnum, each.ccdnum, *each.streak) for each in truths if each.streak is not None]
    return pd.DataFrame(rows, columns=['expnum', 'ccdnum', 'x0', 'y0', 'x1', 'y1', 'peak_e', 'fwhm'])


def psf_table(truths: Sequence[CcdTruth]) -> pd.DataFrame:
    """Coefficients of the PSF of every sky exposure and CCD, see `sediff.sim.optics.PsfField`."""
    names = [f'fwhm_{k}' for k in range(6)] + [f'shear{i}_{k}' for i in (1, 2) for k in range(3)]
    rows = [(each.expnum, each.ccdnum, *each.psf.fwhm, *each.psf.shear1, *each.psf.shear2)
            for each in truths if each.psf is not None]
    return pd.DataFrame(rows, columns=['expnum', 'ccdnum', *names])


def transient_tables(scene: Scene, plan: Sequence[SimExposure], tpv: Mapping[int, Mapping], truths: Sequence[CcdTruth],
                     bad: Mapping[int, np.ndarray]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The transients, and their place in every exposure.

    Parameters
    ----------
    bad : mapping of CCD number to its table of permanently bad pixels

    Returns
    -------
    transients : DataFrame
        id, kind, ra, dec (deg, ICRS), mag, host_id (0: none), ccdnum, x, y, flux_e, snr_ideal (all in the search exposure),
        templates (exposures that cover it by 12 pixels), distance_search, distance_templates (pixels to the nearest
        saturated, bled or bad pixel, dead amplifier or the CCD's edge), distance_cosmic, distance_streak (search exposure),
        good.
    epochs : DataFrame
        id, expnum, ccdnum, x, y (0-based, trimmed), mag and flux_e (99 and 0 where it does not shine), distance_masked.
    """
    epochs = _epochs(scene, plan, tpv, truths, bad)
    found = {(row['id'], each.ccdnum): row for each in truths for row in each.transients}
    search = next(each.expnum for each in plan if each.role == 'search')
    wanted = sum(each.role == 'template' for each in plan)
    by_ccd = {(each.expnum, each.ccdnum): each for each in truths}
    rows = []
    for source in scene.transients:
        number, ccd = int(source['id']), int(source['ccdnum'])
        truth, here = by_ccd[search, ccd], found[number, ccd]
        mine = epochs[epochs['id'] == number]
        templates = mine[(mine['expnum'] != search) & (mine['distance_edge'] > CLEAR)]
        row = {name: source[name].item() for name in ('id', 'kind', 'ra', 'dec', 'mag', 'host_id', 'ccdnum')}
        row.update({name: float(here[name]) for name in ('x', 'y', 'flux_e', 'snr_ideal')})
        row.update(templates=templates['expnum'].nunique(),
                   distance_search=float(mine.loc[mine['expnum'] == search, 'distance_masked'].max()),
                   distance_templates=float(templates['distance_masked'].min()) if len(templates) else FAR,
                   distance_cosmic=float(_nearest(truth.pixels[truth.pixels['kind'] == COSMIC], here['x'], here['y'])),
                   distance_streak=_streak_distance(truth.streak, here['x'], here['y']))
        row['good'] = bool(min(row['distance_search'], row['distance_templates'], row['distance_streak']) > CLEAR
                           and row['distance_cosmic'] > CLEAR_OF_COSMICS and row['templates'] == wanted)
        rows.append(row)
    columns = ['id', 'kind', 'ra', 'dec', 'mag', 'host_id', 'ccdnum', 'x', 'y', 'flux_e', 'snr_ideal', 'templates',
               'distance_search', 'distance_templates', 'distance_cosmic', 'distance_streak', 'good']
    return pd.DataFrame(rows, columns=columns), epochs.drop(columns='distance_edge')


def match_truth(truth: pd.DataFrame, found: pd.DataFrame, radius_arcsec: float = 1.0) -> pd.DataFrame:
    """Compare injected transients with found candidates.

    Parameters
    ----------
    truth : DataFrame
        Columns ra, dec (deg); all its columns are kept.
    found : DataFrame
        Columns ra, dec (deg), one row a candidate.
    radius_arcsec : float
        Largest separation of a match.

    Returns
    -------
    DataFrame
        `truth` with found (bool), separation (arcsec to the nearest candidate, NaN without candidates) and
        candidate (row number in `found` of the match, -1 for none). A candidate is matched to its nearest transient only.

    Raises
    ------
    BadData
        A table lacks ra or dec.
    """
    for name, table in (('truth', truth), ('found', found)):
        if not {'ra', 'dec'} <= set(table.columns):
            raise BadData(f'the {name} table has columns {", ".join(map(str, table.columns))}; ra and dec are needed')
    result = truth.reset_index(drop=True).copy()
    result['found'], result['separation'], result['candidate'] = False, np.nan, -1
    if not len(truth) or not len(found):
        return result
    injected, candidates = (unit_vectors(table['ra'], table['dec']) for table in (truth, found))
    chord, nearest = cKDTree(candidates).query(injected)
    separation = angle_of_chord(chord) * 3600.0
    _, owner = cKDTree(injected).query(candidates)
    matched = (separation <= radius_arcsec) & (owner[nearest] == np.arange(len(truth)))
    result['separation'], result['found'] = separation, matched
    result['candidate'] = np.where(matched, nearest, -1)
    return result


def _epochs(scene, plan, tpv, truths, bad) -> pd.DataFrame:
    """A row for each transient in each exposure and CCD that covers it."""
    flux = {(int(row['id']), each.expnum, each.ccdnum): float(row['flux_e']) for each in truths for row in each.transients}
    exposures, tables = {each.expnum: each for each in plan}, []
    for truth in truths:
        exposure = exposures[truth.expnum]
        if not exposure.on_sky or not scene.transients.size:
            continue
        x, y = sky_to_pixel(true_wcs(tpv[truth.ccdnum], exposure.true), scene.transients['ra'], scene.transients['dec'])
        ny, nx = exposure.instrument.detector(truth.ccdnum).shape
        edge = np.minimum(np.minimum(x, nx - 1 - x), np.minimum(y, ny - 1 - y)) + 0.5
        masked = np.concatenate([truth.pixels[truth.pixels['kind'] != COSMIC], bad[truth.ccdnum]])
        on = edge > 0
        shines = np.array([flux.get((int(number), truth.expnum, truth.ccdnum), 0.0) for number in scene.transients['id']])
        table = pd.DataFrame({'id': scene.transients['id'], 'expnum': truth.expnum, 'ccdnum': truth.ccdnum, 'x': x, 'y': y,
                              'mag': np.where(shines > 0, scene.transients['mag'], 99.0), 'flux_e': shines,
                              'distance_edge': edge})[on]
        dead = dead_distance(truth.ccdnum, exposure.nite, x[on], exposure.instrument)
        table['distance_masked'] = np.minimum(np.minimum(_nearest(masked, x[on], y[on]), edge[on]), dead)
        tables.append(table)
    names = ['id', 'expnum', 'ccdnum', 'x', 'y', 'mag', 'flux_e', 'distance_edge', 'distance_masked']
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=names)


def dead_distance(ccdnum: int, nite: str | int, x: np.ndarray, instrument: Instrument | None = None) -> np.ndarray:
    """Columns from x (0-based pixels) to the nearest amplifier that is dead on a night; 0 on one, FAR without any.

    Where the tables do not say, amplifier A has the left half of a CCD of the north of the focal plane and the right half of
    one of the south.
    """
    detector = (instrument or default_instrument()).detector(ccdnum)
    half, distance = detector.shape[1] // 2, np.full(np.shape(x), FAR)
    sections = {each.name: parse_section(each.cards['CCDSEC'])[1] for each in detector.amplifiers if 'CCDSEC' in each.cards}
    for name in detector.dead_amplifiers(nite):
        left = 0 if (name == 'A') == (detector.part == 'N') else half
        own = sections.get(name, slice(left, left + half))
        outside = np.maximum(own.start - x, x - (own.stop - 1))
        distance = np.minimum(distance, np.maximum(outside, 0.0))
    return distance


def _nearest(pixels: np.ndarray, x, y) -> np.ndarray:
    if not pixels.size:
        return np.full(np.shape(x), FAR)
    tree = cKDTree(np.stack([pixels['x'], pixels['y']], axis=1).astype(float))
    return np.minimum(tree.query(np.stack([x, y], axis=-1))[0], FAR)


def _streak_distance(streak, x: float, y: float) -> float:
    if streak is None:
        return FAR
    x0, y0, x1, y1 = streak[:4]
    return float(abs((x - x0) * (y1 - y0) - (y - y0) * (x1 - x0)) / np.hypot(x1 - x0, y1 - y0))


