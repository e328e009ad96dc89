"""Takes the products of an earlier version of sediff over: new stamps under the keys of this version, after a look at each.

A step is taken over where its old stamp fits what is there: its kept products have the sizes that the stamp tells, are not
younger than it and their checksums hold; its parameters are those of now; its inputs are those that it names, and none was
changed since. What rests on a step that is not taken over is not taken over either. Code and tables of sediff are taken as
they are: whoever adopts a season says that he wants to keep what they would change.
"""
from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import cast

from sediff import steps
from sediff.candidates.database import detections_of, forced_rows, images_of
from sediff.candidates.texttable import parse_table
from sediff.engine.context import Context
from sediff.engine.fingerprints import state_of
from sediff.engine.planning import identify
from sediff.engine.provenance import FORM, digest, read_stamp, write_stamp
from sediff.engine.runner import finished_stamp
from sediff.engine.step import Step
from sediff.errors import BadInput, SediffError
from sediff.flow.exposure.database import season_number
from sediff.flow.exposure.job import Job, lock_path, prepare
from sediff.flow.exposure.run import listed_pointing, with_field
from sediff.flow.exposure.shards import shards_of
from sediff.flow.exposure.starcat import written_lists
from sediff.flow.exposure.verify import verified_templates
from sediff.flow.single_epoch.sky import calibrations_of
from sediff.formats.integrity import compare
from sediff.formats.ldac import read_ldac
from sediff.formats.locks import lock
from sediff.formats.opening import open_fits
from sediff.instruments.base import Instrument
from sediff.instruments.settings import declared
from sediff.parameters.model import Parameters
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

_SAMPLE = 1 << 16
#: A file may be so much (s) younger than the stamp that tells of it: clocks of file servers.
SLACK = 2.0


@dataclass
class Adopted:
    """What became of a CCD's steps: ids of those taken over, and label -> why not of the others."""

    exposure: Exposure
    phase: str
    taken: list[str]
    left: dict[str, str]


def exposures_of(root: Path, instrument: Instrument, expnum: int | None = None) -> Iterator[Exposure]:
    """Every exposure below ROOT that has products, by night and number."""
    repository = Repository(root, instrument=instrument)
    found = repository.where('immask', expnum=expnum) if expnum else repository.where('immask')
    yield from dict.fromkeys(one.with_ccd(0) for one in found)


def adopt_exposure(exposure: Exposure, parameters: Parameters, dry: bool = False) -> Iterator[Adopted]:
    """Take over the steps of every CCD of an exposure, single epoch first."""
    pointing = listed_pointing(exposure, parameters)
    repository = Repository.of(exposure)
    for one in map(exposure.with_ccd, repository.ccds_run(exposure)):
        if one.ccd and repository.was_processed(one):
            calibrate = repository.has_stamp(one, steps.CALIBRATION[0].label, 'DONE')
            yield _adopt(Job(one, 'se', parameters, calibrate=calibrate, pointing=pointing), dry)
    for season in repository.seasons(exposure):
        yield from _adopt_season(replace(exposure, season=season), parameters, dry)


def _adopt_season(exposure: Exposure, parameters: Parameters, dry: bool) -> Iterator[Adopted]:
    repository = Repository.of(exposure)
    ccds = [one.ccd for one in map(exposure.with_ccd, repository.ccds_run(exposure))
            if one.ccd and any(repository.has_stamp(one, step.label, 'DONE') for step in steps.DIFFIMG)]
    if not ccds:
        return
    try:
        exposure = with_field(exposure, parameters)
        templates = verified_templates(exposure, parameters, ccds, calibrated=True, rewrite=False)
    except SediffError as error:
        yield from (Adopted(exposure.with_ccd(ccd), 'diffimg', [], {'RUN01': str(error)}) for ccd in ccds)
        return
    lists = written_lists(exposure)
    for ccd in ccds:
        yield _adopt(Job(exposure.with_ccd(ccd), 'diffimg', parameters, templates=templates, snstar=lists.get('snstar'),
                         snveto=lists.get('snveto')), dry)


