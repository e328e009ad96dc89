"""Files of the DECam Community Pipeline: ooi (image), oow (weight), ood (data quality)."""
from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.cards import Cards, read_cards
from sediff.errors import BadInput
from sediff.formats.integrity import RAW, check_header, check_sum
from sediff.formats.layout import planes_of
from sediff.formats.opening import open_fits
from sediff.instruments.ccds import detpos

KINDS = ('ooi', 'oow', 'ood')


def find_community(folder: Path, expnum: int, ccdnum: int, band: str) -> list[Path]:
    """The image, weight and mask files of an exposure, found by the EXPNUM of their primary headers.

    Raises
    ------
    BadInput
        No such folder, no such exposure in it, or the weight or mask file is missing.
    """
    if not folder.is_dir():
        raise BadInput(f'no folder of Community Pipeline files {folder}; set COMMUNITY_DIR')
    for path in sorted(folder.glob(f'*_ooi_{band}_*.fits*')):
        if _holds(path, expnum, ccdnum):
            files = [path.with_name(path.name.replace('_ooi_', f'_{kind}_')) for kind in KINDS]
            missing = [each.name for each in files if not each.is_file()]
            if missing:
                raise BadInput(f'{folder} lacks {", ".join(missing)}, which belongs to {path.name}')
            return files
    raise BadInput(f'{folder} has no ooi file of exposure {expnum}, CCD {ccdnum} (N of *_ooi_{band}_*: '
                   f'{len(list(folder.glob(f"*_ooi_{band}_*")))})')


def read_community(paths: Sequence[str | os.PathLike], ccdnum: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, Header]:
    """Image (ADU), weight (ADU^-2) and data quality (integer) of a CCD, and the merged header of the image.

    Raises
    ------
    BadInput
        A file cannot be read or lacks the CCD.
    """
    (image, header), (weight, _), (quality, _) = (_read_ccd(Path(path), ccdnum) for path in paths)
    if quality.dtype.kind == 'f':
        raise BadInput(f'{paths[2]} holds {quality.dtype} pixels; a data-quality file (ood) has integers')
    return image.astype(np.float32), weight.astype(np.float32), quality.astype(np.int32), header


def read_community_header(path: str | os.PathLike, ccdnum: int) -> Header:
    """The merged header of a CCD of an ooi file, without its pixels.

    Raises
    ------
    BadInput
        The file cannot be read or lacks the CCD.
    """
    with open_fits(Path(path)) as handle:
        index = _index(handle, ccdnum)
        if index is None:
            raise BadInput(f'{path} has no CCD {ccdnum} ({detpos(ccdnum)})')
        return _cards(handle[index]).inheriting(_cards(handle[0])).own().header()


def _holds(path: Path, expnum: int, ccdnum: int) -> bool:
    with open_fits(path) as handle:
        try:
            if expnum not in (_cards(handle[0]).number('EXPNUM'), _cards(handle[-1]).number('EXPNUM')):
                return False
            return _index(handle, ccdnum) is not None
        except OSError as error:
            raise BadInput(f'{path} cannot be read; fetch it again') from error


def _index(handle, ccdnum: int) -> int | None:
    """Index of a CCD's extension, by name (N25) or CCDNUM."""
    wanted = detpos(ccdnum)
    for plane in planes_of(handle):
        if re.sub(r'\W', '', plane.name) == wanted or _cards(handle[plane.index]).number('CCDNUM') == ccdnum:
            return plane.index
    return None


def _cards(hdu) -> Cards:
    return read_cards(hdu.get_filename(), hdu.get_offsets()['header_start'])


def _read_ccd(path: Path, ccdnum: int) -> tuple[np.ndarray, Header]:
    with open_fits(path) as handle:
        index = _index(handle, ccdnum)
        if index is None:
            raise BadInput(f'{path} has no CCD {ccdnum} ({detpos(ccdnum)})')
        try:
            check_header(path, handle[0], RAW)
            check_sum(path, handle[index], RAW)
            pixels = handle[index].read()
            header = _cards(handle[index]).inheriting(_cards(handle[0])).own().header()
        except (OSError, ValueError) as error:
            raise BadInput(f'{path}, CCD {ccdnum}: cannot be read; it may be truncated: fetch it again') from error
    return pixels, header
