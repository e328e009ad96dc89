"""Outputs that would take the place of an input, or of one another, are rejected before anything is read."""
from __future__ import annotations

import os
from collections.abc import Iterable

from sediff.errors import BadUsage
from sediff.formats.opening import split_extension


def check_outputs(outputs: Iterable[str | None], inputs: Iterable[str | None]) -> None:
    """See that no output is an input or another output, by whatever name or link.

    Parameters
    ----------
    outputs, inputs : iterable of str or None
        Paths as the user gave them; inputs may end in an extension in brackets. None: not given.

    Raises
    ------
    BadUsage
        Names the two.
    """
    read = {os.path.realpath(split_extension(path)[0]): path for path in inputs if path is not None}
    written: set[str] = set()
    for path in filter(None, outputs):
        place = os.path.realpath(path)
        if place in read:
            raise BadUsage(f'{path} would be written over the input {read[place]}: give the output another name')
        if place in written:
            raise BadUsage(f'{path} is to be written twice: give each output a name of its own')
        written.add(place)
