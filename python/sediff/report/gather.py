"""What the pages of an exposure are made of, from what the CCDs' steps left."""
from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from sediff import __version__, steps
from sediff.candidates.fakematch import FAKEMATCH_DTYPE, efficiency
from sediff.candidates.texttable import parse_table
from sediff.errors import BadInput, SediffError
from sediff.flow.exposure.database import season_number
from sediff.flow.exposure.quality import read_quality
from sediff.flow.exposure.usable import failure, held_back
from sediff.flow.exposure.verify import exposure_quality, planned_templates
from sediff.flow.exposure.withdrawn import withdrawn
from sediff.formats.fits import read_header
from sediff.instruments.rawcards import airmass_of, text_of
from sediff.report.cut_words import CutWord, cut_words
from sediff.report.entries import CandidateEntry, ExposureEntry, candidate_entry
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository


@dataclass
class Gathered:
    """What was found of an exposure.

    Parameters
    ----------
    shown : list of Exposure
        CCDs whose products could be read.
    entries : list of CandidateEntry
    cuts : dict
        Candidate -> what each cut said of its detection.
    snr, reject : list of ndarray
        Of all detections, one a CCD: signed S/N, reject code.
    known : mapping
        diaObjectId -> row of the table of candidates.
    held : dict
        CCD whose detections RUN25 holds back -> why.
    """

    shown: list[Exposure] = field(default_factory=list)
    entries: list[CandidateEntry] = field(default_factory=list)
    cuts: dict[int, list[CutWord]] = field(default_factory=dict)
    snr: list[np.ndarray] = field(default_factory=list)
    reject: list[np.ndarray] = field(default_factory=list)
    known: Mapping[int, Mapping] = field(default_factory=dict)
    held: dict[int, str] = field(default_factory=dict)


def gather(exposure: Exposure, known: Mapping[int, Mapping]) -> Gathered:
    """Candidates and cuts of the CCDs that have finished; one that cannot be read is named and left out.

    An exposure that was withdrawn has no candidates.

    Parameters
    ----------
    known : mapping
        diaObjectId -> row of the table of candidates.

    Raises
    ------
    BadInput
        No CCD has candidates yet, or none can be read, and none is held back.
    """
    repository, found = Repository.of(exposure), Gathered(known=known, held=held_back(exposure))
    counts = not withdrawn(exposure)
    for one in finished(exposure):
        try:
            catalogue = repository.get('diff_cat', one)
            table = parse_table(repository.get('filterobj', one))
            reject, signed = table['REJECT'].astype(int), catalogue['SNR'] * catalogue['SIGN']
            entries = _entries(one, catalogue, reject, known)
        except (SediffError, KeyError, ValueError) as error:
            print(f'{one.label()} left out of the page: {error}', file=sys.stderr)
            continue
        found.shown.append(one)
        if counts:
            found.entries += entries
            found.cuts |= _cuts(table, entries)
        found.snr.append(signed)
        found.reject.append(reject)
    if not found.shown and not found.held:
        raise BadInput(f'{exposure.expnum}: the products of no CCD can be read in {_where(exposure)}')
    return found


def finished(exposure: Exposure) -> list[Exposure]:
    """The CCDs that have finished difference imaging; BadInput where there is none, and none is held back."""
    found = [one for one in Repository.of(exposure).where('fakematch', exposure) if not failed(one)]
    if not found and not held_back(exposure):
        raise BadInput(f'{exposure.expnum}: no CCD has finished difference imaging in {_where(exposure)}')
    return found


def _where(exposure: Exposure) -> str:
    return f'{Repository.of(exposure).folder(exposure)}, season {exposure.season}'


def failed(exposure: Exposure) -> bool:
    """Whether the last run of a CCD failed: what it has is of an earlier run, and is not shown."""
    return bool(failure(exposure, (*steps.SE, *steps.CALIBRATION, *steps.DIFFIMG)))


