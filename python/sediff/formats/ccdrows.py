"""Rows of a CCD product, without reading the rest of it."""
from __future__ import annotations

import os

import numpy as np

from sediff.errors import BadInput
from sediff.formats.fits import open_fits
from sediff.formats.integrity import KEPT, check_sum


class CcdRows:
    """An open CCD product: its first three image HDUs are image, mask and weight.

    Parameters
    ----------
    count : int
        Planes to read; those after the weight are of 16-bit masks.

    Raises
    ------
    BadInput
        File missing, no FITS, fewer than three planes, or (when rows are read) cut short.
    """

    def __init__(self, path: str | os.PathLike, count: int = 3):
        self.path, self._handle = path, open_fits(path)
        self._planes = [hdu for hdu in self._handle if hdu.get_exttype() == 'IMAGE_HDU' and hdu.has_data()][:count]
        if len(self._planes) < count:
            self.close()
            raise BadInput(f'{path} has {len(self._planes)} image planes; image, mask and weight are needed'
                           + ', and what follows them' * (count > 3))
        for hdu in self._planes:
            check_sum(path, hdu, KEPT, once=True)
        ny, nx = (int(size) for size in self._planes[0].get_dims())
        self.shape = ny, nx
        self._readers: list | None = None

    def read(self, first: int, last: int) -> tuple[np.ndarray, ...]:
        """Image (float32), mask (uint16), weight (float32) and others (uint16) of the rows from first to last (excluded)."""
        if self._readers is None:
            from sediff.formats.rice import RiceRows  # kernels, that who looks at the shape alone does not need
            self._readers = [RiceRows.of(hdu) for hdu in self._planes]
        try:
            image, mask, weight, *more = (hdu[first:last, :] if reader is None else reader.read(first, last)
                                          for hdu, reader in zip(self._planes, self._readers))
        except (OSError, ValueError) as error:
            raise BadInput(f'{self.path} cannot be read ({str(error).strip().splitlines()[:1]}); it may be truncated: '
                           'make it again') from error
        return (image.astype(np.float32, copy=False), mask.astype(np.uint16), weight.astype(np.float32, copy=False),
                *(plane.astype(np.uint16) for plane in more))

    def close(self) -> None:
        """Close the file."""
        self._handle.close()
