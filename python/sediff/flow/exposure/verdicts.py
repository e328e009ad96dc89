"""Which templates can be used after their processing."""
from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sediff.repository.completeness import expected_ccds, format_ccds, missing_ccds
from sediff.repository.inventory import CALIBRATION_PRODUCTS, SE_PRODUCTS, Inventory


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
                     cut_name: str = 't_eff cut', withdrawn: Mapping[int, str] | None = None) -> list[Verdict]:
    """Judge each template by its CCDs, by name, and by its measured t_eff; those that were withdrawn are dropped.

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
    withdrawn : mapping, optional
        Exposure number -> why it was withdrawn; '' of one that counts.
    """
    products = SE_PRODUCTS + (CALIBRATION_PRODUCTS if calibrate else ())
    verdicts = []
    for inventory in inventories:
        expnum = inventory.exposure.expnum
        ccds = wanted[expnum] if isinstance(wanted, Mapping) else wanted
        verdict = _judge_ccds(inventory, ccds, products, min_ccd_fraction)
        reason = (withdrawn or {}).get(expnum)
        if reason:
            verdict = Verdict(expnum, False, (), reason)
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
