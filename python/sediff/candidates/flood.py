"""Whether the detections of a CCD can be believed: how many there are, and the noise that they were measured against."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FloodLimits:
    """What a difference may be like.

    Parameters
    ----------
    candidates : int
        Most detections that pass the cuts and have the score (MAX_NEW_CANDIDATES).
    least_noise, largest_noise : float
        Noise of the difference over that of its weights (DIFF_MIN_NOISE, DIFF_MAX_NOISE).
    largest_median : float
        Distance of the median score from zero, sigma (DIFF_MAX_MEDIAN).
    negative : int
        Most negative detections below -5 sigma that pass the cuts but the one on the sign (DIFF_MAX_NEGATIVE): detections
        of the image of turned sign, where hardly any is real, so that as many of the positive ones are false.
    """

    candidates: int = 200
    least_noise: float = 0.8
    largest_noise: float = 1.25
    largest_median: float = 0.5
    negative: int = 100


def flood_problems(kept: int, noise: Mapping[str, float], median: float, limits: FloodLimits, negative: int = 0
                   ) -> list[str]:
    """What of a difference is out of range, as clauses with the figure, the limit and its parameter.

    Parameters
    ----------
    kept : int
        Detections that pass the cuts and have the score.
    noise : mapping
        What was measured (`the pixels`, `the score`) -> its noise over that of the weights; one that is not finite is out of
        range.
    median : float
        Median of the calibrated score, sigma.
    negative : int
        Negative detections below -5 sigma that pass the cuts but the one on the sign.

    Returns
    -------
    list of str
        Empty where all is in range.
    """
    found = []
    for what, value in noise.items():
        if not limits.least_noise <= value <= limits.largest_noise:
            name = 'DIFF_MIN_NOISE' if value < limits.least_noise else 'DIFF_MAX_NOISE'
            limit = limits.least_noise if value < limits.least_noise else limits.largest_noise
            found.append(f'the noise of {what} is {value:.4g} times that of the weights ({name}={limit:g})')
    if not abs(median) <= limits.largest_median:
        found.append(f'the median score is {median:.3g} sigma (DIFF_MAX_MEDIAN={limits.largest_median:g}): sky is left')
    if kept > limits.candidates:
        found.append(f'{kept} detections pass the cuts and the score (MAX_NEW_CANDIDATES={limits.candidates})')
    if negative > limits.negative:
        found.append(f'{negative} negative detections below -5 sigma pass the cuts but the one on the sign '
                     f'(DIFF_MAX_NEGATIVE={limits.negative}): about as many of the positive ones are false')
    return found
