"""The pages of an exposure: the index of its candidates, one page a candidate, the page of its night."""
from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from sediff.candidates.database import candidates_of, transaction
from sediff.engine.pool import Outcome, run_pool
from sediff.errors import BadData, BadInput, BadUsage, SediffError, Temporary
from sediff.flow.exposure.database import open_season, season_number
from sediff.flow.exposure.quality import mark_overfull
from sediff.flow.exposure.run import exit_code
from sediff.flow.exposure.whole import PATIENCE
from sediff.formats.locks import patient_lock
from sediff.parameters.model import Parameters
from sediff.report import PRELOAD
from sediff.report.candidate_tables import table_forms, write_candidate_tables
from sediff.report.ccd_pages import CcdDrawn, CcdPages, Links, draw_ccd, page_name
from sediff.report.entries import ExposureEntry
from sediff.report.gather import Gathered, finished, found_fakes, gather, head, overfull
from sediff.report.history import Epoch, SeasonImage, histories, season_images
from sediff.report.injected import injected_entry
from sediff.report.night_page import write_night_page
from sediff.report.page import ordered, write_candidate_page
from sediff.report.quality_picture import draw_quality
from sediff.repository.names import Exposure
from sediff.repository.page_folder import PageFolder
from sediff.repository.repository import Repository

Epochs = Mapping[int, Sequence[Epoch]]
Images = Mapping[tuple[int, int], SeasonImage]


def write_page(exposure: Exposure, parameters: Parameters, redraw: bool = False, workers: int = 1) -> Path:
    """Write the index of an exposure's candidates, their pages and the page of the night; returns the path of the index.

    A CCD whose last run failed has no rows, neither has one whose products cannot be read; both are named as failed. For one
    that RUN25 holds back the reason is given, also where there is no other. The tables are written beside the index. Pages
    come before the index that links them, and those of an earlier run go after it: at any moment every link leads somewhere.

    Parameters
    ----------
    redraw : bool
        Draw stamps and charts too that are newer than the images.
    workers : int
        Processes that draw, a CCD each; 1 draws in this one.

    Raises
    ------
    BadInput
        No CCD of the exposure has candidates yet, and none is held back.
    BadUsage
        A form of the tables needs a package that is not installed.
    Temporary
        Another process has been writing these pages for too long.
    SediffError
        A worker was killed, or could not write: the index is that of an earlier run.
    """
    forms, repository = table_forms(exposure, parameters), Repository.of(exposure)
    finished(exposure)                                    # before a lock or a database is made
    with patient_lock(repository.target('page_lock', exposure), f'{exposure.expnum} (pages)', PATIENCE):
        found, epochs, images = _collect(exposure, parameters)
        left_out = overfull([*found.shown, *map(exposure.with_ccd, found.held)])
        mark_overfull(exposure, left_out)
        draw_quality(exposure)
        entry = head(exposure, found, tuple(left_out))
        drawn = _candidate_pages(exposure, entry, found, epochs, images, parameters['STAMP_SIZE'], redraw, workers)
        path = repository.target('page', exposure)
        write_candidate_page(path, entry, drawn.entries, score_threshold=parameters['PAGE_MLSCORE'],
                             efficiency=found_fakes(found.shown), injected=injected_entry(exposure, found.shown, parameters),
                             snr=np.concatenate([np.zeros(0), *found.snr]),
                             kept=np.concatenate([np.zeros(0, int), *found.reject]) == 0)
        write_candidate_tables(exposure, drawn.rows, forms)
        PageFolder(exposure).keep_only(drawn.names)
    with patient_lock(repository.target('night_lock', exposure), f'night {exposure.nite} (page)', PATIENCE), \
            transaction(open_season(exposure, parameters), writes=False) as connection:
        write_night_page(connection, exposure, season_number(exposure))
    return path


