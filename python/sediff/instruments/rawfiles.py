"""Names of raw files: a file an exposure, or a file a detector (raw_file of camera.csv)."""
from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from sediff.errors import BadInput
from sediff.instruments.base import Instrument

_FIELD = re.compile(r'\{(\w+)(?::[^}]*)?\}')


def file_a_detector(instrument: Instrument) -> bool:
    """Whether each detector has a raw file of its own."""
    return bool({'ccd', 'detector'} & set(_FIELD.findall(instrument.facts['raw_file'])))


def raw_name(instrument: Instrument, expnum: int, nite: str = '', ccd: int = 0) -> str:
    """Name of the raw file of an exposure (and detector, where each has its own; default the first)."""
    detector = instrument.detector(ccd or instrument.ccds[0])
    return instrument.facts['raw_file'].format(expnum=expnum, nite=nite, ccd=detector.number, detector=detector.name)


def file_of(path: Path, ccd: int, instrument: Instrument) -> Path:
    """The file that holds a detector of the exposure to which a raw file belongs."""
    if not file_a_detector(instrument):
        return path
    match = _pattern(instrument).fullmatch(path.name)
    if not match:
        return path
    fields = match.groupdict()
    return path.with_name(raw_name(instrument, int(fields['expnum']), fields.get('nite') or '', ccd))


def detector_files(path: Path, instrument: Instrument) -> dict[int, Path]:
    """The files of all detectors that an exposure has on disk; empty where one file holds them all."""
    if not file_a_detector(instrument):
        return {}
    return {ccd: one for ccd in instrument.ccds if (one := file_of(path, ccd, instrument)).is_file()}


def raw_files_of(folder: Path, instrument: Instrument) -> list[Path]:
    """The raw files of a folder, one an exposure.

    Raises
    ------
    BadInput
        No such folder.
    """
    if not folder.is_dir():
        raise BadInput(f'no folder of raw exposures {folder}; check --root and --nite')
    stem = _FIELD.sub('*', instrument.facts['raw_file'])
    found = sorted(folder.glob(stem.removesuffix('.fz').removesuffix('.gz') + '*'))
    return found if not file_a_detector(instrument) else _one_each(found, instrument)


def told_by_name(path: Path, instrument: Instrument) -> tuple[int | None, int]:
    """Exposure number (None) and detector (0) that the name of a raw file tells, compressed or not."""
    raw = instrument.facts['raw_file'].rsplit('/', 1)[-1]
    plain = raw.removesuffix('.fz').removesuffix('.gz')
    match = _pattern(instrument, plain).fullmatch(path.name.removesuffix('.fz').removesuffix('.gz'))
    fields = match.groupdict() if match else {}
    by_name = {one.name: ccd for ccd, one in instrument.detectors.items()}
    ccd = int(fields['ccd']) if fields.get('ccd') else by_name.get(fields.get('detector') or '', 0)
    return int(fields['expnum']) if fields.get('expnum') else None, ccd


def _one_each(paths: Iterable[Path], instrument: Instrument) -> list[Path]:
    first: dict[str, Path] = {}
    for path in paths:
        match = _pattern(instrument).fullmatch(path.name)
        if match:
            first.setdefault(match['expnum'], next(iter(detector_files(path, instrument).values()), path))
    return list(first.values())


def _pattern(instrument: Instrument, raw: str | None = None) -> re.Pattern:
    forms = {'expnum': r'(?P<expnum>\d+)', 'nite': r'(?P<nite>\d{8})', 'ccd': r'(?P<ccd>\d+)',
             'detector': '(?P<detector>' + '|'.join(re.escape(one.name) for one in instrument.detectors.values()) + ')'}
    text, end = '', 0
    raw = raw or instrument.facts['raw_file']
    for match in _FIELD.finditer(raw):
        text += re.escape(raw[end:match.start()]) + forms[match[1]]
        end = match.end()
    return re.compile(text + re.escape(raw[end:]))
