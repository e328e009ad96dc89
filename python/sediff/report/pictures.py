"""Draws what the candidate pages show: stamps of every epoch and a finding chart, where they are missing or outdated."""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sediff.detect.stamps import STAMP_KINDS
from sediff.errors import SediffError
from sediff.formats.stamp_archive import read_stamp_archive
from sediff.formats.windows import open_windows
from sediff.maskbits import UNUSABLE
from sediff.report.history import Epoch, ImageFiles
from sediff.report.stamp_pictures import chart_jpeg, strip_png
from sediff.repository.page_folder import PageFolder

#: Side of a finding chart, px.
CHART = 301
#: Which file has the image and the mask of each kind of stamp.
SOURCES = dict(zip(STAMP_KINDS, ('template_mh', 'immask', 'diff_mh')))


def strip_name(candidate: int, epoch: Epoch) -> str:
    """File name of the stamps of an epoch."""
    return f'{candidate}_{epoch.visit}_{epoch.ccd}.png'


def chart_name(candidate: int) -> str:
    """File name of a finding chart."""
    return f'{candidate}.jpg'


def draw_strips(folder: PageFolder, epochs: Mapping[int, Sequence[Epoch]], images: Mapping[tuple[int, int], ImageFiles],
                size: int, redraw: bool, say: Callable[[str], None]) -> dict[int, list[Epoch]]:
    """Draw the stamps of all epochs; returns the epochs with the names of their pictures.

    Parameters
    ----------
    epochs : mapping
        Candidate -> its epochs.
    images : mapping
        (visit, CCD) -> difference image.
    size : int
        Side of a stamp, px.
    redraw : bool
        Draw those too that are there and newer than the images.
    say : callable
        Gets a line for each image without pictures.
    """
    wanted: dict[tuple[int, int], list[tuple[int, Epoch]]] = {}
    for candidate, each in ((candidate, each) for candidate, found in epochs.items() for each in found):
        if (each.visit, each.ccd) in images and each.x is not None:
            wanted.setdefault((each.visit, each.ccd), []).append((candidate, each))
    drawn: set[str] = set()
    for key, these in wanted.items():
        drawn |= _of_image(folder, images[key], these, size, redraw, say)
    return {candidate: [replace(each, strip=name if (name := strip_name(candidate, each)) in drawn else '')
                        for each in found] for candidate, found in epochs.items()}


def _of_image(folder: PageFolder, image: ImageFiles, these: list[tuple[int, Epoch]], size: int, redraw: bool,
              say: Callable[[str], None]) -> set[str]:
    sources = [image.path(product) for product in (*SOURCES.values(), 'stamps')]
    kept = {name for one in these if folder.is_newer(name := strip_name(*one), sources)} if not redraw else set()
    missing = [one for one in these if strip_name(*one) not in kept]
    try:
        for (candidate, epoch), (stamps, masked) in zip(missing, _stamps(image, [each for _, each in missing], size)):
            folder.write(strip_name(candidate, epoch), strip_png(stamps, masked, image.turn))
            kept.add(strip_name(candidate, epoch))
    except SediffError as error:
        say(f'{image.exposure.label()}: no stamps on the pages: {error}')
    return kept


def _stamps(image: ImageFiles, epochs: list[Epoch], size: int) -> list[tuple[dict, dict]]:
    """Stamps and masked pixels of each epoch: those that RUN23 cut where there are some, else cut from the images."""
    if not epochs:
        return []
    out: list[tuple[dict, dict]] = [({}, {}) for _ in epochs]
    archived = _archived(image, epochs)
    for kind, product in SOURCES.items():
        with open_windows(image.path(product), len(epochs)) as windows:
            for epoch, (stamps, masked) in zip(epochs, out):
                x, y = float(epoch.x or 0.0), float(epoch.y or 0.0)
                cut = archived.get(epoch.number or 0)
                stamps[kind] = windows.window('SCI', x, y, size) if cut is None else cut[kind]
                bits = np.nan_to_num(windows.window('MSK', x, y, size)).astype(np.int32)
                if bits.shape == stamps[kind].shape:
                    masked[kind] = bits & int(UNUSABLE) > 0
    return out


def _archived(image: ImageFiles, epochs: list[Epoch]) -> dict[int, dict[str, np.ndarray]]:
    """The stamps of the detections that passed the cuts, by number; none where the archive cannot be read."""
    numbers = [each.number for each in epochs if each.number is not None and each.reject == 0]
    try:
        return read_stamp_archive(image.path('stamps'), numbers) if numbers else {}
    except SediffError:
        return {}


def draw_charts(folder: PageFolder, image: ImageFiles, places: Mapping[int, tuple[float, float]], redraw: bool,
                say: Callable[[str], None]) -> set[int]:
    """Draw the finding charts of candidates on one CCD, from its search image; returns those that have one.

    Parameters
    ----------
    places : mapping
        Candidate -> 0-based x, y (px).
    redraw, say
        As of `draw_strips`.
    """
    source = image.path('immask')
    drawn = set() if redraw else {one for one in places if folder.is_newer(chart_name(one), [source])}
    missing = [one for one in places if one not in drawn]
    if not missing:
        return drawn
    try:
        with open_windows(source, len(missing)) as windows:
            for one in missing:
                folder.write(chart_name(one), chart_jpeg(windows.window('SCI', *places[one], CHART), image.turn))
                drawn.add(one)
    except SediffError as error:
        say(f'{image.exposure.label()}: no finding charts: {error}')
    return drawn
