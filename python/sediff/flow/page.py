"""The candidate page of an exposure, from what the CCDs' steps left; and the stage `page`."""
from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from sediff import __version__
from sediff.candidates.fakematch import FAKEMATCH_DTYPE, efficiency
from sediff.candidates.texttable import parse_table
from sediff.errors import BadInput
from sediff.flow import arguments
from sediff.flow.database import database_url, season_number
from sediff.flow.quality import mark_overfull
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

    Raises
    ------
    BadInput
        No CCD of the exposure has candidates yet.
    """
    finished = [exposure.with_ccd(ccd) for ccd in range(1, 63)
                if product_path(exposure.with_ccd(ccd), 'fakematch').is_file()]
    if not finished:
        raise BadInput(f'{exposure.expnum}: no CCD has finished difference imaging in {exposure.folder / exposure.season}')
    known = _known_candidates(exposure, parameters)
    entries, detections, codes = [], [], []
    for one in finished:
        catalogue, reject = read_ldac(product_path(one, 'diff_cat'))[0], _column(one, 'filterobj', 'REJECT', int)
        entries += _entries(one, catalogue, reject, known)
        detections.append(catalogue['SNR'] * catalogue['SIGN'])
        codes.append(reject == 0)
    snr, kept = np.concatenate(detections), np.concatenate(codes)
    overfull = _overfull(finished)
    mark_overfull(exposure, overfull)
    path = exposure_table(exposure, 'page')
    write_candidate_page(path, _head(exposure, finished, len(snr), int(kept.sum()), tuple(overfull)), entries,
                         score_threshold=parameters['PAGE_MLSCORE'], efficiency=_efficiency(finished), snr=snr, kept=kept)
    return path


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
    stamps = read_stamp_archive(product_path(exposure, 'stamps'), numbers)
    zero_point = read_product(product_path(exposure, 'search_zp'), 'json')['zero_point']
    rows = {int(row['NUMBER']): (row, int(code)) for row, code in zip(catalogue, reject)}
    entries = []
    for number, identifier in zip(numbers, objects):
        row, code = rows[int(number)]
        candidate = known.get(int(identifier), {})
        entries.append(candidate_entry(row, exposure.ccd, scores[number], zero_point, stamps[number], code, int(identifier),
                                       candidate.get('nDiaSources', 1), candidate.get('nNites', 1)))
    return entries


def _overfull(finished: list[Exposure]) -> dict[int, int]:
    """CCDs with more peaks than were measured, and how many were left out."""
    left = {one.ccd: int(read_product(product_path(one, 'score_info'), 'json').get('left_out', 0)) for one in finished}
    return {ccd: count for ccd, count in left.items() if count}


def _head(exposure: Exposure, finished: list[Exposure], detections: int, kept: int, overfull: tuple[int, ...]
          ) -> ExposureEntry:
    header = read_header(product_path(finished[0], 'immask'), 'SCI')
    quality = exposure_quality(exposure)
    failed = [int(path.parent.name.split('_')[1]) for path in exposure.folder.glob(f'{exposure.season}/*/RUN*.FAIL')]
    return ExposureEntry(
        exposure.expnum, int(exposure.nite), exposure.band, season_number(exposure), str(header.get('OBJECT', '')),
        header.get('MJD-OBS'), header.get('EXPTIME'), quality.get('fwhm_arcsec'), quality.get('zero_point'),
        quality.get('depth_5sigma'), quality.get('t_eff'), header.get('AIRMASS'), tuple(one.ccd for one in finished),
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
    print(write_page(with_field(arguments.exposure_of(args, parameters, args.rnum, args.pnum)), parameters))
    return 0
