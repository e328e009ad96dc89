"""What decides a step's result, as keys; stamps of finished and failed steps."""
from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sediff.engine.fingerprints import fingerprint, state_of
from sediff.formats.atomic import write_text

#: Form of the stamps; those of another are of an earlier version of sediff (`sediff adopt`).
FORM = 2
#: Packages whose versions a stamp tells.
PACKAGES = ('numpy', 'numba', 'scipy', 'sep', 'astropy', 'fitsio', 'pandas')


def digest(value) -> str:
    """Short hash of any JSON-able value."""
    return hashlib.blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=12).hexdigest()


@cache
def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that compute; they are in the stamps, not in the keys."""
    found = {'python': platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = 'none'
    return found


def record_of(path: Path, shelf: Path | None = None) -> dict:
    """Size, time of change and hash of a product, for its stamp."""
    size, changed, _ = state_of(path) or (0, 0, 0)
    return {'size': size, 'mtime_ns': changed, 'hash': fingerprint(path, shelf)}


def matches(path: Path, record: Mapping, shelf: Path | None = None) -> bool:
    """Whether a product is the one that a stamp tells of: untouched since, or of the same content."""
    state = state_of(path)
    if state is None or state[0] != record.get('size'):
        return False
    return state[1] == record.get('mtime_ns') or fingerprint(path, shelf) == record.get('hash')


def changes(identity: Mapping, stamp: Mapping) -> list[str]:
    """Names of what differs between what a step would be made from and what its stamp says: inputs, parameters, code."""
    if stamp.get('form') != FORM:
        return ['the version of sediff (sediff adopt)']
    found = []
    for part in ('inputs', 'tables', 'parameters'):
        now, then = identity[part], stamp.get(part, {})
        found += sorted(name for name in {*now, *then} if now.get(name, _NOTHING) != then.get(name, _NOTHING))
    return found + ['code'] * (identity['code'] != stamp.get('code'))


_NOTHING = object()


def read_stamp(path: Path) -> dict | None:
    """The content of a stamp; None when there is none or it cannot be read (the step is then redone)."""
    try:
        stamp = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def write_stamp(path: Path, content: dict) -> None:
    """Write a stamp atomically."""
    write_text(path, json.dumps(content, indent=1, default=str) + '\n')
