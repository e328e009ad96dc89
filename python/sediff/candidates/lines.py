"""Detections along one straight line: glints of satellites and debris, pieces of streaks too faint to be masked."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.special import betainc, gammainc

#: Pieces of a line nearer to each other than this (px along it) count as one: the several detections of one bad star.
PIECE = 30.0
#: Density beside a line is taken within half its length, and at most this far, px.
BESIDE = 150.0
#: Of more detections of one sign the most significant are those that lines are looked for among.
MOST = 400
#: A line: its ends (0-based px), the sign of its detections, and how many such lines chance makes on the CCD.
LINE_DTYPE = np.dtype([('x0', 'f8'), ('y0', 'f8'), ('x1', 'f8'), ('y1', 'f8'), ('SIGN', 'i4'), ('chance', 'f8')])


@dataclass(frozen=True)
class LineLimits:
    """What is a line.

    Parameters
    ----------
    chance : float
        Lines that chance makes on a CCD, at most.
    width : float
        Half-width of a line, px.
    members : int
        Fewest pieces.
    """

    chance: float = 0.01
    width: float = 3.0
    members: int = 5


def find_lines(detections: np.ndarray, area: float, limits: LineLimits = LineLimits()) -> np.ndarray:
    """Lines of detections of one sign that chance does not make.

    Parameters
    ----------
    detections : structured ndarray, (n,)
        Of `sediff.detect.detect`.
    area : float
        Usable pixels of the CCD.
    limits : LineLimits

    Returns
    -------
    structured ndarray, (m,) of LINE_DTYPE, the least probable of each sign first

    Notes
    -----
    Each pair of detections is the two ends of a possible line of length L. Of n detections strewn over the area A the
    number of others between the ends, within w of the line, is Poisson with mean (n - 2) 2 w L / A; where the density is
    not uniform (a cluster, a galaxy), the k in the strip and the m beside it follow the binomial law of their areas. The
    larger of the two probabilities of k or more, times the number of pairs, is a bound of the mean number of such lines by
    chance, so that `chance` is the rate of false alarms of a CCD at most. k counts the pieces of PIECE px that hold a
    detection. After the least probable line its detections are taken out and the others looked at anew.
    """
    found: list[tuple] = []
    for sign in (1, -1):
        rows = detections[detections['SIGN'] == sign]
        rows = rows[np.argsort(-rows['SNR'], kind='stable')[:MOST]]
        x, y = rows['X_IMAGE'].astype(float) - 1.0, rows['Y_IMAGE'].astype(float) - 1.0
        while len(x) >= limits.members:
            line = _least_probable(x, y, area, limits)
            if not line or not line[-1] < limits.chance:
                break
            found.append((*line[:-1], sign, line[-1]))
            outside = ~_within(x, y, np.array(line[:-1]), limits.width)
            x, y = x[outside], y[outside]
    return np.array(found, LINE_DTYPE)


def line_chance(detections: np.ndarray, lines: np.ndarray, limits: LineLimits = LineLimits()) -> np.ndarray:
    """How many lines like the one that a detection lies on chance makes; infinite where it lies on none: (n,) float64.

    Parameters
    ----------
    lines : structured ndarray
        Of `find_lines`, among these detections or those of the image that sources were put into.
    """
    out = np.full(len(detections), np.inf)
    x, y = detections['X_IMAGE'].astype(float) - 1.0, detections['Y_IMAGE'].astype(float) - 1.0
    for line in lines:
        on = _within(x, y, np.array([line[name] for name in ('x0', 'y0', 'x1', 'y1')]), limits.width)
        on &= detections['SIGN'] == line['SIGN']
        out[on] = np.minimum(out[on], line['chance'])
    return out


def _least_probable(x: np.ndarray, y: np.ndarray, area: float, limits: LineLimits) -> tuple[float, ...]:
    """Ends and chance of the least probable line; () where no pair has pieces enough between it."""
    first, second, inside, beside = _pairs(x, y, limits.width, limits.members - 2)
    if not len(first):
        return ()
    length = np.hypot(x[second] - x[first], y[second] - y[first])
    strip, around = 2.0 * limits.width * length, 2.0 * np.minimum(0.5 * length, BESIDE) * length
    uniform = gammainc(inside, (len(x) - 2) * np.minimum(strip / area, 1.0))       # Poisson, k or more
    local = betainc(inside, beside + 1.0, np.minimum(strip / around, 1.0))         # binomial, k or more of k + m
    chance = np.maximum(uniform, local) * (0.5 * len(x) * (len(x) - 1))
    best = int(np.argmin(chance))
    i, j = first[best], second[best]
    return float(x[i]), float(y[i]), float(x[j]), float(y[j]), float(chance[best])


def _within(x: np.ndarray, y: np.ndarray, line: np.ndarray, width: float) -> np.ndarray:
    """Which places lie within the width of a line (x0, y0, x1, y1), ends with half a px: (n,) bool."""
    dx, dy = line[2:] - line[:2]
    length = np.hypot(dx, dy)
    along = ((x - line[0]) * dx + (y - line[1]) * dy) / length
    across = ((y - line[1]) * dx - (x - line[0]) * dy) / length
    return (np.abs(across) <= width) & (along >= -0.5) & (along <= length + 0.5)


def _pairs(x: np.ndarray, y: np.ndarray, width: float, least: int) -> tuple[np.ndarray, ...]:
    """Pairs with at least so many pieces between them: indices of both, pieces, detections beside the line; (p,) each."""
    many = len(x) * (len(x) - 1) // 2
    out = np.empty((4, many), np.int64)
    count = _fill_pairs(x, y, width, least, out)
    first, second, inside, beside = out[:, :count]
    return first, second, inside, beside


@njit(cache=True)
def _fill_pairs(x, y, width, least, out):
    n, found = x.size, 0
    last = np.full(1 << 12, -1)                  # the pair that was the last to fill a piece
    for i in range(n):
        for j in range(i + 1, n):
            dx, dy = x[j] - x[i], y[j] - y[i]
            length = np.sqrt(dx * dx + dy * dy)
            if length < (least + 1) * PIECE:
                continue
            dx, dy, half = dx / length, dy / length, min(0.5 * length, BESIDE)
            pieces = int(length / PIECE)         # equal ones, those of the two ends left out
            inside, beside, pair = 0, 0, i * n + j
            for k in range(n):
                across = abs((y[k] - y[i]) * dx - (x[k] - x[i]) * dy)
                if across > half or k in (i, j):
                    continue
                along = (x[k] - x[i]) * dx + (y[k] - y[i]) * dy
                if along < 0.0 or along > length:
                    continue
                if across > width:
                    beside += 1
                    continue
                piece = int(along / length * pieces)
                if 0 < piece < pieces - 1 and last[piece] != pair:
                    last[piece] = pair
                    inside += 1
            if inside >= least:
                out[0, found], out[1, found], out[2, found], out[3, found] = i, j, inside, beside
                found += 1
    return found


def warm() -> None:
    """Compile the kernel."""
    _pairs(np.arange(6.0) * 100.0, np.zeros(6), 3.0, 3)
