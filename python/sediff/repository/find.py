"""Which data IDs have a product: the pattern of its file name read backwards."""
from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter

from sediff.repository.names import GIVEN_PLACES, PLACES, Exposure, Product, fields_of

#: What a field of a pattern can be.
_VALUES = {'expnum': r'[0-9]+', 'ccd': r'[0-9]{1,3}', 'nite': r'[0-9]{8}', 'band': r'[A-Za-z0-9]+',
           'rpnum': r'r[0-9A-Za-z]+?p[0-9A-Za-z]+', 'season': r'dp[0-9]+', 'cache': r'[^/]+', 'schema': r'[^/]+',
           'field': r'.+?', 'detector': r'[^/]+?'}


def find(tree: Path, product: Product, fixed: Mapping) -> Iterator[Exposure]:
    """Data IDs whose product is in this tree.

    Parameters
    ----------
    fixed : mapping
        Fields of `Exposure` that are known; those that the pattern lacks are copied.
    """
    pattern = f'{(PLACES | GIVEN_PLACES)[product.place]}/{product.pattern}'
    known = _known(fixed)
    wanted = re.compile(_regular(pattern, known))
    for path in tree.glob(_wildcards(pattern, known)):
        match = wanted.fullmatch(path.relative_to(tree).as_posix())
        if match and path.is_file():
            found = _exposure(tree, {**fixed, **match.groupdict()})
            if found is not None and pattern.format(**_fields(found)) == match[0]:
                yield found


def _known(fixed: Mapping) -> dict:
    """Fields of patterns that are known."""
    known = {name: value for name, value in fixed.items() if name in _VALUES}
    if {'rnum', 'pnum'} <= set(fixed):
        known['rpnum'] = f'r{fixed["rnum"]}p{fixed["pnum"]}'
    return known


def _parts(pattern: str) -> Iterator[tuple[str, str | None, str]]:
    """Text, then the field after it and its format."""
    for text, name, form, _ in Formatter().parse(pattern):
        yield text, name, form or ''


def _wildcards(pattern: str, known: Mapping) -> str:
    words = []
    for text, name, form in _parts(pattern):
        words.append(glob.escape(text))
        if name:
            words.append(glob.escape(format(known[name], form)) if name in known else '*')
    return ''.join(words)


def _regular(pattern: str, known: Mapping) -> str:
    words, seen = [], set()
    for text, name, form in _parts(pattern):
        words.append(re.escape(text))
        if name in known:
            words.append(re.escape(format(known[name], form)))
        elif name:
            words.append(_VALUES[name] if name in seen else f'(?P<{name}>{_VALUES[name]})')
            seen.add(name)
    return ''.join(words)


def _fields(exposure: Exposure) -> dict:
    """What patterns are filled with; those of raw files may have the name of the detector."""
    return fields_of(exposure) | ({'detector': exposure.detector.name} if exposure.ccd else {})


def _exposure(tree: Path, fields: dict) -> Exposure | None:
    """The data ID of what a name told; None for a detector that the instrument does not have."""
    name = fields.pop('detector', None)
    if name is not None:
        numbers = [one.number for one in fields['instrument'].detectors.values() if one.name == name]
        if not numbers:
            return None
        fields['ccd'] = numbers[0]
    rnum, _, pnum = str(fields.pop('rpnum', '')).removeprefix('r').partition('p')
    if rnum:
        fields |= {'rnum': rnum, 'pnum': pnum}
    for name in ('expnum', 'ccd'):
        fields[name] = int(fields.get(name, 0))
    return Exposure(**{'root': tree, 'nite': '', 'band': '', **fields})