def _entries(exposure: Exposure, catalogue: np.ndarray, reject: np.ndarray, known: Mapping[int, Mapping]
             ) -> list[CandidateEntry]:
    repository = Repository.of(exposure)
    made, scored = (parse_table(repository.get(name, exposure)) for name in ('makecand', 'autoscan'))
    numbers, objects = made['OBJID'].astype(int), made['diaObjectId'].astype(np.int64)
    scores = dict(zip(scored['OBJID'].astype(int), scored['ML_SCORE'].astype(float)))
    kinds = made.get('CLASS', np.full(len(numbers), '-'))
    zero_point = repository.get('search_zp', exposure)['zero_point']
    rows = {int(row['NUMBER']): (row, int(code)) for row, code in zip(catalogue, reject)}
    entries = []
    for number, identifier, kind in zip(numbers, objects, np.where(kinds == '-', '', kinds)):
        row, code = rows[int(number)]
        candidate = known.get(int(identifier), {})
        entries.append(candidate_entry(row, exposure.ccd, scores[number], zero_point, '', code, int(identifier),
                                       candidate.get('nDiaSources', 1), candidate.get('nNites', 1), kind=str(kind)))
    return entries


def _cuts(table: Mapping[str, np.ndarray], entries: list[CandidateEntry]) -> dict[int, list[CutWord]]:
    """What each cut said of the candidates, by candidate."""
    place = {int(number): k for k, number in enumerate(table['OBJID'].astype(int))}
    return {one.identifier: cut_words({name: str(column[place[one.number]]) for name, column in table.items()})
            for one in entries if one.number in place}


def overfull(shown: list[Exposure]) -> dict[int, int]:
    """CCDs with more peaks than were measured, and how many were left out."""
    left = {one.ccd: int(Repository.of(one).get('score_info', one).get('left_out', 0)) for one in shown}
    return {ccd: count for ccd, count in left.items() if count}


def head(exposure: Exposure, found: Gathered, left_out: tuple[int, ...]) -> ExposureEntry:
    """The head of the index; `left_out` are the CCDs with more peaks than were measured."""
    repository = Repository.of(exposure)
    any_ccd = next(iter(found.shown), None) or exposure.with_ccd(min(found.held))
    header = read_header(repository.path('immask', any_ccd), 'SCI')
    quality = exposure_quality(exposure)
    bad = [ccd for ccd in exposure.instrument.ccds if failed(exposure.with_ccd(ccd))]
    bad += [one.ccd for one in repository.where('fakematch', exposure) if one not in found.shown]
    reject = np.concatenate([np.zeros(0, int), *found.reject])
    return ExposureEntry(
        exposure.expnum, int(exposure.nite), exposure.band, season_number(exposure), text_of(header, 'OBJECT'),
        header.get('MJD-OBS'), header.get('EXPTIME'), quality.get('fwhm_arcsec'), quality.get('zero_point'),
        quality.get('depth_5sigma'), quality.get('t_eff'), airmass_of(header), tuple(one.ccd for one in found.shown),
        tuple(sorted(set(bad))), len(reject), int((reject == 0).sum()),
        tuple(one.expnum for one in planned_templates(exposure) if not withdrawn(one)), __version__,
        time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime()), left_out, str(read_quality(exposure).get('verdict', '')),
        tuple(sorted(found.held.items())),
        repository.target('qc_png', exposure).name if repository.exists('qc_png', exposure) else '',
        f'../{repository.target("night_page", exposure).name}', withdrawn(exposure))


def found_fakes(shown: list[Exposure]) -> np.ndarray | None:
    """Injected and found sources by magnitude, when a list of fakes was given."""
    tables = [parse_table(Repository.of(one).get('fakematch', one)) for one in shown]
    count = sum(len(table['FAKEID']) for table in tables)
    if not count:
        return None
    matches = np.zeros(count, FAKEMATCH_DTYPE)
    for name in FAKEMATCH_DTYPE.names or ():
        matches[name] = np.concatenate([table[name] for table in tables]).astype(FAKEMATCH_DTYPE[name])
    low, high = np.floor(matches['TRUEMAG'].min() * 2) / 2, np.ceil(matches['TRUEMAG'].max() * 2) / 2
    return efficiency(matches, np.arange(low, max(high, low + 0.5) + 0.01, 0.5))
