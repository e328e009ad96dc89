"""Seeing of a processed exposure, from its quality files."""
from __future__ import annotations

from statistics import median

from sediff.io.products import read_product
from sediff.names import Exposure, exposure_table, product_path


def seeing_of(exposure: Exposure) -> float | None:
    """Median FWHM (arcsec) over an exposure's CCDs; None where no quality file has one.

    From the quality file of the exposure, or else from those of its CCDs.
    """
    path = exposure_table(exposure, 'qc')
    if path.is_file():
        value = read_product(path, 'json')['medians'].get('fwhm_arcsec')
        return float(value) if value else None
    paths = [product_path(exposure.with_ccd(ccd), 'quality') for ccd in range(1, 63)]
    values = [read_product(path, 'json').get('fwhm_arcsec') for path in paths if path.is_file()]
    known = [value for value in values if value]
    return float(median(known)) if known else None
