"""The data flow, drawn from the table of steps."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sediff.errors import BadUsage


class DrawnStep(Protocol):
    """What a step must tell: id, name, needs, makes, doc (`sediff.steps.Step` does)."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def makes(self) -> tuple[str, ...]: ...
    @property
    def doc(self) -> str: ...


def data_flow_markdown(steps: Sequence[DrawnStep]) -> str:
    """A drawing in text and a table of the steps, in Markdown.

    Each line of the drawing is a step; marks left of it show which earlier products it reads; right of it, what it makes.

    Raises
    ------
    BadUsage
        A step needs what only a later one makes, or two steps have one id.
    """
    makers = _makers(steps)
    lines = ['One column a product: o made, | waiting, * read. `<=` comes from outside, `=>` is made.', '',
             '```text', *_drawing(steps, makers), '```', '', '| step | does | needs | makes |', '|---|---|---|---|']
    for step in steps:
        needs = ', '.join(f'{need} ({makers[need]})' if need in makers else f'*{need}*' for need in step.needs)
        lines.append(f'| {step.id} {step.name} | {_cell(step.doc)} | {_cell(needs) or "–"} | '
                     f'{_cell(", ".join(_made(step))) or "–"} |')
    lines += ['', 'Products in *italics* come from outside.', '']
    return '\n'.join(lines)


def _made(step: DrawnStep) -> list[str]:
    """What a step makes: its products, and rows of the database."""
    return [*step.makes, *(f'rows of {table}' for table in getattr(step, 'rows', ()))]


def _makers(steps: Sequence[DrawnStep]) -> dict[str, str]:
    """Product -> id of the step that makes it first."""
    all_made = {product for step in steps for product in step.makes}
    makers: dict[str, str] = {}
    seen: set[str] = set()
    for step in steps:
        if step.id in seen:
            raise BadUsage(f'two steps have the id {step.id}')
        seen.add(step.id)
        late = [need for need in step.needs if need in all_made and need not in makers and need not in step.makes]
        if late:
            raise BadUsage(f'step {step.id} needs {", ".join(late)}, made only later; move the maker before it')
        for product in step.makes:
            makers.setdefault(product, step.id)
    return makers


def _drawing(steps: Sequence[DrawnStep], makers: dict[str, str]) -> list[str]:
    """One lane a product in use: it opens (o) at its maker, runs (|) down, and is read (*) where needed."""
    last_use = {need: row for row, step in enumerate(steps) for need in step.needs}
    lanes: list[str | None] = []
    width = max((len(f'{step.id} {step.name}') for step in steps), default=0)
    drawn = []
    for row, step in enumerate(steps):
        fresh = [p for p in step.makes if last_use.get(p, -1) > row and makers[p] == step.id]
        marks = ['*' if lane in step.needs and lane else '|' if lane else ' ' for lane in lanes]
        lanes = [lane if lane and last_use[lane] > row else None for lane in lanes]
        for product in fresh:
            free = next((k for k, lane in enumerate(lanes) if lane is None and (k >= len(marks) or marks[k] == ' ')),
                        len(lanes))
            lanes[free:free + 1] = [product]
            marks[free:free + 1] = ['o']
        outside = [need for need in step.needs if need not in makers]
        given = f'  <= {", ".join(outside)}' if outside else ''
        made = f'  => {", ".join(_made(step))}' if step.makes else ''
        drawn.append((''.join(marks), f'{step.id} {step.name}'.ljust(width) + given + made))
    reach = max((len(marks) for marks, _ in drawn), default=0)
    return [f'{marks.ljust(reach)}  {text}'.rstrip() for marks, text in drawn]


def _cell(text: str) -> str:
    return ' '.join(text.split()).replace('|', '\\|')
