"""The five stages from a raw CCD to a sky-subtracted image with mask and weight, and all of them in a row."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from astropy.io.fits import Header

from sediff.ccdimage import CcdImage
from sediff.errors import BadData
from sediff.instruments.amplifiers import read_amplifiers, read_trimmed_amplifiers
from sediff.instruments.base import Instrument
from sediff.instruments.headers import trimmed_header
from sediff.isr.badpixels import mark_bad_pixels, mark_boxes, mark_dead_amplifiers
from sediff.isr.bias import subtract_bias
from sediff.isr.bleed import mark_bleed_trails
from sediff.isr.brighterfatter import BorderShifts, correct_brighter_fatter
from sediff.isr.columns import fix_columns
from sediff.isr.cosmicrays import find_cosmic_rays
from sediff.isr.crosstalk import CrosstalkTable, correct_crosstalk, readout_arrays
from sediff.isr.edgebleed import mark_edge_bleeds
from sediff.isr.edges import mark_edges
from sediff.isr.flat import divide_flat
from sediff.isr.gain import apply_gain, record_gain
from sediff.isr.halos import mark_halos
from sediff.isr.history import once, record
from sediff.isr.interpolate import interpolate_rows
from sediff.isr.linearity import LinearityTable, linearize, saturation_levels
from sediff.isr.noise import scale_weight, with_measured_read_noise
from sediff.isr.overscan import measure_overscans, subtract_overscan
from sediff.isr.saturation import mark_saturation
from sediff.isr.sky import fit_sky
from sediff.isr.sky_fringe import fringes_left
from sediff.isr.streaks import find_streaks
from sediff.isr.weight import follow_sky, inverse_variance, null_weight
from sediff.maskbits import UNUSABLE, Bit, with_bits
from sediff.stats import clipped

#: A raw CCD: pixels (raw ny, raw nx) in ADU, and its header (primary and CCD merged).
RawCcd = tuple[np.ndarray, Header]

#: FWHM (px) taken for the cosmic-ray search while none is known: the best seeing of the site, 0.68".
SHARPEST_FWHM = 2.6


@dataclass(frozen=True)
class Corrections:
    """Corrections of single pixels beyond bias, flat and bad pixels; each is left out where it is not given.

    Parameters
    ----------
    linearity : mapping of amplifier name to LinearityCurve
    border_shifts : BorderShifts or None
        Brighter-fatter effect.
    tape_bumps : sequence of (first x, last x, first y, last y)
        0-based boxes, ends included.
    fix_columns : bool
        Put bad columns right whose level alone is wrong.
    checksums : mapping
        CRC-32 of the files named in `names`, under the same keys.
    """

    linearity: LinearityTable = field(default_factory=dict)
    border_shifts: BorderShifts | None = None
    tape_bumps: Sequence[tuple[int, int, int, int]] = ()
    fix_columns: bool = True
    checksums: Mapping[str, str] = field(default_factory=dict)


def crosstalk_stage(raw: np.ndarray, header: Header, sources: Mapping[int, RawCcd], table: CrosstalkTable,
                    table_name: str = '', dead: Mapping[int, Sequence[str]] | None = None, overscan: str = 'mean',
                    suspicious_level: float = 10.0, checksum: str = '', instrument: Instrument | None = None) -> CcdImage:
    """Overscan and crosstalk: a raw CCD to a trimmed image in ADU.

    Parameters
    ----------
    raw : ndarray, (raw ny, raw nx) uint16 or float32, ADU
    header : Header
        Primary and CCD header merged.
    sources : mapping of CCD number to (raw, header)
        The CCDs of `needed_sources` that the exposure has; the CCD itself is not needed among them.
    table : mapping
        Crosstalk terms; empty: no correction.
    table_name, checksum : str
        Named in the header.
    dead : mapping of CCD number to amplifier names, optional
        Amplifiers known to be unusable.
    overscan : str
        How the overscan of a row is found, see `sediff.isr.overscan.METHODS`.
    suspicious_level : float, ADU
        SSXTALK is set where a super-saturated source pixel adds at least this.
    instrument : Instrument, optional
        Whose bands, night and symbol the header of the trimmed image names; default: that of INSTRUMENT's default.

    Returns
    -------
    CcdImage
        ADU, mask with BADAMP and SSXTALK, weight 1 (not known yet; 0 where the mask says so). OSNOISEA and OSNOISEB in the
        header are the measured values of the read noise, ADU.

    Raises
    ------
    BadData
        Done before, header cards are missing or contradict each other, or an amplifier is dead that is not named in `dead`.
    """
    once(header, 'DESOSCN', 'the overscan correction')
    once(header, 'XTALKFIL', 'the crosstalk correction')
    dead = dead or {}
    amplifiers, out = read_amplifiers(header), trimmed_header(header, instrument)
    ccdnum = int(header['CCDNUM'])
    lost = tuple(dead.get(ccdnum, ()))
    overscans = measure_overscans(raw, amplifiers, method=overscan, dead=lost)
    image = subtract_overscan(raw, amplifiers, dead=lost, overscans=overscans)
    record(out, 'DESOSCN', f'{overscan} of each row', 'Overscan subtracted')
    for name, found in overscans.items():
        out[f'OSNOISE{name}'] = (round(found.noise, 4), f'[adu] Noise of the overscan of amp {name}')
    arrays = _source_arrays(sources, dead, ccdnum, overscan) | readout_arrays(image, ccdnum, amplifiers, lost)
    flags = np.zeros(image.shape, np.bool_)
    image, skipped = correct_crosstalk(image, ccdnum, amplifiers, arrays, table, (flags, suspicious_level))
    record(out, 'XTALKFIL', table_name if table else 'none', 'Crosstalk subtracted', checksum if table else '')
    if skipped:
        record(out, 'XTALKMIS', ','.join(name[3:] for name in skipped), 'Crosstalk sources without pixels')
    out['BADAMPS'] = (''.join(lost), 'Unusable amplifiers')
    mask = mark_dead_amplifiers(np.zeros(image.shape, np.uint16), amplifiers, lost)
    mask = with_bits(mask, flags, Bit.SSXTALK) if flags.any() else mask
    return CcdImage(image, mask, ((mask & np.uint16(UNUSABLE)) == 0).astype(np.float32), out)


def pixcorrect(ccd: CcdImage, bias: np.ndarray | None, flat: np.ndarray | None, bad_pixels: np.ndarray | None,
               names: Mapping[str, str] | None = None, edge: int = 15, near_edge: int = 30,
               saturation_growth: int = 1, more: Corrections | None = None) -> CcdImage:
    """Bias, saturation, linearity, gain, brighter-fatter, flat, static masks, columns, weight: ADU to electrons.

    The order is that of DES (Morganson et al. 2018, 3.2; Bernstein et al. 2017, 4).

    Parameters
    ----------
    ccd : CcdImage
        From `crosstalk_stage`.
    bias : ndarray, (ny, nx) float32, ADU, or None
    flat : ndarray, (ny, nx) float32, or None
        Median 1 over the CCD.
    bad_pixels : ndarray, (ny, nx) integer, or None
        Bits of `sediff.isr.badpixels.Defect`; a mere 1 where bad will do.
    names : mapping, optional
        File names under 'bias', 'flat', 'bpm', 'linearity', 'bf', 'tapebumps', for the header. A calibration that is None
        is left out, and its card says 'none'.
    edge, near_edge, saturation_growth : int, pixels
    more : Corrections, optional

    Raises
    ------
    BadData
        Done before, or a calibration does not fit.
    """
    for keyword, doing in (('BIASFIL', 'the bias correction'), ('LINFIL', 'the linearity correction'),
                           ('BFFIL', 'the brighter-fatter correction'), ('FLATFIL', 'the flat field')):
        once(ccd.header, keyword, doing)
    names, header, more = names or {}, ccd.header.copy(), more or Corrections(fix_columns=False)
    amplifiers, lost = read_trimmed_amplifiers(header), str(header.get('BADAMPS', ''))
    amplifiers = with_measured_read_noise(amplifiers, header)
    image = subtract_bias(ccd.image, bias) if bias is not None else ccd.image.astype(np.float32)
    mask = mark_edges(mark_saturation(image, ccd.mask, [each for each in amplifiers if each.name not in lost],
                                      saturation_growth), edge, near_edge)
    if more.linearity:
        image = linearize(image, amplifiers, more.linearity, in_place=True)
        full = saturation_levels(amplifiers, more.linearity)
        amplifiers = tuple(replace(each, saturate=full[each.name]) for each in amplifiers)
    image = apply_gain(image, amplifiers, in_place=True)
    record_gain(header, amplifiers, lost)
    if more.border_shifts is not None:
        image = correct_brighter_fatter(image, more.border_shifts)
    if flat is not None:
        image, mask = divide_flat(image, mask, flat)
    if bad_pixels is not None:
        mask = mark_bad_pixels(mask, bad_pixels)
    mask = mark_boxes(mask, more.tape_bumps, int(Bit.TAPEBUMP | Bit.SUSPECT)) if len(more.tape_bumps) else mask
    fixed = 0
    if more.fix_columns:
        image, mask, fixed = fix_columns(image, mask)
    _record_pixcorrect(header, names, more, {'bias': bias, 'flat': flat, 'bpm': bad_pixels}, fixed)
    return _weighted(image, mask, header, amplifiers, flat)


def _record_pixcorrect(header: Header, names: Mapping[str, str], more: Corrections, given: Mapping, fixed: int) -> None:
    """Cards of what `pixcorrect` did and used."""
    used = {**given, 'linearity': more.linearity or None, 'bf': more.border_shifts, 'tapebumps': more.tape_bumps or None}
    for keyword, kind, done in (('BIASFIL', 'bias', 'Bias subtracted'), ('LINFIL', 'linearity', 'Made linear'),
                                ('BFFIL', 'bf', 'Brighter-fatter corrected'), ('FLATFIL', 'flat', 'Divided by flat'),
                                ('BPMFIL', 'bpm', 'Bad pixels marked'), ('TAPEFIL', 'tapebumps', 'Tape bumps marked')):
        there = used[kind] is not None
        record(header, keyword, names.get(kind, 'given') if there else 'none', done,
               more.checksums.get(kind, '') if there else '')
    if more.fix_columns:
        record(header, 'NFIXED', fixed, 'Pixels of bad columns put right')


def _weighted(image: np.ndarray, mask: np.ndarray, header: Header, amplifiers: Sequence,
              flat: np.ndarray | None) -> CcdImage:
    """The image with its weight: sky and read noise, scaled to the noise that is measured."""
    sky = _typical_level(image, mask)
    weight = inverse_variance(sky, amplifiers, np.ones(image.shape, np.float32) if flat is None else flat)
    weight, scales = scale_weight(image, weight, mask, amplifiers, in_place=True)
    for name, scale in scales.items():
        header[f'WGTSCL{name}'] = (round(scale, 5), f'Measured / expected noise of amp {name}')
    header['NSATPIX'] = (int(np.count_nonzero(mask & np.uint16(Bit.SATURATE))), 'Saturated pixels')
    header['SKYBRITE'] = (sky, '[e-] Sky')
    return CcdImage(image, mask, null_weight(weight, mask, in_place=True), header)


def mask_bleeds(ccd: CcdImage, min_length: int = 20, halo_level: float = 0.0, interpolate: bool = False) -> CcdImage:
    """Mark bleed trails (TRAIL), edge bleeds (EDGEBLEED) and halos (STAR) of saturated stars; interpolate the trails.

    Parameters
    ----------
    min_length : int, pixels
        Shortest trail.
    halo_level : float
        A halo reaches to where the star's wings are this many sigma of the sky; 0: no halos.
    interpolate : bool
        Replace trails of at most 50 columns by straight lines along the rows (INTERP); their weight stays 0.

    Raises
    ------
    BadData
        Done before.
    """
    once(ccd.header, 'NTRAIL', 'the search for bleed trails')
    header = ccd.header.copy()
    image, noise = ccd.image, float(header.get('RDNOISE', 6.0))
    sigma = float(np.sqrt(max(float(header.get('SKYBRITE', 0.0)), 0.0) + noise ** 2))
    mask = mark_bleed_trails(image, ccd.mask, noise, min_length)
    mask = mark_edge_bleeds(image, mask, read_trimmed_amplifiers(header), sigma)
    record(header, 'NTRAIL', int(np.count_nonzero(mask & np.uint16(Bit.TRAIL))), 'Pixels in bleed trails')
    if halo_level > 0:
        mask, halos = mark_halos(image, mask, sigma, halo_level)
        record(header, 'NHALO', len(halos), 'Halos of saturated stars marked')
    if interpolate:
        image, mask, replaced = interpolate_rows(image, mask)
        record(header, 'NINTERP', replaced, 'Pixels of trails interpolated')
    return CcdImage(image, mask, null_weight(ccd.weight, mask), header)


def apply_star_flat(ccd: CcdImage, star_flat: np.ndarray, name: str = 'given', checksum: str = '') -> CcdImage:
    """Divide a sky-subtracted image by the star flat: what stars see and the dome flat does not (Bernstein et al. 2017, 5).

    Parameters
    ----------
    star_flat : ndarray, (ny, nx) float32
        Response to stars after the dome flat, near 1.

    Raises
    ------
    BadData
        Done before, shapes differ, or values that are not finite and between 0.5 and 2.
    """
    once(ccd.header, 'STARFIL', 'the star flat')
    if star_flat.shape != ccd.shape:
        raise BadData(f'the star flat has shape {star_flat.shape}, the image {ccd.shape}; it belongs to another CCD')
    if not (np.isfinite(star_flat).all() and star_flat.min() > 0.5 and star_flat.max() < 2.0):
        raise BadData('the star flat has values that are not between 0.5 and 2; build it again')
    header = ccd.header.copy()
    record(header, 'STARFIL', name, 'Divided by star flat', checksum)
    image, weight = ccd.image / star_flat, ccd.weight * star_flat ** 2
    return CcdImage(image.astype(np.float32, copy=False), ccd.mask, weight.astype(np.float32, copy=False), header)


def subtract_sky(ccd: CcdImage, block: int = 128) -> CcdImage:
    """Subtract the sky; weights follow the sky map, SKYBRITE and SKYSIGMA (e-) are set.

    Raises
    ------
    BadData
        Done before, or too few usable pixels.
    """
    once(ccd.header, 'SKYBLOCK', 'the sky subtraction')
    header = ccd.header.copy()
    sky, brightness, sigma = fit_sky(ccd.image, ccd.mask, block)
    weight = follow_sky(ccd.weight, sky, float(header.get('SKYBRITE', brightness)), float(header.get('RDNOISE', 6.0)))
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
        Whether to look for streaks. In an image with its fringes (FRINGFIL `none`) they are not looked for: fringes are long
        and straight, too.
    """
    header = ccd.header.copy()
    fwhm = fwhm or float(header.get('FWHM', 0.0)) or SHARPEST_FWHM
    rays = find_cosmic_rays(ccd.image, ccd.weight, ccd.mask, fwhm, limit)
    mask = with_bits(ccd.mask, rays, Bit.CRAY)
    record(header, 'NCRAY', int(np.count_nonzero(rays)), 'Pixels hit by cosmic rays')
    if streaks and not fringes_left(header):
        mask = with_bits(mask, find_streaks(ccd.image, ccd.weight, mask), Bit.STREAK)
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


def _source_arrays(sources: Mapping[int, RawCcd], dead: Mapping[int, Sequence[str]], victim: int,
                   overscan: str = 'mean') -> dict[str, np.ndarray]:
    """Source amplifiers in readout order; a CCD that cannot be used is left out, and so reported as missing."""
    arrays: dict[str, np.ndarray] = {}
    for ccdnum, (raw, header) in sources.items():
        if ccdnum == victim:
            continue
        lost = tuple(dead.get(ccdnum, ()))
        try:
            amplifiers = read_amplifiers(header)
            image = subtract_overscan(raw, amplifiers, dead=lost, method=overscan)
            arrays |= readout_arrays(image, ccdnum, amplifiers, lost)
        except BadData:
            continue
    return arrays


def _typical_level(image: np.ndarray, mask: np.ndarray) -> float:
    """Median of every 32nd usable pixel, clipped at 3 robust standard deviations; not below 0."""
    usable = (mask[::8, ::4] & np.uint16(UNUSABLE)) == 0
    values = image[::8, ::4][usable]
    if not len(values):
        raise BadData('no pixel of the CCD is usable: all amplifiers are dead or masked; leave this CCD out')
    return max(float(np.median(clipped(values, 3.0, 3))), 0.0)
