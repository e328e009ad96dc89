"""A PSF that is another one in each zone of an image."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sediff.psf.model import PsfModel


@dataclass(frozen=True)
class ZonedPsf:
    """PSF models of the zones of an image, used like one `PsfModel`.

    Parameters
    ----------
    models : tuple of PsfModel
        The first is that of the largest zone.
    labels : ndarray, (rows, columns) uint8
        Index of the model for each cell of the image.
    cell : int
        Side of a cell, px.
    """

    models: tuple[PsfModel, ...]
    labels: np.ndarray
    cell: int

    @property
    def fwhm(self) -> float:
        """FWHM of the largest zone's PSF, px."""
        return self.models[0].fwhm

    def label_at(self, x: float, y: float) -> int:
        """Zone of a 0-based pixel position; off the image that of the nearest cell."""
        rows, columns = self.labels.shape
        row = min(max(int((y + 0.5) // self.cell), 0), rows - 1)
        column = min(max(int((x + 0.5) // self.cell), 0), columns - 1)
        return int(self.labels[row, column])

    def image(self, x: float, y: float, size: int | None = None, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
        """PSF of unit flux at a position, see `PsfModel.image`."""
        return self.models[self.label_at(x, y)].image(x, y, size, dx, dy)


def zoned(models: list[PsfModel], labels: np.ndarray, cell: int) -> PsfModel | ZonedPsf:
    """Models of zones 0, 1, ... as one PSF: the largest zone's first, those that no cell has left out."""
    counts = np.bincount(labels.ravel(), minlength=len(models))
    order = [k for k in np.argsort(-counts, kind='stable') if counts[k] > 0]
    if len(order) == 1:
        return models[order[0]]
    place = np.zeros(len(models), np.uint8)
    place[order] = np.arange(len(order))
    return ZonedPsf(tuple(models[k] for k in order), place[labels], cell)
