"""The object catalogue of a CCD: positions, fluxes, shapes, flags, and PSF columns when a PSF is given."""
from __future__ import annotations

import numpy as np
import sep
from astropy.wcs import WCS
from scipy.special import ndtr

from sediff.catalog.apertures import circular_sums
from sediff.catalog.columns import empty_catalogue, magnitudes
from sediff.catalog.detect import DEFAULT_FWHM, Detections, detect, object_fwhm
from sediff.catalog.kernels import foreign_fraction
from sediff.catalog.psf_photometry import psf_photometry
from sediff.catalog.windows import windowed_positions
from sediff.ccdimage import CcdImage
from sediff.maskbits import Bit
from sediff.psf.model import PsfModel
from sediff.psf.shape import fwhm_at
from sediff.psf.stars import size_locus
from sediff.wcs.read import pixel_scale, pixel_to_sky, read_wcs

#: SExtractor's PHOT_AUTOPARAMS: Kron factor and least radius, in units of A and B.
KRON_FACTOR, KRON_MINIMUM = 2.5, 3.5
#: SPREAD_MODEL between stars and galaxies, and the width of the soft border, for CLASS_STAR.
STAR_SPREAD, STAR_WIDTH = 0.003, 0.0015


def measure(ccd: CcdImage, psf: PsfModel | None = None, threshold: float = 1.5, **options) -> np.ndarray:
    """Catalogue of a CCD; see `measure_with_map` for the options.

    Returns
    -------
    catalogue : structured ndarray
        Columns of `sediff.catalog.columns`; PSF columns only with a PSF.
    """
    return measure_with_map(ccd, psf, threshold, **options)[0]


def measure_bright(ccd: CcdImage, threshold: float = 10.0, **options) -> np.ndarray:
    """Catalogue of the bright objects for astrometry: no PSF columns, coarser deblending; fast."""
    return measure_with_map(ccd, None, threshold, **{'deblend_contrast': 0.005, **options})[0]


