"""What exists of an exposure: its raw file, and which CCDs have which products, by name."""
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sediff.errors import BadInput
from sediff.io.corners import read_out
from sediff.io.raw import read_raw_primary
from sediff.names import Exposure, exposure_table, product_path, raw_path

SCIENCE_CCDS = tuple(range(1, 63))
#: What single-epoch processing leaves for difference imaging, and what calibration adds.
SE_PRODUCTS = ('immask', 'psf', 'fullcat', 'out')
CALIBRATION_PRODUCTS = ('zero', 'zp')


@dataclass(frozen=True)
class Inventory:
    """Products of one exposure.

    Parameters
    ----------
    exposure : Exposure
    raw_exists : bool
    raw_ccds : frozenset of int or None
        CCDs that the raw file has; None where it was not looked at.
    ccds : mapping
        Product name -> CCDs with a non-empty file of it.
    """

    exposure: Exposure
    raw_exists: bool = False
    raw_ccds: frozenset[int] | None = None
    ccds: Mapping[str, frozenset[int]] = field(default_factory=dict)


def take_inventory(exposure: Exposure, wanted: tuple[int, ...] = SCIENCE_CCDS) -> Inventory:
    """Look at what an exposure's folder holds; the raw file is opened only where a wanted CCD lacks its image.

    Raises
    ------
    BadInput
        The folder, the raw file or the corner file is there but cannot be read.
    """
    sizes = _file_sizes(exposure.folder)
    ccds = {product: _with_file(exposure, product, sizes) for product in SE_PRODUCTS + CALIBRATION_PRODUCTS}
    if sizes.get(exposure_table(exposure, 'out').name):
        ccds['out'] |= frozenset(int(ccd) for ccd in read_out(exposure_table(exposure, 'out'))['ccdnum'])
    raw = raw_path(exposure.root, exposure.nite, exposure.expnum)
    raw_exists = raw.is_file() and raw.stat().st_size > 0
    must_look = raw_exists and not set(wanted) <= ccds['immask']
    return Inventory(exposure, raw_exists, raw_ccds(raw) if must_look else None, ccds)


def raw_ccds(path: str | os.PathLike) -> frozenset[int]:
    """The science CCDs (CCDNUM 1-62) that a raw file has.

    Raises
    ------
    BadInput
        The file cannot be read or has no science CCD.
    """
    found = frozenset(read_raw_primary(path)[1]) & frozenset(SCIENCE_CCDS)
    if not found:
        raise BadInput(f'{path} has no extension with CCDNUM 1-62; fetch the raw exposure again')
    return found


def _file_sizes(folder: Path) -> dict[str, int]:
    """Size of every file of a folder; none where there is no folder."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise BadInput(f'cannot list {folder}: {error.strerror}') from error


def _with_file(exposure: Exposure, product: str, sizes: dict[str, int]) -> frozenset[int]:
    """CCDs with a non-empty file of a product."""
    return frozenset(ccd for ccd in SCIENCE_CCDS if sizes.get(product_path(exposure.with_ccd(ccd), product).name))
