"""Which template exposures can be used: complete, calibrated, deep enough.

A job for some CCDs judges its templates for itself, by the template CCDs that overlap its own, and keeps the verdict in
memory. WS_diff.list and copy_pairs_for_EXPNUM.sh are brought up to date by verifySE.sh alone, which looks at the whole
exposure; so no job removes another one's template, and no two jobs write these files.
"""
from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sediff.errors import BadInput, BadUsage
from sediff.flow.exposure.inputs import overlapping_ccds
from sediff.flow.exposure.quality import read_quality
from sediff.flow.exposure.template_rules import rules_for
from sediff.flow.exposure.verdicts import EffectiveTimeFound, Verdict, verify_templates
from sediff.flow.exposure.whole import PATIENCE, exposure_lock
from sediff.flow.exposure.withdrawn import withdrawn
from sediff.flow.single_epoch.calibrate import combined_quality
from sediff.formats.corners import read_out
from sediff.formats.plan_lists import drop_from_copy_pairs, drop_from_ws_diff, parse_copy_pairs, parse_ws_diff
from sediff.parameters.model import Parameters, band_key
from sediff.photometry.qc import verdict_text
from sediff.repository.completeness import format_ccds
from sediff.repository.inventory import Inventory, take_inventory
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.repository.seeing import seeing_of
from sediff.repository.table_sums import check_table
from sediff.template.choose import Choice
from sediff.template.seeing import choose_by_seeing, parse_pool
from sediff.values import is_night, shown


