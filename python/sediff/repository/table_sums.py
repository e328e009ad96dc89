"""Checksums of the tables of a whole exposure: kept by who writes them, compared by who reads."""
from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from sediff.errors import BadInput
from sediff.formats.calibration import file_checksum
from sediff.repository.names import Exposure, product_path
from sediff.repository.products import read_product, write_product
from sediff.repository.reruns import trees

#: How often, and after how many seconds, to look again: the tables may just be written anew.
LOOKS, PAUSE = 4, 0.5


def record_sums(exposure: Exposure, paths: Iterable[Path]) -> None:
    """Keep the checksums of these tables; who calls holds the lock of the exposure's tables."""
    sums = _recorded(exposure) | {path.name: file_checksum(path) for path in paths if path.is_file()}
    there = {name: value for name, value in sorted(sums.items()) if (exposure.folder / name).is_file()}
    write_product(product_path(exposure, 'table_sums'), 'json', there)


def check_table(exposure: Exposure, path: Path) -> Path:
    """The path of a table, when it is as it was written.

    Raises
    ------
    BadInput
        It has other bytes; one that nobody recorded (brought from elsewhere) is taken as it is.
    """
    for look in range(LOOKS):
        recorded = _recorded(_owner(exposure, path)).get(path.name)
        if recorded is None or not path.is_file() or file_checksum(path) == recorded:
            return path
        if look < LOOKS - 1:
            time.sleep(PAUSE)
    raise BadInput(f'{path} was altered since it was written; start single epoch of {exposure.expnum} again')


def _owner(exposure: Exposure, path: Path) -> Exposure:
    """The exposure in the tree of its chain that has the table."""
    each = (replace(exposure, rerun='' if tree == exposure.root else tree.name)
            for tree in trees(exposure.root, exposure.rerun))
    return next((one for one in each if one.folder == path.parent), exposure)


def _recorded(exposure: Exposure) -> dict[str, str]:
    """Name of a table -> checksum; none where the file that has them is missing or damaged."""
    try:
        found = read_product(product_path(exposure, 'table_sums'), 'json')
    except BadInput:
        return {}
    return found if isinstance(found, dict) else {}
