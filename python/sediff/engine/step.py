"""What a step is: a function of a context, with what it needs, makes and reads."""
from __future__ import annotations

import gc
import sys
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType


class NotRefillable(Exception):
    """The products do not hold what the database has lost: the step must run as a whole."""


@dataclass(frozen=True)
class Step:
    """One step of a CCD's processing.

    Parameters
    ----------
    id, name : str
        `RUN18`, `combined_hotpants`; logs and stamps are named `RUN18_combined_hotpants`.
    function : str
        `module:function` below `sediff.flow`; takes a `Context`.
    needs, makes : tuple of str
        Products (see `sediff.repository.names`) or external inputs.
    parameters : tuple of str
        Every parameter the step reads; no other is handed to it.
    doc : str
        What it does, one line.
    rows : tuple of str
        Tables of the season's database into which it writes rows.
    refill : str
        `module:function` that writes these rows again from the products, where only the database has lost them.

    Notes
    -----
    The code that decides its result, and the tables which that code opens, are found in the sources
    (`sediff.engine.code`).
    """

    id: str
    name: str
    function: str
    needs: tuple[str, ...]
    makes: tuple[str, ...]
    doc: str
    parameters: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    refill: str = ''

    @property
    def label(self) -> str:
        """Name of its log and stamps."""
        return f'{self.id}_{self.name}'

    def load(self, refill: bool = False):
        """The function itself, or the one that fills the database again."""
        module, name = (self.refill if refill else self.function).split(':')
        return getattr(imported(f'sediff.flow.{module}'), name)


def imported(name: str) -> ModuleType:
    """A module with all that it imports: that is no garbage, which is not looked for among it, neither now nor later."""
    if name in sys.modules or not gc.isenabled():
        return import_module(name)
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()
