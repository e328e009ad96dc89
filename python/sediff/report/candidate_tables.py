"""The candidates of an exposure as tables beside its page."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sediff.candidates.rows import ZERO_POINT_NJY, detection_rows
from sediff.candidates.texttable import parse_table
from sediff.detect.stamps import STAMP_KINDS
from sediff.detect.table import Flag
from sediff.flow.exposure.database import season_number
from sediff.formats.exports import check_form, harmless, write_export
from sediff.formats.fits import read_header
from sediff.report.candidate_columns import candidate_table
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.values import TABLE_FORMS, checked_table_forms
from sediff.wcs.read import pixel_scale, read_wcs


def table_forms(exposure: Exposure, parameters: Mapping) -> tuple[str, ...]:
    """The forms that are to be written: those of CANDIDATE_TABLES, and those that are there already, which would be old.

    Raises
    ------
    BadUsage
        One needs a package that is not installed.
    """
    asked, repository = checked_table_forms(parameters['CANDIDATE_TABLES'], 'CANDIDATE_TABLES'), Repository.of(exposure)
    forms = tuple(form for form in TABLE_FORMS
                  if form in asked or repository.exists(f'candidates_{form}', exposure))
    for form in forms:
        check_form(form)
    return forms


def write_candidate_tables(exposure: Exposure, found: Sequence[Mapping], forms: Sequence[str]) -> list[Path]:
    """Write the tables of an exposure's candidates; returns their paths.

    Parameters
    ----------
    found : sequence of mapping
        `candidate_rows` of each CCD whose candidates count.
    forms : sequence of str
        As `table_forms` gives them.
    """
    rows: dict[int, Mapping] = {}
    for row in found:
        other = rows.get(row['diaObjectId'])
        if other is None or row['snr'] > other['snr']:              # a candidate has one row
            rows[row['diaObjectId']] = row
    table = candidate_table(list(rows.values()), exposure.expnum, season_number(exposure))
    paths = [Repository.of(exposure).target(f'candidates_{form}', exposure) for form in forms]
    for path, form in zip(paths, forms, strict=True):
        write_export(path, table, form)
    return paths


def candidate_rows(one: Exposure, known: Mapping[int, Mapping]) -> list[dict]:
    """Rows of the table: the detections of a CCD that are candidates (RUN25), as the columns name their values.

    Parameters
    ----------
    one : Exposure
        With its CCD.
    known : mapping
        diaObjectId -> row of the database's table of candidates.
    """
    repository = Repository.of(one)
    made = parse_table(repository.get('makecand', one))
    numbers = made['OBJID'].astype(int)
    detections, image = repository.get('diff_cat', one), repository.get('ingest', one)
    places = {int(number): place for place, number in enumerate(detections['NUMBER'])}
    detections = detections[[places[number] for number in numbers]]
    kinds = made.get('CLASS', np.full(len(numbers), '-'))
    scores = parse_table(repository.get('autoscan', one))
    score = dict(zip(scores['OBJID'].astype(int), scores['ML_SCORE'].astype(float)))
    scale = pixel_scale(read_wcs(read_header(repository.path('immask', one), 'SCI')))
    rows = detection_rows(detections, np.zeros(len(numbers), int), np.array([score[number] for number in numbers]),
                          image['zeroPoint'], scale, one.band, int(one.nite), image['midpointMjdTai'],
                          classes=np.where(kinds == '-', '', kinds))
    common = {'visit': one.expnum, 'detector': one.ccd, 'season': season_number(one), 'object': harmless(image['object']),
              'stampArchive': os.path.relpath(repository.path('stamps', one), repository.folder(one))}
    return [{**row, **_magnitude(row), **common, **_stamps(int(number)), 'flags': _flags(detection),
             'diaObjectId': int(identifier), 'diaSourceId': int(source), 'isNew': int(new),
             **_epochs(known.get(int(identifier), {})), 'sourceClass': row['sourceClass'] or ''}
            for row, number, detection, identifier, source, new in zip(
                rows, numbers, detections, made['diaObjectId'], made['diaSourceId'], made['isNew'], strict=True)]


def _magnitude(row: Mapping) -> dict[str, float]:
    flux, error = row['psfFlux'], row['psfFluxErr']
    if not flux > 0:
        return {'mag': np.nan, 'magErr': np.nan}
    return {'mag': ZERO_POINT_NJY - 2.5 * np.log10(flux), 'magErr': 2.5 / np.log(10.0) * error / flux}


def _epochs(candidate: Mapping) -> dict[str, int]:
    return {name: int(candidate.get(name) or 1) for name in ('nDiaSources', 'nNites')}


def _flags(detection: np.void) -> str:
    return ' '.join((flag.name or '').lower() for flag in Flag if int(detection['FLAGS']) & flag)


def _stamps(number: int) -> dict[str, str]:
    columns = ('stampTemplate', 'stampSearch', 'stampDifference')
    return {column: f'{kind}{number}.fits' for column, kind in zip(columns, STAMP_KINDS, strict=True)}
