"""Which template exposures can be used: complete, calibrated, deep enough.

A job for some CCDs judges its templates for itself, by the template CCDs that overlap its own, and keeps the verdict in
memory. WS_diff.list and copy_pairs_for_EXPNUM.sh are brought up to date by verifySE.sh alone, which looks at the whole
exposure; so no job takes away another one's template, and no two jobs write these files.
"""
from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sediff.errors import BadInput, BadUsage
from sediff.flow.calibrate import combined_quality
from sediff.flow.inputs import overlapping_ccds
from sediff.flow.quality import read_quality
from sediff.flow.tables import PATIENCE, exposure_lock
from sediff.io.atomic import write_text
from sediff.io.corners import read_out
from sediff.io.inventory import take_inventory
from sediff.io.products import read_product
from sediff.io.seeing import seeing_of
from sediff.names import Exposure, exposure_table, product_path
from sediff.parameters import Parameters
from sediff.report.qc import verdict_text
from sediff.values import is_night, shown
from sediff.workflow.choose import Choice
from sediff.workflow.seeing import choose_by_seeing, parse_pool, rules_for
from sediff.workflow.verify import (
    EffectiveTimeFound,
    Verdict,
    drop_from_copy_pairs,
    drop_from_ws_diff,
    parse_copy_pairs,
    parse_ws_diff,
    verify_templates,
)


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
    templates = [replace(search, expnum=number, nite=paths[number].parent.parent.name, ccd=0) for number in numbers]
    wrong = [f'{one.expnum} in {shown(one.nite)}' for one in templates if not is_night(one.nite)]
    if wrong:
        raise BadInput(f'{_copy_pairs(search)}: templates {", ".join(wrong)}, which is no night YYYYMMDD; run DAGMaker.sh '
                       f'{search.expnum}')
    return templates


def verified_templates(search: Exposure, parameters: Parameters, ccds: Sequence[int], calibrated: bool,
                       rewrite: bool = True) -> list[Exposure]:
    """The templates that can be used; why the others cannot goes to stderr.

    Parameters
    ----------
    ccds : sequence of int
        CCDs of the search exposure.
    calibrated : bool
        Zero points and calibrated tables are needed, too.
    rewrite : bool
        True (verifySE.sh): judge by these CCDs of each template and take those that cannot be used off the lists. False
        (jobs): judge by the template CCDs that overlap the search CCDs, and leave the lists as they are.

    Raises
    ------
    BadInput
        There is no plan.
    """
    templates = _readable_templates(search, planned_templates(search))
    wanted: Collection[int] | Mapping[int, Collection[int]] = tuple(ccds)
    if not rewrite:
        wanted = {template.expnum: _overlapping(search, template, ccds) for template in templates}
    verdicts = _verdicts(search, parameters, templates, wanted, calibrated)
    for verdict in verdicts:
        if not verdict.kept:
            print(f'{search.expnum}: template {verdict.expnum} dropped: {verdict.reason}', file=sys.stderr)
        elif verdict.reason:
            print(f'{search.expnum}: template {verdict.expnum} kept without: {verdict.reason}', file=sys.stderr)
    dropped = [verdict.expnum for verdict in verdicts if not verdict.kept]
    if rewrite:
        _report_quality(templates)
        _take_off_lists(search, dropped)
    return _best_seeing(search, [template for template in templates if template.expnum not in dropped], parameters)


def _readable_templates(search: Exposure, templates: list[Exposure]) -> list[Exposure]:
    """Templates whose tables of the exposure can be read where they are there; the others are named and left out."""
    good = []
    for template in templates:
        try:
            if exposure_table(template, 'out').is_file():
                read_out(exposure_table(template, 'out'))
            read_quality(template)
            take_inventory(template)
            good.append(template)
        except BadInput as error:
            print(f'{search.expnum}: template {template.expnum} left out: {error}', file=sys.stderr)
    return good


def _best_seeing(search: Exposure, templates: list[Exposure], parameters: Parameters) -> list[Exposure]:
    """The templates that the choice by seeing keeps.

    The others stay on the lists: they are good, and another choice may want them.
    """
    figures = {template.expnum: seeing_of(template) for template in templates}
    choices = choose_by_seeing([Choice(template.expnum, template.nite, True, '') for template in templates],
                               {expnum: value for expnum, value in figures.items() if value}, rules_for(parameters),
                               _pool(search), final=True)
    for choice in choices:
        if not choice.kept:
            print(f'{search.expnum}: template {choice.expnum} not chosen: {choice.reason}', file=sys.stderr)
    return [template for template, choice in zip(templates, choices) if choice.kept]


