"""Stamp files: `{temp,srch,diff}<OBJID>.{fits,gif}` in one folder."""
from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io.fits import Header
from PIL import Image

from sediff.detect.stamps import STAMP_KINDS, display_triplet
from sediff.formats.atomic import atomic_path
from sediff.formats.fits import read_image, write_images


def write_stamps(folder: str | os.PathLike, object_id: int, stamps: Mapping[str, np.ndarray],
                 header: Header | None = None, gif: bool = True, zoom: int = 4) -> list[Path]:
    """Write the stamps of one detection.

    Parameters
    ----------
    folder : path
        Made when missing.
    object_id : int
        Goes into the names: `temp12.fits`, `srch12.gif`, ...
    stamps : mapping
        'temp', 'srch', 'diff' -> ndarray, (n, n) float32.
    header : astropy.io.fits.Header, optional
        Cards for the FITS files.
    gif : bool
        Also write 8-bit GIF images (y upwards), `zoom` times enlarged.

    Returns
    -------
    list of Path
        The files written.
    """
    folder, paths = Path(folder), []
    shown = display_triplet(dict(stamps)) if gif else {}
    for kind in STAMP_KINDS:
        paths.append(folder / f'{kind}{object_id}.fits')
        write_images(paths[-1], [(kind.upper(), np.asarray(stamps[kind], np.float32), header)],
                     checksums=False)
        if gif:
            paths.append(folder / f'{kind}{object_id}.gif')
            with atomic_path(paths[-1]) as temporary:
                enlarged(shown[kind], zoom).save(temporary, format='GIF')
    return paths


def read_stamps(folder: str | os.PathLike, object_id: int) -> dict[str, np.ndarray]:
    """The FITS stamps of one detection; BadInput when one is missing."""
    return {kind: read_image(Path(folder) / f'{kind}{object_id}.fits')[0] for kind in STAMP_KINDS}


def enlarged(pixels: np.ndarray, zoom: int) -> Image.Image:
    """An 8-bit image with y upwards and each pixel drawn `zoom` by `zoom`."""
    return Image.fromarray(pixels[::-1].repeat(zoom, axis=0).repeat(zoom, axis=1))
