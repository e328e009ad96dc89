"""SE12: the zero point of a CCD.

Zero points have the usual sign, mag = -2.5 log10(electrons) + ZP; DES-GW's tool of that name stored -ZP.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sediff.ccdimage import CcdImage
from sediff.engine.context import Context
from sediff.errors import BadData
from sediff.instruments.base import Instrument, table_path
from sediff.instruments.rawcards import airmass_of
from sediff.isr.sky_fringe import fringes_left
from sediff.photometry.calibrate import CcdCalibration, calibrate_ccd
from sediff.photometry.quality import depth, effective_pixels, effective_time
from sediff.photometry.spatial import SpatialOptions
from sediff.photometry.zeropoint import ClipOptions, StarCuts
from sediff.psf.model import PsfModel
from sediff.refcat.cascade import standard_stars
from sediff.refcat.lookup import read_colour_terms, read_quality_table
from sediff.refcat.stars import empty_stars
from sediff.wcs.read import pixel_scale, read_wcs


def calibrate(context: Context) -> None:
    """Zero point of a CCD, with the stars it came from, and the metrics of its quality.

    A CCD with too few stars is no failure here: its Zero file says -999, and the exposure's tables give it the exposure's
    zero point.
    """
    exposure, image, psf = context.exposure, context.load('immask'), context.load('psf')
    cuts = StarCuts(match_radius=context.parameter('ZP_MATCH_RADIUS'), max_flux=_largest_flux(context, image, psf),
                    magnitude_range=(context.parameter('ZP_MAG_MIN'), context.parameter('ZP_MAG_MAX')),
                    colour_range=(context.parameter('ZP_COLOUR_MIN'), context.parameter('ZP_COLOUR_MAX')),
                    blend_radius=context.parameter('ZP_BLEND_RADIUS'))
    clip = ClipOptions(min_stars=context.parameter('ZP_MIN_STARS'),
                       spatial=SpatialOptions(context.parameter('ZP_SPATIAL_DEGREE')))
    stars, terms, own_colours, unmeasured = _standards(context, image)
    if own_colours:
        cuts = replace(cuts, colour_range=(-np.inf, np.inf))
    result = calibrate_ccd(context.load('fullcat'), image.header, stars, exposure.band, terms,
                           context.path('fullcat').name, image.shape, cuts, clip,
                           context.parameter('ZP_MAG_TYPE').replace('mag_', 'FLUX_').upper())
    context.log(_outcome(result))
    context.count('zero-point stars', result.zero_point.n_clipped if result.zero_point else 0)
    for name, table in result.tables.items():
        context.save(name, table)
    context.save('quality', _quality(context, image, psf, result) | {'reference_errors_assumed': unmeasured})


def _standards(context: Context, image: CcdImage) -> tuple[np.ndarray, Mapping, bool, float]:
    """Standard stars around the CCD, of the first catalogue of REFCAT_CASCADE that serves, their colour terms, whether
    that catalogue has colours and ranges of its own, to which the range of BP-RP does not apply, and the share of its stars
    that came without errors of their magnitudes."""
    limits = context.parameter('ZP_MAG_MIN'), context.parameter('ZP_MAG_MAX')
    try:
        found = standard_stars(context.file('refcat'), context.parameter('REFCAT_CASCADE'), context.exposure.band,
                               read_wcs(image.header), image.shape, image.header['MJD-OBS'], limits,
                               context.parameter('ZP_MIN_STARS'), context.instrument)
    except BadData as error:
        context.log(str(error))
        terms = read_colour_terms(table_path(context.instrument, 'colour_terms.json'))
        return empty_stars(0), terms, False, 0.0
    context.log(f'standards of {found.catalogue}; skipped: {found.skipped or "none"}; '
                f'shards that are not there: {list(found.missing) or "none"}')
    if found.unmeasured > 0.0:
        context.log(f'WARNING: {found.unmeasured:.0%} of the stars of {found.catalogue} have no errors of their magnitudes; '
                    'those that the survey has published for such magnitudes are taken (sediff.photometry.published_noise)')
    return found.stars, found.terms, found.catalogue != 'gaia', found.unmeasured


def _largest_flux(context: Context, image: CcdImage, psf: PsfModel) -> float:
    """Flux (e-) of a star whose peak and sky reach ZP_MAX_PEAK of saturation."""
    ny, nx = image.shape
    stamp = psf.image(nx / 2.0, ny / 2.0)
    room = context.parameter('ZP_MAX_PEAK') * image.header['SATURATE'] - image.header['SKYBRITE']
    return float(max(room, 0.0) * stamp.sum() / stamp.max())


def _outcome(result: CcdCalibration) -> str:
    zero_point = result.zero_point
    if zero_point is None:
        return f'no zero point of its own: {result.reason}'
    spatial = '' if zero_point.spatial is None else f', changes over the CCD by {zero_point.spatial.amplitude:.4f} (rms)'
    return (f'zero point {zero_point.zero_point:.4f} +- {zero_point.error:.4f} (colour relation {result.accuracy:g}), '
            f'scatter {zero_point.rms:.4f}, {zero_point.n_clipped} of {zero_point.n_all} stars{spatial}')


def _quality(context: Context, image: CcdImage, psf: PsfModel, result: CcdCalibration) -> dict:
    header, fit, (ny, nx) = image.header, result.zero_point, image.shape
    metrics = {'band': context.exposure.band, 'objects': len(context.load('fullcat')),
               'fwhm_arcsec': psf.fwhm * pixel_scale(read_wcs(header)), 'ellipticity': header.get('ELLIPTIC'),
               'sky_electrons': header['SKYBRITE'], 'sky_sigma': header['SKYSIGMA'],
               'psf_area': effective_pixels(psf.image(nx / 2.0 - 1.0, ny / 2.0 - 1.0)), 'exptime': header['EXPTIME'],
               'airmass': airmass_of(header), 'astrometry_rms_mas': header.get('ASTRMS'),
               'astrometry_stars': header.get('SCAMPNUM'), 'astrometry_chi2': header.get('SCAMPCHI'),
               'fringes_left': fringes_left(header), 'zero_point': None, 'reason': result.reason}
    if fit is not None:
        metrics |= {'zero_point': fit.zero_point, 'zero_point_error': fit.error, 'relation_accuracy': result.accuracy,
                    'zero_point_rms': fit.rms, 'star_scatter': fit.scatter, 'stars': fit.n_clipped, 'stars_all': fit.n_all,
                    'spatial': fit.spatial.record() if fit.spatial else None}
    return metrics | with_zero_point(metrics, metrics['zero_point'], context.instrument)


def with_zero_point(metrics: dict, zero_point: float | None, instrument: Instrument) -> dict:
    """t_eff with its factors, and depth, of a CCD with this zero point; without one, transparency and depth are unknown, and
    without an airmass transparency and t_eff are."""
    time = effective_time(metrics['band'], metrics['fwhm_arcsec'], metrics['sky_electrons'], metrics['exptime'],
                          metrics['airmass'], zero_point, read_quality_table(table_path(instrument, 'teff.csv')),
                          instrument.number('sky_gain', 1.0))
    known = None if zero_point is None else depth(zero_point, metrics['sky_sigma'], metrics['psf_area'])
    t_eff, cloud_factor = (None, None) if metrics['airmass'] is None else (time.t_eff, time.c)
    return {'t_eff': t_eff, 'seeing_factor': time.f, 'sky_factor': time.b, 'cloud_factor': cloud_factor,
            'cloud_mag': time.cloud if time.cloud_known else None, 'cloud_known': time.cloud_known, 'depth_5sigma': known}


def combined_quality(rows: Sequence[dict]) -> dict:
    """Median over CCDs of each metric that is a number; metrics that no CCD has are left out."""
    numbers: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value):
                numbers.setdefault(name, []).append(value)
    return {name: float(np.median(values)) for name, values in numbers.items()}
