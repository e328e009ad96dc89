"""Dark images, and hot pixels for the bad-pixel mask from darks, flats and the night's own science exposures."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
from astropy.io.fits import Header
from scipy.stats import chi2

from sediff.errors import BadData
from sediff.flow.calibrations.frames import Frames, exposure_times
from sediff.formats.fits import read_image
from sediff.formats.raw import read_raw_head
from sediff.instruments.amplifiers import Amplifier
from sediff.instruments.base import Instrument
from sediff.isr.calibrate import FEWEST, combine_rows
from sediff.isr.hotpixels import HOT_RATE, POSITIONS, bright_blocks, hot_in_dark, hot_in_science, positions
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

#: Shortest dark and science exposure (s) that tells anything.
SHORTEST = 15.0
#: Hot pixels (electrons a second) that long flats must be able to show, at 6 sigma, to be used at all.
FLAT_RATE = 20.0
#: Nights from which a dark image is taken at most.
DARK_DAYS = 180
#: Builds the flat of some of the exposures.
MakeFlat = Callable[[tuple[Path, ...]], np.ndarray]


def dark_exposures(paths: Sequence[Path], exclude: frozenset[int], only: frozenset[int] | None,
                   instrument: Instrument | None = None) -> list[Path]:
    """Those with OBSTYPE dark."""
    found = []
    for path in paths:
        header = read_raw_head(path, instrument)
        number = header.get('EXPNUM')
        if str(header.get('OBSTYPE', '')).strip().lower() == 'dark' and number not in exclude and \
                (only is None or number in only):
            found.append(path)
    return found


def combine_darks(frames: Frames, bias: np.ndarray) -> tuple[np.ndarray, float]:
    """Clipped mean of darks and the noise of its pixels, both in electrons a second.

    Raises
    ------
    BadData
        Fewer than three, or one is shorter than 15 s.
    """
    times = exposure_times(frames.paths, frames.instrument)
    short = [path.name for path, time in zip(frames.paths, times) if time < SHORTEST]
    if short:
        raise BadData(f'darks of less than {SHORTEST:g} s show no dark charge: {", ".join(short)}; --exclude them')
    gain = _gains(frames.amplifiers(), bias.shape)

    def rates(first: int, last: int) -> list[np.ndarray]:
        """Rows of all darks in electrons a second."""
        part = slice(first, last)
        return [((rows - bias[part]) * gain[part] / np.float32(time)).astype(np.float32)
                for rows, time in zip(frames.rows(first, last), times)]
    dark, rms = combine_rows(rates, len(times), bias.shape, kind='dark')
    dof = len(times) - 1
    return dark, float(np.median(rms[::4, ::4]) / np.sqrt(chi2.median(dof) / dof * len(times)))


def nearest_dark(root: Path, nite: str, ccdnum: int) -> Path | None:
    """The dark image of the night, else that of the nearest night within `DARK_DAYS`; None: there is none."""
    there = Repository(root).given.images('darkcor', Exposure(root, 0, nite, '', ccd=ccdnum))
    wanted = datetime.strptime(nite, '%Y%m%d')
    days = [(abs((datetime.strptime(date[:8], '%Y%m%d') - wanted).days), path) for date, path in there]
    return min((each for each in days if each[0] <= DARK_DAYS), default=(0, None))[1]


def hot_of_dark_file(path: Path | None, header: Header, rate: float = HOT_RATE) -> np.ndarray | None:
    """Hot pixels of a dark image, where there is one; the header says which and how many."""
    header['DARKFIL'] = (path.name if path else 'none', 'Dark image')
    if path is None:
        return None
    dark, cards = read_image(path)
    hot = hot_in_dark(dark.astype(np.float32), float(cards['NOISEAVG']), rate)
    header['NHOTDARK'] = (int(hot.sum()), 'Hot pixels of the dark image')
    return hot


def hot_of_flats(flats: tuple[Path, ...], level_of: Callable[[int], float], make_flat: MakeFlat,
                 rate: float = HOT_RATE, instrument: Instrument | None = None) -> tuple[np.ndarray | None, str]:
    """Hot pixels of long flats, by comparison with flats that gathered the same light in less time, and what was done.

    A pixel of response r and dark charge d has, in a flat of level L and time t, the value r + d t / L: two sets of
    flats with different t / L give d.
    """
    times = exposure_times(flats, instrument)
    if len(times) < 2 * FEWEST or times.max() < 2.0 * times.min():
        return None, 'flats: none is much longer than the others; they do not tell hot pixels'
    levels = [level_of(number) for number in range(len(flats))]
    slowness = times / np.maximum(levels, 1.0)
    middle = 0.5 * (slowness.min() + slowness.max())
    sets = [tuple(path for path, value in zip(flats, slowness) if (value > middle) == late) for late in (True, False)]
    if min(map(len, sets)) < FEWEST:
        return None, 'flats: all gathered their light at the same speed; they do not tell hot pixels'
    step = slowness[slowness > middle].mean() - slowness[slowness <= middle].mean()
    inverse = np.array([np.mean([1.0 / level for level, value in zip(levels, slowness) if (value > middle) == late])
                        for late in (True, False)])
    noise = float(np.sqrt((inverse / [len(each) for each in sets]).sum()) / step)
    if 6.0 * noise > FLAT_RATE:
        return None, f'flats: a hot pixel would need {6.0 * noise:.0f} e-/s to be seen in them; they are not used'
    difference = (make_flat(sets[0]) - make_flat(sets[1])) / np.float32(step)
    hot = hot_in_dark(difference, noise, rate)
    return hot, f'flats: {int(hot.sum())} hot pixels above {max(rate, 6.0 * noise):.1f} e-/s'


def hot_of_science(frames: Frames, bias: np.ndarray, flat: np.ndarray) -> tuple[np.ndarray | None, str]:
    """Hot pixels of dithered science exposures, and a line on what was done; None where they cannot tell."""
    if not frames.paths:
        return None, 'science exposures: none of this band are used'
    times = exposure_times(frames.paths, frames.instrument)
    paths = tuple(path for path, time in zip(frames.paths, times) if time >= SHORTEST)
    too_few = f'at least {POSITIONS} positions on the sky are needed to tell a hot pixel from a star'
    if len(paths) < POSITIONS:
        return None, f'science exposures: {len(paths)} of {SHORTEST:g} s or more; {too_few}: not used'
    frames = Frames(paths, frames.ccdnum, frames.nite, instrument=frames.instrument)
    scale = _gains(frames.amplifiers(), bias.shape) / np.maximum(flat, np.float32(0.1))
    groups = positions([bright_blocks((frames.frame(k) - bias) * scale) for k in range(len(paths))])
    count = int(groups.max(initial=-1)) + 1
    if count < POSITIONS:
        return None, f'science exposures: {len(paths)} at {count} position(s) on the sky; {too_few}: not used'

    def electrons(first: int, last: int) -> list[np.ndarray]:
        part = slice(first, last)
        return [(rows - bias[part]) * scale[part] for rows in frames.rows(first, last)]
    hot = hot_in_science(electrons, groups, bias.shape)
    return hot, f'science exposures: {int(hot.sum())} hot pixels from {len(paths)} exposures at {count} positions'


def _gains(amplifiers: Sequence[Amplifier], shape: tuple[int, int]) -> np.ndarray:
    gain = np.ones(shape, np.float32)
    for amplifier in amplifiers:
        gain[amplifier.ccd] = amplifier.gain
    return gain
