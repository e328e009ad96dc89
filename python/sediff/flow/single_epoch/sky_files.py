"""Finds the sky components of an exposure's band and the templates of a CCD; says so where they are missing."""
from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from sediff.errors import BadInput
from sediff.formats.sky import has_fringe
from sediff.isr.sky_pca import FEWEST_EXPOSURES
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

#: Values of SKY_MODEL that make missing components an error.
MUST_HAVE = ('components', 'pca')
_LEFT_IN = 'leaves the fringes in: fluxes are off by some per cent, no streaks are looked for, quality is red'


def find_sky_files(exposure: Exposure, max_days: float) -> list[Path]:
    """The components nearest in time, and the CCD's templates made with them where they are; empty where there are none."""
    given = Repository.of(exposure).given
    found = sorted((abs(_day(nite) - _day(exposure.nite)), path, nite) for nite, path in given.sky_components(exposure))
    if not found or found[0][0] > max_days:
        return []
    _, components, nite = found[0]
    templates = given.sky_template(replace(exposure, nite=nite))
    return [components, templates] if templates else [components]


def _day(nite: str) -> int:
    return date(int(nite[:4]), int(nite[4:6]), int(nite[6:])).toordinal()


def fringes_stay(exposure: Exposure, ccds: Sequence[int], parameters: Mapping) -> str:
    """Why the fringes of an exposure in a band that has some will stay in its images, and what to do; '' where none do.

    With SKY_MODEL=components any band must have components.
    """
    model, days = parameters['SKY_MODEL'], parameters['MAX_CALIB_DAYS']
    fringing = exposure.band in exposure.instrument.fringing
    if model == 'local':
        return f'{exposure.expnum}: SKY_MODEL=local {_LEFT_IN}' if fringing else ''
    if not fringing and model not in MUST_HAVE:
        return ''
    lacking = [ccd for ccd in ccds if not _complete(find_sky_files(exposure.with_ccd(ccd), days), fringing)]
    if not lacking:
        return ''
    where = '' if len(lacking) == len(ccds) else f' for CCD {", ".join(map(str, lacking))}'
    folder = Repository.of(exposure).given.folder('sky_components', exposure)
    what = f'no {"fringe" if fringing else "sky"} components in {exposure.band}{where} in {folder} within {days:g} days ' \
           f'(MAX_CALIB_DAYS) of {exposure.nite}'
    build = f'sediff calib build-skypca --root {exposure.root} --nite {exposure.nite} --band {exposure.band}'
    return (f'{exposure.expnum}: {what}{f"; that {_LEFT_IN}" if fringing and model not in MUST_HAVE else ""}; build some '
            f'from at least {FEWEST_EXPOSURES} exposures with `{build}`')


def check_sky(exposure: Exposure, ccds: Sequence[int], parameters: Mapping) -> None:
    """Say once, before any CCD starts, that fringes will stay; an error where SKY_MODEL=components asks for them to go.

    Raises
    ------
    BadInput
        SKY_MODEL=components and a CCD of the list has none.
    """
    reason = fringes_stay(exposure, ccds, parameters)
    if reason and parameters['SKY_MODEL'] in MUST_HAVE:
        raise BadInput(f'{reason}, or set SKY_MODEL=auto')
    if reason:
        print(f'WARNING {reason}', file=sys.stderr, flush=True)


def _complete(files: list[Path], fringing: bool) -> bool:
    return len(files) > 1 and (not fringing or has_fringe(files[1]))
