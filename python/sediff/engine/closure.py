"""The code that a function can run, found in the sources: definitions that it reaches through names and imports.

A definition (function, class, constant) of a module of the package is one piece. A piece reaches the pieces whose names
occur in it: of its own module, or of modules that are imported at the top or inside the function. What a name cannot tell (a
module that is passed on as a value, `globals()`, a star import) reaches the whole module. Statements at the top of a
module that define nothing come with each of its pieces.
"""
from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sediff.engine.pieces import Module, Piece, entry_of, summary

#: Names whose use means that a definition may reach anything of its own module; or any module that it names, or else all.
_DYNAMIC = frozenset({'globals', 'eval', 'exec', 'vars'})
_IMPORTERS = frozenset({'import_module', '__import__'})


@dataclass
class Closure:
    """Pieces that an entry reaches: (module, name) -> hashes of their code, and all strings in them."""

    pieces: dict[tuple[str, str], str] = field(default_factory=dict)
    strings: set[str] = field(default_factory=set)

    @property
    def modules(self) -> list[str]:
        """Modules that pieces are of."""
        return sorted({module for module, _ in self.pieces})

    def digest(self) -> str:
        """Hash of all pieces."""
        return _hash('\n'.join(f'{module}:{name} {text}' for (module, name), text in sorted(self.pieces.items())))


class Package:
    """The sources of a package.

    Parameters
    ----------
    folder : Path
        Of its `__init__.py`.
    outside : iterable of str
        Modules (with what is below them) and `module:name` that decide no result: they are not followed.
    choosers : mapping
        `module:function` that picks an entry of a table by a constant second argument -> `module:name` of the table. A call
        with a constant reaches that entry alone.
    attributes : mapping
        Name of an attribute -> `module:name` of the class of what it holds, which is reached wherever it is read.
    """

    def __init__(self, folder: Path, outside: Iterable[str] = (), choosers: Mapping[str, str] | None = None,
                 attributes: Mapping[str, str] | None = None):
        self.folder, self.name = Path(folder), Path(folder).name
        self.outside, self.choosers, self.attributes = frozenset(outside), dict(choosers or {}), dict(attributes or {})
        self._modules: dict[str, Module | None] = {}

    def closure(self, entries: Iterable[str]) -> Closure:
        """What some entries reach: `module:name`, or `module:table[key]` for one entry of a table."""
        found, waiting = Closure(), list(entries)
        seen: set[str] = set()
        while waiting:
            entry = waiting.pop()
            if entry not in seen:
                seen.add(entry)
                waiting += self._reach(entry, found)
        return found

    def module(self, name: str) -> Module | None:
        """A module's summary; None where the package has no such module."""
        if name not in self._modules:
            base = self.folder.parent / name.replace('.', '/')
            path = base / '__init__.py' if base.is_dir() else base.with_suffix('.py')
            inside = name == self.name or name.startswith(f'{self.name}.')
            self._modules[name] = summary(path.read_text(encoding='utf-8'), name, base.is_dir()) \
                if inside and path.is_file() else None
        return self._modules[name]

    def _is_outside(self, module: str, name: str = '') -> bool:
        parts = module.split('.')
        return f'{module}:{name}' in self.outside or any('.'.join(parts[:k + 1]) in self.outside for k in range(len(parts)))

    def _reach(self, entry: str, found: Closure) -> list[str]:
        """Add the pieces of an entry; returns the entries that they reach."""
        name, _, rest = entry.partition(':')
        target, _, key = rest.partition('[')
        module = self.module(name)
        if module is None or self._is_outside(name, target):
            return []
        if not target:                                       # the whole module
            wanted = list(module.pieces)
            return [f'{name}:{each}' for each in wanted] + [self._whole(star) for star in module.stars]
        if target not in module.pieces:
            return self._through(name, module, target)
        pieces = module.pieces[target]
        if key:
            pieces = [piece for piece in (entry_of(pieces, key.rstrip(']')),) if piece]
        reached = []
        for label, group in ((f'{target}[{key}' if key else target, pieces), ('', module.loose)):
            if group and (name, label) not in found.pieces:
                found.pieces[name, label] = _hash('\0'.join(piece.text for piece in group))
                for piece in group:
                    found.strings |= piece.strings
                    reached += self._names(name, module, piece)
        return reached

    def _through(self, name: str, module: Module, target: str) -> list[str]:
        """A name that a module does not define: imported there, a module below it, or from a star import."""
        if target in module.imports:
            return [self._whole(module.imports[target])]
        if self.module(f'{name}.{target}') is not None:
            return [self._whole(f'{name}.{target}')]
        return [f'{star}:{target}' for star in module.stars]

    @staticmethod
    def _whole(what: str) -> str:
        return what if ':' in what else f'{what}:'

    def _names(self, name: str, module: Module, piece: Piece) -> list[str]:
        reached, chosen = [], self._chosen(module, piece)
        for chain in piece.names:
            head, *rest = chain.split('.')
            known = piece.imports.get(head) or module.imports.get(head)
            reached += [self.attributes[part] for part in rest if part in self.attributes]
            if head in _DYNAMIC and not known:
                reached.append(f'{name}:')
            if chain.split('.')[-1] in _IMPORTERS:
                reached += [f'{each}:' for each in self._imported(piece)]
            if known and chain in chosen:
                reached += chosen[chain]
            elif known:
                reached.append(self._resolve(known, rest))
            elif head in module.pieces:
                reached.append(f'{name}:{head}')
            else:
                reached += [f'{star}:{head}' for star in module.stars]
        return reached

    def _imported(self, piece: Piece) -> list[str]:
        """Modules that a definition imports by strings in it; all of the package where they are not whole names."""
        named = [text for text in piece.strings if all(map(str.isidentifier, text.split('.'))) and self.module(text)]
        paths = () if named else sorted(self.folder.rglob('*.py'))
        return named or ['.'.join(path.relative_to(self.folder.parent).with_suffix('').parts).removesuffix('.__init__')
                         for path in paths]

    def _resolve(self, known: str, rest: list[str]) -> str:
        """The entry behind an imported name and the attributes after it."""
        if ':' in known:
            module, target = known.split(':')
            below = f'{module}.{target}'
            if target in getattr(self.module(module), 'pieces', ()) or self.module(below) is None:
                return known
            known = below
        while rest and self.module(f'{known}.{rest[0]}') is not None:
            known, rest = f'{known}.{rest[0]}', rest[1:]
        return f'{known}:{rest[0]}' if rest else f'{known}:'

    def _chosen(self, module: Module, piece: Piece) -> dict[str, list[str]]:
        """Chains that pick entries of a table by constants only -> the entries and the chooser itself."""
        out: dict[str, list[str]] = {}
        for chain in piece.names if self.choosers else ():
            head, *rest = chain.split('.')
            known = piece.imports.get(head) or module.imports.get(head)
            entry = self._resolve(known, rest) if known else ''
            keys = [key for called, key in piece.calls if called == chain]
            if entry in self.choosers and keys and None not in keys:
                out[chain] = [f'{entry}[]', *(f'{self.choosers[entry]}[{key}]' for key in keys)]
        return out


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
