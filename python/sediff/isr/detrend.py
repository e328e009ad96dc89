"""The five stages from a raw CCD to a sky-subtracted image with mask and weight, and all of them in a row."""
from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.io.fits import Header

from sediff.camera.amplifiers import read_amplifiers, read_trimmed_amplifiers
from sediff.camera.headers import trimmed_header
from sediff.camera.maskbits import UNUSABLE, Bit
from sediff.ccdimage import CcdImage
from sediff.errors import BadData
from sediff.isr.badpixels import mark_bad_pixels, mark_dead_amplifiers
from sediff.isr.bias import subtract_bias
from sediff.isr.bleed import mark_bleed_trails
from sediff.isr.cosmicrays import find_cosmic_rays
from sediff.isr.crosstalk import CrosstalkTable, correct_crosstalk, readout_arrays
from sediff.isr.edges import mark_edges
from sediff.isr.flat import divide_flat
from sediff.isr.gain import apply_gain, record_gain
from sediff.isr.history import once, record
from sediff.isr.overscan import subtract_overscan
from sediff.isr.saturation import mark_saturation
from sediff.isr.sky import fit_sky
from sediff.isr.streaks import find_streaks
from sediff.isr.weight import inverse_variance, null_weight

#: A raw CCD: pixels (4146, 2160) in ADU, and its header (primary and CCD merged).
RawCcd = tuple[np.ndarray, Header]

#: FWHM (px) taken for the cosmic-ray search while none is known: the best seeing of the site, 0.68".
SHARPEST_FWHM = 2.6


def crosstalk_stage(raw: np.ndarray, header: Header, sources: Mapping[int, RawCcd], table: CrosstalkTable,
                    table_name: str = '', dead: Mapping[int, Sequence[str]] | None = None) -> CcdImage:
    """Overscan and crosstalk: a raw CCD to a trimmed image in ADU.

    Parameters
    ----------
    raw : ndarray, (4146, 2160) uint16 or float32, ADU
    header : Header
        Primary and CCD header merged.
    sources : mapping of CCD number to (raw, header)
        The CCDs of `needed_sources` that the exposure has; the CCD itself is not needed among them.
    table : mapping
        Crosstalk terms; empty: no correction.
    table_name : str
        Named in the header.
    dead : mapping of CCD number to amplifier names, optional
        Amplifiers known to be unusable.

    Returns
    -------
    CcdImage
        ADU, mask with BADAMP only, weight 1 (not known yet; 0 on dead amplifiers).

    Raises
    ------
    BadData
        Header cards are missing, or an amplifier is dead that is not named in `dead`.
    """
    dead = dead or {}
    amplifiers, out = read_amplifiers(header), trimmed_header(header)
    ccdnum = int(header['CCDNUM'])
    lost = tuple(dead.get(ccdnum, ()))
    image = subtract_overscan(raw, amplifiers, dead=lost)
    record(out, 'DESOSCN', 'clipped mean of each row', 'Overscan subtracted')
    arrays = _source_arrays(sources, dead, ccdnum) | readout_arrays(image, ccdnum, amplifiers, lost)
    image, skipped = correct_crosstalk(image, ccdnum, amplifiers, arrays, table)
    record(out, 'XTALKFIL', table_name if table else 'none', 'Crosstalk subtracted')
    if skipped:
        record(out, 'XTALKMIS', ','.join(name[3:] for name in skipped), 'Crosstalk sources without pixels')
    out['BADAMPS'] = (''.join(lost), 'Unusable amplifiers')
    mask = mark_dead_amplifiers(np.zeros(image.shape, np.uint16), amplifiers, lost)
    return CcdImage(image, mask, null_weight(np.ones(image.shape, np.float32), mask), out)


def pixcorrect(ccd: CcdImage, bias: np.ndarray | None, flat: np.ndarray | None, bad_pixels: np.ndarray | None,
               names: Mapping[str, str] | None = None, edge: int = 15, near_edge: int = 30,
               saturation_growth: int = 1) -> CcdImage:
    """Bias, saturation, gain, flat, static masks, weight: ADU to electrons.

    Parameters
    ----------
    ccd : CcdImage
        From `crosstalk_stage`.
    bias : ndarray, (ny, nx) float32, ADU, or None
    flat : ndarray, (ny, nx) float32, or None
        Median 1 over the CCD.
    bad_pixels : ndarray, (ny, nx) integer, or None
        Not 0 where bad.
    names : mapping, optional
        File names under 'bias', 'flat', 'bpm', for the header. A calibration that is None is left out, and its card
        says 'none'.
    edge, near_edge, saturation_growth : int, pixels

    Raises
    ------
    BadData
        Done before, or a calibration does not fit.
    """
    once(ccd.header, 'BIASFIL', 'the bias correction')
    names, header = names or {}, ccd.header.copy()
    amplifiers, lost = read_trimmed_amplifiers(header), str(header.get('BADAMPS', ''))
    image = subtract_bias(ccd.image, bias) if bias is not None else ccd.image
    mask = mark_edges(mark_saturation(image, ccd.mask, amplifiers, saturation_growth), edge, near_edge)
    image = apply_gain(image, amplifiers)
    record_gain(header, amplifiers, lost)
    if flat is not None:
        image, mask = divide_flat(image, mask, flat)
    if bad_pixels is not None:
        mask = mark_bad_pixels(mask, bad_pixels)
    sky = _typical_level(image, mask)
    weight = inverse_variance(sky, amplifiers, np.ones(image.shape, np.float32) if flat is None else flat)
    for keyword, kind, used, done in (('BIASFIL', 'bias', bias, 'Bias subtracted'),
                                      ('FLATFIL', 'flat', flat, 'Divided by flat'),
                                      ('BPMFIL', 'bpm', bad_pixels, 'Bad pixels marked')):
        record(header, keyword, 'none' if used is None else names.get(kind, 'given'), done)
    header['NSATPIX'] = (int(np.count_nonzero(mask & np.uint16(Bit.SATURATE))), 'Saturated pixels')
    header['SKYBRITE'] = (sky, '[e-] Sky')
    return CcdImage(image, mask, null_weight(weight, mask), header)


