"""Nothing is in the package that none of its code uses."""
import ast
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.busy

#: Names that no code of the package uses, and why they stay.
WHY = {
    'psf_of': 'docs/notebooks.md', 'feature_table': 'features of stamps that were cut before',
    'read_shards': 'looks into shards that build and download write',
    'read_raw_ccd': 'one CCD of a raw file, for a person', 'se_folder': "a CCD's logs and stamps, for a person",
    'get_connection_secure': 'a method that urllib calls', 'ignored': 'a mark in the table of parameters'}


def definitions(path: Path, tree: ast.Module):
    """(name, first line, last line) of the functions, classes, methods, fields and constants of a module; members of an
    enumeration, which are what a format says, are left out."""
    classes = (each for each in tree.body if isinstance(each, ast.ClassDef))
    for node in [*tree.body, *(part for each in classes for part in each.body if not isinstance(part, ast.Assign))]:
        names = ([node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else
                 [target.id for target in node.targets if isinstance(target, ast.Name)] if isinstance(node, ast.Assign) else
                 [node.target.id] if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else [])
        for name in names:
            if not name.startswith('__'):
                yield name, node.lineno, node.end_lineno


def uses(tree: ast.Module):
    """(name, line) of what a module reads; of texts their words, as steps and stages name functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and ' ' not in node.value:
            yield from ((word, node.lineno) for word in re.split(r'\W+', node.value))


def test_every_definition_is_used(repository):
    package = repository / 'python' / 'sediff'
    trees = {path: ast.parse(path.read_text()) for path in package.rglob('*.py')}
    used: dict[str, list] = {}
    for path, tree in trees.items():
        for name, line in uses(tree):
            used.setdefault(name, []).append((path, line))
    pages = ' '.join(path.read_text() for path in (package / 'report' / 'templates').glob('*.html'))
    unused = {name for path, tree in trees.items() for name, first, last in definitions(path, tree)
              if not any(where != path or not first <= line <= last for where, line in used.get(name, []))
              and not re.search(rf'\b{name}\b', pages)}
    assert unused == set(WHY), 'delete what nothing uses, or say in WHY why it stays'