def _collect(exposure: Exposure, parameters: Parameters) -> tuple[Gathered, dict[int, list[Epoch]], Images]:
    """The candidates, their epochs and the difference images that show them."""
    season, engine = season_number(exposure), open_season(exposure, parameters)
    with transaction(engine, writes=False) as connection:
        known = {row['diaObjectId']: row for row in candidates_of(connection, season, exposure.expnum)}
    found = gather(exposure, known)
    places = {one.identifier: (one.ra, one.dec) for one in found.entries}
    with transaction(engine, writes=False) as connection:
        images = season_images(connection, exposure, season, list(places.values()))
        return found, histories(connection, season, exposure.expnum, places, images), images


def _candidate_pages(exposure: Exposure, head: ExposureEntry, found: Gathered, epochs: Epochs, images: Images, size: int,
                     redraw: bool, workers: int) -> CcdDrawn:
    """Write the page of each candidate with its pictures, a CCD a worker; what they have together, by CCD."""
    said: set[str] = set()

    def listen(_: CcdPages, event: tuple) -> None:
        """Say once what candidates of several CCDs lack."""
        if event[0] not in said:
            print(event[0], file=sys.stderr)
            said.add(event[0])
    tasks = _tasks(exposure, head, found, epochs, images, size, redraw)
    outcomes = run_pool(draw_ccd, tasks, workers, listen, PRELOAD, lambda task: len(task.entries))
    if any(outcome.code for outcome in outcomes):
        raise _failure(outcomes)
    drawn = [outcome.value for outcome in outcomes if isinstance(outcome.value, CcdDrawn)]
    return CcdDrawn([one for each in drawn for one in each.entries], [row for each in drawn for row in each.rows],
                    {name for each in drawn for name in each.names})


def _tasks(exposure: Exposure, head: ExposureEntry, found: Gathered, epochs: Epochs, images: Images, size: int, redraw: bool
           ) -> list[CcdPages]:
    """What each CCD that has candidates draws; a candidate of two has its page from the one that comes last in the index."""
    rows = ordered(found.entries)
    owner, links = {one.identifier: one.ccd for one in rows}, _links(exposure, [page_name(one) for one in rows])
    of_candidate = {one.identifier: link for one, link in zip(rows, links, strict=True)}
    tasks = []
    for one in found.shown:
        known = [row.identifier for row in rows if row.ccd == one.ccd]
        mine = [row for row in rows if owner[row.identifier] == one.ccd]
        own = {row.identifier: epochs[row.identifier] for row in mine}
        keys = {(exposure.expnum, one.ccd), *((each.visit, each.ccd) for many in own.values() for each in many)}
        if known:
            tasks.append(CcdPages(
                exposure.with_ccd(one.ccd), head, mine, _of(of_candidate, own), own, _of(found.cuts, own),
                {key: image.files for key, image in _of(images, keys).items()},
                {key: dict(row) for key, row in _of(found.known, known).items()}, size, redraw))
    return tasks


def _links(exposure: Exposure, pages: Sequence[str]) -> list[Links]:
    """Where the pages, in the order of the index, lead."""
    index = f'../{Repository.of(exposure).target("page", exposure).name}'
    return [Links((k + 1, len(pages)), {'index': index, 'previous': pages[k - 1] if k else '',
                                        'following': ''.join(pages[k + 1:k + 2])}) for k in range(len(pages))]


def _of(values: Mapping, keys: Iterable) -> dict:
    """The values of these keys, where they have one."""
    return {key: values[key] for key in keys if key in values}


def _failure(outcomes: Sequence[Outcome[CcdPages]]) -> SediffError:
    """What is raised for CCDs whose pages could not be written."""
    failed = [outcome for outcome in outcomes if outcome.code]
    kinds = {kind.exit_code: kind for kind in (BadUsage, BadInput, BadData, Temporary)}
    return kinds.get(exit_code(failed), SediffError)(
        '; '.join(f'{outcome.task.exposure.label()} pages: {outcome.message}' for outcome in failed))
