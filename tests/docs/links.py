"""Checks what the documentation points at: links, anchors, pictures, and the files, modules and commands that it names.

`python -m tests.docs.links` prints each dead one with its page and line and exits with 1 (`make docs`, and a fast test).
"""
from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
#: Pages, as patterns below the repository.
PAGES = ('*.md', 'docs/*.md', 'scripts/*.md')
LINK = re.compile(r'!?\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)')
HEADING = re.compile(r'^#{1,6}\s+(.*?)\s*#*$')
#: Named in backticks: a file with a folder, or a file of one of the folders that hold them.
NAMED_FILE = re.compile(r'(?:python )?((?:[\w.-]+/)+[\w.-]+\.(?:py|csv|json|md|rc|sh|bats|png))(?=$|[ ,;:])')
NAMED_MODULE = re.compile(r'\bsediff(?:\.[a-zA-Z_]\w*)+')
RUN_MODULE = re.compile(r'python -m ((?:sediff|tests)(?:\.\w+)*)(?: +([a-z]+))?')
#: Where a file named without its folder may lie.
ROOTS = ('', 'python/sediff', 'docs')
#: Pages that tell of names of the past.
OLD_NAMES = ('CHANGES.md',)


def pages(top: Path = REPOSITORY) -> list[Path]:
    """Every page of the documentation."""
    return sorted(path for pattern in PAGES for path in top.glob(pattern))


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not in a fenced block; 1-based."""
    fence = ''
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.match(r'\s*(```+|~~~+)', line)
        if mark:
            fence = '' if fence and mark[1].startswith(fence) else fence or mark[1]
        elif not fence:
            yield number, line


def anchors(text: str) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    seen: Counter[str] = Counter()
    out = set()
    for _, line in prose(text):
        heading = HEADING.match(line)
        if heading:
            words = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', heading[1]).replace('`', '')
            slug = re.sub(r'[^\w\- ]', '', words.lower()).replace(' ', '-')
            out.add(f'{slug}-{seen[slug]}' if seen[slug] else slug)
            seen[slug] += 1
    return out


def dead_links(page: Path, top: Path = REPOSITORY) -> Iterator[tuple[int, str]]:
    """Line and target of each relative link of a page that leads nowhere, of its file or its anchor."""
    for number, line in prose(page.read_text()):
        for target in LINK.findall(re.sub(r'`[^`]*`', '', line)):
            if re.match(r'[a-z]+:', target):
                continue
            name, _, anchor = target.partition('#')
            file = (page.parent / name).resolve() if name else page
            if not file.exists() or not file.is_relative_to(top):
                yield number, f'{target}: no such file'
            elif anchor and anchor not in anchors(file.read_text()):
                yield number, f'{target}: no such heading'


def dead_names(page: Path, top: Path = REPOSITORY) -> Iterator[tuple[int, str]]:
    """Line and name of each file, module or command in a page's code that is not there."""
    for number, line in enumerate(page.read_text().splitlines(), 1):
        for name in NAMED_MODULE.findall(line):
            if not _module_exists(name, top):
                yield number, f'{name}: no such module or name'
        for module, _ in RUN_MODULE.findall(line):
            if not (_module_file(module, top) or (_folder(module, top) / '__main__.py').is_file()):
                yield number, f'python -m {module}: no such module'
    for number, line in prose(page.read_text()):
        for code in re.findall(r'`([^`]+)`', line):
            for name in NAMED_FILE.findall(code):
                if not name.startswith('.') and not any((top / root / name).exists() for root in ROOTS):
                    yield number, f'{name}: no such file'


def unreachable(top: Path = REPOSITORY) -> list[Path]:
    """Pages of docs/ that no chain of links leads to from the README."""
    reached, todo = set(), [top / 'README.md']
    while todo:
        page = todo.pop()
        if page in reached or page.suffix != '.md' or not page.is_file():
            continue
        reached.add(page)
        text = page.read_text()
        todo += [(page.parent / target.partition('#')[0]).resolve() for target in LINK.findall(text) if '://' not in target]
        todo += [top / name for name in re.findall(r'`(docs/\w+\.md)`', text)]
    return [page for page in pages(top) if page.parent == top / 'docs' and page not in reached]


def _folder(module: str, top: Path) -> Path:
    return (top / 'python' if module.startswith('sediff') else top) / module.replace('.', '/')


def _module_file(module: str, top: Path) -> Path | None:
    """The file of a module or package of ours."""
    folder = _folder(module, top)
    found = (folder.with_suffix('.py'), folder / '__init__.py')
    return next((path for path in found if path.is_file()), folder if folder.is_dir() else None)


def _module_exists(name: str, top: Path) -> bool:
    """Whether a dotted name is a module, or one with a name or two of its text behind it."""
    parts = name.split('.')
    for count in range(len(parts), 0, -1):
        file = _module_file('.'.join(parts[:count]), top)
        if file is not None:
            text = (file / '__init__.py' if file.is_dir() else file)
            text = text.read_text() if text.is_file() else ''
            return all(re.search(rf'\b{part}\b', text) for part in parts[count:])
    return False


def main(top: Path = REPOSITORY) -> int:
    """Print what is dead; 1 where anything is."""
    dead = [f'{page.relative_to(top)}:{number}: {what}' for page in pages(top)
            for number, what in (*dead_links(page, top), *(() if page.name in OLD_NAMES else dead_names(page, top)))]
    dead += [f'{page.relative_to(top)}: no page links to it' for page in unreachable(top)]
    print('\n'.join(dead) or f'{len(pages(top))} pages: every link and name leads somewhere')
    return int(bool(dead))


if __name__ == '__main__':
    sys.exit(main())
