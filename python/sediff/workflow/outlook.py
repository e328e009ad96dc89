"""A plan after a look at what the single epoch of its exposures will find."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sediff.errors import BadInput
from sediff.flow.exposure.outlook import Outlook
from sediff.repository.completeness import expected_ccds, format_ccds
from sediff.repository.inventory import Inventory
from sediff.repository.names import Exposure
from sediff.template.choose import Choice
from sediff.workflow.plan import Job, Plan

#: `look(exposure, ccds, pointing)` gives the outlook of an exposure.
Look = Callable[[Exposure, tuple[int, ...], tuple[float, float]], Outlook]


def with_outlook(plan: Plan, inventories: Mapping[int, Inventory], wanted: tuple[int, ...], look: Look) -> Plan:
    """The plan without templates that cannot be processed, its choices with what their exposures lack, and a report.

    Parameters
    ----------
    inventories : mapping
        Exposure number -> what exists of it.
    wanted : tuple of int
        CCDs asked for.
    """
    places = {int(row.expnum): (float(row.radeg), float(row.decdeg)) for row in plan.overlaps.exposures.itertuples()}
    places[plan.search.expnum] = (float(plan.overlaps.search.radeg), float(plan.overlaps.search.decdeg))
    verdicts: dict[int, tuple[Job, Outlook, bool]] = {}
    for job in plan.jobs:
        found, expnum = inventories[job.exposure.expnum], job.exposure.expnum
        ccds = tuple(ccd for ccd in job.ccds if ccd not in found.ccds.get('immask', ()))
        if job.calibrate_only or not ccds or not found.raw_exists:
            continue
        seen = look(job.exposure, ccds, places[expnum])
        lost = bool(seen.problems) or seen.lacking >= set(expected_ccds(found, wanted))
        verdicts[expnum] = job, seen, lost
    dropped = {expnum for expnum, (job, _, lost) in verdicts.items() if lost and job.template}
    choices = tuple(_settled(choice, verdicts.get(choice.expnum)) for choice in plan.choices)
    report = tuple(_report(job, seen, lost) for job, seen, lost in verdicts.values())
    search = verdicts.get(plan.search.expnum)
    return replace(plan, choices=choices, report='\n'.join(report) + '\n' if report else '',
                   templates=tuple(one for one in plan.templates if one.expnum not in dropped),
                   jobs=tuple(job for job in plan.jobs if job.exposure.expnum not in dropped),
                   warnings=tuple(_warning(job, seen, lost) for job, seen, lost in verdicts.values()
                                if seen.text() and (job.template or not lost)),
                   rejection=search[1].text() if search and search[2] else '')


def reject(plan: Plan) -> None:
    """Raise BadInput where the search exposure cannot be processed."""
    if plan.rejection:
        raise BadInput(f'search exposure {plan.search.expnum} cannot be processed: {plan.rejection}')


def _settled(choice: Choice, verdict: tuple[Job, Outlook, bool] | None) -> Choice:
    if verdict is None or not choice.kept or not verdict[1].text():
        return choice
    _, seen, lost = verdict
    return replace(choice, kept=not lost, reason=seen.text() if lost else f'{choice.reason}; without {seen.text()}')


def _report(job: Job, seen: Outlook, lost: bool) -> str:
    verdict = 'cannot be processed' if lost else 'search' if not job.template else 'template'
    lines = [f'{job.exposure.expnum} {job.exposure.nite} {verdict}', *(f'  uses {each}' for each in seen.used)]
    lines += [f'  wrong: {each}' for each in seen.problems]
    return '\n'.join(lines + [f'  lacks CCD {format_ccds(ccds)}: {advice}' for advice, ccds in seen.gaps.items()])


def _warning(job: Job, seen: Outlook, lost: bool) -> str:
    kind = 'template' if job.template else 'search exposure'
    verdict = 'left out' if lost else 'is not complete'
    return f'{kind} {job.exposure.expnum} of {job.exposure.nite} {verdict}: {seen.text()}'
