"""Draws steps and packages into docs/architecture.md, from tables and imports: `python -m tests.docs.drawings`."""
from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / 'docs' / 'architecture.md'


def imports_of(source: Path = REPOSITORY / 'python' / 'sediff') -> dict[str, set[str]]:
    """For each package and each module at the top of `sediff`: which others of them it imports, type checking apart."""
    parts = {path.stem for path in source.glob('*.py')} | {path.parent.name for path in source.glob('*/__init__.py')}
    parts -= {'__init__'}
    graph: dict[str, set[str]] = {part: set() for part in parts}
    for path in sorted(source.rglob('*.py')):
        part = path.relative_to(source).parts[0].removesuffix('.py')
        if part in graph:
            graph[part] |= {name for name in _imported(ast.parse(path.read_text())) if name in parts} - {part}
    return graph


def _imported(tree: ast.AST) -> set[str]:
    """Top names below `sediff` that a module imports anywhere, but not under `if TYPE_CHECKING`."""
    found = set()
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0] == 'sediff':
            rest = node.module.split('.')[1:]
            found |= {rest[0]} if rest else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split('.')[1] for alias in node.names if alias.name.startswith('sediff.')}
        found |= _imported(node)
    return found


def from_the_top(graph: Mapping[str, set[str]]) -> list[str]:
    """The parts from the top down, so that each imports from below its own place; a circle is cut where fewest import."""
    reach = {part: _below(part, graph) for part in graph}
    left, order = set(graph), []
    while left:
        importers = {part: sum(part in graph[other] for other in left) for part in left}
        free = [part for part in left if not any(part in reach[other] and other not in reach[part] for other in left)]
        order.append(min(free, key=lambda part: (importers[part], -len(graph[part] & left), part)))
        left.remove(order[-1])
    return order


def _below(part: str, graph: Mapping[str, set[str]]) -> set[str]:
    """Everything that a part imports, directly or not."""
    seen: set[str] = set()
    todo = [part]
    while todo:
        for other in graph[todo.pop()] - seen:
            seen.add(other)
            todo.append(other)
    return seen


def packages_drawing(graph: Mapping[str, set[str]]) -> str:
    """A square of marks: a row imports (*) the columns; a mark left of the diagonal would be an import upwards."""
    rows = from_the_top(graph)
    width = max(map(len, rows)) + 1
    head = ' ' * (width + 5) + ' '.join(f'{number % 100:2d}' for number in range(1, len(rows) + 1))
    lines = [head]
    for number, part in enumerate(rows, 1):
        marks = ['##' if part == other else ' *' if other in graph[part] else ' .' for other in rows]
        lines.append(f'{number:3d}  {part:<{width}}{" ".join(marks)}')
    return '\n'.join(lines)


def steps_drawing() -> str:
    """The data flow as `sediff steps --drawing` draws it, without its table."""
    made = subprocess.run([sys.executable, '-m', 'sediff', 'steps', '--drawing'], text=True, capture_output=True, check=True)
    return re.search(r'```text\n(.*?)\n```', made.stdout, re.DOTALL)[1]


def drawn(text: str) -> str:
    """A page with its drawings made anew, each between `<!-- drawing: NAME -->` and `<!-- end -->`."""
    for name, drawing in (('steps', steps_drawing()), ('packages', packages_drawing(imports_of()))):
        pattern = re.compile(rf'(<!-- drawing: {name} -->\n).*?(<!-- end -->)', re.DOTALL)
        text, count = pattern.subn(lambda match, drawing=drawing: f'{match[1]}```text\n{drawing}\n```\n{match[2]}', text)
        if count != 1:
            raise ValueError(f'{PAGE.name} has {count} places for the drawing of the {name}')
    return text


if __name__ == '__main__':
    PAGE.write_text(drawn(PAGE.read_text()))
