"""How a plan's jobs are called: flags of SEdiff.sh, options of the grid."""
from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sediff.errors import BadUsage
from sediff.repository.names import Exposure
from sediff.workflow.plan import Job


@dataclass(frozen=True)
class JobOptions:
    """How jobs are called.

    Parameters
    ----------
    version : str
        -v of SEdiff.sh.
    search_flags, template_flags : tuple of str
        Further flags of SEdiff.sh (SEARCH_OPTS, TEMP_OPTS).
    snstar, snveto : str
        Patterns of the star lists' names; '' for none.
    grid_search, grid_template : str
        Options of jobsub.
    copy_command : tuple of str
        Three words before the files of copy_pairs.
    pass_on : tuple of str
        -R and -P of the plan's own command line.
    scripts : Path
        Folder of the drivers.
    """

    version: str
    search_flags: tuple[str, ...]
    template_flags: tuple[str, ...]
    snstar: str
    snveto: str
    grid_search: str
    grid_template: str
    copy_command: tuple[str, ...]
    pass_on: tuple[str, ...]
    scripts: Path


def job_options(parameters: Mapping, scripts: Path, pass_on: tuple[str, ...] = ()) -> JobOptions:
    """The options that rc/dagmaker.rc asks for.

    Raises
    ------
    BadUsage
        COPY_COMMAND has not three words: readers of copy_pairs count them.
    """
    copy_command = tuple(parameters['COPY_COMMAND'].split())
    if len(copy_command) != 3:
        raise BadUsage(f'COPY_COMMAND={" ".join(copy_command)}: must have three words, such as cp -p -- or ifdh cp -D')
    common = f'--group={parameters["JOBSUB_GROUP"]} --resource-provides=usage_model={parameters["RESOURCES"]} '
    return JobOptions(
        parameters['DIFFIMG_EUPS_VERSION'], _flags(parameters, 'SEARCH_OPTS'),
        tuple(flag for flag in _flags(parameters, 'TEMP_OPTS') if flag != '-t'),
        parameters['SNSTAR_FILENAME'], parameters['SNVETO_FILENAME'],
        common + parameters['JOBSUB_OPTS'], common + parameters['JOBSUB_TEMP_OPTS'], copy_command, pass_on, scripts)


def _flags(parameters: Mapping, name: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(parameters[name]))
    except ValueError as error:
        raise BadUsage(f'{name}={parameters[name]}: {error}') from None


def sediff_words(job: Job, ccds: str, options: JobOptions, star_ccd: str = '', only_se: bool = False) -> list[str]:
    """Flags of SEdiff.sh for a job.

    Parameters
    ----------
    ccds : str
        Value of -c.
    star_ccd : str
        CCD number in the names of the star lists; '' for lists of the whole exposure.
    only_se : bool
        Stop after single epoch although it is the search exposure.
    """
    exposure = job.exposure
    words = ['-r', exposure.rnum, '-p', exposure.pnum, '-E', str(exposure.expnum), '-v', options.version,
             '-b', exposure.band, '-n', exposure.nite, *(['-j'] if job.calibrate_only else []),
             '-d', exposure.cache, '-m', exposure.schema, '-c', ccds]
    if job.template:
        return [*words, '-t', *options.template_flags, '-S', exposure.season, *options.pass_on]
    words += [*(['-t'] if only_se else []), *options.search_flags, '-S', exposure.season]
    for letter, pattern in (('-T', options.snstar), ('-V', options.snveto)):
        if pattern and not only_se:
            words += [letter, star_list_name(pattern, exposure, star_ccd)]
    return [*words, *options.pass_on]


def star_list_name(pattern: str, exposure: Exposure, ccd: str) -> str:
    """A star list's name: THEEXP, THERNUM, THEPNUM and THECCDNUM filled in; without CCD its `_` goes too."""
    if not ccd:
        pattern = pattern.replace('_THECCDNUM', '').replace('THECCDNUM', '')
    tokens = {'THEEXP': str(exposure.expnum), 'THERNUM': exposure.rnum, 'THEPNUM': exposure.pnum, 'THECCDNUM': ccd}
    for token, value in tokens.items():
        pattern = pattern.replace(token, value)
    return pattern
