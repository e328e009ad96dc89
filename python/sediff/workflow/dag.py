"""The job files of a plan: a DAG for a grid, a script for this machine."""
from __future__ import annotations

import shlex

from sediff.instruments.ccds import parse_ccd_list
from sediff.repository.completeness import format_ccds
from sediff.repository.names import Exposure
from sediff.workflow.jobs import JobOptions, sediff_words
from sediff.workflow.plan import Job, Plan


def dag_text(plan: Plan, options: JobOptions) -> str:
    """`desgw_pipeline_EXPNUM.dag` in jobsub's syntax: sections run in order, jobs inside <parallel> together."""
    only_se = not plan.templates
    first = ['jobsub -n --group=' + _group(options) + ' --memory=500MB --disk=100MB --expected-lifetime=600s '
             'file://dummyjob.sh']
    second = []
    for job in plan.jobs:
        if job.template:
            first += _template_lines(job, options)
        else:
            second += [_jobsub(options.grid_search, sediff_words(job, str(ccd), options, str(ccd), only_se))
                       for ccd in job.ccds]
    blocks = [['<parallel>', *first, '</parallel>'], ['<parallel>', *second, '</parallel>']]
    if plan.templates:
        blocks.append(['<serial>', _runmon(plan.search, options), '</serial>'])
    return '\n'.join(line for block in blocks for line in block) + '\n'


def _group(options: JobOptions) -> str:
    return options.grid_search.split('--group=', 1)[1].split()[0]


def _template_lines(job: Job, options: JobOptions) -> list[str]:
    """One line of many processes (-c 0) where all CCDs of that night are to do, else one line a CCD."""
    everything = tuple(parse_ccd_list('all', job.exposure.nite, job.exposure.instrument))
    if job.ccds == everything:
        return [_jobsub(f'{options.grid_template} -N {len(everything)}', sediff_words(job, '0', options))]
    return [_jobsub(options.grid_template, sediff_words(job, str(ccd), options)) for ccd in job.ccds]


def _jobsub(grid: str, words: list[str]) -> str:
    return f'jobsub -n {grid} file://SEdiff.sh {shlex.join(words)}'


def _runmon(search: Exposure, options: JobOptions) -> str:
    words = ['-r', search.rpnum, '-p', search.season, '-E', str(search.expnum), '-n', search.nite, '-f', search.field,
             '-d', search.cache, '-m', search.schema]
    return f'jobsub -n {options.grid_search} file://RUNMON.sh {shlex.join(words)}'


#: What the script says of a template that failed; who stops one by hand stops all.
_FAILED = ('failed() {', '  printf \'template %s failed, code %s\\n\' "$1" "$2" >&2',
           '  case $2 in 130 | 143) exit "$2" ;; esac', '}')


def local_text(plan: Plan, options: JobOptions) -> str:
    """`desgw_pipeline_EXPNUM.sh`: the same jobs as plain calls of SEdiff.sh, one after the other.

    A template that fails is left to verification, which drops it; one that is stopped by SIGINT or SIGTERM ends the script.
    The exit code is that of the search exposure.
    """
    search, name = plan.search, f'desgw_pipeline_{plan.search.expnum}'
    templates = [job for job in plan.jobs if job.template]
    lines = ['#!/usr/bin/env bash',
             f'# Exposure {search.expnum}, band {search.band}, night {search.nite}: single epoch of {len(templates)} '
             f'of its {len(plan.templates)} templates,',
             '# then of the exposure itself and its difference imaging. Run it with',
             f'#   nohup bash {name}.sh > {name}.log 2>&1 &',
             'set -uo pipefail', "trap '' PIPE   # go on when nobody reads the output any more",
             f'export SEDIFF_ROOT=${{SEDIFF_ROOT:-{shlex.quote(str(search.root))}}}',
             f'sediff=${{SEDIFF_SCRIPTS:-{shlex.quote(str(options.scripts))}}}/SEdiff.sh', *_FAILED, '']
    for job in templates:
        words = shlex.join(sediff_words(job, format_ccds(job.ccds), options))
        lines.append(f'"$sediff" {words} || failed {job.exposure.expnum} "$?"')
    job = plan.jobs[-1]
    words = shlex.join(sediff_words(job, format_ccds(job.ccds), options, only_se=not plan.templates))
    return '\n'.join([*lines, f'"$sediff" {words}']) + '\n'
