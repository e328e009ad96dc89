"""Effects of the camera that a night can be simulated with, and their truth: each is drawn once for a CCD of a seed."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sediff.instruments.amplifiers import Amplifier
from sediff.instruments.base import Detector
from sediff.isr.brighterfatter import BorderShifts, displaced_charge, power_law_shifts
from sediff.isr.linearity import LinearityCurve
from sediff.sim.options import EFFECTS_STREAM, generator

#: Shift of a border by an electron next to it (pixels): that of thick CCDs (Gruen et al. 2015) is of this size.
NEAREST_SHIFT = 1.5e-7
#: Steps in which the charge is collected.
STEPS = 4


@dataclass(frozen=True)
class Effects:
    """What a CCD does beyond bias, gain and flat.

    Parameters
    ----------
    linearity : dict of amplifier name to LinearityCurve
    border_shifts : BorderShifts or None
    tape_bumps : list of (first x, last x, first y, last y)
    illumination : ndarray, (ny, nx) float32, or None
        Light of the dome lamp where a star's is 1.
    edge_bleed : bool
    """

    linearity: dict[str, LinearityCurve] = field(default_factory=dict)
    border_shifts: BorderShifts | None = None
    tape_bumps: list[tuple[int, int, int, int]] = field(default_factory=list)
    illumination: np.ndarray | None = None
    edge_bleed: bool = False


def effects_of(seed: int, detector: Detector, names: Sequence[str]) -> Effects:
    """The effects of a CCD, of those named."""
    rng = generator(seed, EFFECTS_STREAM, detector.number)
    linearity = {each.name: _curve(rng) for each in detector.amplifiers}
    bumps = [_bump(rng, detector.shape) for _ in range(6)]
    pattern = _illumination(rng, detector.shape)
    return Effects(linearity if 'linearity' in names else {},
                   power_law_shifts(2, NEAREST_SHIFT) if 'brighterfatter' in names else None,
                   bumps if 'tapebumps' in names else [], pattern if 'starflat' in names else None, 'edgebleed' in names)


def tape_bump_response(bumps: Sequence[tuple[int, int, int, int]], shape: tuple[int, int]) -> np.ndarray:
    """Response of a CCD with tape bumps: 3 per cent less in the middle of each, (ny, nx) float32."""
    response = np.ones(shape, np.float32)
    for x0, x1, y0, y1 in bumps:
        v, u = np.linspace(-1.0, 1.0, y1 - y0 + 1)[:, None], np.linspace(-1.0, 1.0, x1 - x0 + 1)[None, :]
        response[y0:y1 + 1, x0:x1 + 1] *= (1.0 - 0.03 * np.cos(0.5 * np.pi * u) * np.cos(0.5 * np.pi * v)).astype(np.float32)
    return response


def collect_charge(light: np.ndarray, shifts: BorderShifts) -> np.ndarray:
    """Charge that the pixels end with when the borders move while it grows: light (ny, nx) float32 in `STEPS` steps."""
    part = light / np.float32(STEPS)
    charge = np.zeros_like(light)
    for _ in range(STEPS):
        middle = charge + np.float32(0.5) * part
        charge += part - displaced_charge(2.0 * part, shifts, np.clip(middle, 0.0, 2e5))
    return charge


def measured_counts(counts: np.ndarray, amplifiers: Sequence[Amplifier], effects: Effects) -> np.ndarray:
    """Counts as the amplifiers report them, ADU: (ny, nx) float32."""
    if not effects.linearity:
        return counts
    measured = counts.copy()
    for amplifier in amplifiers:
        measured[amplifier.ccd] = effects.linearity[amplifier.name].measured_level(counts[amplifier.ccd])
    return measured


def bleed_into_register(image: np.ndarray, amplifiers: Sequence[Amplifier], lost: np.ndarray) -> None:
    """The rows read first get brighter where charge ran over the readout edge, in place.

    Parameters
    ----------
    lost : ndarray, (2, nx) float32, electrons
        Charge that left each column beyond the first and the last row.
    """
    for amplifier in amplifiers:
        charge = float(lost[1 if amplifier.flip_y else 0, amplifier.ccd[1]].sum())
        if charge <= 0:
            continue
        rows = image[amplifier.ccd][::-1 if amplifier.flip_y else 1]
        height = min(charge / (1024.0 * 12.0), 3000.0)
        rows[:120] += (height * np.exp(-np.arange(120) / 12.0)).astype(np.float32)[:, None]


def _curve(rng: np.random.Generator) -> LinearityCurve:
    """Like that of thick CCDs: counts a few ADU too low below 2000 ADU, and about 2 per cent too high at 40000."""
    level = np.concatenate([[0.0, 30.0, 100.0, 300.0, 600.0], np.arange(1000.0, 66000.0, 1000.0)])
    low, high = rng.uniform(1.5, 4.0), rng.uniform(0.018, 0.025)
    correction = low * (level / 1000.0) * np.exp(1.0 - level / 1000.0) - high * level * (level / 40000.0) ** 0.75 \
        * np.clip(level / 4000.0, 0.0, 1.0)
    return LinearityCurve(level, correction)


def _bump(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[int, int, int, int]:
    x0, y0 = int(rng.integers(0, shape[1] - 110)), int(rng.integers(0, shape[0] - 130))
    return x0, x0 + int(rng.integers(70, 110)), y0, y0 + int(rng.integers(90, 130))


def _illumination(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A dome lamp that is 1 to 2 per cent brighter towards one side and in the middle; mean 1."""
    v, u = np.linspace(-1.0, 1.0, shape[0])[:, None], np.linspace(-1.0, 1.0, shape[1])[None, :]
    a, b, c, d = rng.normal(0.0, [0.012, 0.012, 0.008, 0.008])
    pattern = 1.0 + a * u + b * v + c * (u * u - 1 / 3) + d * (v * v - 1 / 3)
    return (pattern / pattern.mean()).astype(np.float32)
