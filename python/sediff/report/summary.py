"""Injected and found, as text."""
from __future__ import annotations

import numpy as np


def injected_found_text(bins: np.ndarray) -> str:
    """A table of injected and found sources by magnitude, with its total and the magnitude of half efficiency.

    Parameters
    ----------
    bins : structured ndarray
        Of `sediff.candidates.fakematch.efficiency`.
    """
    lines = [f'{"magnitude":>13}  {"injected":>8}  {"found":>5}  {"passed":>6}  {"efficiency":>10}']
    for row in bins:
        share = f'{100 * row["efficiency"]:9.0f}%' if row['injected'] else f'{"-":>10}'
        lines.append(f'{row["mag_low"]:5.2f} - {row["mag_high"]:5.2f}  {row["injected"]:8d}  {row["found"]:5d}  '
                     f'{row["passed"]:6d}  {share}')
    injected, found, passed = (int(bins[name].sum()) for name in ('injected', 'found', 'passed'))
    share = f'{100 * passed / injected:9.0f}%' if injected else f'{"-":>10}'
    lines.append(f'{"all":>13}  {injected:8d}  {found:5d}  {passed:6d}  {share}')
    half = half_efficiency_magnitude(bins)
    lines.append('half efficiency at magnitude ' + ('-' if half is None else f'{half:.2f}'))
    return '\n'.join(lines) + '\n'


def half_efficiency_magnitude(bins: np.ndarray) -> float | None:
    """Where the efficiency falls through 0.5, linear between bin centres; None when it does not in these bins."""
    used = bins[bins['injected'] > 0]
    centres = 0.5 * (used['mag_low'] + used['mag_high'])
    for k in range(len(used) - 1, 0, -1):
        high, low = float(used['efficiency'][k - 1]), float(used['efficiency'][k])
        if high >= 0.5 > low:
            share = (high - 0.5) / (high - low)
            return float(centres[k - 1] + share * (centres[k] - centres[k - 1]))
    return None
