"""Seeing of a processed exposure, from its quality files."""
from __future__ import annotations

from statistics import median

from sediff.repository.names import Exposure
from sediff.repository.repository import Repository


def seeing_of(exposure: Exposure) -> float | None:
    """Median FWHM (arcsec) over an exposure's CCDs; None where no quality file has one.

    From the quality file of the exposure, or else from those of its CCDs.
    """
    repository = Repository.of(exposure)
    if repository.exists('qc', exposure):
        value = repository.get('qc', exposure)['medians'].get('fwhm_arcsec')
        return float(value) if value else None
    values = [repository.get('quality', one).get('fwhm_arcsec') for one in repository.where('quality', exposure)]
    known = [value for value in values if value]
    return float(median(known)) if known else None
