"""What single epoch of an exposure will find: its raw file's cards, and the calibrations of every CCD; for the plan."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sediff.errors import SediffError
from sediff.flow.exposure.inputs import BUILDERS, IMAGES, NoCalibration, image_inputs, wants_star_flat
from sediff.formats.raw import read_raw_cards
from sediff.instruments.rawcards import read_cards
from sediff.parameters.model import Parameters
from sediff.repository.completeness import format_ccds
from sediff.repository.names import BANDED_CALIBRATIONS, Exposure
from sediff.repository.repository import Repository

#: (kind, days to the nearest, nights of the epoch, another error) -> CCDs.
Gaps = dict[tuple[str, int | None, str, str], list[int]]


@dataclass(frozen=True)
class Outlook:
    """What an exposure will find.

    Parameters
    ----------
    problems : tuple of str
        What is wrong with its raw file.
    used : tuple of str
        Which calibrations will be used, for which CCDs.
    gaps : mapping of str to tuple of int
        What is missing and what to do about it -> CCDs.
    """

    problems: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    gaps: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def lacking(self) -> frozenset[int]:
        """CCDs that cannot be processed."""
        return frozenset(ccd for ccds in self.gaps.values() for ccd in ccds)

    def text(self) -> str:
        """What is wrong, in one line."""
        gaps = [f'CCD {format_ccds(ccds)}: {advice}' for advice, ccds in self.gaps.items()]
        return '; '.join([*self.problems, *gaps])


def outlook(exposure: Exposure, ccds: Iterable[int], pointing: tuple[float, float], parameters: Parameters) -> Outlook:
    """Look at what SE01 and SE02 of some CCDs of an exposure will need.

    Parameters
    ----------
    exposure : Exposure
    ccds : iterable of int
        CCDs to be processed.
    pointing : (float, float)
        RA and Dec (deg) of the list of exposures.
    """
    if parameters['INPUT'] != 'raw':
        return Outlook()
    ccds = [ccd for ccd in ccds if exposure.instrument.detector(ccd).alive(exposure.nite)]
    problems = _cards(exposure, pointing)
    used: dict[tuple[str, str], list[int]] = {}
    gaps: Gaps = {}
    for ccd in ccds:
        one = exposure.with_ccd(ccd)
        for name, kind, key in IMAGES:
            if kind == 'starflat' and not wants_star_flat(one, parameters):
                continue
            try:
                files, reason = image_inputs(one, parameters, kind, key)
                used.setdefault((name, _short(files[0].name, ccd, reason)), []).append(ccd)
            except NoCalibration as error:
                gaps.setdefault((kind, error.days, error.nights, ''), []).append(ccd)
            except SediffError as error:
                gaps.setdefault((kind, None, '', str(error).removeprefix(f'{one.label()}: ')), []).append(ccd)
    return Outlook(tuple(problems), tuple(f'{name} {text} CCD {format_ccds(found)}' for (name, text), found in used.items()),
                   _advice(exposure, gaps))


def _advice(exposure: Exposure, gaps: Gaps) -> dict[str, tuple[int, ...]]:
    """What is missing, and what to build or which parameter to raise -> CCDs; kinds with the same remedy together."""
    together: dict[tuple, list[tuple[str, int]]] = {}
    for (kind, days, nights, other), ccds in gaps.items():
        together.setdefault((tuple(ccds), days is not None, nights, other), []).append((kind, days or 0))
    advice = {}
    for (ccds, far, nights, other), kinds in together.items():
        build = ', '.join(f'{BUILDERS[kind]}{_band(kind, exposure.band)}' for kind, _ in kinds)
        names, worst = ', '.join(kind for kind, _ in kinds), max(days for _, days in kinds)
        found = f'the nearest is {worst} d away' if far else f'none of {nights}, its epoch' if nights else 'none'
        text = (f'{names}: {found}; build from a night near {exposure.nite} (sediff calib {build})'
                + (f', or raise MAX_CALIB_DAYS to {worst}' if far else ', or change CALIB_EPOCHS' if nights else ''))
        advice[other or text] = ccds
    return advice


def _band(kind: str, band: str) -> str:
    return f' --band {band}' if kind in BANDED_CALIBRATIONS or kind == 'bpm' else ''


def _cards(exposure: Exposure, pointing: tuple[float, float]) -> list[str]:
    path = Repository.of(exposure).path('raw', exposure)
    try:
        cards = read_cards(read_raw_cards(path, exposure.instrument), exposure.expnum, pointing, exposure.instrument)
    except SediffError as error:
        return [str(error)]
    problems = [str(problem) for problem in cards.problems]
    if cards.band and cards.band != exposure.band:
        problems.append(f'FILTER is of band {cards.band}, the list of exposures says {exposure.band}')
    if cards.expnum not in (None, exposure.expnum):
        problems.append(f'EXPNUM is {cards.expnum}')
    return problems


def _short(name: str, ccd: int, reason: str) -> str:
    """File name with the CCD left open, and how far away in time."""
    days = reason.partition('nearest in time, ')[2].partition(' days')[0]
    return f'{name.replace(f"c{ccd:02d}", "c##")}' + (f' ({days} d)' if days else '')
