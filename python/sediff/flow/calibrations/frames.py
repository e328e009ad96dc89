"""Raw exposures for the calibration builder: found, checked for band, and read a band of rows at a time."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sediff.errors import BadInput, BadUsage, SediffError
from sediff.formats.raw import read_raw_head, read_raw_parts, read_raw_primary, read_raw_rows
from sediff.instruments.amplifiers import Amplifier, read_amplifiers, sampled, trimmed_shape
from sediff.instruments.base import Instrument
from sediff.instruments.headers import band_of
from sediff.instruments.load import default_instrument
from sediff.instruments.rawfiles import raw_files_of
from sediff.isr.crosstalk import CrosstalkTable, needed_sources
from sediff.isr.flat_crosstalk import BLOCK, crosstalk_of_light, rows_of_blocks, source_levels
from sediff.isr.overscan import subtract_overscan
from sediff.values import shown


@dataclass(frozen=True)
class Frames:
    """The same CCD of several raw exposures.

    Parameters
    ----------
    paths : tuple of Path
    ccdnum : int
    nite : str
        Night, for the amplifiers that are dead on it.
    overscan : str
        How the overscan of a row is found, as in SE01 (OVERSCAN).
    crosstalk : mapping
        Crosstalk terms of frames of even light (dome flats), which are then corrected; empty: not corrected.
    instrument : Instrument
    """

    paths: tuple[Path, ...]
    ccdnum: int
    nite: str
    overscan: str = 'mean'
    crosstalk: CrosstalkTable = field(default_factory=dict)
    instrument: Instrument = field(default_factory=default_instrument)
    _leaks: dict[int, np.ndarray] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def dead(self) -> tuple[str, ...]:
        """Amplifiers left out; those known to be dead are looked at all the same unless all are."""
        detector = self.instrument.detector(self.ccdnum)
        return () if detector.alive(self.nite) else detector.dead_amplifiers(self.nite)

    def amplifiers(self) -> tuple[Amplifier, ...]:
        """Those of the first exposure's header."""
        return self._amplifiers(self.paths[0], self.ccdnum)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the trimmed CCD."""
        return trimmed_shape(self.amplifiers())

    def frame(self, number: int) -> np.ndarray:
        """One exposure, overscan and crosstalk subtracted and trimmed: (ny, nx) float32, ADU."""
        raw, header = read_raw_rows(self.paths[number], self.ccdnum, instrument=self.instrument)
        image = subtract_overscan(raw, read_amplifiers(header), dead=self.dead, method=self.overscan)
        return self._corrected(image, number, 0, len(image))

    def rows(self, first: int, last: int) -> list[np.ndarray]:
        """Rows `first` to `last` (not in) of every exposure, overscan and crosstalk subtracted."""
        found = []
        for number, path in enumerate(self.paths):
            parts, amplifiers = sampled(self._amplifiers_of(path), first, last)
            raw, _ = read_raw_parts(path, self.ccdnum, parts, self.instrument)
            image = subtract_overscan(raw, amplifiers, dead=self.dead, method=self.overscan)
            found.append(self._corrected(image, number, first, last))
        return found

    def _corrected(self, image: np.ndarray, number: int, first: int, last: int) -> np.ndarray:
        """Rows of an exposure without what other amplifiers add to them."""
        needed = needed_sources(self.ccdnum, self.crosstalk)
        if not needed:
            return image
        if number not in self._leaks:
            levels: dict[str, np.ndarray] = {}
            for ccd in needed:
                levels |= self._levels(self.paths[number], ccd)
            amplifiers = self._amplifiers_of(self.paths[number])
            self._leaks[number] = crosstalk_of_light(self.ccdnum, amplifiers, levels, self.crosstalk, self.shape)
        return image - rows_of_blocks(self._leaks[number], first, last)

    def _levels(self, path: Path, ccd: int) -> dict[str, np.ndarray]:
        """Levels of a source CCD; none where the exposure lacks it."""
        try:
            amplifiers = self._amplifiers(path, ccd)
            parts, _ = sampled(amplifiers, 0, trimmed_shape(amplifiers)[0], BLOCK)
            rows, _ = read_raw_parts(path, ccd, parts, self.instrument)
            dead = self.instrument.detector(ccd).dead_amplifiers(self.nite)
            return source_levels(rows, ccd, amplifiers, dead, self.overscan)
        except SediffError:
            return {}

    def _amplifiers_of(self, path: Path) -> tuple[Amplifier, ...]:
        return self._amplifiers(path, self.ccdnum)

    def _amplifiers(self, path: Path, ccd: int) -> tuple[Amplifier, ...]:
        return read_amplifiers(read_raw_rows(path, ccd, 0, 1, instrument=self.instrument)[1])


def raw_files(folder: Path, instrument: Instrument | None = None) -> list[Path]:
    """The raw exposures of a folder.

    Raises
    ------
    BadInput
        No such folder.
    """
    return raw_files_of(folder, instrument or default_instrument())


def ccds_of_files(paths: Sequence[Path], instrument: Instrument | None = None) -> frozenset[int]:
    """CCD numbers that every one of these raw exposures has."""
    return frozenset.intersection(*(frozenset(read_raw_primary(path, instrument)[1]) for path in paths))


def classify(paths: list[Path], exclude: frozenset[int] = frozenset(), only: frozenset[int] | None = None,
             series: bool | None = None,
             instrument: Instrument | None = None) -> tuple[list[Path], dict[str, list[Path]], dict[str, list[Path]]]:
    """Zeros, dome flats by band, and sky exposures by band; `only` names the exposure numbers that count, `series`
    whether the flats must (or must not) belong to a linearity series (their OBJECT says so)."""
    zeros: list[Path] = []
    flats: dict[str, list[Path]] = {}
    skies: dict[str, list[Path]] = {}
    for path in paths:
        header = read_raw_head(path, instrument)
        number = header.get('EXPNUM')
        if number in exclude or (only is not None and number not in only):
            continue
        kind = str(header.get('OBSTYPE', '')).strip().lower()
        if kind in ('zero', 'bias'):
            zeros.append(path)
        elif kind in ('dome flat', 'dflat'):
            if series is None or series == ('linearity' in str(header.get('OBJECT', '')).lower()):
                flats.setdefault(band_of(header, instrument), []).append(path)
        elif kind in ('object', 'standard'):
            skies.setdefault(band_of(header, instrument), []).append(path)
    return zeros, flats, skies


def choose_band(flats: dict[str, list[Path]], band: str | None, listed: bool = False, what: str = 'dome flats') -> str:
    """The band to build for; `what` names the exposures in messages.

    Raises
    ------
    BadUsage
        There are several and none is chosen; or the exposures were listed by the user and are of several bands.
    BadInput
        None of that band.
    """
    there = ', '.join(f'{name} ({len(paths)})' for name, paths in sorted(flats.items())) or 'none'
    if listed and len(flats) > 1:
        raise BadUsage(f'--exposures names exposures of several bands: {there}; a calibration is of one band')
    if band is None and len(flats) > 1:
        raise BadUsage(f'{what} of several bands: {there}; choose one with --band')
    band = band or next(iter(flats), None)
    if band not in flats:
        raise BadInput(f'no {what}{f" in {band}" if band else ""}; there are: {there}')
    return band


def exposure_times(paths: tuple[Path, ...], instrument: Instrument | None = None) -> np.ndarray:
    """EXPTIME (s) of raw exposures."""
    return np.array([_exposure_time(path, instrument) for path in paths])


def _exposure_time(path: Path, instrument: Instrument | None) -> float:
    value = read_raw_head(path, instrument).get('EXPTIME')
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise BadInput(f'{path}: EXPTIME is {shown(value)}; a positive number of seconds is needed')
    return float(value)
