"""Fakes of an exposure: what its CCDs found of them, as tables, picture and part of the page."""
from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sediff.catalogs import catalog_path
from sediff.errors import SediffError
from sediff.fakes.efficiency import Curve, curves, distance_table, efficiency_of_ccds, half_distance, summary
from sediff.fakes.truth import outcomes_of
from sediff.flow.diffimg.fakes import read_light_curve, tells_of
from sediff.formats.atomic import atomic_path
from sediff.report.entries import data_uri
from sediff.report.fakes_picture import efficiency_png, efficiency_title
from sediff.repository.completeness import format_ccds
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.values import checked_distances


@dataclass(frozen=True)
class InjectedEntry:
    """The fakes of an exposure as its page shows them.

    Parameters
    ----------
    told : mapping
        `summary` of all its fakes.
    depth, depth_low, depth_high : float or None
        Median of the CCDs' 5-sigma depths, the least and the largest, AB mag.
    ccds : str
        CCDs with fakes, `1,3-5`.
    days : float
        Days after the merger at which the light curve is taken.
    half_distance : float or None
        Distance to which half of the AT2017gfos are kept, Mpc.
    distances : list of mapping
        Of `distance_table`.
    picture : str
        Data URI.
    """

    told: Mapping
    depth: float | None
    depth_low: float | None
    depth_high: float | None
    ccds: str
    days: float
    half_distance: float | None
    distances: list
    picture: str


def injected_entry(exposure: Exposure, shown: list[Exposure], parameters: Mapping) -> InjectedEntry | None:
    """The fakes of the CCDs that are shown, whichever runs they are of; None where they have none.

    Tables, summary and picture are written beside the page; a CCD whose tables cannot be read is named and left out.
    """
    outcomes, depths = _read(shown)
    if not outcomes:
        return None
    whole, days = np.concatenate(list(outcomes.values())), parameters['FAKES_DAYS']
    fitted, ccds = curves(whole), format_ccds(list(outcomes))
    table = efficiency_of_ccds(outcomes)
    picture = efficiency_png(table[table['ccd'] == 'all'], fitted, efficiency_title(exposure, ccds, len(whole)))
    half, distances = _distances(exposure.band, whole, fitted, days, checked_distances(parameters['FAKES_DISTANCES'], ''))
    known = [depth for depth in depths.values() if depth is not None]
    middle = float(np.median(known)) if known else None
    entry = InjectedEntry(summary(whole, fitted), middle, min(known, default=None), max(known, default=None), ccds, days,
                          half, distances, data_uri(picture))
    _write(exposure, entry, depths, table, picture)
    return entry


def _read(shown: list[Exposure]) -> tuple[dict[int, np.ndarray], dict[int, float | None]]:
    """Fakes of each CCD that has some, and the depths of all."""
    outcomes, depths = {}, {}
    for one in shown:
        repository = Repository.of(one)
        if not repository.exists('injected', one):
            continue
        try:
            rows = outcomes_of(repository.get('injected', one))
            depths[one.ccd] = repository.get('injected_info', one)['depth']['depth']
        except (SediffError, KeyError, ValueError, TypeError) as error:
            print(f'{one.label()} left out of the fakes of the page: {error}', file=sys.stderr)
            continue
        if len(rows):
            outcomes[one.ccd] = rows
    return outcomes, depths


def _distances(band: str, outcomes: np.ndarray, fitted: Mapping[tuple[str, str], Curve | None], days: float,
               distances: tuple[float, ...]) -> tuple[float | None, list]:
    """To which distance half of the AT2017gfos are kept, and the efficiency at each distance; nothing in bands without
    three points of its light curve."""
    curve = read_light_curve(catalog_path('at2017gfo.csv'))
    if not tells_of(curve, band):
        return None, []
    return (half_distance(fitted['kept', 'MAG'], curve, band, days),
            distance_table(outcomes, fitted, distances, curve, band, days) if distances else [])


def _write(exposure: Exposure, entry: InjectedEntry, depths: Mapping[int, float | None], table: pd.DataFrame, picture: bytes
           ) -> None:
    repository = Repository.of(exposure)
    repository.put('injected_efficiency', exposure, table)
    repository.put('injected_summary', exposure, {
        'expnum': exposure.expnum, 'band': exposure.band, 'season': exposure.season, 'ccds': entry.ccds,
        'exposure': entry.told, 'depth': entry.depth, 'depths': dict(depths), 'days': entry.days,
        'half_distance': entry.half_distance, 'distances': entry.distances})
    with atomic_path(repository.target('injected_png', exposure)) as temporary:
        temporary.write_bytes(picture)