def planned_templates(search: Exposure) -> list[Exposure]:
    """Template exposures of the plan (WS_diff.list and copy_pairs_for_EXPNUM.sh in EXPDIR).

    Raises
    ------
    BadInput
        There is no plan.
    """
    ws_diff, copy_pairs = (Repository.of(search).path(product, search) for product in ('ws_diff', 'copy_pairs'))
    band, expnum, numbers = parse_ws_diff(_read(ws_diff))
    if (band, expnum) != (search.band, search.expnum):
        raise BadInput(f'{ws_diff} is of exposure {expnum} in {band}; run DAGMaker.sh {search.expnum}')
    paths = parse_copy_pairs(_read(copy_pairs))
    missing = [number for number in numbers if number not in paths]
    if missing:
        raise BadInput(f'{copy_pairs} lacks templates {missing}; run DAGMaker.sh {search.expnum}')
    templates = [replace(search, expnum=number, nite=paths[number].parent.parent.name, ccd=0) for number in numbers]
    wrong = [f'{one.expnum} in {shown(one.nite)}' for one in templates if not is_night(one.nite)]
    if wrong:
        raise BadInput(f'{copy_pairs}: templates {", ".join(wrong)}: not a night YYYYMMDD; run DAGMaker.sh '
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
    wanted = {template.expnum: tuple(ccds) if rewrite else _overlapping(search, template, ccds) for template in templates}
    judge = _Judge.of(search, parameters, templates, wanted)
    verdicts = judge.verdicts(wanted, calibrated)
    chosen, lines = judge.chosen(verdicts)
    for line in [*judge.lines(verdicts), *lines]:
        print(line, file=sys.stderr)
    if rewrite:
        _report_quality(templates)
        _take_off_lists(search, [verdict.expnum for verdict in verdicts if not verdict.kept])
    return chosen


def templates_of_ccds(search: Exposure, parameters: Parameters, ccds: Sequence[int]
                      ) -> tuple[dict[int, list[Exposure]], list[Exposure]]:
    """Calibrated templates of each CCD of a job, and those whose stars are listed; why others cannot be used goes to stderr.

    A CCD's templates are judged by their CCDs that overlap it, those of the star lists by their depth and seeing alone:
    neither depends on the job's other CCDs, of which one may fail or come later.

    Raises
    ------
    BadInput
        There is no plan.
    """
    templates = _readable_templates(search, planned_templates(search))
    wanted = {ccd: {template.expnum: _overlapping(search, template, [ccd]) for template in templates} for ccd in ccds}
    overlapping = {template.expnum: sorted({one for mine in wanted.values() for one in mine[template.expnum]})
                   for template in templates}
    judge = _Judge.of(search, parameters, templates, overlapping)
    by_ccd: dict[int, list[Exposure]] = {}
    said: dict[str, list[int]] = {}
    for ccd in ccds:
        verdicts = judge.verdicts(wanted[ccd], True)
        by_ccd[ccd], lines = judge.chosen(verdicts)
        told = [verdict for verdict in verdicts if wanted[ccd][verdict.expnum] or not overlapping[verdict.expnum]]
        for line in [*judge.lines(told), *lines]:
            said.setdefault(line, []).append(ccd)
    for line, where in said.items():
        print(line if len(where) == len(ccds) else f'{line} (for CCD {format_ccds(where)})', file=sys.stderr)
    calibrated = {found.exposure.expnum: found.ccds['zp'] for found in judge.inventories}
    return by_ccd, judge.chosen(judge.verdicts(calibrated, True, 0.0))[0]


@dataclass(frozen=True)
class _Judge:
    """What templates are judged by: what exists of each, its t_eff, its seeing (arcsec) and whether it was withdrawn."""

    search: Exposure
    parameters: Parameters
    templates: list[Exposure]
    inventories: list[Inventory]
    measured: dict[int, EffectiveTimeFound]
    seeing: dict[int, float]
    withdrawn: dict[int, str]

    @classmethod
    def of(cls, search: Exposure, parameters: Parameters, templates: list[Exposure],
           wanted: Mapping[int, Collection[int]]) -> _Judge:
        """Read what is known of the templates and of their wanted CCDs."""
        seeing = {template.expnum: seeing_of(template) for template in templates}
        return cls(search, parameters, templates,
                   [take_inventory(template, tuple(wanted[template.expnum])) for template in templates],
                   {template.expnum: _t_eff(template) for template in templates},
                   {expnum: value for expnum, value in seeing.items() if value},
                   {template.expnum: withdrawn(template) for template in templates})

    def verdicts(self, wanted: Mapping[int, Collection[int]], calibrated: bool, fraction: float | None = None
                 ) -> list[Verdict]:
        """Of each template, by its wanted CCDs; `fraction` of them in place of TEMPLATE_MIN_CCD_FRACTION."""
        name = band_key('TEFF_CUT_{band}', self.search.band)
        measured = {expnum: found for expnum, found in self.measured.items() if calibrated or found.t_eff is not None}
        least = self.parameters['TEMPLATE_MIN_CCD_FRACTION'] if fraction is None else fraction
        return verify_templates(self.inventories, wanted, calibrated, least, self.parameters[name], measured, name,
                                self.withdrawn)

    def lines(self, verdicts: Sequence[Verdict]) -> list[str]:
        """What is said about templates that are dropped or not complete."""
        return [f'{self.search.expnum}: template {verdict.expnum} {"kept without" if verdict.kept else "dropped"}: '
                f'{verdict.reason}' for verdict in verdicts if verdict.reason or not verdict.kept]

    def chosen(self, verdicts: Sequence[Verdict]) -> tuple[list[Exposure], list[str]]:
        """The good ones that the choice by seeing keeps, and a line about each of the others.

        Those stay on the lists: they are good, and another choice may want them.
        """
        good = [template for template, verdict in zip(self.templates, verdicts) if verdict.kept]
        choices = choose_by_seeing([Choice(template.expnum, template.nite, True, '') for template in good], self.seeing,
                                   rules_for(self.parameters), _pool(self.search, [template.expnum for template in good]),
                                   final=True)
        return [template for template, choice in zip(good, choices) if choice.kept], [
            f'{self.search.expnum}: template {choice.expnum} not chosen: {choice.reason}' for choice in choices
            if not choice.kept]


def _readable_templates(search: Exposure, templates: list[Exposure]) -> list[Exposure]:
    """Templates whose tables of the exposure can be read where they are there; the others are named and left out."""
    good = []
    for template in templates:
        try:
            repository = Repository.of(template)
            if repository.exists('exposure_out', template):
                path = check_table(template, repository.path('exposure_out', template))
                read_out(path, template.instrument.ccds)
            read_quality(template)
            take_inventory(template)
            good.append(template)
        except BadInput as error:
            print(f'{search.expnum}: template {template.expnum} left out: {error}', file=sys.stderr)
    return good


def _pool(search: Exposure, verified: Collection[int]) -> int | None:
    """How many exposures passed the cuts; None where the plan's choices file is not there."""
    return parse_pool(Repository.of(search).text('choices', search), verified)


def _overlapping(search: Exposure, template: Exposure, ccds: Sequence[int]) -> tuple[int, ...]:
    """CCDs of a template that overlap some CCDs of the search exposure; without its corners, CCDs of the same number."""
    repository = Repository.of(search)
    if not repository.exists('exposure_out', template):
        return tuple(ccds)
    pairs = [pair for ccd in ccds if repository.exists('out', search.with_ccd(ccd))
             for pair in overlapping_ccds(search.with_ccd(ccd), [template])]
    return tuple(sorted({pair.exposure.ccd for pair in pairs}))


def _report_quality(templates: list[Exposure]) -> None:
    """One line a template: the verdict of its metrics."""
    for template in templates:
        report = read_quality(template)
        if report:
            print(verdict_text(template.expnum, list(report['figures'].values())))


def _take_off_lists(search: Exposure, dropped: list[int]) -> None:
    if dropped:
        with exposure_lock(search, PATIENCE):
            repository = Repository.of(search)
            for product, drop in (('ws_diff', drop_from_ws_diff), ('copy_pairs', drop_from_copy_pairs)):
                repository.put(product, search, drop(_read(repository.path(product, search)), dropped))


def exposure_quality(exposure: Exposure) -> dict:
    """Median quality metrics over the calibrated CCDs, from the exposure's quality file or else the CCDs'; or empty."""
    report = read_quality(exposure)
    if report:
        return {name: value for name, value in report['medians'].items() if value is not None}
    return combined_quality(list(_metrics(exposure)))


def _metrics(exposure: Exposure) -> Iterator[dict]:
    """Quality metrics of the CCDs that have some; a file that cannot be read is named."""
    repository = Repository.of(exposure)
    for one in repository.where('quality', exposure):
        try:
            metrics = repository.get('quality', one)
            if isinstance(metrics, dict):
                yield metrics
        except BadInput as error:
            print(f'left out: {error}', file=sys.stderr)


def _t_eff(exposure: Exposure) -> EffectiveTimeFound:
    metrics = exposure_quality(exposure)
    return EffectiveTimeFound(metrics.get('t_eff'), metrics.get('seeing_factor'), metrics.get('sky_factor'),
                              metrics.get('cloud_factor'), metrics.get('cloud_mag'))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding='utf-8')
    except OSError as error:
        raise BadInput(f'no plan: cannot read {path} ({error.strerror}); run DAGMaker.sh first') from error
    except UnicodeDecodeError as error:
        raise BadInput(f'{path} is not text; run DAGMaker.sh again') from error


def check_name(flag: str, name: str) -> str:
    """A star list's name is a plain file name; BadUsage otherwise."""
    if Path(name).name != name or name.startswith('.'):
        raise BadUsage(f'{flag} must be a file name without folder, not {name!r}')
    return name
