"""Runs the Python of a page of the documentation, block by block, and compares what it prints with what the page shows."""
from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r'```python\n(.*?)```(?:\n+```text\n(.*?)```)?', re.DOTALL)
NUMBER = re.compile(r'(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?')


def run(page: Path) -> tuple[list[tuple[str, str]], dict]:
    """What each block printed with what the page shows ('' where it shows nothing), and the variables after the last."""
    variables: dict = {'__name__': page.stem}
    outputs = []
    for code, shown in BLOCK.findall(page.read_text()):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, page.name, 'exec'), variables)
        outputs.append((printed.getvalue(), shown))
    return outputs, variables


def differences(printed: str, shown: str, relative: float = 0.05) -> Iterator[str]:
    """Where words differ, or numbers by more than a part of the larger and two of the last digit shown."""
    words = [NUMBER.sub('#', text).split() for text in (printed, shown)]
    if words[0] != words[1]:
        yield f'printed {printed!r}, the page shows {shown!r}'
        return
    for new, old in zip(NUMBER.findall(printed), NUMBER.findall(shown)):
        digits = len(old.partition('.')[2])
        if abs(float(new) - float(old)) > 2.1 * 10.0 ** -digits + relative * max(abs(float(new)), abs(float(old))):
            yield f'{new} in {printed.strip()!r}, the page shows {old}'


def fill(page: Path) -> None:
    """Write what the blocks print into the page."""
    outputs = iter(run(page)[0])

    def block(match: re.Match) -> str:
        printed = next(outputs)[0]
        return match[0] if match[2] is None else f'```python\n{match[1]}```\n\n```text\n{printed}```'

    page.write_text(BLOCK.sub(block, page.read_text()))


if __name__ == '__main__':
    fill(REPOSITORY / 'docs' / 'notebooks.md')
