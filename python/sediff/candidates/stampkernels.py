"""What the pixels of a detection's stamps say: kernels of `sediff.candidates.features`."""
from __future__ import annotations

import numpy as np
from numba import njit

#: Directions of lines through a detection; the first is along the columns.
DIRECTIONS = 16
#: Columns that `stamp_features` fills, in this order.
STAMP_FEATURES = ('negative_fraction', 'worst_negative', 'peak_share', 'edge', 'host_excess', 'neighbour_power', 'spike',
                  'asymmetry', 'net_share', 'inner_ring', 'outer_ring', 'bright_clutter', 'dark_clutter', 'line_both',
                  'line_one', 'column', 'line_strength', 'template_snr', 'template_ratio', 'template_spread',
                  'template_offset', 'template_ring')


@njit(cache=True)
def stamp_features(difference, template, sigma, sign, flux, fwhm, out):
    """Fill out (n, len(STAMP_FEATURES)), from stamps (n, s, s) float32; see `sediff.candidates.features.FEATURES`.

    `sign` and `flux` (> 0) are (n,) float64, fwhm is px.
    """
    count, side = difference.shape[0], difference.shape[1]
    half = side // 2
    radius = np.empty((side, side))
    for j in range(side):
        for i in range(side):
            radius[j, i] = np.sqrt((j - half) ** 2 + (i - half) ** 2)
    chi, good = np.zeros((side + 2, side + 2)), np.zeros((side + 2, side + 2), np.bool_)
    for n in range(count):
        _fill_chi(difference[n], sigma[n], sign[n], chi, good)
        _rings(difference[n], sigma[n], sign[n], flux[n], fwhm, radius, chi, good, out[n])
        out[n, 1] = worst_negative(chi, half)
        out[n, 7] = asymmetry(chi, good, half, 1.5 * fwhm)
        _lines(chi, good, half, fwhm, out[n])
        _template(template[n], flux[n], fwhm, radius, out[n])


@njit(cache=True)
def _fill_chi(difference, sigma, sign, chi, good):
    """Signed difference in sigma with a rim of one pixel, 0 where a pixel is unusable, and which are usable."""
    side = difference.shape[0]
    for j in range(side):
        for i in range(side):
            value, error = difference[j, i], sigma[j, i]
            usable = np.isfinite(value) and np.isfinite(error) and error > 0
            good[j + 1, i + 1] = usable
            chi[j + 1, i + 1] = sign * value / error if usable else 0.0


@njit(cache=True)
def _rings(difference, sigma, sign, flux, fwhm, radius, chi, good, out):
    """What sums over discs and rings give."""
    side = difference.shape[0]
    inside, near, low, far, power = 0, 0, 0, 0, 0.0
    net, total, noise, near_noise = 0.0, 0.0, 0.0, 0
    peak, peak_j, peak_i = 0.0, side // 2, side // 2
    sums, numbers = np.zeros(3), np.zeros(3)
    around, bright, dark = 0, 0, 0
    wide = max(1.5 * fwhm + 8.0, 2.5 * fwhm, 7.0)
    for j in range(side):
        for i in range(side):
            inside += np.isfinite(difference[j, i])
            if not good[j + 1, i + 1]:
                continue
            r, ratio = radius[j, i], chi[j + 1, i + 1]
            if r > 2.5 * fwhm:
                far += 1
                power += min(max(ratio, -20.0), 20.0) ** 2
                if r > wide:
                    continue
            value = sign * difference[j, i]
            if r <= 2.5 and value > peak:
                peak, peak_j, peak_i = value, j, i
            if r <= 7.0:
                near += 1
                low += ratio < -2.0
                noise += sigma[j, i]
            if r <= 1.5 * fwhm:
                net += value
                total += abs(value)
                near_noise += 1
            k = 0 if r <= 0.5 * fwhm else 1 if fwhm < r <= 1.5 * fwhm else 2 if 1.5 * fwhm < r <= 2.5 * fwhm else -1
            if k >= 0:
                sums[k] += value
                numbers[k] += 1
            if 1.5 * fwhm < r <= 1.5 * fwhm + 8.0:
                around += 1
                bright += ratio > 3.0
                dark += ratio < -3.0
    typical = noise / near if near else 0.0
    core = max(sums[0] / max(numbers[0], 1.0), 0.2 * typical, 1e-9)
    gaussian_peak = 1.0 / (2.0 * np.pi * (fwhm / 2.3548) ** 2)
    sharpness = np.log(max(peak - 2.0 * typical, 1e-6) / flux / gaussian_peak)
    out[0] = min(max(low / near - 0.0228, 0.0), 0.5) if near else 0.0
    out[2] = min(max(sharpness, -1.0), 2.0)
    out[3] = 1.0 - inside / (side * side)
    out[5] = min(max(np.sqrt(power / far) - 1.0, 0.0), 2.0) if far else 0.0
    out[6] = _spike(chi, good, peak_j, peak_i)
    out[8] = min(max(net / max(total - 0.4 * near_noise * typical, 0.3 * total, 1e-9), -1.0), 1.0)
    out[9] = min(max(sums[1] / max(numbers[1], 1.0) / core, -1.0), 1.0)
    out[10] = min(max(sums[2] / max(numbers[2], 1.0) / core, -1.0), 1.0)
    out[11] = min(bright / around, 0.5) if around else 0.0
    out[12] = min(dark / around, 0.5) if around else 0.0


