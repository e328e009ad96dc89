"""Which exposures and CCDs some data IDs and a condition name, among those that are registered. Pure."""
from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sediff.repository.dataid import DataId, near_keys
from sediff.repository.registry import ExposureRow
from sediff.repository.where import Condition
from sediff.times import date_of_mjd, tai_text

#: Most combinations of an --id that are looked for one by one, and most of those without data that are named.
MOST_COMBINATIONS, MOST_NAMED = 20_000, 5


@dataclass(frozen=True)
class Registered:
    """An exposure, and the CCDs that its files have (None: not known, every CCD may be there)."""

    exposure: ExposureRow
    ccds: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Selected:
    """An exposure, and those of its CCDs that are selected."""

    exposure: ExposureRow
    ccds: tuple[int, ...]


def item_of(row: ExposureRow, ccd: int | None = None) -> dict[str, object]:
    """The full data ID of an exposure, or of one of its CCDs: key -> value; what is not known is left out."""
    times = {'date': date_of_mjd(row.mjd), 'taiObs': tai_text(row.mjd), 'mjd': row.mjd} if math.isfinite(row.mjd) else {}
    values = {'visit': row.expnum, 'ccdnum': ccd, 'filter': row.band, 'nite': row.nite, **times,
              'expTime': row.exptime if math.isfinite(row.exptime) else None, 'obstype': row.obstype, 'object': row.object,
              'proposal': row.propid, 'ra': row.ra, 'dec': row.dec, 'instrument': row.instrument}
    return {key: value for key, value in values.items() if value not in (None, '')}


def select(rows: Iterable[Registered], ids: Sequence[DataId], where: Condition | None,
           usual: Callable[[ExposureRow], Sequence[int]],
           every: Sequence[int]) -> tuple[list[Selected], list[str]]:
    """The items that at least one data ID names (all, where there is none) and for which the condition holds.

    Parameters
    ----------
    rows : iterable of Registered
    ids : sequence of DataId
        They add up.
    where : callable or None
        From `sediff.repository.where.parse_where`.
    usual : callable
        CCDs of an exposure that are taken where none is named: those that worked that night.
    every : sequence of int
        CCDs of the instrument.

    Returns
    -------
    selected : list of Selected
        In the order of `rows`.
    missing : list of str
        A sentence on each data ID, or part of one, that has no data.
    """
    named, found = [], [_Found(one) for one in ids]
    for row in rows:
        item = item_of(row.exposure)
        matches = [one for one in found if one.data_id.names(item)]
        settled = None if where is None else where(item)
        if (ids and not matches) or (not ids and settled is False):
            continue
        ccds = _ccds([one.data_id for one in matches], row.ccds, usual(row.exposure), every)
        for one in matches:
            one.note(item, [ccd for ccd in ccds if one.data_id.names({'ccdnum': ccd})])
        if ccds:
            named.append((row.exposure, item, ccds, settled))
    selected = [Selected(exposure, kept) for exposure, item, ccds, settled in named
                if (kept := _holding(item, ccds, where, settled))]
    return selected, [line for one in found for line in one.missing()]


def _ccds(ids: Sequence[DataId], there: tuple[int, ...] | None, usual: Sequence[int],
          every: Sequence[int]) -> tuple[int, ...]:
    """CCDs of an exposure that these data IDs name: those that are there, and of those that no ID names the usual ones."""
    wanted: dict[int, None] = {}
    for values in [one.values.get('ccdnum') for one in ids] or [None]:
        if values is None:
            wanted.update(dict.fromkeys(ccd for ccd in usual if there is None or ccd in there))
        elif there is None:
            wanted.update(dict.fromkeys(ccd for ccd in every if ccd in values))
        else:
            wanted.update(dict.fromkeys(ccd for ccd in there if ccd in values))
    return tuple(sorted(wanted))


def _holding(item: dict[str, object], ccds: tuple[int, ...], where: Condition | None,
             settled: bool | None) -> tuple[int, ...]:
    """Those CCDs for which the condition holds; what it says of the exposure mostly settles it."""
    if where is None or settled is not None:
        return ccds if where is None or settled else ()
    return tuple(ccd for ccd in ccds if where({**item, 'ccdnum': ccd}))


class _Found:
    """Which combinations of the values of one data ID have data."""

    def __init__(self, data_id: DataId) -> None:
        self.data_id, self._keys = data_id, list(data_id.values)
        self._seen: set[tuple] = set()

    def note(self, item: dict[str, object], ccds: Sequence[int]) -> None:
        """Items with data."""
        for ccd in ccds:
            self._seen.add(tuple(ccd if key == 'ccdnum' else item.get(key) for key in self._keys))

    def missing(self) -> list[str]:
        """Sentences on what has none."""
        if self.data_id.unknown:
            return [f'no data found for {name}={_joined(self.data_id, name)}: no such key; {near_keys(name)}'
                    for name in self.data_id.unknown]
        if not self._seen:
            text = ' '.join(f'{key}={_joined(self.data_id, key)}' for key in self._keys)
            return [f'no data found for {text}']
        if self.data_id.count() > MOST_COMBINATIONS:
            return [line for key in self._keys for line in self._missing_values(key)]
        lost = [one for one in self.data_id.combinations() if tuple(one.values()) not in self._seen]
        return [f'no data found for {one}' for one in lost[:MOST_NAMED]] + (
            [f'no data found for {len(lost) - MOST_NAMED} more combinations'] if len(lost) > MOST_NAMED else [])

    def _missing_values(self, key: str) -> list[str]:
        there = {values[self._keys.index(key)] for values in self._seen}
        lost = [value for value in self.data_id.values[key] if value not in there]
        more = f' and {len(lost) - MOST_NAMED} more' if len(lost) > MOST_NAMED else ''
        return [f'no data found for {key} {", ".join(map(str, lost[:MOST_NAMED]))}{more}'] if lost else []


def _joined(data_id: DataId, key: str) -> str:
    """The values of a key as they are written."""
    words = [f'{one[0]}..{one[-1]}' + (f':{one.step}' if one.step > 1 else '') if isinstance(one, range) else str(one)
             for one in data_id.values[key].order]
    text = '^'.join(words)
    return text if len(text) <= 80 else f'{text[:80]}...'
