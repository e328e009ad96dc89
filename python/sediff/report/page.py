"""The candidate page of an exposure: one HTML file that needs nothing else, so that it can be mailed."""
from __future__ import annotations

import os
from collections.abc import Sequence

import jinja2
import numpy as np

from sediff.errors import BadUsage
from sediff.io.atomic import write_text
from sediff.report.entries import CandidateEntry, ExposureEntry, data_uri
from sediff.report.plots import snr_histogram


def candidate_page(exposure: ExposureEntry, candidates: Sequence[CandidateEntry], score_threshold: float = 0.7,
                   efficiency: np.ndarray | None = None, snr: np.ndarray | None = None,
                   kept: np.ndarray | None = None) -> str:
    """The page as HTML.

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

    Returns
    -------
    str
        All text in it is escaped; no script, font or image is loaded from elsewhere.

    Raises
    ------
    BadUsage
        The threshold is not in [0, 1].
    """
    if not 0 <= score_threshold <= 1:
        raise BadUsage(f'score threshold {score_threshold} must lie in [0, 1]')
    ordered = sorted(candidates, key=lambda entry: (-entry.score, -entry.snr, entry.ccd, entry.number))
    histogram = data_uri(snr_histogram(snr, kept)) if snr is not None and len(snr) else None
    return _environment().get_template('candidates.html').render(
        exposure=exposure, candidates=ordered, threshold=score_threshold, efficiency=efficiency, histogram=histogram)


def write_candidate_page(path: str | os.PathLike, exposure: ExposureEntry, candidates: Sequence[CandidateEntry],
                         **options) -> None:
    """Write the page of `candidate_page` (same options) atomically."""
    write_text(path, candidate_page(exposure, candidates, **options))


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(loader=jinja2.PackageLoader('sediff.report'), autoescape=True, trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters['number'] = _number
    environment.filters['ccd_list'] = ccd_list
    return environment


def _number(value: float | None, specification: str = '.2f') -> str:
    """A number by a format, a dash when there is none."""
    return '–' if value is None or not np.isfinite(value) else format(value, specification)


def ccd_list(ccds: Sequence[int]) -> str:
    """`1, 3–5, 62` for 1, 3, 4, 5, 62."""
    parts, run = [], []
    for ccd in [*sorted(set(ccds)), None]:
        if run and ccd is not None and ccd == run[-1] + 1:
            run.append(ccd)
            continue
        if run:
            parts.append(str(run[0]) if len(run) == 1 else f'{run[0]}–{run[-1]}' if len(run) > 2
                         else f'{run[0]}, {run[1]}')
        run = [ccd]
    return ', '.join(parts)
