"""Images of the DECam Community Pipeline: masks translated to DES bits, electrons, sky subtracted, weights checked."""
from __future__ import annotations

import re

import numpy as np
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.errors import BadData
from sediff.instruments.headers import band_of, nite_of
from sediff.isr.history import once, record
from sediff.isr.noise import SCALE_RANGE, noise_ratio
from sediff.isr.sky import fit_sky
from sediff.isr.weight import null_weight
from sediff.maskbits import UNUSABLE, Bit, with_bits

#: Integer codes of V3.5.0 and later (NOIRLab DECam data handbook): no bits, one a pixel.
CODES = {0: 0, 1: Bit.BPM, 2: Bit.BPM, 3: Bit.SATURATE, 4: Bit.TRAIL, 5: Bit.CRAY, 6: Bit.BPM, 7: Bit.SUSPECT, 8: Bit.STREAK}
#: Bits of the versions before.
OLD_BITS = {1: Bit.BPM, 2: Bit.SATURATE, 4: Bit.INTERP, 16: Bit.CRAY, 64: Bit.TRAIL}
#: First version with codes.
CODES_SINCE = (3, 5)


def translate_mask(quality: np.ndarray, version: str) -> np.ndarray:
    """DES bits of a data-quality image.

    Parameters
    ----------
    quality : ndarray, (ny, nx) integer
    version : str
        PLVER card, such as 'V4.8.2a'. Before V3.5 the values are bits, from then on codes.

    Returns
    -------
    ndarray, (ny, nx) uint16
        Code 7 (differs from the other exposures of a stack: may be a transient) becomes SUSPECT and stays usable; code 6
        (low weight) and 2 (no value) become BPM.

    Raises
    ------
    BadData
        The version cannot be read, or a value has no meaning in it.
    """
    match = re.match(r'\s*V?(\d+)\.(\d+)', str(version))
    if not match:
        raise BadData(f'PLVER is {version!r}; a version such as V4.8.2 must say how the mask is to be read')
    present = np.unique(quality)
    if (int(match[1]), int(match[2])) >= CODES_SINCE:
        strange = [int(value) for value in present if int(value) not in CODES]
        if strange:
            raise BadData(f'the mask of {version} has the values {strange}; codes are 0 to 8')
        table = np.array([int(CODES[code]) for code in range(9)], np.uint16)
        return table[quality]
    strange = [int(value) for value in present if int(value) < 0 or int(value) & ~sum(OLD_BITS)]
    if strange:
        raise BadData(f'the mask of {version} has the values {strange}; its bits are {", ".join(map(str, OLD_BITS))}')
    mask = np.zeros(quality.shape, np.uint16)
    for old, bit in OLD_BITS.items():
        mask |= np.where(quality & old, int(bit), 0).astype(np.uint16)
    return mask


