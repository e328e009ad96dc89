"""A module's source as pieces: what it defines, which names are in each definition, and what it imports.

Docstrings, comments and empty lines are no code, so that better words do not redo a season.
"""
from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Piece:
    """A definition: hash of its code, the chains of names in it, imports inside it, strings, and calls with a constant."""

    text: str
    names: frozenset[str]
    imports: Mapping[str, str]
    strings: frozenset[str]
    calls: tuple[tuple[str, str | None], ...] = ()


@dataclass
class Module:
    """What a module defines: name -> pieces; name -> `module` or `module:name` that it imports; other statements."""

    pieces: dict[str, list[Piece]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    loose: list[Piece] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)


def entry_of(pieces: list[Piece], key: str) -> Piece | None:
    """One entry of a table written as a dict, None where it has no such key; of a chooser (no key), its code without the
    names of tables."""
    if not key:
        piece = pieces[0]
        return Piece(piece.text, frozenset(name for name in piece.names if not name.split('.')[0].isupper()
                                           and not name.startswith('_')), piece.imports, frozenset())
    for piece in pieces:
        table = getattr(ast.parse(piece.text).body[0], 'value', None)
        if isinstance(table, ast.Dict):
            for name, value in zip(table.keys, table.values):
                if isinstance(name, ast.Constant) and name.value == key:
                    return _piece(ast.get_source_segment(piece.text, value) or '', [value])
    return None


def summary(text: str, name: str, package: bool = False) -> Module:
    """The pieces and imports of a module's source."""
    module, tree = Module(), ast.parse(text)
    lines = _without_words(text, tree)
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module.imports |= _imports(node, name, package, module.stars)
        elif not _is_docstring(node):
            nested: dict[str, str] = {}
            for each in ast.walk(node) if isinstance(node, (ast.If, ast.Try, ast.With)) else ():
                if isinstance(each, (ast.Import, ast.ImportFrom)):
                    nested |= _imports(each, name, package, module.stars)
            module.imports |= nested
            piece = _piece(_source(lines, node), [node], name, package)
            bound = _bound(node)
            for defined in bound:
                module.pieces.setdefault(defined, []).append(piece)
            if not bound or isinstance(node, (ast.If, ast.Try, ast.With, ast.For)):
                module.loose.append(piece)
    return module


def _piece(text: str, nodes: Sequence[ast.AST], module: str = '', package: bool = False) -> Piece:
    names, strings, calls = set(), set(), []
    imports: dict[str, str] = {}
    stars: list[str] = []
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Name, ast.Attribute)):
            chain, inner = _chain(node)
            if chain:
                names.add(chain)
            else:
                waiting.append(inner)
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.add(node.value)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports |= _imports(node, module, package, stars)
        if isinstance(node, ast.Call) and (called := _chain(node.func)[0]):
            constant = node.args[1] if len(node.args) > 1 else None
            second = constant.value if isinstance(constant, ast.Constant) else None
            calls.append((called, second if isinstance(second, str) else None))
        waiting += ast.iter_child_nodes(node)
    return Piece(text, frozenset(names), imports, frozenset(strings), tuple(calls))


def _chain(node: ast.AST) -> tuple[str, ast.AST]:
    """`a.b.c` of names and attributes; '' and the expression below them where it starts with something else."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ('.'.join([node.id, *reversed(parts)]), node) if isinstance(node, ast.Name) else ('', node)


def _imports(node: ast.Import | ast.ImportFrom, module: str, package: bool, stars: list[str]) -> dict[str, str]:
    """Name -> `module` or `module:name`; star imports go into `stars`."""
    if isinstance(node, ast.Import):
        return {each.asname or each.name.split('.')[0]: each.name if each.asname else each.name.split('.')[0]
                for each in node.names}
    above = module.split('.')[:len(module.split('.')) - node.level + package] if node.level else []
    source = '.'.join([*above, *([node.module] if node.module else [])])
    stars += [source for each in node.names if each.name == '*']
    return {each.asname or each.name: f'{source}:{each.name}' for each in node.names if each.name != '*'}


def _bound(node: ast.AST) -> set[str]:
    """Names that a statement at the top of a module defines or changes."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.Expr):                           # table.update(...), table.append(...)
        called = _chain(node.value.func)[0] if isinstance(node.value, ast.Call) else ''
        return {called.split('.')[0]} if called.count('.') == 1 else set()
    bound = set()
    for each in ast.walk(node):
        if isinstance(each, (ast.FunctionDef, ast.ClassDef)):
            bound.add(each.name)
        targets = each.targets if isinstance(each, (ast.Assign, ast.Delete)) else \
            [each.target] if isinstance(each, (ast.AnnAssign, ast.AugAssign, ast.For)) else []
        for target in targets:
            bound |= {name.id for name in ast.walk(target) if isinstance(name, ast.Name)}
    return bound


def _source(lines: list[str], node: ast.stmt) -> str:
    first = min([node.lineno, *(each.lineno for each in getattr(node, 'decorator_list', ()))])
    return '\n'.join(line for line in lines[first - 1:node.end_lineno] if line.strip())


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _without_words(text: str, tree: ast.Module) -> list[str]:
    """The lines of a source without docstrings and comments."""
    lines = [line.encode() for line in text.splitlines()]
    strings: dict[int, list[tuple[int, int]]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))):
            last, end = node.end_lineno or node.lineno, node.end_col_offset or 0
            for number in range(node.lineno, last + 1):
                strings.setdefault(number, []).append((node.col_offset if number == node.lineno else 0,
                                                       end if number == last else 1 << 30))
    for number, line in enumerate(lines, 1):
        at = line.find(b'#')
        while at >= 0 and any(first <= at < last for first, last in strings.get(number, ())):
            at = line.find(b'#', at + 1)
        if at >= 0:
            lines[number - 1] = line[:at].rstrip()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)) and _is_docstring(node.body[0]):
            words = node.body[0]
            for number in range(words.lineno, (words.end_lineno or words.lineno) + 1):
                lines[number - 1] = b''
    return [line.decode(errors='replace') for line in lines]
