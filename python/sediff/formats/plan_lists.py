"""The lists of a plan that name the templates of a search exposure: WS_diff.list and copy_pairs_for_EXPNUM.sh."""
from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import PurePath

from sediff.errors import BadInput


def ws_diff_text(band: str, search: int, others: list[int]) -> str:
    """One line: number of exposures including the search exposure, band, search exposure, the others."""
    return ' '.join(str(word) for word in (len(others) + 1, band, search, *others)) + '\n'


def parse_ws_diff(text: str) -> tuple[str, int, list[int]]:
    """Band, search exposure and templates of a `WS_diff.list`.

    Raises
    ------
    BadInput
        Not one line of number, band and exposures, or the number is not that of the exposures.
    """
    words = text.split()
    numbers = [words[0], *words[2:]] if len(words) >= 3 else []
    if not numbers or not all(word.isascii() and word.isdigit() and len(word) <= 18 for word in numbers):
        raise BadInput(f'WS_diff.list: {text.strip()[:80]!r} is not a number, a band and exposure numbers; '
                       'run DAGMaker.sh again')
    exposures = [int(word) for word in words[2:]]
    if int(words[0]) != len(exposures):
        raise BadInput(f'WS_diff.list says {words[0]} exposures and lists {len(exposures)}; run DAGMaker.sh again')
    return words[1], exposures[0], exposures[1:]


def drop_from_ws_diff(text: str, dropped: Collection[int]) -> str:
    """`WS_diff.list` without the dropped templates, its number right; the search exposure always stays."""
    band, search, templates = parse_ws_diff(text)
    return ws_diff_text(band, search, [expnum for expnum in templates if expnum not in dropped])


def parse_copy_pairs(text: str) -> dict[int, PurePath]:
    """Exposure number -> path of its `.out` file, from a `copy_pairs_for_EXPNUM.sh`; the search exposure is first.

    Raises
    ------
    BadInput
        Not a line of three words, paths of `.out` files, and a destination.
    """
    paths = [PurePath(word) for word in _words(text)[3:-1]]
    if not paths or not all(path.suffix == '.out' and path.stem.isascii() and path.stem.isdigit() for path in paths):
        raise BadInput(f'copy_pairs: {text.strip()[:80]!r} is not a copy command of EXPNUM.out files; '
                       'run DAGMaker.sh again')
    return {int(path.stem): path for path in paths}


def drop_from_copy_pairs(text: str, dropped: Collection[int]) -> str:
    """`copy_pairs_for_EXPNUM.sh` without the dropped templates; the search exposure always stays."""
    paths = parse_copy_pairs(text)
    words = text.split()
    search = next(iter(paths))
    kept = [shlex.quote(str(path)) for expnum, path in paths.items() if expnum == search or expnum not in dropped]
    return ' '.join([*words[:3], *kept, words[-1]]) + '\n'


def _words(text: str) -> list[str]:
    """Words as a shell sees them; those between blanks where the quotes do not fit."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
