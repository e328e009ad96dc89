"""Exposures that were withdrawn: a file beside their products says when and why, whatever becomes of a database."""
from __future__ import annotations

import time
from contextlib import suppress

from sediff.errors import BadData, BadInput, BadUsage
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

#: Characters of a reason that are kept.
LONGEST = 200


def withdrawn(exposure: Exposure) -> str:
    """`withdrawn 2026-11-28: clouds`; '' of an exposure that counts. A file that cannot be read withdraws, too."""
    repository = Repository.of(exposure)
    if not repository.exists('withdrawn', exposure):
        return ''
    try:
        record = repository.get('withdrawn', exposure)
        return f'withdrawn {str(record["when"])[:10]}: {str(record["why"])[:LONGEST]}'
    except (BadInput, KeyError, TypeError):
        return f'withdrawn ({repository.path("withdrawn", exposure)} cannot be read)'


def check_counts(exposure: Exposure) -> None:
    """Raise BadData where an exposure was withdrawn."""
    reason = withdrawn(exposure)
    if reason:
        raise BadData(f'{exposure.expnum}: {reason}; `sediff retract {exposure.expnum} --undo` takes it back')


def checked_reason(text: str) -> str:
    """A reason as one line of printable text.

    Raises
    ------
    BadUsage
        Nothing is left of it, or it is too long.
    """
    words = ' '.join(''.join(each if each.isprintable() else ' ' for each in text).split())
    if not words or len(words) > LONGEST:
        raise BadUsage(f'--why must be 1 to {LONGEST} characters that say why, not {len(words)}')
    return words


def mark(exposure: Exposure, why: str) -> None:
    """Write the file; the time of an earlier one stays."""
    repository, when = Repository.of(exposure), time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
    with suppress(BadInput, KeyError, TypeError):          # there is none, or none that can be read
        when = str(repository.get('withdrawn', exposure)['when'])
    repository.put('withdrawn', exposure, {'expnum': exposure.expnum, 'when': when, 'why': why})


def unmark(exposure: Exposure) -> None:
    """Remove the file.

    Raises
    ------
    BadInput
        It is in a tree that this rerun only reads.
    """
    repository = Repository.of(exposure)
    repository.remove('withdrawn', exposure)
    if repository.exists('withdrawn', exposure):
        raise BadInput(f'{exposure.expnum}: withdrawn in {repository.path("withdrawn", exposure)}, which a rerun does not '
                       'change; take it back there')
