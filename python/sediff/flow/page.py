"""The candidate page of an exposure, from what the CCDs' steps left; and the stage `page`."""
from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from sediff import __version__, steps
from sediff.camera.rawcards import airmass_of, text_of
from sediff.candidates.fakematch import FAKEMATCH_DTYPE, efficiency
from sediff.candidates.texttable import parse_table
from sediff.errors import BadInput, SediffError
from sediff.flow import arguments
from sediff.flow.database import database_url, season_number
from sediff.flow.quality import mark_overfull
from sediff.flow.usable import failure
from sediff.flow.verify import exposure_quality, planned_templates
from sediff.io.archive import read_stamp_archive
from sediff.io.database import candidates_of, open_database, transaction
from sediff.io.fits import read_header
from sediff.io.ldac import read_ldac
from sediff.io.products import read_product
from sediff.names import Exposure, exposure_table, product_path
from sediff.parameters import Parameters
from sediff.report.entries import CandidateEntry, ExposureEntry, candidate_entry
from sediff.report.page import write_candidate_page


def write_page(exposure: Exposure, parameters: Parameters) -> Path:
    """Write the page of an exposure's candidates; returns its path.

    A CCD whose last run failed has no rows, neither has one whose products cannot be read; both are named as failed.

    Raises
    ------
    BadInput
        No CCD of the exposure has candidates yet.
    """
    there = [exposure.with_ccd(ccd) for ccd in range(1, 63)
             if product_path(exposure.with_ccd(ccd), 'fakematch').is_file()]
    finished = [one for one in there if not _failed(one)]
    if not finished:
        raise BadInput(f'{exposure.expnum}: no CCD has finished difference imaging in {exposure.folder / exposure.season}')
    known = _known_candidates(exposure, parameters)
    shown, entries, detections, codes = [], [], [], []
    for one in finished:
        try:
            catalogue = read_ldac(product_path(one, 'diff_cat'))[0]
            reject = _column(one, 'filterobj', 'REJECT', int)
            mine = _entries(one, catalogue, reject, known)
            signed = catalogue['SNR'] * catalogue['SIGN']
        except (SediffError, KeyError, ValueError) as error:
            print(f'{one.label()} left out of the page: {error}', file=sys.stderr)
            continue
        shown.append(one)
        entries += mine
        detections.append(signed)
        codes.append(reject == 0)
    if not shown:
        raise BadInput(f'{exposure.expnum}: the products of no CCD can be read in {exposure.folder / exposure.season}')
    snr, kept = np.concatenate(detections), np.concatenate(codes)
    overfull = _overfull(shown)
    mark_overfull(exposure, overfull)
    path = exposure_table(exposure, 'page')
    write_candidate_page(path, _head(exposure, shown, len(snr), int(kept.sum()), tuple(overfull)), entries,
                         score_threshold=parameters['PAGE_MLSCORE'], efficiency=_efficiency(shown), snr=snr, kept=kept)
    return path


def _failed(exposure: Exposure) -> bool:
    """Whether the last run of a CCD failed: what it has is of an earlier run, and is not shown."""
    return bool(failure(exposure, (*steps.SE, *steps.CALIBRATION, *steps.DIFFIMG)))


def _column(exposure: Exposure, product: str, name: str, kind) -> np.ndarray:
    return parse_table(read_product(product_path(exposure, product), 'text'))[name].astype(kind)


def _known_candidates(exposure: Exposure, parameters: Parameters) -> dict[int, dict]:
    with transaction(open_database(database_url(exposure, parameters))) as connection:
        rows = candidates_of(connection, season_number(exposure), exposure.expnum)
    return {row['diaObjectId']: row for row in rows}


