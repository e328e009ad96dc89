"""Finds the sky components of an exposure's band and the templates of a CCD."""
from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from sediff.names import Exposure, sky_components_path
from sediff.values import is_night

_NAME = re.compile(r'D_n(\d{8})_([a-zA-Z]+)_skypca-binned-fp\.fits$')


def find_sky_files(exposure: Exposure, max_days: float) -> list[Path]:
    """The components nearest in time, and the CCD's templates made with them where they are; empty where there are none."""
    folder = sky_components_path(exposure.root, exposure.nite, exposure.band).parent
    found = [(abs(_day(match[1]) - _day(exposure.nite)), path) for path in sorted(folder.glob('D_n*_skypca-binned-fp.fits'))
             if (match := _NAME.match(path.name)) and match[2] == exposure.band
             and is_night(match[1])]
    near = [path for days, path in sorted(found) if days <= max_days]
    if not near:
        return []
    templates = folder / near[0].name.replace('_skypca-binned-fp', f'_c{exposure.ccd:02d}_skypca-tmpl')
    return [near[0], templates] if templates.is_file() else near[:1]


def _day(nite: str) -> int:
    return date(int(nite[:4]), int(nite[4:6]), int(nite[6:])).toordinal()