def _adopt(job: Job, dry: bool) -> Adopted:
    out = Adopted(job.exposure, job.phase, [], {})
    with lock(lock_path(job.exposure), job.exposure.label()):
        try:
            phases, context = prepare(job)
        except SediffError as error:
            out.left['inputs'] = str(error)
            return out
        every = [step for phase in phases for step in phase]
        old_keys = {name: stamp.get('key') for step in every for name in step.makes
                    if (stamp := read_stamp(context.stamp_path(step, 'DONE')))}
        makers = {name: step for step in every for name in step.makes}
        try:
            for phase in phases:
                _adopt_phase(phase, context, out, old_keys, makers, dry)
        finally:
            context.close()
    return out


def _adopt_phase(phase: Sequence[Step], context: Context, out: Adopted, old_keys: Mapping[str, str | None],
                 makers: Mapping[str, Step], dry: bool) -> None:
    keys: dict[str, str] = {}
    for step in phase:
        stamp = read_stamp(context.stamp_path(step, 'DONE'))
        identity = identify(step, context, keys)
        keys.update(dict.fromkeys(step.makes, identity['key']))
        if stamp and stamp.get('form') == FORM:
            if stamp.get('key') != identity['key']:
                out.left[step.label] = 'its stamp is of this version and does not fit; it will run again'
            continue
        reason = _why_not(step, context, stamp, old_keys, makers, out.left)
        if reason:
            out.left[step.label] = reason
            continue
        out.taken.append(step.id)
        if not dry and stamp:
            rows = {'rows': _rows(step, context)} if step.rows else {}
            kept = {name: stamp[name] for name in ('version', 'seconds', 'cpu_seconds', 'peak_mb') if name in stamp}
            write_stamp(context.stamp_path(step, 'DONE'), finished_stamp(step, context, identity, rows) | kept | {
                'packages': {}, 'finished': stamp['finished'],
                'adopted': time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())})


def _why_not(step: Step, context: Context, stamp: Mapping | None, old_keys: Mapping[str, str | None],
             makers: Mapping[str, Step], left: Mapping[str, str]) -> str:
    """Why a step's products cannot be taken over; '' where they can."""
    if not stamp:
        return 'it has not ended well'
    rests = sorted({makers[need].label for need in step.needs if need in makers and makers[need].label in left})
    if rests:
        return f'it rests on {", ".join(rests)}'
    try:
        finished = datetime.fromisoformat(str(stamp['finished'])).timestamp() + SLACK
    except (KeyError, ValueError):
        return 'its stamp does not say when it ended'
    return _other_parameters(step, context, stamp) or _other_products(step, context, stamp, finished) or \
        _other_inputs(step, context, stamp, old_keys, finished)


def _other_parameters(step: Step, context: Context, stamp: Mapping) -> str:
    then, defaults = stamp.get('parameters', {}), Parameters(declared(context.exposure.instrument))
    for name in step.parameters:
        now = json.loads(json.dumps(context.parameters[name], default=str))
        if name in then and then[name] != now:
            return f'it was made with {name}={then[name]}, now {now}'
        if name not in then and context.parameters[name] != defaults[name]:
            return f'{name}={now} is none of its parameters'
    return ''


def _other_products(step: Step, context: Context, stamp: Mapping, finished: float) -> str:
    sizes = stamp.get('products', {})
    for name, path in context.made(step).items():
        if state_of(path) is None:
            if context.is_kept(name):
                return f'{path.name} is not there'
            continue
        if context.is_kept(name) and name not in sizes:
            return f'its stamp does not tell of {path.name}'
        stat = path.stat()
        if sizes.get(name, stat.st_size) != stat.st_size:
            return f'{path.name} has {stat.st_size} bytes, its stamp says {sizes[name]}'
        if stat.st_mtime > finished:
            return f'{path.name} was changed after the step ended'
        if context.is_kept(name) and '.fits' in path.suffixes:
            try:
                with open_fits(path) as handle:
                    bad = [found.reason for hdu in handle if (found := compare(hdu))]
            except (SediffError, OSError, ValueError) as error:
                return f'{path.name} cannot be read: {str(error)[:200]}'
            if bad:
                return f'{path.name}: {bad[0]}'
    return ''