def from_community(image: np.ndarray, weight: np.ndarray, quality: np.ndarray, header: Header, block: int = 128) -> CcdImage:
    """A sky-subtracted CCD in electrons from a Community Pipeline one.

    Parameters
    ----------
    image : ndarray, (ny, nx) float32, ADU
        ooi: sky in or out.
    weight : ndarray, (ny, nx) float32, ADU^-2
        oow.
    quality : ndarray, (ny, nx) integer
        ood.
    header : Header
        Of the image: primary and CCD merged.
    block : int, pixels
        Mesh of the sky.

    Returns
    -------
    CcdImage
        As after cosmic rays: electrons, DES bits, weight 0 where unusable. MAGZERO stays and holds for counts in ADU;
        MAGZEROE is the same for electrons. WGTCHI is the measured noise in units of what the given weight says; the weight
        is scaled by it where it lies between 0.7 and 1.4.

    Raises
    ------
    BadData
        Done before, shapes differ, or cards (GAINA, GAINB, PLVER, EXPNUM, CCDNUM, FILTER) are missing.
    """
    once(header, 'CPINPUT', 'the reading of a Community Pipeline image')
    if not image.shape == weight.shape == quality.shape:
        raise BadData(f'image {image.shape}, weight {weight.shape} and mask {quality.shape} of the Community Pipeline '
                      'differ in shape')
    for card in ('GAINA', 'GAINB', 'PLVER', 'EXPNUM', 'CCDNUM', 'FILTER'):
        if card not in header:
            raise BadData(f'header card {card} is missing; a Community Pipeline image (ooi) is needed')
    gain = float(np.mean([float(header['GAINA']), float(header['GAINB'])]))
    mask = translate_mask(quality, header['PLVER'])
    bad = ~np.isfinite(image) | ~np.isfinite(weight) | (weight <= 0)
    mask = with_bits(mask, bad & ((mask & np.uint16(UNUSABLE)) == 0), Bit.BPM)
    electrons = np.where(np.isfinite(image), image, 0).astype(np.float32) * np.float32(gain)
    variance = np.where(bad, 0, weight).astype(np.float32) / np.float32(gain ** 2)
    sky, brightness, sigma = fit_sky(electrons, mask, min(block, max(min(image.shape) // 4, 16)))
    weighted, ratio = _checked_weight(electrons - sky, null_weight(variance, mask), mask)
    out = _header(header, gain, sky_brightness=_sky_of(header, gain, brightness), sigma=sigma)
    out['WGTCHI'] = (round(ratio, 4), 'Measured noise / that of the given weight')
    return CcdImage(electrons - sky, mask, weighted, out)


def _checked_weight(image: np.ndarray, weight: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, float]:
    """Weight scaled to the measured noise, and measured / given noise (1 where it cannot be measured)."""
    everything = (slice(0, image.shape[0]), slice(0, image.shape[1]))
    ratio = noise_ratio(image, weight, mask, everything)
    if ratio is None:
        return weight, 1.0
    accepted = SCALE_RANGE[0] < ratio < SCALE_RANGE[1]
    return (weight / np.float32(ratio ** 2) if accepted else weight), ratio


def _sky_of(header: Header, gain: float, measured: float) -> float:
    """Sky (e-): the one in the image, and the one that the pipeline says it took off."""
    taken = header.get('AVSKY', header.get('SKYSUB', 0.0))
    return measured if measured > 0.5 * float(taken or 0.0) * gain else float(taken) * gain


def _header(header: Header, gain: float, sky_brightness: float, sigma: float) -> Header:
    out = header.copy()
    for name in 'AB':
        out[f'GAIN{name}0'] = (float(header[f'GAIN{name}']), '[e-/adu] Gain of the Community Pipeline')
        out[f'GAIN{name}'] = (1.0, '[e-/e-] Image is in electrons')
    out['BUNIT'] = ('electron', 'Unit of the pixels')
    out['SATURATE'] = (float(header.get('SATURATE', 40000.0)) * gain, '[e-] Saturation')
    noises = [float(header[f'RDNOISE{name}']) for name in 'AB' if f'RDNOISE{name}' in header]
    out['RDNOISE'] = (float(np.mean(noises)) if noises else 6.0, '[e-] Mean read noise')
    if isinstance(header.get('MAGZERO'), (int, float)):
        out['MAGZEROE'] = (float(header['MAGZERO']) + 2.5 * np.log10(gain), 'MAGZERO for electrons')
    out['BAND'], out['NITE'] = (band_of(header), 'Band'), (nite_of(header), 'UTC date minus 12 h')
    out['CAMSYM'], out['BADAMPS'] = ('D', 'Camera'), ('', 'Unusable amplifiers')
    out['SKYBRITE'], out['SKYSIGMA'] = (sky_brightness, '[e-] Sky'), (sigma, '[e-] Noise of the sky')
    record(out, 'CPINPUT', str(header['PLVER']), 'Community Pipeline image read, version')
    return out
