"""What exists of an exposure: its raw file, and which CCDs have which products, by name."""
from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sediff.errors import BadInput
from sediff.formats.corners import read_out
from sediff.formats.raw import read_raw_primary
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.repository.names import Exposure, product_name
from sediff.repository.registry import registered_ccds
from sediff.repository.repository import Repository
from sediff.repository.table_sums import check_table

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
        Whether the file that single epoch starts from is there.
    raw_ccds : frozenset of int or None
        CCDs that it has; None where it was not looked at.
    ccds : mapping
        Product name -> CCDs with a non-empty file of it.
    """

    exposure: Exposure
    raw_exists: bool = False
    raw_ccds: frozenset[int] | None = None
    ccds: Mapping[str, frozenset[int]] = field(default_factory=dict)


def take_inventory(exposure: Exposure, wanted: tuple[int, ...] | None = None, community: bool = False,
                   joined: bool = True) -> Inventory:
    """Look at what an exposure's folder holds; the raw file is opened only where a wanted CCD (default any) lacks its
    image.

    Parameters
    ----------
    community : bool
        True: single epoch starts from the registered Community Pipeline image (ooi), which takes the raw file's place.
    joined : bool
        CCDs of the exposure's table of corners count as having corners, too.

    Raises
    ------
    BadInput
        The folder, the raw file or the corner file is there but cannot be read.
    """
    repository = Repository.of(exposure)
    sizes = {name: size for folder in reversed(repository.folders(exposure)) for name, size in _file_sizes(folder).items()}
    ccds = {product: _with_file(exposure, product, sizes) for product in SE_PRODUCTS + CALIBRATION_PRODUCTS}
    if joined and repository.size('exposure_out', exposure):
        corners = check_table(exposure, repository.path('exposure_out', exposure))
        ccds['out'] |= frozenset(int(ccd) for ccd in read_out(corners, exposure.instrument.ccds)['ccdnum'])
    there = registered_ccds(exposure.root, exposure.expnum, 'ooi') if community else frozenset()
    if there:
        return Inventory(exposure, True, there, ccds)
    raw, raw_exists = repository.path('raw', exposure), bool(repository.size('raw', exposure))
    must_look = raw_exists and not set(exposure.instrument.ccds if wanted is None else wanted) <= ccds['immask']
    return Inventory(exposure, raw_exists, raw_ccds(raw, exposure.instrument) if must_look else None, ccds)


def raw_ccds(path: str | os.PathLike, instrument: Instrument | None = None) -> frozenset[int]:
    """The science CCDs that a raw file has.

    Raises
    ------
    BadInput
        The file cannot be read or has no science CCD.
    """
    instrument = instrument or default_instrument()
    found = frozenset(read_raw_primary(path, instrument)[1]) & frozenset(instrument.ccds)
    if not found:
        raise BadInput(f'{path} has no extension with CCDNUM {instrument.ccd_text}; fetch the raw exposure again')
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
    return frozenset(ccd for ccd in exposure.instrument.ccds
                     if sizes.get(product_name(exposure.with_ccd(ccd), product)))