def _other_inputs(step: Step, context: Context, stamp: Mapping, old_keys: Mapping[str, str | None], finished: float) -> str:
    then = stamp.get('inputs', {})
    for need in step.needs:
        files = _files(step, context, need)
        if need in then and then[need] == old_keys.get(need, ''):
            continue                                        # made in the same run, and looked at as its maker's product
        if need in old_keys and need not in then:
            continue                                        # a need that this version names and the earlier one did not
        unsure = [path for path in files if state_of(path) and (
            need not in then or need == 'refcat' or path.stat().st_size > 2 * _SAMPLE)]
        changed = [path.name for path in unsure if path.stat().st_mtime > finished and
                   then.get(need) != context.digests.get(need, '')]
        if changed:
            return f'{need}: {", ".join(changed[:3])} was changed after the step used it'
        if need in then and need != 'refcat' and then[need] not in _old_hashes(context, need, files):
            return f'{need}: {", ".join(path.name for path in files[:3]) or "nothing"} is not what its stamp names'
    return ''


def _files(step: Step, context: Context, need: str) -> list[Path]:
    """Files behind a need; of the reference stars the shards of the CCD, of the binned sky the calibrations of every CCD."""
    if need == 'refcat':
        return shards_of(context, step)
    if need in context.providers:
        found = calibrations_of(context.exposure, cast(Parameters, context.parameters))
        return [path for files in found.values() if isinstance(files, dict) for paths in files.values() for path in paths]
    return context.files(need)


def _old_hashes(context: Context, need: str, files: Sequence[Path]) -> set[str]:
    """The hashes that an earlier version may have written for a need."""
    known = context.digests.get(need)
    return {digest([old_fingerprint(path) for path in files]), *([known] if isinstance(known, str) else [])}


def old_fingerprint(path: Path) -> str:
    """Hash of a file's size, first and last 64 kB, as earlier versions took it; 'absent' without a file there."""
    try:
        with open(path, 'rb') as handle:
            size = os.fstat(handle.fileno()).st_size
            head = handle.read(_SAMPLE)
            handle.seek(max(size - _SAMPLE, 0))
            tail = handle.read(_SAMPLE)
    except (FileNotFoundError, IsADirectoryError):
        return 'absent'
    return hashlib.blake2b(head + tail + str(size).encode(), digest_size=12).hexdigest()


def _rows(step: Step, context: Context) -> dict:
    """The entry of a step's rows in the database; one that no database has where it lacks the rows: they are filled in."""
    lost = {'database': 'lost', 'mark': 'lost'}
    ledger = context.ledger
    if ledger is None or (step.id == 'RUN25' and context.parameters['WRITEDB'] == 'off'):
        return {}
    try:
        with ledger.transaction() as connection:
            return ledger.enter(connection, step.id) if _has_rows(step, context, connection) else lost
    except SediffError:
        return lost


def _has_rows(step: Step, context: Context, connection) -> bool:
    exposure, season = context.exposure, season_number(context.exposure)
    if step.id == 'RUN15':
        return any(row['detector'] == exposure.ccd for row in images_of(connection, season, exposure.expnum, True))
    if step.id == 'RUN25':
        return len(detections_of(connection, season, exposure.expnum, exposure.ccd, withdrawn=True)) == len(
            read_ldac(context.path('diff_cat'))[0])
    if step.id == 'RUN27':
        rows = [row for row in images_of(connection, season, exposure.expnum) if row['detector'] == exposure.ccd]
        return [row['diffDepth'] for row in rows] == [context.load('injected_info')['depth']['depth']]
    measured = parse_table(context.path('forced').read_text(encoding='utf-8'))['KIND']
    return forced_rows(connection, season, exposure.expnum, exposure.ccd) == int((measured == 'candidate').sum())


def check_root(root: Path) -> Path:
    """ROOT as an absolute path; BadInput where nothing was processed below it."""
    root = root.expanduser().absolute()
    if not Repository(root).has_products:
        raise BadInput(f'{root} has no products (CACHE/SCHEMA/exp); give the ROOT of a season')
    return root
