"""The pages of an exposure: its index of candidates, one page a candidate. Nothing is loaded from elsewhere."""
from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import jinja2
import numpy as np
from markupsafe import Markup

from sediff.compiled import template_folder
from sediff.errors import BadUsage
from sediff.formats.atomic import write_text
from sediff.report.chart import chart_svg
from sediff.report.cut_words import CutWord
from sediff.report.entries import CandidateEntry, ExposureEntry, data_uri
from sediff.report.history import Epoch
from sediff.report.injected import InjectedEntry
from sediff.report.light_curve import light_curve_svg
from sediff.report.north import Turn
from sediff.report.pictures import CHART
from sediff.report.plots import snr_histogram
from sediff.report.stamp_pictures import EMPTY_COLOUR, MASKED_COLOUR

#: The template that reads votes of files, too.
INDEX = 'candidates.html'


def ordered(candidates: Sequence[CandidateEntry]) -> list[CandidateEntry]:
    """The best score first, then S/N, CCD and number: the order of the index and of next and previous."""
    return sorted(candidates, key=lambda entry: (-entry.score, -entry.snr, entry.ccd, entry.number))


def candidate_page(exposure: ExposureEntry, candidates: Sequence[CandidateEntry], score_threshold: float = 0.7,
                   efficiency: np.ndarray | None = None, snr: np.ndarray | None = None,
                   kept: np.ndarray | None = None, injected: InjectedEntry | None = None) -> str:
    """The index of an exposure as HTML.

    Parameters
    ----------
    exposure : ExposureEntry
    candidates : sequence of CandidateEntry
        In any order; the best score comes first.
    score_threshold : float
        Lowest score shown at first; the reader can move it.
    efficiency : structured ndarray, optional
        Injected and found sources (`sediff.candidates.fakematch.efficiency`).
    snr : ndarray, (n,) float, optional
        Signed S/N of all detections, for the histogram.
    kept : ndarray, (n,) bool, optional
        Which of these passed the cuts.
    injected : InjectedEntry, optional
        What became of the fakes that every CCD gets.

    Returns
    -------
    str
        All text in it is escaped; no script, font or image is loaded from elsewhere: it can be mailed.

    Raises
    ------
    BadUsage
        The threshold is not in [0, 1].
    """
    if not 0 <= score_threshold <= 1:
        raise BadUsage(f'score threshold {score_threshold} must lie in [0, 1]')
    histogram = data_uri(snr_histogram(snr, kept)) if snr is not None and len(snr) else None
    return render(INDEX, exposure=exposure, candidates=ordered(candidates), threshold=score_threshold,
                  efficiency=efficiency, histogram=histogram, injected=injected)


def write_candidate_page(path: str | os.PathLike, exposure: ExposureEntry, candidates: Sequence[CandidateEntry],
                         **options) -> None:
    """Write the index of `candidate_page` (same options) atomically."""
    write_text(path, candidate_page(exposure, candidates, **options))


def single_page(exposure: ExposureEntry, candidate: CandidateEntry, epochs: Sequence[Epoch], cuts: Sequence[CutWord],
                links: Mapping[str, str], place: tuple[int, int] = (1, 1), chart: str = '', turn: Turn | None = None) -> str:
    """The page of one candidate as HTML.

    Parameters
    ----------
    epochs : sequence of Epoch
        By time; `strip` is the file of the stamps, relative to the page.
    cuts : sequence of CutWord
        What each cut said of the detection in this exposure.
    links : mapping
        'index', 'previous', 'following' -> relative links, '' for none.
    place : tuple of int
        Its number in the index and how many there are.
    chart : str
        File of the finding chart; '' for none.
    turn : Turn, optional
        How it lies on the sky.
    """
    turn = turn or Turn()
    points = [point for each in epochs if (point := each.point) is not None]
    return render('candidate.html', exposure=exposure, c=candidate, epochs=epochs, cuts=cuts, curve=light_curve_svg(points),
                  chart=chart_svg(chart, CHART, turn) if chart else '', size=CHART * turn.scale, number=place[0],
                  total=place[1], **links)


def render(template: str, **values) -> str:
    """A template of this package as HTML, with the style, the script and the policy that allows just these two."""
    style, script = _asset('style.css'), (_asset('votes_file.js') if template == INDEX else '') + _asset('vetting.js')
    policy = (f"default-src 'none'; img-src 'self' file: data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
              "base-uri 'none'; form-action 'none'")
    return _environment().get_template(template).render(style=Markup(style), script=Markup(script), policy=policy, **values)


@cache
def _asset(name: str) -> str:
    return files('sediff.report').joinpath('templates', name).read_text(encoding='utf-8')


@cache
def _hash(text: str) -> str:
    return 'sha256-' + base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(loader=jinja2.PackageLoader('sediff.report'), autoescape=True, trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined,
                                     bytecode_cache=jinja2.FileSystemBytecodeCache(str(template_folder())))
    environment.filters['number'] = _number
    environment.filters['ccd_list'] = ccd_list
    environment.globals['colours'] = {'masked': '#{:02x}{:02x}{:02x}'.format(*MASKED_COLOUR),
                                      'empty': '#{:02x}{:02x}{:02x}'.format(*EMPTY_COLOUR)}
    return environment


def warm() -> None:
    """Compile all templates; jinja2 looks at the text of one before it takes what was compiled of it."""
    environment = _environment()
    for name in environment.list_templates(extensions=('html',)):
        environment.get_template(name)


def _number(value: float | None, specification: str = '.2f') -> str:
    """A number by a format, a dash when there is none."""
    return '–' if value is None or not np.isfinite(value) else format(value, specification)


def ccd_list(ccds: Sequence[int]) -> str:
    """`1, 3–5, 62` for 1, 3, 4, 5, 62."""
    runs: list[list[int]] = []
    for ccd in sorted(set(ccds)):
        if runs and ccd == runs[-1][-1] + 1:
            runs[-1].append(ccd)
        else:
            runs.append([ccd])
    return ', '.join(str(run[0]) if len(run) == 1 else f'{run[0]}–{run[-1]}' if len(run) > 2 else f'{run[0]}, {run[1]}'
                     for run in runs)
