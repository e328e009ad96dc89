"""What a worker makes of one CCD for the pages of its exposure: pictures and pages of candidates, rows of the tables."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from sediff.report.candidate_tables import candidate_rows
from sediff.report.cut_words import CutWord
from sediff.report.entries import CandidateEntry, ExposureEntry, data_uri
from sediff.report.history import Epoch, ImageFiles
from sediff.report.page import single_page
from sediff.report.pictures import chart_name, draw_charts, draw_strips
from sediff.repository.names import Exposure
from sediff.repository.page_folder import PageFolder


class Links(NamedTuple):
    """Where the page of a candidate stands: its number in the index, from 1, with the number of all, and relative links
    'index', 'previous', 'following'."""

    place: tuple[int, int]
    pages: Mapping[str, str]


@dataclass(frozen=True)
class CcdPages:
    """The candidates of a CCD, and what their pages show.

    Parameters
    ----------
    exposure : Exposure
        With its CCD.
    head : ExposureEntry
    entries : sequence of CandidateEntry
        In the order of the index.
    links : mapping
        Candidate -> Links.
    epochs : mapping
        Candidate -> its epochs.
    cuts : mapping
        Candidate -> what each cut said of its detection.
    images : mapping
        (visit, CCD) -> files of the images of these epochs.
    known : mapping
        diaObjectId -> row of the database's table of candidates.
    size : int
        Side of a stamp, px.
    redraw : bool
        Draw stamps and charts too that are newer than the images.
    """

    exposure: Exposure
    head: ExposureEntry
    entries: Sequence[CandidateEntry]
    links: Mapping[int, Links]
    epochs: Mapping[int, Sequence[Epoch]]
    cuts: Mapping[int, Sequence[CutWord]]
    images: Mapping[tuple[int, int], ImageFiles]
    known: Mapping[int, Mapping]
    size: int
    redraw: bool = False


@dataclass(frozen=True)
class CcdDrawn:
    """What a CCD has.

    Parameters
    ----------
    entries : list of CandidateEntry
        With the stamps of this exposure, which the index holds itself, and links to the pages.
    rows : list of dict
        Of the tables.
    names : set of str
        Files of the folder of pages.
    """

    entries: list[CandidateEntry]
    rows: list[dict]
    names: set[str]


def draw_ccd(task: CcdPages, send: Callable[[tuple], None]) -> CcdDrawn:
    """Write the pages of a CCD's candidates with their pictures; what is left out is sent as words, and named in the end."""
    folder = PageFolder(task.exposure)
    epochs = draw_strips(folder, task.epochs, task.images, task.size, task.redraw, lambda words: send((words,)))
    image = task.images.get((task.exposure.expnum, task.exposure.ccd))
    charts: set[int] = set()
    if image is not None:
        places = {one.identifier: (one.x - 1.0, one.y - 1.0) for one in task.entries
                  if one.ccd == task.exposure.ccd}
        charts = draw_charts(folder, image, places, task.redraw, lambda words: send((words,)))
    names = {*map(chart_name, charts), *(each.strip for many in epochs.values() for each in many if each.strip)}
    for one in task.entries:
        chart = chart_name(one.identifier) if one.identifier in charts else ''
        place, links = task.links[one.identifier]
        folder.write(page_name(one), single_page(task.head, one, epochs[one.identifier], task.cuts.get(one.identifier, []),
                                                 links, place, chart, image.turn if image else None))
    return CcdDrawn([_with_strip(folder, one, epochs[one.identifier]) for one in task.entries],
                    candidate_rows(task.exposure, task.known), names | set(map(page_name, task.entries)))


def page_name(candidate: CandidateEntry) -> str:
    """File name of a candidate's page."""
    return f'{candidate.identifier}.html'


def _with_strip(folder: PageFolder, one: CandidateEntry, epochs: Sequence[Epoch]) -> CandidateEntry:
    mine = ''.join(each.strip for each in epochs if each.current and each.ccd == one.ccd)
    return replace(one, strip=data_uri(folder.read(mine)) if mine else '', page=f'{folder.name}/{page_name(one)}')