def _pool(search: Exposure) -> int | None:
    """How many exposures passed the cuts when the plan was made; None where its choices file is not there."""
    path = search.folder / f'choices_{search.expnum}.list'
    return parse_pool(path.read_text(encoding='utf-8', errors='replace')) if path.is_file() else None


def _verdicts(search: Exposure, parameters: Parameters, templates: list[Exposure], wanted,
              calibrated: bool) -> list[Verdict]:
    name = f'TEFF_CUT_{search.band.upper()}'
    measured = {template.expnum: _t_eff(template) for template in templates}
    if not calibrated:
        measured = {expnum: found for expnum, found in measured.items() if found.t_eff is not None}
    inventories = [take_inventory(template, tuple(wanted[template.expnum] if isinstance(wanted, Mapping) else wanted))
                   for template in templates]
    return verify_templates(inventories, wanted, calibrated, parameters['TEMPLATE_MIN_CCD_FRACTION'], parameters[name],
                            measured, name)


def _overlapping(search: Exposure, template: Exposure, ccds: Sequence[int]) -> tuple[int, ...]:
    """CCDs of a template that overlap some CCDs of the search exposure; without its corners, CCDs of the same number."""
    if not exposure_table(template, 'out').is_file():
        return tuple(ccds)
    pairs = [pair for ccd in ccds if product_path(search.with_ccd(ccd), 'out').is_file()
             for pair in overlapping_ccds(search.with_ccd(ccd), [template])]
    return tuple(sorted({pair.exposure.ccd for pair in pairs}))


def _report_quality(templates: list[Exposure]) -> None:
    """One line a template: the verdict of its figures."""
    for template in templates:
        report = read_quality(template)
        if report:
            print(verdict_text(template.expnum, list(report['figures'].values())))


def _take_off_lists(search: Exposure, dropped: list[int]) -> None:
    if dropped:
        with exposure_lock(search, PATIENCE):
            write_text(_ws_diff(search), drop_from_ws_diff(_read(_ws_diff(search)), dropped))
            write_text(_copy_pairs(search), drop_from_copy_pairs(_read(_copy_pairs(search)), dropped))


def exposure_quality(exposure: Exposure) -> dict:
    """Median quality figures over the calibrated CCDs, from the exposure's quality file or else the CCDs'; or empty."""
    report = read_quality(exposure)
    if report:
        return {name: value for name, value in report['medians'].items() if value is not None}
    paths = [product_path(exposure.with_ccd(ccd), 'quality') for ccd in range(1, 63)]
    return combined_quality(list(_figures([path for path in paths if path.is_file()])))


def _figures(paths: Sequence[Path]) -> Iterator[dict]:
    """Quality figures of CCDs; a file that cannot be read is named."""
    for path in paths:
        try:
            figures = read_product(path, 'json')
            if isinstance(figures, dict):
                yield figures
        except BadInput as error:
            print(f'left out: {error}', file=sys.stderr)


def _t_eff(exposure: Exposure) -> EffectiveTimeFound:
    figures = exposure_quality(exposure)
    return EffectiveTimeFound(figures.get('t_eff'), figures.get('seeing_factor'), figures.get('sky_factor'),
                              figures.get('cloud_factor'), figures.get('cloud_mag'))


def _ws_diff(search: Exposure) -> Path:
    return search.folder / 'WS_diff.list'


def _copy_pairs(search: Exposure) -> Path:
    return search.folder / f'copy_pairs_for_{search.expnum}.sh'


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except OSError as error:
        raise BadInput(f'no plan: cannot read {path} ({error.strerror}); run DAGMaker.sh first') from error
    except UnicodeDecodeError as error:
        raise BadInput(f'{path} is no text; run DAGMaker.sh again') from error


def check_name(flag: str, name: str) -> str:
    """A star list's name is a plain file name; BadUsage otherwise."""
    if Path(name).name != name or name.startswith('.'):
        raise BadUsage(f'{flag} must be a file name without folder, not {name!r}')
    return name
