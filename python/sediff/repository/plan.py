"""A plan on disk."""
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from sediff.formats.atomic import write_text
from sediff.repository.names import Exposure, folder_of

#: Files that a plan may have left in its folder.
_OURS = re.compile(r'WS_diff\.list|KH_diff\.list[12]|dummyjob\.sh|'
                   r'(copy_pairs_for|choices|calibrations|desgw_pipeline)_\d+\.(sh|list|dag)')


class PlanFiles(Protocol):
    """The part of a plan that is written."""

    @property
    def search(self) -> Exposure:
        """The search exposure."""

    @property
    def files(self) -> Mapping[str, str]:
        """Name -> text, for the plan's folder."""

    @property
    def exposure_files(self) -> Mapping[str, str]:
        """Name -> text, for the search exposure's EXPDIR."""


def write_plan(plan: PlanFiles, folder: str | os.PathLike, clean: bool = False) -> Path:
    """Write a plan's files into `folder`, and the lists the drivers read into the search exposure's EXPDIR.

    Parameters
    ----------
    clean : bool
        Remove first what an earlier plan left in `folder`; files of other names stay.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    BadInput
        A folder cannot be made or written.
    """
    folder = Path(folder)
    if clean and folder.is_dir():
        for path in sorted(folder.iterdir()):
            if _OURS.fullmatch(path.name):
                path.unlink()
    for name, text in plan.files.items():
        write_text(folder / name, text)
        if name.endswith('.sh'):
            (folder / name).chmod(0o755)
    for name, text in plan.exposure_files.items():
        write_text(folder_of(plan.search, 'exp') / name, text)
    return folder
