"""Where the folders are that come with sediff: beside `python/` in a checkout, in `sediff/share` of an installed package."""
from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def shipped(folder: str) -> Path:
    """The folder `catalogs`, `rc` or `scripts`."""
    installed = _PACKAGE / 'share' / folder
    return installed if installed.is_dir() else _PACKAGE.parents[1] / folder
