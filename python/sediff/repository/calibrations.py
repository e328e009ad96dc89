"""Calibrations below ROOT/calib by the dates in their names, as DES named them or as `sediff calib` does."""
from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sediff.repository.names import BANDED_CALIBRATIONS, FILES, Exposure, folder_of, product_path
from sediff.values import is_night


@dataclass(frozen=True)
class Calibrations:
    """What ROOT/calib holds.

    Parameters
    ----------
    root : Path
        Top of the work tree.
    """

    root: Path

    def folder(self, kind: str, exposure: Exposure) -> Path:
        """Where calibrations of a kind are: 'biascor', 'norm-dflatcor', 'bpm', 'starflat', 'darkcor', 'linearity' or
        'sky_components'."""
        return folder_of(exposure, FILES[kind].place)

    def images(self, kind: str, exposure: Exposure) -> list[tuple[str, Path]]:
        """Images of a kind for the CCD (and band) of a data ID: the dates in their names, and the files."""
        pattern = re.compile(r'[0-9A-Z]+_n?(\d{8}(?:t\d{4,6})?)_' + self.middle(kind, exposure) + r'(?:_r\d+p\d+)?_'
                             + re.escape(kind) + r'\.fits(?:\.fz)?$')
        return [(match[1], path) for path in _images(self.folder(kind, exposure))
                if (match := pattern.match(path.name)) and is_night(match[1][:8])]

    def middle(self, kind: str, exposure: Exposure) -> str:
        """The part of the name that stands for the CCD, and the band where the kind has one."""
        return f'{exposure.band}_c{exposure.ccd:02d}' if kind in BANDED_CALIBRATIONS else f'c{exposure.ccd:02d}'

    def has_star_flat(self, exposure: Exposure) -> bool:
        """Whether there is a star flat of this band and CCD, of any night."""
        return any(self.folder('starflat', exposure).glob(f'*_{self.middle("starflat", exposure)}*_starflat.fits*'))

    def linearity(self, exposure: Exposure) -> Path | None:
        """The newest linearity table of a CCD that is not younger than the night, or else the first of all."""
        found = sorted(self.folder('linearity', exposure).glob(f'D_n*_c{exposure.ccd:02d}_linearity.csv'))
        before = [path for path in found if path.name[3:11] <= exposure.nite]
        return before[-1] if before else found[0] if found else None

    def sky_components(self, exposure: Exposure) -> list[tuple[str, Path]]:
        """Sky components of the exposure's band: their nights, and the files."""
        pattern = re.compile(r'D_n(\d{8})_([a-zA-Z0-9]+)_skypca-binned-fp\.fits$')
        files = sorted(self.folder('sky_components', exposure).glob('D_n*_skypca-binned-fp.fits'))
        return [(match[1], path) for path in files
                if (match := pattern.match(path.name)) and match[2] == exposure.band and is_night(match[1])]

    def sky_template(self, exposure: Exposure) -> Path | None:
        """The CCD's templates of the components of this night and band, where they are."""
        path = product_path(exposure, 'sky_template')
        return path if path.is_file() else None


def _images(folder: Path) -> tuple[Path, ...]:
    """FITS files of a folder, read anew when it changes."""
    return _listing(folder, folder.stat().st_mtime_ns) if folder.is_dir() else ()


@lru_cache(maxsize=8)
def _listing(folder: Path, changed: int) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob('*.fits*')))