@njit(cache=True)
def _spike(chi, good, j, i):
    """How far the brightest pixel stands above its four neighbours, a share of itself, in [0, 1.5]."""
    peak, total, number = chi[j + 1, i + 1], 0.0, 0
    for v, u in ((0, 1), (2, 1), (1, 0), (1, 2)):
        if good[j + v, i + u]:
            total += chi[j + v, i + u]
            number += 1
    if number == 0 or peak <= 0:
        return 0.0
    return min(max((peak - total / number) / peak, 0.0), 1.5)


@njit(cache=True)
def worst_negative(chi, half):
    """Most negative 3 x 3 sum within 9 px beyond noise (3 sigma), over the brightest such sum; chi has a rim of 1."""
    brightest, worst = -np.inf, np.inf
    for j in range(half - 9, half + 10):
        for i in range(half - 9, half + 10):
            square = (j - half) ** 2 + (i - half) ** 2
            if square <= 81:
                total = 0.0
                for v in range(3):
                    for u in range(3):
                        total += chi[j + v, i + u]
                total /= 3.0
                worst = min(worst, total)
                if square <= 9:
                    brightest = max(brightest, total)
    return min(max((-worst - 3.0) / max(brightest, 1.0), 0.0), 2.0)


@njit(cache=True)
def asymmetry(chi, good, half, reach):
    """Rms of chi minus itself turned by 180 degrees within `reach` px, less noise, over the rms of chi: [0, 1.5]."""
    limit, square, difference, number = min(int(reach), half), 0.0, 0.0, 0
    for j in range(-limit, limit + 1):
        for i in range(-limit, limit + 1):
            here = good[half + 1 + j, half + 1 + i] and good[half + 1 - j, half + 1 - i]
            if here and j * j + i * i <= reach * reach:
                value, other = chi[half + 1 + j, half + 1 + i], chi[half + 1 - j, half + 1 - i]
                square += value * value
                difference += 0.5 * (value - other) ** 2
                number += 1
    return min(np.sqrt(max(difference - number, 0.0) / max(square, 1.0)), 1.5)


