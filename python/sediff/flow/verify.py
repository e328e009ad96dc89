"""Which template exposures can be used: complete, calibrated, deep enough; WS_diff.list is brought up to date."""
from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sediff.errors import BadInput, BadUsage
from sediff.flow.calibrate import combined_quality
from sediff.io.atomic import write_text
from sediff.io.inventory import take_inventory
from sediff.io.products import read_product
from sediff.names import Exposure, product_path
from sediff.parameters import Parameters
from sediff.workflow.verify import drop_from_copy_pairs, drop_from_ws_diff, parse_copy_pairs, parse_ws_diff, verify_templates


def planned_templates(search: Exposure) -> list[Exposure]:
    """Template exposures of the plan (WS_diff.list and copy_pairs_for_EXPNUM.sh in EXPDIR).

    Raises
    ------
    BadInput
        There is no plan.
    """
    band, expnum, numbers = parse_ws_diff(_read(_ws_diff(search)))
    if (band, expnum) != (search.band, search.expnum):
        raise BadInput(f'{_ws_diff(search)} is of exposure {expnum} in {band}; run DAGMaker.sh {search.expnum}')
    paths = parse_copy_pairs(_read(_copy_pairs(search)))
    missing = [number for number in numbers if number not in paths]
    if missing:
        raise BadInput(f'{_copy_pairs(search)} lacks templates {missing}; run DAGMaker.sh {search.expnum}')
    return [replace(search, expnum=number, nite=paths[number].parent.parent.name, ccd=0) for number in numbers]


def verified_templates(search: Exposure, parameters: Parameters, ccds: Sequence[int], calibrated: bool) -> list[Exposure]:
    """The templates that can be used; the others are dropped from the lists, with the reason on stderr."""
    templates = planned_templates(search)
    cut = parameters[f'TEFF_CUT_{search.band.upper()}']
    verdicts = verify_templates([take_inventory(template, tuple(ccds)) for template in templates], ccds, calibrated,
                                parameters['TEMPLATE_MIN_CCD_FRACTION'], cut,
                                {template.expnum: _t_eff(template) for template in templates})
    for verdict in verdicts:
        if not verdict.kept:
            print(f'{search.expnum}: template {verdict.expnum} dropped: {verdict.reason} (t_eff cut {cut:g})',
                  file=sys.stderr)
    dropped = [verdict.expnum for verdict in verdicts if not verdict.kept]
    if dropped:
        write_text(_ws_diff(search), drop_from_ws_diff(_read(_ws_diff(search)), dropped))
        write_text(_copy_pairs(search), drop_from_copy_pairs(_read(_copy_pairs(search)), dropped))
    return [template for template in templates if template.expnum not in dropped]


def exposure_quality(exposure: Exposure) -> dict:
    """Median quality figures over the calibrated CCDs; empty without any."""
    paths = [product_path(exposure.with_ccd(ccd), 'quality') for ccd in range(1, 63)]
    return combined_quality([read_product(path, 'json') for path in paths if path.is_file()])


def _t_eff(exposure: Exposure) -> float:
    return exposure_quality(exposure).get('t_eff', float('nan'))


def _ws_diff(search: Exposure) -> Path:
    return search.folder / 'WS_diff.list'


def _copy_pairs(search: Exposure) -> Path:
    return search.folder / f'copy_pairs_for_{search.expnum}.sh'


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except OSError as error:
        raise BadInput(f'no plan: cannot read {path} ({error.strerror}); run DAGMaker.sh first') from error


def check_name(flag: str, name: str) -> str:
    """A star list's name is a plain file name; BadUsage otherwise."""
    if Path(name).name != name or name.startswith('.'):
        raise BadUsage(f'{flag} must be a file name without folder, not {name!r}')
    return name
