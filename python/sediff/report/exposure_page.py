"""The pages of an exposure: the index of its candidates, one page a candidate, the page of its night."""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sediff.candidates.database import candidates_of, transaction
from sediff.flow.exposure.database import open_season, season_number
from sediff.flow.exposure.quality import mark_overfull
from sediff.flow.exposure.whole import PATIENCE
from sediff.formats.locks import patient_lock
from sediff.parameters.model import Parameters
from sediff.report.candidate_tables import table_forms, write_candidate_tables
from sediff.report.entries import CandidateEntry, ExposureEntry, data_uri
from sediff.report.gather import Gathered, finished, found_fakes, gather, head, overfull
from sediff.report.history import Epoch, SeasonImage, histories, season_images
from sediff.report.injected import injected_entry
from sediff.report.night_page import write_night_page
from sediff.report.page import ordered, single_page, write_candidate_page
from sediff.report.pictures import chart_name, draw_charts, draw_strips
from sediff.report.quality_picture import draw_quality
from sediff.repository.names import Exposure
from sediff.repository.page_folder import PageFolder
from sediff.repository.repository import Repository

Images = Mapping[tuple[int, int], SeasonImage]


def write_page(exposure: Exposure, parameters: Parameters, redraw: bool = False) -> Path:
    """Write the index of an exposure's candidates, their pages and the page of the night; returns the path of the index.

    A CCD whose last run failed has no rows, neither has one whose products cannot be read; both are named as failed. For one
    that RUN25 holds back the reason is given, also where there is no other. The tables are written beside the index. Pages
    come before the index that links them, and those of an earlier run go after it: at any moment every link leads somewhere.

    Parameters
    ----------
    redraw : bool
        Draw stamps and charts too that are newer than the images.

    Raises
    ------
    BadInput
        No CCD of the exposure has candidates yet, and none is held back.
    BadUsage
        A form of the tables needs a package that is not installed.
    Temporary
        Another process has been writing these pages for too long.
    """
    forms, repository = table_forms(exposure, parameters), Repository.of(exposure)
    finished(exposure)                                    # before a lock or a database is made
    with patient_lock(repository.target('page_lock', exposure), f'{exposure.expnum} (pages)', PATIENCE):
        found, epochs, images = _collect(exposure, parameters)
        left_out = overfull([*found.shown, *map(exposure.with_ccd, found.held)])
        mark_overfull(exposure, left_out)
        draw_quality(exposure)
        entry = head(exposure, found, tuple(left_out))
        entries, names = _candidate_pages(exposure, entry, found, epochs, images, parameters['STAMP_SIZE'], redraw)
        path = repository.target('page', exposure)
        write_candidate_page(path, entry, entries, score_threshold=parameters['PAGE_MLSCORE'],
                             efficiency=found_fakes(found.shown), injected=injected_entry(exposure, found.shown, parameters),
                             snr=np.concatenate([np.zeros(0), *found.snr]),
                             kept=np.concatenate([np.zeros(0, int), *found.reject]) == 0)
        write_candidate_tables(exposure, [] if entry.withdrawn else found.shown, found.known, forms)
        PageFolder(exposure).keep_only(names)
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


def _candidate_pages(exposure: Exposure, entry: ExposureEntry, found: Gathered, epochs: Mapping[int, Sequence[Epoch]],
                     images: Images, size: int, redraw: bool) -> tuple[list[CandidateEntry], set[str]]:
    """Write the page of each candidate with its pictures; returns the rows of the index and the names of all files."""
    folder, rows = PageFolder(exposure), ordered(found.entries)
    epochs = draw_strips(folder, epochs, images, size, redraw)
    charts = _charts(folder, exposure, rows, images, redraw)
    pages = [f'{one.identifier}.html' for one in rows]
    index = f'../{Repository.of(exposure).target("page", exposure).name}'
    for number, one in enumerate(rows):
        links = {'index': index, 'previous': pages[number - 1] if number else '',
                 'following': ''.join(pages[number + 1:number + 2])}
        image = images.get((exposure.expnum, one.ccd))
        folder.write(pages[number], single_page(
            entry, one, epochs[one.identifier], found.cuts.get(one.identifier, []), links, (number + 1, len(rows)),
            chart_name(one.identifier) if one.identifier in charts else '', image.turn if image else None))
    names = {*pages, *map(chart_name, charts), *(each.strip for many in epochs.values() for each in many if each.strip)}
    return list(_with_strips(folder, rows, epochs)), names


def _charts(folder: PageFolder, exposure: Exposure, rows: Sequence[CandidateEntry], images: Images, redraw: bool
            ) -> set[int]:
    """Candidates that have a finding chart."""
    drawn: set[int] = set()
    for ccd in sorted({one.ccd for one in rows}):
        image = images.get((exposure.expnum, ccd))
        if image is not None:
            places = {one.identifier: (one.x - 1.0, one.y - 1.0) for one in rows if one.ccd == ccd}
            drawn |= draw_charts(folder, image, places, redraw)
    return drawn


def _with_strips(folder: PageFolder, rows: Sequence[CandidateEntry], epochs: Mapping[int, Sequence[Epoch]]
                 ) -> Iterator[CandidateEntry]:
    """The rows with the stamps of this exposure, which the index holds itself, and links to the pages."""
    for one in rows:
        mine = ''.join(each.strip for each in epochs[one.identifier] if each.current and each.ccd == one.ccd)
        yield replace(one, strip=data_uri(folder.read(mine)) if mine else '', page=f'{folder.name}/{one.identifier}.html')
