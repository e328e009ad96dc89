"""Which CCDs of an exposure still lack a product, by name."""
from __future__ import annotations

from collections.abc import Collection, Iterable

from sediff.repository.inventory import CALIBRATION_PRODUCTS, SE_PRODUCTS, Inventory
from sediff.values import format_ccds

__all__ = ['expected_ccds', 'format_ccds', 'missing_ccds', 'work_left']


def expected_ccds(inventory: Inventory, wanted: Iterable[int]) -> tuple[int, ...]:
    """The wanted CCDs that this exposure can have: those its raw file holds and that were alive on its night.

    A CCD whose image exists is always expected.
    """
    images = inventory.ccds.get('immask', frozenset())
    nite = inventory.exposure.nite
    return tuple(sorted(ccd for ccd in set(wanted) if ccd in images or (
        (inventory.raw_ccds is None or ccd in inventory.raw_ccds)
        and inventory.exposure.instrument.detector(ccd).alive(nite))))


def missing_ccds(inventory: Inventory, ccds: Iterable[int], products: Collection[str]) -> tuple[int, ...]:
    """Those of `ccds` that lack at least one of the products."""
    return tuple(ccd for ccd in ccds if any(ccd not in inventory.ccds.get(name, ()) for name in products))


def work_left(inventory: Inventory, wanted: Iterable[int], calibrate: bool) -> tuple[tuple[int, ...], bool]:
    """What must still run for an exposure.

    Returns
    -------
    ccds : tuple of int
        CCDs to process.
    calibrate_only : bool
        Whether they have their images and only calibration is missing.
    """
    expected = expected_ccds(inventory, wanted)
    without_image = missing_ccds(inventory, expected, SE_PRODUCTS)
    without_calibration = missing_ccds(inventory, expected, CALIBRATION_PRODUCTS) if calibrate else ()
    if without_image:
        return tuple(sorted({*without_image, *without_calibration})), False
    return without_calibration, bool(without_calibration)
