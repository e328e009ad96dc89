"""Which templates can be used after their processing, and the lists without those that cannot."""
from __future__ import annotations

import math
import shlex
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


@dataclass(frozen=True)
class EffectiveTimeFound:
    """A template's measured t_eff and its factors (medians over its CCDs); None: not known.

    Parameters
    ----------
    t_eff, seeing, sky, transparency : float or None
    cloud_mag : float or None
        Extinction beyond the clear sky's, mag.
    """

    t_eff: float | None = None
    seeing: float | None = None
    sky: float | None = None
    transparency: float | None = None
    cloud_mag: float | None = None

    def text(self) -> str:
        """`t_eff 0.061 (seeing 1.20 x sky 0.55 x transparency 0.09, 1.51 mag of cloud)`."""
        if self.t_eff is None or math.isnan(self.t_eff):
            return 't_eff unknown'
        factors = {'seeing': self.seeing, 'sky': self.sky, 'transparency': self.transparency}
        if None in factors.values():
            return f't_eff {self.t_eff:.3f}'
        cloud = 'cloud not known' if self.cloud_mag is None else f'{max(self.cloud_mag, 0.0):.2f} mag of cloud'
        return f't_eff {self.t_eff:.3f} ({" x ".join(f"{name} {value:.2f}" for name, value in factors.items())}, {cloud})'


def verify_templates(inventories: Iterable[Inventory], wanted: Collection[int] | Mapping[int, Collection[int]],
                     calibrate: bool, min_ccd_fraction: float = 1.0, min_teff: float = 0.0,
                     t_eff: Mapping[int, float | EffectiveTimeFound] | None = None,
                     cut_name: str = 't_eff cut') -> list[Verdict]:
    """Judge each template by its CCDs, by name, and by its measured t_eff.

    Parameters
    ----------
    inventories : iterable of Inventory
        What exists of each template.
    wanted : collection of int, or mapping of exposure number to one
        CCDs asked for; those that a template's raw file does not have, or that were dead, do not count against it.
    calibrate : bool
        Zero points and calibrated tables are needed, too.
    min_ccd_fraction : float
        Smallest fraction of the expected CCDs that must be complete.
    min_teff : float
        Smallest t_eff.
    t_eff : mapping, optional
        Measured t_eff by exposure number; exposures that are not in it are not judged by it.
    cut_name : str
        What the reason calls `min_teff`, e.g. the parameter that sets it.
    """
    products = SE_PRODUCTS + (CALIBRATION_PRODUCTS if calibrate else ())
    verdicts = []
    for inventory in inventories:
        expnum = inventory.exposure.expnum
        ccds = wanted[expnum] if isinstance(wanted, Mapping) else wanted
        verdict = _judge_ccds(inventory, ccds, products, min_ccd_fraction)
        measured = (t_eff or {}).get(expnum)
        if verdict.kept and measured is not None:
            verdict = _judge_depth(verdict, measured, min_teff, cut_name)
        verdicts.append(verdict)
    return verdicts


def _judge_ccds(inventory: Inventory, wanted: Collection[int], products: tuple[str, ...],
                min_ccd_fraction: float) -> Verdict:
    expnum = inventory.exposure.expnum
    expected = expected_ccds(inventory, wanted)
    missing = missing_ccds(inventory, expected, products)
    complete = tuple(ccd for ccd in expected if ccd not in missing)
    reason = _lacking(inventory, missing, products)
    if not complete:
        return Verdict(expnum, False, complete, reason or (
            f'has none of the CCDs {format_ccds(wanted)}' if wanted else 'none of its CCDs overlaps'))
    if len(complete) < min_ccd_fraction * len(expected):
        return Verdict(expnum, False, complete, f'{len(complete)} of {len(expected)} CCDs complete: {reason}')
    return Verdict(expnum, True, complete, reason)


def _judge_depth(verdict: Verdict, measured: float | EffectiveTimeFound, min_teff: float, cut_name: str) -> Verdict:
    found = measured if isinstance(measured, EffectiveTimeFound) else EffectiveTimeFound(measured)
    if found.t_eff is not None and found.t_eff >= min_teff:
        return verdict
    return Verdict(verdict.expnum, False, verdict.ccds, f'{found.text()}, needs {min_teff:g} ({cut_name})')


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
    paths = [PurePath(word) for word in _words(text)[3:-1]]
    if not paths or not all(path.suffix == '.out' and path.stem.isascii() and path.stem.isdigit() for path in paths):
        raise BadInput(f'copy_pairs: {text.strip()[:80]!r} is not a copy command of EXPNUM.out files; '
                       'run DAGMaker.sh again')
    return {int(path.stem): path for path in paths}


def drop_from_copy_pairs(text: str, dropped: Collection[int]) -> str:
    """`copy_pairs_for_EXPNUM.sh` without the dropped templates; the search exposure always stays."""
    paths = parse_copy_pairs(text)
    words = text.split()
    search = next(iter(paths))
    kept = [shlex.quote(str(path)) for expnum, path in paths.items() if expnum == search or expnum not in dropped]
    return ' '.join([*words[:3], *kept, words[-1]]) + '\n'


def _words(text: str) -> list[str]:
    """Words as a shell sees them; those between blanks where the quotes do not fit."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
