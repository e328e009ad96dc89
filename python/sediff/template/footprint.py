"""Which rows of a source image a strip of the target grid needs."""
from __future__ import annotations

import numpy as np
from astropy.io.fits import Header
from astropy.wcs import WCS

from sediff.wcs.read import copy_wcs, pixel_to_sky, sky_to_pixel

#: Pixels around a strip's footprint: reach of the kernel, of its careful zone, and curvature between grid points.
MARGIN = 16


def rows_needed(target: WCS, columns: int, rows: tuple[int, int], source: WCS,
                source_shape: tuple[int, int]) -> tuple[int, int] | None:
    """Rows of the source that some target rows lie on.

    Parameters
    ----------
    target, source : WCS
    columns : int
        Width of the target.
    rows : (first, last)
        Target rows, last excluded.
    source_shape : (ny, nx)

    Returns
    -------
    (first, last) or None
        Rows of the source, last excluded, `MARGIN` of them to spare on either side; None where the source does not
        reach these target rows.
    """
    x, y = np.meshgrid(np.linspace(-0.5, columns - 0.5, 9), np.linspace(rows[0] - 0.5, rows[1] - 0.5, 5))
    u, v = sky_to_pixel(source, *pixel_to_sky(target, x.ravel(), y.ravel()))
    if not (np.isfinite(u).any() and np.isfinite(v).any()):
        return None
    ny, nx = source_shape
    if np.nanmax(u) < -MARGIN or np.nanmin(u) > nx - 1 + MARGIN:
        return None
    first, last = int(np.floor(np.nanmin(v))) - MARGIN, int(np.ceil(np.nanmax(v))) + MARGIN + 1
    return (max(0, first), min(ny, last)) if last > 0 and first < ny else None


def coordinates_of(header: Header) -> Header:
    """The world coordinates of a header and no other card."""
    out = Header()
    copy_wcs(header, out)
    return out
