"""Which steps must run: those whose stamp does not fit what they would be made from, or whose products do not fit it."""
from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from sediff.engine.code import step_code, tables_of
from sediff.engine.context import Context
from sediff.engine.fingerprints import state_of
from sediff.engine.provenance import changes, digest, matches, read_stamp
from sediff.engine.step import Step


def plan(steps: Sequence[Step], context: Context, overwrite: bool = False,
         stale: Collection[str] = ()) -> tuple[list[Step], dict[str, dict]]:
    """Which steps must run, in order, and what each one's stamp will say.

    A step runs when its stamp does not fit its inputs, tables, parameters and code, when a kept product is gone or another
    than the stamp says, when it failed, when the database has lost its rows, or when a step that runs needs a product of it
    that is not on disk. With CODE_CHANGES=keep a step that only its code would redo stays as it is.

    Parameters
    ----------
    stale : collection of str
        Labels of steps that must run in any case.

    Returns
    -------
    todo : list of Step
    identity : dict
        Step label -> {'key', 'inputs', 'tables', 'parameters', 'code'}, and for steps that run 'why'; 'refill' is True where
        only rows of the database are to be written again.
    """
    keys: dict[str, str] = {}
    identity: dict[str, dict] = {}
    reasons: dict[str, str] = {}
    refill: set[str] = set()
    for step in steps:
        mine = identify(step, context, keys)
        stamp = read_stamp(context.last_stamp(step, 'DONE'))
        reason = 'asked for' if overwrite or step.label in stale else _reason(step, context, mine, stamp)
        if stamp and reason == 'code' and context.parameters['CODE_CHANGES'] == 'keep':
            mine |= {'key': stamp['key'], 'code': stamp['code']}
            context.pinned.add(step.label)
            reason = _products_reason(step, context, stamp)
        if reason:
            reasons[step.label] = reason
        elif step.rows and (refill or not context.holds_rows(step, stamp or {})):
            refill.add(step.label)
        identity[step.label] = mine
        keys.update(dict.fromkeys(step.makes, mine['key']))
    todo = _with_makers(steps, context, reasons, refill)
    for step in todo:
        identity[step.label] |= {'why': reasons[step.label], 'refill': step.label in refill}
    return todo, identity


def identify(step: Step, context: Context, keys: Mapping[str, str]) -> dict:
    """What a step is made from, and its key.

    Parameters
    ----------
    keys : mapping
        Product -> key of the step of this run that makes it.
    """
    inputs = {need: keys[need] if need in keys else context.digest_of(step, need) for need in step.needs}
    tables = {name: '+'.join(dict.fromkeys(context.fingerprint(path) for path in paths))
              for name, paths in tables_of(step, context.table_folders).items()}
    parameters = {name: context.parameters[name] for name in step.parameters}
    code = step_code(step).digest
    key = digest([step.label, inputs, tables, parameters, code])
    return {'key': key, 'inputs': inputs, 'tables': tables, 'parameters': json.loads(json.dumps(parameters, default=str)),
            'code': code}


def _reason(step: Step, context: Context, identity: dict, stamp: dict | None) -> str:
    """Why a step must run; '' where it need not, 'code' where nothing but its code differs."""
    if not stamp:
        return 'it failed' if read_stamp(context.last_stamp(step, 'FAIL')) else 'it has not run'
    if stamp.get('key') != identity['key']:
        different = changes(identity, stamp)
        return 'code' if different == ['code'] else f'changed: {", ".join(different) or "name"}'
    return _products_reason(step, context, stamp)


def _products_reason(step: Step, context: Context, stamp: dict) -> str:
    records = stamp.get('products', {})
    for name, path in context.made(step).items():
        if state_of(path) is None:
            if context.is_kept(name):
                return f'{name} is gone'
        elif name in records and not (isinstance(records[name], dict) and matches(path, records[name], context.shelf)):
            return f'{name} is another than it made'
    return ''


def _with_makers(steps: Sequence[Step], context: Context, reasons: dict[str, str], refill: set[str]) -> list[Step]:
    """Add, from the last step up, the makers of what stale steps need and no file holds."""
    wanted: dict[str, str] = {}
    for step in reversed(steps):
        users = [wanted[name] for name in step.makes if name in wanted]
        if users:
            reasons.setdefault(step.label, f'{users[0]} needs what it makes')
        if step.label in reasons:
            refill.discard(step.label)
            wanted |= {need: step.id for need in step.needs if not _is_there(context, need)}
        elif step.label in refill:
            reasons[step.label] = 'the database has lost its rows'
    return [step for step in steps if step.label in reasons]


def _is_there(context: Context, need: str) -> bool:
    """Whether a need is no product, or is on disk."""
    return not context.is_product(need) or context.repository.exists(need, context.exposure)
