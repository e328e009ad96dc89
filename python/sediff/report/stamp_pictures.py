"""Stamps and finding charts as pictures: one asinh stretch, colours of their own for pixels without data and masked ones."""
from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from sediff.detect.stamps import STAMP_KINDS
from sediff.report.north import Turn
from sediff.stats import robust_sigma

#: Sigma above the sky at which the asinh stretch turns from linear to logarithmic.
SOFTENING = 3.0
#: Grey levels of a picture; few, so that noise packs well.
GREYS = 62
#: Colours (red, green, blue): masked pixels, pixels without data.
MASKED_COLOUR, EMPTY_COLOUR = (176, 72, 104), (44, 74, 124)
_MASKED, _EMPTY, _GAP = GREYS, GREYS + 1, GREYS + 2
_PALETTE = [level for grey in range(GREYS) for level in [round(255 * grey / (GREYS - 1))] * 3]
_PALETTE += [*MASKED_COLOUR, *EMPTY_COLOUR, 0, 0, 0]


def asinh_share(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values in sigma above the sky as a share of [low, high] on the asinh scale, within [0, 1]."""
    bottom, top = np.arcsinh(low / SOFTENING), np.arcsinh(high / SOFTENING)
    return np.clip((np.arcsinh(values / SOFTENING) - bottom) / (top - bottom), 0.0, 1.0)


def strip_png(stamps: Mapping[str, np.ndarray], masked: Mapping[str, np.ndarray], turn: Turn | None = None) -> bytes:
    """Template, search and difference side by side, a clear column between them, as PNG.

    Parameters
    ----------
    stamps : mapping
        'temp', 'srch', 'diff' -> (n, n) float32; NaN where there are no data.
    masked : mapping
        The same kinds -> (n, n) bool; a kind that is not there has no masked pixel.
    turn : Turn, optional
        Default y upwards.

    Notes
    -----
    All three are shown in sigma of the noise about their own sky, on one asinh scale. Template and search share sigma
    and levels (-3 sigma to their 99.5th percentile, at least 10), so that what brightened looks brighter; zero of the
    difference is grey, and it spans at least 5 sigma to either side.
    """
    turn = turn or Turn()
    values = {kind: np.asarray(stamps[kind], np.float32) for kind in STAMP_KINDS}
    empty = {kind: ~np.isfinite(values[kind]) for kind in STAMP_KINDS}
    hidden = {kind: empty[kind] | np.asarray(masked[kind], bool) if kind in masked else empty[kind] for kind in STAMP_KINDS}
    shares = _shares(values, hidden)
    height, width = values['diff'].shape
    strip = np.full((height, 3 * width + 2), _GAP, np.uint8)
    for place, kind in enumerate(STAMP_KINDS):
        index = np.round(np.nan_to_num(shares[kind]) * (GREYS - 1)).astype(np.uint8)
        index[hidden[kind]] = _MASKED
        index[empty[kind]] = _EMPTY
        strip[:, place * (width + 1):place * (width + 1) + width] = turn(index)
    return _palette_png(strip)


def _shares(values: Mapping[str, np.ndarray], hidden: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    sky, sigma = {}, {}
    for kind in STAMP_KINDS:
        seen = values[kind][~hidden[kind]]
        sky[kind] = float(np.median(seen)) if seen.size and kind != 'diff' else 0.0
        sigma[kind] = robust_sigma(seen) or 1.0
    both = max(sigma['temp'], sigma['srch']) if not hidden['temp'].all() else sigma['srch']
    scaled = {kind: (values[kind] - sky[kind]) / (sigma['diff'] if kind == 'diff' else both) for kind in STAMP_KINDS}
    pair = np.concatenate([scaled[kind][~hidden[kind]] for kind in ('temp', 'srch')])
    high = max(10.0, float(np.percentile(pair, 99.5)) if pair.size else 0.0)
    third = len(scaled['diff']) // 3
    core = (slice(third, -third or None),) * 2
    peak = np.abs(scaled['diff'][core])[~hidden['diff'][core]]
    reach = max(5.0, 0.7 * float(peak.max()) if peak.size else 0.0)
    return {'diff': asinh_share(scaled['diff'], -reach, reach)} | {
        kind: asinh_share(scaled[kind], -3.0, high) for kind in ('temp', 'srch')}


def _palette_png(index: np.ndarray) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(index))
    picture.putpalette(_PALETTE)
    buffer = io.BytesIO()
    picture.save(buffer, format='PNG', transparency=_GAP, compress_level=6)
    return buffer.getvalue()


def chart_jpeg(image: np.ndarray, turn: Turn | None = None) -> bytes:
    """A finding chart as JPEG, dark sources on white, on the same asinh scale.

    Parameters
    ----------
    image : ndarray, (n, n) float32
        NaN where there are no data, which get their colour.
    turn : Turn, optional
        Default y upwards.
    """
    empty = ~np.isfinite(image)
    seen = image[~empty][::7]                             # enough for levels
    sky, sigma = (float(np.median(seen)), robust_sigma(seen) or 1.0) if seen.size else (0.0, 1.0)
    high = max(30.0, float(np.percentile((seen - sky) / sigma, 99.7)) if seen.size else 0.0)
    share = asinh_share((np.nan_to_num(image, nan=sky) - sky) / sigma, -3.0, high)
    grey = np.round(255 * (1.0 - share)).astype(np.uint8)
    bands = [grey] if not empty.any() else [np.where(empty, np.uint8(level), grey) for level in EMPTY_COLOUR]
    turned = [Image.fromarray(np.ascontiguousarray((turn or Turn())(band))) for band in bands]
    picture = turned[0] if len(turned) == 1 else Image.merge('RGB', turned)
    buffer = io.BytesIO()
    picture.save(buffer, format='JPEG', quality=72)
    return buffer.getvalue()
