"""Which templates can be used after their processing, and the lists without those that cannot."""
from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from sediff.errors import BadInput
from sediff.io.inventory import CALIBRATION_PRODUCTS, SE_PRODUCTS, Inventory
from sediff.workflow.completeness import expected_ccds, format_ccds, missing_ccds
from sediff.workflow.overlap_step import ws_diff_text


@dataclass(frozen=True)
class Verdict:
    """A template exposure after verification.

    Parameters
    ----------
    ccds : tuple of int
        Its CCDs that are complete.
    reason : str
        Why it was dropped, or which CCDs of a kept one are missing; '' where all is well.
    """

    expnum: int
    kept: bool
    ccds: tuple[int, ...]
    reason: str


def verify_templates(inventories: Iterable[Inventory], wanted: Collection[int], calibrate: bool,
                     min_ccd_fraction: float = 1.0, min_teff: float = 0.0,
                     t_eff: Mapping[int, float] | None = None) -> list[Verdict]:
    """Judge each template by its CCDs, by name, and by its measured t_eff.

    Parameters
    ----------
    inventories : iterable of Inventory
        What exists of each template.
    wanted : collection of int
        CCDs asked for; those that a template's raw file does not have, or that were dead, do not count against it.
    calibrate : bool
        Zero points and calibrated tables are needed, too.
    min_ccd_fraction : float
        Smallest fraction of the expected CCDs that must be complete.
    min_teff : float
        Smallest t_eff.
    t_eff : mapping, optional
        Measured t_eff by exposure number; exposures that are not in it are not judged by it.
    """
    products = SE_PRODUCTS + (CALIBRATION_PRODUCTS if calibrate else ())
    return [_judge(inventory, wanted, products, min_ccd_fraction, min_teff, t_eff or {}) for inventory in inventories]


def _judge(inventory: Inventory, wanted: Collection[int], products: tuple[str, ...], min_ccd_fraction: float,
           min_teff: float, t_eff: Mapping[int, float]) -> Verdict:
    expnum = inventory.exposure.expnum
    expected = expected_ccds(inventory, wanted)
    missing = missing_ccds(inventory, expected, products)
    complete = tuple(ccd for ccd in expected if ccd not in missing)
    reason = _lacking(inventory, missing, products)
    if not complete:
        return Verdict(expnum, False, complete, reason or f'has none of the CCDs {format_ccds(wanted)}')
    if len(complete) < min_ccd_fraction * len(expected):
        return Verdict(expnum, False, complete, f'{len(complete)} of {len(expected)} CCDs complete: {reason}')
    measured = t_eff.get(expnum)
    if measured is not None and not measured >= min_teff:
        shown = 'unknown' if math.isnan(measured) else f'{measured:.3f}'
        return Verdict(expnum, False, complete, f't_eff {shown}, needs {min_teff:g}')
    return Verdict(expnum, True, complete, reason)


def _lacking(inventory: Inventory, missing: tuple[int, ...], products: tuple[str, ...]) -> str:
    """`no immask of CCD 3,7; no zero of CCD 7`."""
    parts = [(name, missing_ccds(inventory, missing, (name,))) for name in products]
    return '; '.join(f'no {name} of CCD {format_ccds(ccds)}' for name, ccds in parts if ccds)


def parse_ws_diff(text: str) -> tuple[str, int, list[int]]:
    """Band, search exposure and templates of a `WS_diff.list`.

    Raises
    ------
    BadInput
        Not one line of number, band and exposures, or the number is not that of the exposures.
    """
    words = text.split()
    numbers = [words[0], *words[2:]] if len(words) >= 3 else []
    if not numbers or not all(word.isascii() and word.isdigit() for word in numbers):
        raise BadInput(f'WS_diff.list: {text.strip()[:80]!r} is not a number, a band and exposure numbers; '
                       'run DAGMaker.sh again')
    exposures = [int(word) for word in words[2:]]
    if int(words[0]) != len(exposures):
        raise BadInput(f'WS_diff.list says {words[0]} exposures and lists {len(exposures)}; run DAGMaker.sh again')
    return words[1], exposures[0], exposures[1:]


def drop_from_ws_diff(text: str, dropped: Collection[int]) -> str:
    """`WS_diff.list` without the dropped templates, its number right; the search exposure always stays."""
    band, search, templates = parse_ws_diff(text)
    return ws_diff_text(band, search, [expnum for expnum in templates if expnum not in dropped])


def parse_copy_pairs(text: str) -> dict[int, PurePath]:
    """Exposure number -> path of its `.out` file, from a `copy_pairs_for_EXPNUM.sh`; the search exposure is first.

    Raises
    ------
    BadInput
        Not a line of three words, paths of `.out` files, and a destination.
    """
    words = text.split()
    paths = [PurePath(word) for word in words[3:-1]]
    if not paths or not all(path.suffix == '.out' and path.stem.isascii() and path.stem.isdigit() for path in paths):
        raise BadInput(f'copy_pairs: {text.strip()[:80]!r} is not a copy command of EXPNUM.out files; '
                       'run DAGMaker.sh again')
    return {int(path.stem): path for path in paths}


def drop_from_copy_pairs(text: str, dropped: Collection[int]) -> str:
    """`copy_pairs_for_EXPNUM.sh` without the dropped templates; the search exposure always stays."""
    paths = parse_copy_pairs(text)
    words = text.split()
    search = next(iter(paths))
    kept = [str(path) for expnum, path in paths.items() if expnum == search or expnum not in dropped]
    return ' '.join([*words[:3], *kept, words[-1]]) + '\n'
