"""All files of a plan as text: job files, and the lists that the drivers read."""
from __future__ import annotations

import shlex
from dataclasses import replace

from sediff.formats.plan_lists import ws_diff_text
from sediff.repository.repository import Repository
from sediff.template.seeing import pool_text
from sediff.workflow.dag import dag_text, local_text
from sediff.workflow.jobs import JobOptions
from sediff.workflow.overlap_step import list1_text, list2_text
from sediff.workflow.plan import Plan


def with_files(plan: Plan, options: JobOptions) -> Plan:
    """The plan with the texts of all its files."""
    search = plan.search
    lists = {'WS_diff.list': ws_diff_text(search.band, search.expnum, [template.expnum for template in plan.templates]),
             f'copy_pairs_for_{search.expnum}.sh': copy_pairs_text(plan, options)}
    choices = f'choices_{search.expnum}.list'
    files = {**lists, 'KH_diff.list1': list1_text(plan.overlaps), 'KH_diff.list2': list2_text(plan.overlaps),
             choices: choices_text(plan), 'dummyjob.sh': '#!/usr/bin/env bash\nexit 0\n',
             f'desgw_pipeline_{search.expnum}.dag': dag_text(plan, options),
             f'desgw_pipeline_{search.expnum}.sh': local_text(plan, options)}
    if plan.report:
        files[f'calibrations_{search.expnum}.list'] = plan.report
    return replace(plan, files=files, exposure_files={**lists, choices: files[choices]})


def choices_text(plan: Plan) -> str:
    """One line for each overlapping exposure: number, night, kept or dropped, reason."""
    lines = [f'{choice.expnum:8d} {choice.nite} {"kept" if choice.kept else "dropped":<7} {choice.reason}'
             for choice in plan.choices]
    return '\n'.join([f'# expnum nite verdict reason {pool_text(plan.pool)}', *lines]) + '\n'


def copy_pairs_text(plan: Plan, options: JobOptions) -> str:
    """`copy_pairs_for_EXPNUM.sh`: one line that copies the corner files of the search exposure and its templates.

    It is run and also read: words 4 to the last but one, as a shell sees them, are the paths.
    """
    paths = [str(Repository.of(exposure).path('exposure_out', exposure)) for exposure in (plan.search, *plan.templates)]
    return ' '.join([*options.copy_command, *map(shlex.quote, paths), '$TOPDIR_WSTEMPLATES/pairs/']) + '\n'
