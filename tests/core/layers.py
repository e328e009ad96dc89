"""The floors of the package: `python -m tests.core.layers` prints what imports upward or in a circle (docs/architecture.md).

Imports inside functions and under TYPE_CHECKING count like those at the top.
"""
from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / 'python' / 'sediff'
NUMERICS = ('spectra', 'coadd', 'subtract', 'template', 'warp', 'detect', 'photometry', 'catalog', 'psf', 'astrometry',
            'jointcal', 'isr')
#: Modules that everybody stands on; '' is the package itself.
BASE = ('', 'wcs', 'sphere', 'healpix', 'stats', 'ccdimage', 'errors', 'values', 'csvtable', 'cards', 'maskbits', 'times',
        'catalogs', 'kilonova', 'places', 'compiled')
#: From top to bottom; a package imports from lower floors, those of one floor with several from each other, too.
FLOORS = (('__main__',), ('cli',), ('workflow',), ('report',), ('flow',), ('steps',), ('broker',), ('fakes',),
          ('candidates',), ('sim',), ('engine',), ('repository',), ('refcat',), ('formats',), NUMERICS, ('instruments',),
          ('parameters',), BASE)
#: Packages that may not import some lower floors either: the engine knows no astronomy.
FORBIDDEN = {'engine': (*NUMERICS, 'refcat', 'wcs', 'ccdimage', 'sphere')}


def modules_of(folder: Path) -> dict[str, Path]:
    """Every module of a package by its full name."""
    found = {}
    for path in sorted(folder.rglob('*.py')):
        name = '.'.join(path.relative_to(folder.parent).with_suffix('').parts)
        found[name.removesuffix('.__init__')] = path
    return found


def imports_of(name: str, path: Path, known: Mapping[str, Path]) -> set[str]:
    """Modules of the package that a module imports, anywhere in it."""
    found: set[str] = set()
    parent = name if path.name == '__init__.py' else name.rpartition('.')[0]
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            found |= {_module(alias.name, known) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(parent.split('.')[:len(parent.split('.')) + 1 - node.level]) if node.level else ''
            base = '.'.join(part for part in (base, node.module or '') if part)
            found |= {_module(f'{base}.{alias.name}', known) for alias in node.names}
    return found - {name, ''}


def _module(name: str, known: Mapping[str, Path]) -> str:
    """The module that a dotted name is of or in; '' where it is not of the package."""
    while name and name not in known:
        name = name.rpartition('.')[0]
    return name


def upward(imports: Mapping[str, set[str]]) -> Iterator[str]:
    """A line for each import that goes up, is forbidden, or is of a package that has no floor."""
    floor = {package: number for number, packages in enumerate(FLOORS) for package in packages}
    for name, package in ((name, _package(name)) for name in imports if _package(name) not in floor):
        yield f'{name}: {package} is on no floor of tests/core/layers.py'
    for name, others in sorted(imports.items()):
        for other in sorted(others):
            mine, theirs = _package(name), _package(other)
            if mine == theirs or not {mine, theirs} <= set(floor):
                continue
            if floor[theirs] < floor[mine]:
                yield f'{name} imports {other}: {theirs} is above {mine}'
            elif theirs in FORBIDDEN.get(mine, ()):
                yield f'{name} imports {other}: {mine} must not know {theirs}'


def _package(name: str) -> str:
    return name.split('.')[1] if '.' in name else ''


def circles(imports: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, straight or through others (Tarjan 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in sorted(imports.get(name, ())):
            if other not in order:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == order[name]:
            group = [stack.pop()]
            while group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in imports:
        if name not in order:
            visit(name)
    return found


def problems(folder: Path = PACKAGE) -> list[str]:
    """What is wrong with the imports of a package, a line each."""
    known = modules_of(folder)
    imports = {name: imports_of(name, path, known) for name, path in known.items()}
    return [*upward(imports), *(f'circle of imports: {", ".join(group)}' for group in circles(imports))]


if __name__ == '__main__':
    sys.exit('\n'.join(problems()) or None)