def _entries(exposure: Exposure, catalogue: np.ndarray, reject: np.ndarray, known: dict[int, dict]) -> list[CandidateEntry]:
    numbers = _column(exposure, 'makecand', 'OBJID', int)
    objects = _column(exposure, 'makecand', 'diaObjectId', np.int64)
    scores = dict(zip(_column(exposure, 'autoscan', 'OBJID', int), _column(exposure, 'autoscan', 'ML_SCORE', float)))
    kinds = parse_table(read_product(product_path(exposure, 'makecand'), 'text')).get('CLASS', np.full(len(numbers), '-'))
    stamps = read_stamp_archive(product_path(exposure, 'stamps'), numbers)
    zero_point = read_product(product_path(exposure, 'search_zp'), 'json')['zero_point']
    rows = {int(row['NUMBER']): (row, int(code)) for row, code in zip(catalogue, reject)}
    entries = []
    for number, identifier, kind in zip(numbers, objects, np.where(kinds == '-', '', kinds)):
        row, code = rows[int(number)]
        candidate = known.get(int(identifier), {})
        entries.append(candidate_entry(row, exposure.ccd, scores[number], zero_point, stamps[number], code, int(identifier),
                                       candidate.get('nDiaSources', 1), candidate.get('nNites', 1), kind=str(kind)))
    return entries


def _overfull(finished: list[Exposure]) -> dict[int, int]:
    """CCDs with more peaks than were measured, and how many were left out."""
    left = {one.ccd: int(read_product(product_path(one, 'score_info'), 'json').get('left_out', 0)) for one in finished}
    return {ccd: count for ccd, count in left.items() if count}


def _head(exposure: Exposure, finished: list[Exposure], detections: int, kept: int, overfull: tuple[int, ...]
          ) -> ExposureEntry:
    header = read_header(product_path(finished[0], 'immask'), 'SCI')
    quality = exposure_quality(exposure)
    failed = [ccd for ccd in range(1, 63) if _failed(exposure.with_ccd(ccd))]
    failed += [ccd for ccd in range(1, 63) if ccd not in {one.ccd for one in finished}
               and product_path(exposure.with_ccd(ccd), 'fakematch').is_file()]
    return ExposureEntry(
        exposure.expnum, int(exposure.nite), exposure.band, season_number(exposure), text_of(header, 'OBJECT'),
        header.get('MJD-OBS'), header.get('EXPTIME'), quality.get('fwhm_arcsec'), quality.get('zero_point'),
        quality.get('depth_5sigma'), quality.get('t_eff'), airmass_of(header), tuple(one.ccd for one in finished),
        tuple(sorted(set(failed))), detections, kept, tuple(one.expnum for one in planned_templates(exposure)), __version__,
        time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()), overfull)


def _efficiency(finished: list[Exposure]) -> np.ndarray | None:
    """Injected and found sources by magnitude, when a list of fakes was given."""
    tables = [parse_table(read_product(product_path(one, 'fakematch'), 'text')) for one in finished]
    count = sum(len(table['FAKEID']) for table in tables)
    if not count:
        return None
    matches = np.zeros(count, FAKEMATCH_DTYPE)
    for name in FAKEMATCH_DTYPE.names:
        matches[name] = np.concatenate([table[name] for table in tables]).astype(FAKEMATCH_DTYPE[name])
    low, high = np.floor(matches['TRUEMAG'].min() * 2) / 2, np.ceil(matches['TRUEMAG'].max() * 2) / 2
    return efficiency(matches, np.arange(low, max(high, low + 0.5) + 0.01, 0.5))


def main(stage: str, argv: list[str]) -> int:
    """Write the candidate page of an exposure anew."""
    from sediff.flow.exposure import with_field
    parser = arguments.Parser(prog=f'python -m sediff {stage}', description=main.__doc__)
    arguments.exposure_arguments(parser)
    parser.add_argument('--rnum', default='4', help='processing version, first part')
    parser.add_argument('--pnum', default='7', help='processing version, second part')
    args = parser.parse_args(argv)
    parameters = arguments.read_parameters(args)
    print(write_page(with_field(arguments.exposure_of(args, parameters, args.rnum, args.pnum), parameters), parameters))
    return 0