@njit(cache=True)
def _lines(chi, good, half, fwhm, out):
    """The brightest line that leaves the detection: mean chi, three pixels wide, beyond 1.5 FWHM, over that of the core."""
    core = 0.0
    for v in range(3):
        for u in range(3):
            core += chi[half + v, half + u] / 9.0
    core = max(core, 1.0)
    start, stop = int(1.5 * fwhm + 0.999), min(half, 22)
    both, one, column, strength = 0.0, 0.0, 0.0, 0.0
    for k in range(DIRECTIONS):
        angle = 0.5 * np.pi + k * np.pi / DIRECTIONS
        dx, dy = np.cos(angle), np.sin(angle)
        first, one_number = _ray(chi, good, half, dx, dy, start, stop)
        second, two_number = _ray(chi, good, half, -dx, -dy, start, stop)
        both = max(both, min(first, second))
        one = max(one, first, second)
        strength = max(strength, (first * one_number + second * two_number) / np.sqrt(max(one_number + two_number, 1.0)))
        if k == 0:
            column = max(first, second, 0.0)
    out[13], out[14], out[15] = min(both / core, 1.5), min(one / core, 1.5), min(column / core, 1.5)
    out[16] = min(np.log1p(strength), 6.0)


@njit(cache=True)
def _ray(chi, good, half, dx, dy, start, stop):
    """Mean chi (clipped at 30) and number of usable pixels of a ray three pixels wide from start to stop px."""
    total, number = 0.0, 0.0
    for t in range(start, stop + 1):
        for w in range(-1, 2):
            i, j = int(np.floor(half + t * dx - w * dy + 0.5)), int(np.floor(half + t * dy + w * dx + 0.5))
            if 0 <= i <= 2 * half and 0 <= j <= 2 * half and good[j + 1, i + 1]:
                total += min(max(chi[j + 1, i + 1], -30.0), 30.0)
                number += 1.0
    return (total / number if number >= 6.0 else 0.0), number


@njit(cache=True)
def _template(template, flux, fwhm, radius, out):
    """Light of the template at the detection: how much, how concentrated, how far away."""
    side = template.shape[0]
    half = side // 2
    sums, numbers, host = np.zeros(3), np.zeros(3), 0.0
    steps, levels, used = np.empty(160), np.empty(160), 0
    for j in range(side):
        for i in range(side):
            value = template[j, i]
            if not np.isfinite(value):
                continue
            r = radius[j, i]
            if r <= 5.0:
                host += value
            k = 0 if r <= 0.5 * fwhm else 1 if r <= fwhm else 2 if 1.5 * fwhm < r <= 2.5 * fwhm else -1
            if k >= 0:
                sums[k] += value
                numbers[k] += 1
            if r > 2.5 * fwhm and (j + 2 * i) % 17 == 0 and i + 1 < side and np.isfinite(template[j, i + 1]) and used < 160:
                steps[used], levels[used] = abs(template[j, i + 1] - value), value
                used += 1
    noise = max(np.median(steps[:used]) / 0.954, 1e-9) if used > 20 else 1e30
    level = np.median(levels[:used]) if used > 20 else 0.0
    core, middle, ring = [sums[m] / max(numbers[m], 1.0) - level for m in range(3)]
    significance = (core - ring) * np.sqrt(numbers[0]) / noise
    seen = significance > 5.0
    out[4] = min(np.log1p(0.01 * max(host, 0.0) / flux), 4.0)
    out[17] = min(np.log1p(max(significance, 0.0)), 8.0)
    out[18] = min(np.log1p(max((core - ring) * numbers[0], 0.0) / flux), 6.0)
    out[19] = min(max(middle / core, 0.0), 1.0) if seen else -0.2
    out[20] = _offset(template, half, fwhm) if seen else 2.0
    out[21] = min(max(ring / core, -0.2), 1.0) if seen else -0.4


@njit(cache=True)
def _offset(template, half, fwhm):
    """Distance of the template's brightest 3 x 3 mean within 1.5 FWHM, FWHM."""
    reach, brightest, offset = min(int(1.5 * fwhm), half - 1), -np.inf, 0.0
    for j in range(-reach, reach + 1):
        for i in range(-reach, reach + 1):
            total, weight = 0.0, 0
            for v in range(-1, 2):
                for u in range(-1, 2):
                    value = template[half + j + v, half + i + u]
                    if np.isfinite(value):
                        total += value
                        weight += 1
            if weight >= 5 and total / weight > brightest:
                brightest, offset = total / weight, np.sqrt(j * j + i * i) / fwhm
    return min(offset, 2.0)
