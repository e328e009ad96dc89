"""Calibration epochs: which calibration files fit an exposure, by its number, night and band."""
from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sediff.csvtable import read_csv_rows
from sediff.errors import BadInput

#: Columns that name calibration files, by the kind of the calibration.
TAG_COLUMNS = {'biascor': 'bias', 'bpm': 'bpm', 'norm-dflatcor': 'flat', 'skypca-tmpl': 'skypca', 'starflat': 'starflat'}
_LIMITS = ('first_expnum', 'last_expnum', 'first_nite', 'last_nite')


@dataclass(frozen=True)
class Epoch:
    """A row of the table of epochs.

    Parameters
    ----------
    name : str
    bands : tuple of str
        Empty: all.
    exposures, nites : (int or None, int or None)
        First and last, both ends in; None: open.
    calibrations : (str, str)
        First and last night (YYYYMMDD) of calibration images made for it; '' is open.
    tags : mapping of kind to str
        Dates in the names of its DES files.
    """

    name: str
    bands: tuple[str, ...]
    exposures: tuple[int | None, int | None]
    nites: tuple[int | None, int | None]
    calibrations: tuple[str, str]
    tags: Mapping[str, str]

    def covers(self, expnum: int, nite: str, band: str) -> bool:
        """Whether an exposure belongs to it."""
        return (not self.bands or band in self.bands) and _inside(expnum, self.exposures) and _inside(int(nite), self.nites)

    def __str__(self) -> str:
        spans = (('exposures', self.exposures), ('nights', self.nites))
        limits = [f'{what} {_span(span)}' for what, span in spans if any(span)]
        return f'epoch {self.name} ({", ".join([*limits, "bands " + " ".join(self.bands) if self.bands else "all bands"])})'


def read_epochs(path: str | os.PathLike) -> tuple[Epoch, ...]:
    """The rows of a table of epochs such as an instrument's calib_epochs.csv.

    Raises
    ------
    BadInput
        The file is missing, lacks a column or holds a limit that is not a number.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput(f'no table of calibration epochs {path}')
    epochs = []
    for row in read_csv_rows(path, 'a table of calibration epochs'):
        try:
            first, last, first_night, last_night = (int(row[name]) if row[name].strip() else None for name in _LIMITS)
            bands = () if row['bands'].strip() == '*' else tuple(row['bands'].split())
            tags = {kind: row[column].strip() for kind, column in TAG_COLUMNS.items()}
            epochs.append(Epoch(row['epoch'].strip(), bands, (first, last), (first_night, last_night),
                                (row['calib_from'].strip(), row['calib_to'].strip()), tags))
        except (AttributeError, KeyError, ValueError) as error:
            raise BadInput(f'{path}: row {row} is not a calibration epoch ({error})') from error
    return tuple(epochs)


def choose_epoch(epochs: Sequence[Epoch], expnum: int, nite: str, band: str) -> Epoch:
    """The first epoch that covers an exposure.

    Raises
    ------
    BadInput
        There is none: a gap in the table.
    """
    for epoch in epochs:
        if epoch.covers(expnum, nite, band):
            return epoch
    there = '; '.join(map(str, epochs)) or 'no rows'
    raise BadInput(f'no calibration epoch covers exposure {expnum} of {nite} in {band}; the table has {there}: add a row, '
                   'or name your own files with BIAS_FILE, FLAT_FILE and BPM_FILE')


def _inside(value: int, span: tuple[int | None, int | None]) -> bool:
    return (span[0] is None or value >= span[0]) and (span[1] is None or value <= span[1])


def _span(span: tuple[int | None, int | None]) -> str:
    return f'{"" if span[0] is None else span[0]}-{"" if span[1] is None else span[1]}'