def measure_with_map(ccd: CcdImage, psf: PsfModel | None = None, threshold: float = 1.5, *, fwhm: float | None = None,
                     gain: float = 1.0, apertures: tuple[float, ...] = (), minimum_area: int = 6,
                     deblend_contrast: float = 0.001, wcs: WCS | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Detect and measure.

    Parameters
    ----------
    ccd : CcdImage
        Sky-subtracted; weight of sky and read noise; header with a WCS, and SATURATE and FWHM where known.
    psf : PsfModel, optional
        Adds the PSF columns.
    threshold : float
        Detection threshold in units of the pixel's error.
    fwhm : float, pixels, optional
        Width of the detection filter; default the PSF's, else the header's FWHM, else 4.
    gain : float
        Electrons per flux unit.
    apertures : tuple of float, pixels
        Diameters of fixed apertures (APER columns).
    minimum_area : int, pixels
    deblend_contrast : float
    wcs : WCS, optional
        Instead of the header's.

    Returns
    -------
    catalogue : structured ndarray
    segmentation : ndarray, (ny, nx) int32
        NUMBER of the object of each pixel, 0 elsewhere.

    Raises
    ------
    BadData
        Shapes differ, or there is no WCS.

    Notes
    -----
    FLAGS: 1 more than a tenth of the AUTO ellipse belongs to others or is bad, 2 was blended, 4 saturated, 8 touches
    the border, 16 AUTO ellipse leaves the image. CLASS_STAR is not SExtractor's network: see `star_class`.
    """
    wcs = read_wcs(ccd.header) if wcs is None else wcs
    fwhm = _filter_width(ccd, psf) if fwhm is None else fwhm
    found = detect(ccd.image, ccd.weight, ccd.mask, threshold, fwhm=fwhm, minimum_area=minimum_area,
                   deblend_contrast=deblend_contrast)
    catalogue = empty_catalogue(len(found.objects), psf is not None, len(apertures))
    if len(catalogue):
        _isophotal(catalogue, found, ccd.header)
        _automatic(catalogue, found, gain)
        _positions(catalogue, found, gain, wcs, fwhm)
        if apertures:
            _fixed(catalogue, found, gain, apertures)
        if psf is not None:
            _point_sources(catalogue, found, psf, gain, wcs)
        catalogue['CLASS_STAR'] = star_class(catalogue)
    return catalogue, found.segmentation


def star_class(catalogue: np.ndarray) -> np.ndarray:
    """Probability-like star index in [0, 1], a documented successor of SExtractor's CLASS_STAR.

    With a PSF: the normal probability that SPREAD_MODEL lies below 0.003 (and above -0.01, where cosmic rays are),
    with its error and 0.0015 in quadrature. Without: the same of FWHM over the locus of the bright objects' widths,
    limit 1.2, width 0.08 and the error 1 / (S/N).
    """
    if 'SPREAD_MODEL' in (catalogue.dtype.names or ()):
        spread, width = catalogue['SPREAD_MODEL'].astype(float), np.hypot(catalogue['SPREADERR_MODEL'], STAR_WIDTH)
        return ndtr((STAR_SPREAD - spread) / width) * ndtr((spread + 0.01) / width)
    size = catalogue['FWHM_IMAGE'].astype(float)
    snr = catalogue['FLUX_AUTO'] / np.maximum(catalogue['FLUXERR_AUTO'], 1e-30)
    known = (size > 1.0) & (catalogue['FLAGS'] == 0) & (snr > 10)
    if known.sum() < 3:
        return np.full(len(catalogue), 0.5)
    ratio = size / size_locus(size[known], snr[known], 0.1)[0]
    width = np.hypot(0.08, 1.0 / np.maximum(snr, 1.0))
    return ndtr((1.2 - ratio) / width) * ndtr((ratio - 0.7) / width)


def _filter_width(ccd: CcdImage, psf: PsfModel | None) -> float:
    if psf is not None and psf.fwhm > 0:
        return psf.fwhm
    value = ccd.header.get('FWHM', 0.0)
    return float(value) if isinstance(value, int | float) and value > 0 else DEFAULT_FWHM


def _isophotal(catalogue: np.ndarray, found: Detections, header) -> None:
    """Columns that detection gives."""
    objects = found.objects
    catalogue['NUMBER'] = np.arange(1, len(objects) + 1)
    catalogue['X_IMAGE'], catalogue['Y_IMAGE'] = objects['x'] + 1.0, objects['y'] + 1.0
    catalogue['A_IMAGE'], catalogue['B_IMAGE'] = objects['a'], objects['b']
    catalogue['THETA_IMAGE'] = np.degrees(objects['theta'])
    catalogue['ISOAREA_IMAGE'] = objects['npix']
    catalogue['FLUX_MAX'] = objects['peak']
    catalogue['IMAFLAGS_ISO'] = found.bits
    level = header.get('SATURATE')
    saturated = (found.bits & int(Bit.SATURATE)) != 0
    if isinstance(level, int | float) and level > 0:
        saturated |= objects['peak'] >= level
    flags = np.where((objects['flag'] & sep.OBJ_MERGED) != 0, 2, 0) + np.where(saturated, 4, 0)
    catalogue['FLAGS'] = flags + np.where((objects['flag'] & sep.OBJ_TRUNC) != 0, 8, 0)


def _automatic(catalogue: np.ndarray, found: Detections, gain: float) -> None:
    """Kron fluxes, half-light radius, and the flags that depend on the ellipse."""
    o, image = found.objects, found.image
    ellipse = (o['x'], o['y'], o['a'], o['b'], o['theta'])
    number = np.arange(1, len(o) + 1, dtype=np.int32)
    segments = {'seg_id': number, 'segmap': found.segmentation}
    kron, _ = sep.kron_radius(image, *ellipse, 6.0, mask=found.bad, **segments)
    kron = np.where(np.isfinite(kron), kron, 0.0)
    radius = np.maximum(KRON_FACTOR * kron, KRON_MINIMUM)
    flux, error, _ = sep.sum_ellipse(image, *ellipse, radius, err=found.error, gain=gain, mask=found.bad, subpix=5,
                                     **segments)
    half = _half_light(found, radius * o['a'], flux)
    catalogue['KRON_RADIUS'] = radius
    catalogue['FLUX_AUTO'], catalogue['FLUXERR_AUTO'] = flux, error
    catalogue['MAG_AUTO'], catalogue['MAGERR_AUTO'] = magnitudes(flux, error)
    catalogue['FLUX_RADIUS'] = half
    fraction, outside = np.zeros(len(o)), np.zeros(len(o), bool)
    x, y, cxx, cyy, cxy = (np.ascontiguousarray(o[name]) for name in ('x', 'y', 'cxx', 'cyy', 'cxy'))
    foreign_fraction(found.segmentation, found.bad, number, x, y, cxx, cyy, cxy, radius,
                     np.ceil(radius * o['a']), fraction, outside)
    catalogue['FLAGS'] += np.where(fraction > 0.1, 1, 0).astype(np.int16) + np.where(outside, 16, 0).astype(np.int16)


def _half_light(found: Detections, radius: np.ndarray, flux: np.ndarray) -> np.ndarray:
    """Radii of half of the AUTO flux (pixels), 0 where there is none; looked for within half of the AUTO radius first."""
    o, out = found.objects, np.zeros(len(found.objects))
    rows = np.arange(len(o))
    for limit in (0.5 * radius, radius):
        value, _ = sep.flux_radius(found.image, o['x'][rows], o['y'][rows], limit[rows], 0.5, normflux=flux[rows],
                                   mask=found.bad, subpix=5, seg_id=(rows + 1).astype(np.int32), segmap=found.segmentation)
        out[rows] = np.where(np.isfinite(value), value, 0.0)
        rows = rows[~(value < 0.98 * limit[rows])]
        if rows.size == 0:
            break
    return out


def _positions(catalogue: np.ndarray, found: Detections, gain: float, wcs: WCS, fwhm: float) -> None:
    """Windowed positions, their sky coordinates, and widths."""
    o, count = found.objects, len(found.objects)
    half = catalogue['FLUX_RADIUS'].astype(float)
    sigma = np.maximum(np.where(half > 0, 2.0 * half, fwhm) / 2.3548, 0.4255)
    x, y, error = np.zeros(count), np.zeros(count), np.zeros(count)
    windowed_positions(found.image, found.error, found.bad, np.ascontiguousarray(o['x']), np.ascontiguousarray(o['y']),
                       sigma, float(gain), x, y, error)
    catalogue['XWIN_IMAGE'], catalogue['YWIN_IMAGE'], catalogue['ERRAWIN_IMAGE'] = x + 1.0, y + 1.0, error
    catalogue['ALPHAWIN_J2000'], catalogue['DELTAWIN_J2000'] = pixel_to_sky(wcs, x, y)
    catalogue['FWHM_IMAGE'] = object_fwhm(found, x, y)
    catalogue['FWHM_WORLD'] = catalogue['FWHM_IMAGE'] * (pixel_scale(wcs) / 3600.0)


def _fixed(catalogue: np.ndarray, found: Detections, gain: float, apertures: tuple[float, ...]) -> None:
    """Fixed apertures about the isophotal positions, as SExtractor."""
    count, diameters = len(catalogue), np.asarray(apertures, float)
    order = np.argsort(diameters)
    flux, variance = np.zeros((count, order.size)), np.zeros((count, order.size))
    circular_sums(found.image, found.error, found.bad, found.segmentation, np.arange(1, count + 1, dtype=np.int32),
                  catalogue['X_IMAGE'] - 1.0, catalogue['Y_IMAGE'] - 1.0, 0.5 * diameters[order], float(gain), flux,
                  variance)
    back = np.argsort(order)
    flux, error = flux[:, back], np.sqrt(variance[:, back])
    values = {'FLUX_APER': flux, 'FLUXERR_APER': error}
    values['MAG_APER'], values['MAGERR_APER'] = magnitudes(flux, error)
    for name, value in values.items():
        catalogue[name] = value[:, 0] if len(apertures) == 1 else value


def _point_sources(catalogue: np.ndarray, found: Detections, psf: PsfModel, gain: float, wcs: WCS) -> None:
    """PSF columns; the PSF sits at the windowed position, or at the isophotal one where a blend pulls the window."""
    x, y = catalogue['XWIN_IMAGE'] - 1.0, catalogue['YWIN_IMAGE'] - 1.0
    pulled = np.hypot(x - found.objects['x'], y - found.objects['y']) > 0.35 * psf.fwhm
    x, y = np.where(pulled, found.objects['x'], x), np.where(pulled, found.objects['y'], y)
    result = psf_photometry(found.image, found.inverse, psf, x, y, gain=gain, segmentation=found.segmentation)
    catalogue['XPSF_IMAGE'], catalogue['YPSF_IMAGE'] = result.x + 1.0, result.y + 1.0
    catalogue['FLUX_PSF'], catalogue['FLUXERR_PSF'] = result.flux, result.flux_error
    catalogue['MAG_PSF'], catalogue['MAGERR_PSF'] = magnitudes(result.flux, result.flux_error)
    catalogue['SPREAD_MODEL'], catalogue['SPREADERR_MODEL'] = result.spread, result.spread_error
    catalogue['FWHMPSF_IMAGE'] = fwhm_at(psf, x, y)
    catalogue['FWHMPSF_WORLD'] = catalogue['FWHMPSF_IMAGE'] * (pixel_scale(wcs) / 3600.0)
