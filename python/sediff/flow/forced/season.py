"""Light curves of all candidates of a season: forced photometry in every staged difference of their places."""
from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from sediff.candidates.database import add_forced, candidates_of, detections_of, images_of, transaction
from sediff.candidates.epochs import Epochs, joined, light_curve
from sediff.candidates.rows import njy_per_electron
from sediff.engine.pool import Outcome, run_pool
from sediff.errors import BadInput
from sediff.flow.exposure.database import open_season, season_number
from sediff.flow.forced.measure import measure
from sediff.flow.forced.staged import Near, find_near
from sediff.formats.atomic import write_text
from sediff.formats.lightcurve import Source, csv_text, snana_text, write_fits_curve
from sediff.repository.names import Exposure, light_curve_name
from sediff.repository.repository import Repository

#: Modules that workers find imported.
PRELOAD = ('sediff.flow.forced.season',)
#: Bits of PHOTFLAG in DES-GW's data files: a detection; one that passed the cuts and the score.
DETECTED, PASSED = 4096, 8192


@dataclass
class Report:
    """What was done: candidates, files written, epochs with a value, reasons of the others, images that failed."""

    candidates: int = 0
    files: int = 0
    epochs: int = 0
    gaps: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)


def season_curves(season: Exposure, parameters: Mapping, folder: Path | None = None, form: str = 'dat', workers: int = 1,
                  expnums: Container[int] | None = None, least: int = 1, write_database: bool = False) -> Report:
    """Measure at every candidate of a season and write one light curve file each.

    Parameters
    ----------
    season : Exposure
        Names tree, season, cache and schema.
    parameters : mapping
        DB_URL, SQLITE_ON_NETWORK.
    folder : Path, optional
        Of the files; default that of the season below forcephoto/output.
    form : {'dat', 'csv', 'fits'}
    workers : int
        Processes, one an image at a time.
    expnums : container of int, optional
        Only these exposures.
    least : int
        Candidates with fewer epochs with a value get no file.
    write_database : bool
        Write the measurements into the season's database, too.

    Raises
    ------
    BadInput
        The season has no database or no staged difference.
    """
    engine = _database(season, parameters)
    with transaction(engine, writes=False) as connection:
        candidates = candidates_of(connection, season_number(season))
        found = detections_of(connection, season_number(season))
    ra, dec = (np.array([one[axis] for one in candidates], float) for axis in ('ra', 'dec'))
    near = find_near(season, ra, dec, expnums)
    outcomes = run_pool(_measure_one, [(one, ra, dec) for one in near], workers, preload=PRELOAD)
    epochs = joined([outcome.value for outcome in outcomes if isinstance(outcome.value, Epochs)])
    report = Report(len(candidates), 0, int(np.isfinite(epochs.rows['flux']).sum()), _gaps(epochs),
                    [outcome for outcome in outcomes if outcome.code])
    members = {(row['diaObjectId'], row['visit'], row['detector']): row for row in found}
    folder = folder or Repository.of(season).folder(season, 'light_curves')
    for k, candidate in enumerate(candidates):
        report.files += _write(folder, season, candidate, light_curve(epochs, k), members, form, least)
    if write_database:
        _store(engine, season, candidates, epochs)
    engine.dispose()
    return report


def _database(season: Exposure, parameters: Mapping) -> Engine:
    """The open database of the season, which must be there."""
    repository = Repository.of(season)
    if not parameters['DB_URL'] and not repository.exists('database', season):
        raise BadInput(f'no database of {season.season} at {repository.target("database", season)}; run difference imaging, '
                       'or look at -S, -d and -m')
    return open_season(season, parameters)


def _measure_one(task: tuple[Near, np.ndarray, np.ndarray], send) -> Epochs:
    """The places of one image, its planes compared with their checksums: a worker's task."""
    return measure(*task, verify=True)


def _gaps(epochs: Epochs) -> Counter[str]:
    """How many epochs have no value, by the reason without what is of one file."""
    rows = epochs.rows[np.isnan(epochs.rows['flux'])]
    return Counter(epochs.reasons[k].partition(':')[0] for k in rows['gap'])


def _write(folder: Path, season: Exposure, candidate: Mapping, columns: dict[str, np.ndarray], members: Mapping, form: str,
           least: int) -> int:
    """Write the light curve of a candidate; returns the number of files."""
    if np.isfinite(columns['FLUX']).sum() < least:
        return 0
    identifier = candidate['diaObjectId']
    seen = [members.get((identifier, int(visit), int(ccd))) for visit, ccd in zip(columns['EXPNUM'], columns['CCDNUM'])]
    del columns['PLACE']
    columns |= {'PHOTFLAG': np.array([0 if row is None else DETECTED | PASSED * (row['reject'] == 0) for row in seen], int),
                'PHOTPROB': np.array([0.0 if row is None else row['reliability'] or 0.0 for row in seen], float),
                'OBJID': np.array([0 if row is None else row['number'] for row in seen], int)}
    path = folder / light_curve_name(identifier, form)
    if form != 'dat':
        columns = {'ID': np.full(len(seen), str(identifier)), 'RA': np.full(len(seen), candidate['ra']),
                   'DEC': np.full(len(seen), candidate['dec']), **columns}
    if form == 'fits':
        write_fits_curve(path, columns)
    elif form == 'csv':
        write_text(path, csv_text(columns))
    else:
        instrument = season.instrument
        write_text(path, snana_text(Source(str(identifier), candidate['ra'], candidate['dec'], instrument.name,
                                           instrument.pixel_scale), columns))
    return 1


def _store(engine: Engine, season: Exposure, candidates: list[dict], epochs: Epochs) -> None:
    """Write the calibrated measurements into the database, an image at a time."""
    number = season_number(season)
    with transaction(engine, writes=False) as connection:
        times = {(row['visit'], row['detector']): row['midpointMjdTai'] for row in images_of(connection, number)}
    measured = epochs.rows[np.isfinite(epochs.rows['flux'])]
    measured = measured[np.argsort(measured['image'], kind='stable')]
    for rows in np.split(measured, np.flatnonzero(np.diff(measured['image'])) + 1) if len(measured) else []:
        image = epochs.images[rows['image'][0]]
        if not np.isfinite(image.zero_point):
            continue
        njy = njy_per_electron(image.zero_point)
        values = [{'diaObjectId': candidates[row['place']]['diaObjectId'], 'band': image.band,
                   'midpointMjdTai': times.get((image.expnum, image.ccd)), 'ra': candidates[row['place']]['ra'],
                   'dec': candidates[row['place']]['dec'], 'psfFlux': float(njy * row['flux']),
                   'psfFluxErr': float(njy * row['error']), 'psfChi2': float(row['chi2']),
                   'goodFraction': float(row['good'])} for row in rows]
        with transaction(engine) as connection:
            add_forced(connection, image.expnum, image.ccd, number, values)
