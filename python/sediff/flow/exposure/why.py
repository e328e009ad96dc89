"""What happened at a place of the sky in an exposure: its detections with every cut, or why there are none."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sediff import steps
from sediff.candidates.cut_list import DEFAULT_CUTS
from sediff.candidates.cuts import LOW_SCORE, reject_names
from sediff.candidates.explain import Check, explain_cuts
from sediff.candidates.texttable import parse_table
from sediff.engine.provenance import read_stamp
from sediff.errors import BadInput
from sediff.flow.exposure.ccdplaces import Spot, spots, where_words
from sediff.flow.exposure.starcat import written_lists
from sediff.flow.exposure.usable import failure
from sediff.flow.exposure.whyempty import Difference, difference_at, magnitude
from sediff.flow.single_epoch.stars import read_assoc
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.sphere import separation

if TYPE_CHECKING:
    import pandas as pd

#: Parameter of RUN22 -> the cut whose value it is.
CUT_PARAMETERS = {**{f'CUT_{name.upper()}': name for name in DEFAULT_CUTS},
                  'MAXA': 'max_a', 'VETOMAG': 'veto_magnitude', 'VETO_VARIABLES': 'veto_variables'}


@dataclass(frozen=True)
class Found:
    """A detection; positions deg and 0-based px, distance arcsec from the place, magnitude AB of |flux|.

    `kept` is the verdict of cuts and score, `reasons` the failed ones; `candidate` its id in the database, None where it has
    none, and `is_new` whether it was founded by this detection; `star_...` the nearest star of the SNVETO list (of the usual
    name), None without one.
    """

    ccd: int
    number: int
    ra: float
    dec: float
    x: float
    y: float
    distance: float
    snr: float
    negative: bool
    magnitude: float | None
    magnitude_error: float | None
    score: float | None
    kind: str
    kept: bool
    reasons: tuple[str, ...]
    candidate: int | None
    is_new: bool
    epochs: int
    star_magnitude: float | None
    star_distance: float | None
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Told:
    """All that is known of a place (deg) in an exposure within a radius (arcsec).

    `where` and `problem` are sentences. Without a detection within the radius `difference` says what is there, and
    `nearest` is the nearest detection of the CCD.
    """

    expnum: int
    nite: str
    band: str
    season: str
    ra: float
    dec: float
    radius: float
    where: str
    problem: str
    detections: tuple[Found, ...]
    difference: Difference | None
    nearest: Found | None


def tell(exposure: Exposure, ra: float, dec: float, radius: float) -> Told:
    """What happened at a place.

    Parameters
    ----------
    ra, dec : float
        deg, ICRS.
    radius : float
        arcsec.

    Raises
    ------
    BadInput
        The exposure has no image, or no CCD of it has the cuts of RUN22; or a product cannot be read.
    """
    found = spots(exposure, ra, dec)
    done = {one.ccd: one for one in Repository.of(exposure).where('filterobj', exposure)}
    if not done:
        why = next((text for one in found if one.processed and (text := failure(one.exposure, steps.DIFFIMG))), '')
        raise BadInput(f'{exposure.expnum}: no CCD has come to its cuts (RUN22) in '
                       f'{Repository.of(exposure).folder(exposure)}, season {exposure.season}' + (f'; {why}' if why else ''))
    near = [done[spot.exposure.ccd] for spot in found if spot.off <= radius and spot.exposure.ccd in done]
    everything = [one for ccd in near for one in detections(ccd, ra, dec, radius)]
    inside = tuple(sorted((one for one in everything if one.distance <= radius), key=lambda one: one.distance))
    here = found[0] if found[0].off <= 0.0 else None
    own = done.get(here.exposure.ccd) if here else None
    difference = nearest = None
    if here and own and not inside:
        difference = difference_at(own, here.x, here.y, _used(own, 'RUN20', 'DIFF_THRESHOLD') or 5.0)
        nearest = min(everything, key=lambda one: one.distance, default=None)
    return Told(exposure.expnum, exposure.nite, exposure.band, exposure.season, ra, dec, radius, where_words(found),
                _problem(here, own), inside, difference, nearest)


def _problem(here: Spot | None, own: Exposure | None) -> str:
    """Why a CCD has nothing to tell, or what it has is old."""
    if here is None or not here.processed:
        return ''
    failed = failure(own or here.exposure, (*steps.SE, *steps.CALIBRATION, *steps.DIFFIMG))
    return failed or ('' if own else 'difference imaging of this CCD was not run, or has not come to its cuts (RUN22)')


def detections(one: Exposure, ra: float, dec: float, radius: float) -> list[Found]:
    """The detections of a CCD within a radius (arcsec) of a place (deg), and the nearest one wherever it is."""
    repository = Repository.of(one)
    table, filtered = repository.get('diff_cat', one), parse_table(repository.get('filterobj', one))
    distance = 3600.0 * separation(ra, dec, table['ALPHAWIN_J2000'], table['DELTAWIN_J2000'])
    wanted = np.flatnonzero((distance <= radius) | (distance == distance.min(initial=np.inf)))
    facts = _facts(one)
    return [_found(one, table[k], float(distance[k]), {name: str(values[k]) for name, values in filtered.items()}, facts)
            for k in wanted]


@dataclass(frozen=True)
class _Facts:
    """What all detections of a CCD share: rows of RUN24 and RUN25 by number, and what the cuts were made with."""

    scores: dict[int, dict[str, str]]
    made: dict[int, dict[str, str]]
    zero_point: float
    fwhm: float
    cuts: dict[str, float]
    least: float | None
    stars: pd.DataFrame | None
    reasons: dict[int, dict[str, tuple[float, float]]]


def _facts(one: Exposure) -> _Facts:
    repository = Repository.of(one)
    cuts = {cut: value for name, cut in CUT_PARAMETERS.items() if (value := _used(one, 'RUN22', name)) is not None}
    listed = repository.star_list(one, written_lists(one).get('snveto', ''))
    return _Facts(_by_number(one, 'autoscan'), _by_number(one, 'makecand'), repository.get('search_zp', one)['zero_point'],
                  repository.get('score_info', one)['fwhm_px'], cuts, _used(one, 'RUN25', 'MIN_MLSCORE'),
                  read_assoc(listed) if listed else None, _reasons(one))


def _reasons(one: Exposure) -> dict[int, dict[str, tuple[float, float]]]:
    """OBJID -> cut that it fails -> what was compared with what; none where RUN22 has not said."""
    repository = Repository.of(one)
    out: dict[int, dict[str, tuple[float, float]]] = {}
    if repository.exists('cut_reasons', one):
        for row in repository.get('cut_reasons', one).itertuples():
            out.setdefault(int(row.OBJID), {})[str(row.CUT)] = (float(row.VALUE), float(row.LIMIT))
    return out


def _found(one: Exposure, row: np.void, distance: float, filtered: Mapping[str, str], facts: _Facts) -> Found:
    """A detection from its row of RUN20 and that of RUN22."""
    number, reject = int(row['NUMBER']), int(filtered['REJECT'])
    score = float(facts.scores[number]['ML_SCORE']) if number in facts.scores else None
    below = [int(filtered[f'NPIX_M{depth}']) for depth in (2, 4, 6)]
    checks = explain_cuts(row, below, facts.fwhm, reject, facts.cuts, score, facts.least, facts.reasons.get(number))
    low = score is not None and facts.least is not None and score < facts.least
    code, candidate = reject | (LOW_SCORE if low else 0), facts.made.get(number, {})
    return Found(
        one.ccd, number, float(row['ALPHAWIN_J2000']), float(row['DELTAWIN_J2000']), float(row['X_IMAGE']) - 1.0,
        float(row['Y_IMAGE']) - 1.0, distance, float(row['SNR']), bool(row['SIGN'] < 0),
        *magnitude(abs(float(row['FLUX_PSF'])), float(row['FLUXERR_PSF']), facts.zero_point), score,
        filtered.get('CLASS', '-').replace('-', ''), code == 0, tuple(reject_names(code).split(',')) if code else (),
        int(candidate['diaObjectId']) if candidate else None, candidate.get('isNew') == '1',
        int(candidate.get('nDiaSources', 0)), *_nearest_star(row, facts.stars), tuple(checks))


def _nearest_star(row: np.void, stars: pd.DataFrame | None) -> tuple[float | None, float | None]:
    """Magnitude and distance (arcsec) of the listed star that is nearest to a detection."""
    if stars is None or not len(stars):
        return None, None
    apart = 3600.0 * separation(row['ALPHAWIN_J2000'], row['DELTAWIN_J2000'], stars['RA'], stars['DEC'])
    nearest = int(np.argmin(apart))
    return float(stars['MAG'].iloc[nearest]), float(apart[nearest])


def _by_number(one: Exposure, product: str) -> dict[int, dict[str, str]]:
    """Rows of a table by OBJID; none where the step has not run."""
    repository = Repository.of(one)
    if not repository.exists(product, one):
        return {}
    table = parse_table(repository.get(product, one))
    return {int(number): {name: str(values[k]) for name, values in table.items()} for k, number in enumerate(table['OBJID'])}


def _used(one: Exposure, step: str, name: str) -> float | None:
    """The value of a parameter with which a step was done; None where it was not."""
    label = next(each.label for each in steps.DIFFIMG if each.id == step)
    stamp: Mapping = read_stamp(Repository.of(one).last_stamp(one, label, 'DONE')) or {}
    return stamp.get('parameters', {}).get(name)