def mask_bleeds(ccd: CcdImage, min_length: int = 20) -> CcdImage:
    """Mark bleed trails (TRAIL, EDGEBLEED) of saturated stars; `min_length` in pixels."""
    header = ccd.header.copy()
    mask = mark_bleed_trails(ccd.image, ccd.mask, float(header.get('RDNOISE', 6.0)), min_length)
    record(header, 'NTRAIL', int(np.count_nonzero(mask & np.uint16(Bit.TRAIL))), 'Pixels in bleed trails')
    return CcdImage(ccd.image, mask, null_weight(ccd.weight, mask), header)


def subtract_sky(ccd: CcdImage, block: int = 128) -> CcdImage:
    """Subtract the sky; weights follow the sky map, SKYBRITE and SKYSIGMA (e-) are set.

    The weights were made for one sky level S0 over the CCD; with the map S they are multiplied by (S0 + r^2) / (S + r^2),
    r the read noise (exact where the flat is 1, to better than 1e-3 elsewhere).

    Raises
    ------
    BadData
        Done before, or too few usable pixels.
    """
    once(ccd.header, 'SKYBLOCK', 'the sky subtraction')
    header = ccd.header.copy()
    sky, brightness, sigma = fit_sky(ccd.image, ccd.mask, block)
    noise = float(header.get('RDNOISE', 6.0)) ** 2
    assumed = max(float(header.get('SKYBRITE', brightness)), 0.0) + noise
    weight = ccd.weight * (assumed / (np.maximum(sky, 0) + noise)).astype(np.float32)
    record(header, 'SKYBLOCK', block, 'Sky subtracted, block size')
    header['SKYBRITE'] = (brightness, '[e-] Sky')
    header['SKYSIGMA'] = (sigma, '[e-] Noise of the sky')
    return CcdImage(ccd.image - sky, ccd.mask, weight, header)


def mask_cosmic_rays(ccd: CcdImage, fwhm: float | None = None, limit: float = 4.5, streaks: bool = True) -> CcdImage:
    """Mark cosmic rays (CRAY) and satellite streaks (STREAK) of a sky-subtracted image.

    Parameters
    ----------
    fwhm : float, optional, pixels
        Of the PSF; default: the header's FWHM, else 2.6 (0.68", sharper than any star here).
    limit : float
        Noise-normalised threshold.
    streaks : bool
        Whether to look for streaks.
    """
    header = ccd.header.copy()
    fwhm = fwhm or float(header.get('FWHM', 0.0)) or SHARPEST_FWHM
    rays = find_cosmic_rays(ccd.image, ccd.weight, ccd.mask, fwhm, limit)
    mask = ccd.mask | np.where(rays, int(Bit.CRAY), 0).astype(np.uint16)
    record(header, 'NCRAY', int(np.count_nonzero(rays)), 'Pixels hit by cosmic rays')
    if streaks:
        mask = mask | np.where(find_streaks(ccd.image, ccd.weight, mask), int(Bit.STREAK), 0).astype(np.uint16)
        record(header, 'NSTREAK', int(np.count_nonzero(mask & np.uint16(Bit.STREAK))), 'Pixels in streaks')
    return CcdImage(ccd.image, mask, null_weight(ccd.weight, mask), header)


def detrend(raw: np.ndarray, header: Header, bias: np.ndarray | None, flat: np.ndarray | None,
            bad_pixels: np.ndarray | None, sources: Mapping[int, RawCcd], table: CrosstalkTable,
            names: Mapping[str, str] | None = None, dead: Mapping[int, Sequence[str]] | None = None,
            fwhm: float | None = None) -> CcdImage:
    """All five stages with their defaults; `names` may also hold 'crosstalk'."""
    names = names or {}
    ccd = crosstalk_stage(raw, header, sources, table, names.get('crosstalk', 'given'), dead)
    return mask_cosmic_rays(subtract_sky(mask_bleeds(pixcorrect(ccd, bias, flat, bad_pixels, names))), fwhm)


def _source_arrays(sources: Mapping[int, RawCcd], dead: Mapping[int, Sequence[str]], victim: int) -> dict[str, np.ndarray]:
    """Source amplifiers in readout order; a CCD that cannot be used is left out, and so reported as missing."""
    arrays: dict[str, np.ndarray] = {}
    for ccdnum, (raw, header) in sources.items():
        if ccdnum == victim:
            continue
        lost = tuple(dead.get(ccdnum, ()))
        try:
            amplifiers = read_amplifiers(header)
            arrays |= readout_arrays(subtract_overscan(raw, amplifiers, dead=lost), ccdnum, amplifiers, lost)
        except BadData:
            continue
    return arrays


def _typical_level(image: np.ndarray, mask: np.ndarray) -> float:
    """Median of every 32nd usable pixel, clipped at 3 robust standard deviations; not below 0."""
    usable = (mask[::8, ::4] & np.uint16(UNUSABLE)) == 0
    values = image[::8, ::4][usable]
    if not len(values):
        raise BadData('no pixel of the CCD is usable: both amplifiers are dead or masked; leave this CCD out')
    for _ in range(3):
        middle = np.median(values)
        values = values[np.abs(values - middle) <= 3.0 * 1.4826 * np.median(np.abs(values - middle)) + 1e-6]
    return max(float(np.median(values)), 0.0)
