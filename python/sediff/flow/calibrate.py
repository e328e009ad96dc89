"""SE12: the zero point of a CCD; and the stage behind BLISS-expCalib_Y3apass.py.

Zero points have the usual sign, mag = -2.5 log10(electrons) + ZP; DES-GW's tool of that name stored -ZP.
"""
from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from sediff.camera.catalogs import catalog_path
from sediff.camera.rawcards import airmass_of
from sediff.camera.wcs import pixel_scale, read_wcs
from sediff.ccdimage import CcdImage
from sediff.context import Context
from sediff.errors import BadData, BadInput, BadUsage
from sediff.flow.arguments import Parser, integer, parameter_arguments, read_parameters, root_of
from sediff.io.refcat import read_colour_terms, read_quality_table
from sediff.io.refcat_cascade import standard_stars
from sediff.isr.sky_fringe import fringes_left
from sediff.names import Exposure, product_path
from sediff.photometry.calibrate import CcdCalibration, calibrate_ccd
from sediff.photometry.quality import depth, effective_pixels, effective_time
from sediff.photometry.spatial import SpatialOptions
from sediff.photometry.zeropoint import ClipOptions, StarCuts
from sediff.psf.model import PsfModel
from sediff.refcat.stars import empty_stars


def calibrate(context: Context) -> None:
    """Zero point of a CCD, with the stars it came from, and the figures of its quality.

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
                           context.path('fullcat').name, cuts, clip,
                           context.parameter('ZP_MAG_TYPE').replace('mag_', 'FLUX_').upper(), image.shape)
    context.log(_outcome(result))
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
                               context.parameter('ZP_MIN_STARS'))
    except BadData as error:
        context.log(str(error))
        return empty_stars(0), read_colour_terms(catalog_path('colour_terms.json')), False, 0.0
    context.log(f'standards of {found.catalogue}; passed by: {found.passed_by or "none"}; '
                f'shards that are not there: {list(found.missing) or "none"}')
    if found.unmeasured > 0.0:
        context.log(f'WARNING: {found.unmeasured:.0%} of the stars of {found.catalogue} have no errors of their magnitudes; '
                    'those that the survey has published for such magnitudes are taken (sediff.refcat.noise)')
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
    header, fit = image.header, result.zero_point
    figures = {'band': context.exposure.band, 'objects': len(context.load('fullcat')),
               'fwhm_arcsec': psf.fwhm * pixel_scale(read_wcs(header)), 'ellipticity': header.get('ELLIPTIC'),
               'sky_electrons': header['SKYBRITE'], 'sky_sigma': header['SKYSIGMA'],
               'psf_area': effective_pixels(psf.image(1023.0, 2047.0)), 'exptime': header['EXPTIME'],
               'airmass': airmass_of(header), 'astrometry_rms_mas': header.get('ASTRMS'),
               'astrometry_stars': header.get('SCAMPNUM'), 'astrometry_chi2': header.get('SCAMPCHI'),
               'fringes_left': fringes_left(header), 'zero_point': None, 'reason': result.reason}
    if fit is not None:
        figures |= {'zero_point': fit.zero_point, 'zero_point_error': fit.error, 'relation_accuracy': result.accuracy,
                    'zero_point_rms': fit.rms, 'star_scatter': fit.scatter, 'stars': fit.n_clipped, 'stars_all': fit.n_all,
                    'spatial': fit.spatial.record() if fit.spatial else None}
    return figures | with_zero_point(figures, figures['zero_point'])


def with_zero_point(figures: dict, zero_point: float | None) -> dict:
    """t_eff with its factors, and depth, of a CCD with this zero point; without one, transparency and depth are unknown, and
    without an airmass transparency and t_eff are."""
    time = effective_time(figures['band'], figures['fwhm_arcsec'], figures['sky_electrons'], figures['exptime'],
                          figures['airmass'], zero_point, read_quality_table(catalog_path('teff.csv')))
    known = None if zero_point is None else depth(zero_point, figures['sky_sigma'], figures['psf_area'])
    t_eff, cloud_factor = (None, None) if figures['airmass'] is None else (time.t_eff, time.c)
    return {'t_eff': t_eff, 'seeing_factor': time.f, 'sky_factor': time.b, 'cloud_factor': cloud_factor,
            'cloud_mag': time.cloud if time.cloud_known else None, 'cloud_known': time.cloud_known, 'depth_5sigma': known}


def main(stage: str, argv: list[str]) -> int:
    """Calibrate one CCD, or all, of an exposure whose images and catalogues are there."""
    from sediff.flow.exposure import Options, exit_code, run_single_epoch
    args = _parser(stage).parse_args(argv)
    if args.sex_mag_zeropoint != 25.0:
        raise BadUsage('fullcat has its magnitudes at --sex_mag_zeropoint 25.0; others are not made')
    parameters = read_parameters(args)
    if args.magType:
        parameters.set('ZP_MAG_TYPE', args.magType, '--magType')
    exposure = find_exposure(root_of(parameters), args.expnum, args.reqnum, args.attnum)
    ccds = [args.ccd] if args.ccd else [ccd for ccd in range(1, 63)
                                        if product_path(exposure.with_ccd(ccd), 'fullcat').is_file()]
    options = Options(ccds, 1, calibrate_only=True, overwrite=True)
    return exit_code(run_single_epoch(exposure, parameters, options))


def _parser(stage: str) -> argparse.ArgumentParser:
    parser = Parser(prog='BLISS-expCalib_Y3apass.py', description=main.__doc__)
    parser.add_argument('--expnum', required=True, type=integer('--expnum'), help='exposure number')
    parser.add_argument('--reqnum', default='4', help='RNUM')
    parser.add_argument('--attnum', default='7', help='PNUM')
    parser.add_argument('--ccd', type=integer('--ccd'), default=0, help='CCD; default all that have a catalogue')
    parser.add_argument('--magType', help='mag_psf or mag_auto; default ZP_MAG_TYPE')
    parser.add_argument('--sex_mag_zeropoint', type=float, default=25.0, help='zero point of the catalogue')
    parser.add_argument('--verbose', type=int, default=0, help='accepted for compatibility')
    parser.add_argument('--debug', action='store_true', help='accepted for compatibility')
    parameter_arguments(parser)
    return parser


def find_exposure(root, expnum: int, rnum: str, pnum: str) -> Exposure:
    """The exposure below ROOT that has images of this version.

    Raises
    ------
    BadInput
        None, or several (in more than one cache or schema).
    """
    pattern = f'*/*/exp/*/{expnum}/D{expnum:08d}_*_r{rnum}p{pnum}_immask.fits.fz'
    found = {(path.parents[4].name, path.parents[3].name, path.parents[1].name, path.name.split('_')[1])
             for path in root.glob(pattern)}
    if len(found) != 1:
        raise BadInput(f'{len(found)} places with images of exposure {expnum} r{rnum}p{pnum} below {root} ({pattern}); '
                       'one is needed')
    cache, schema, nite, band = found.pop()
    return Exposure(root, expnum, nite, band, rnum, pnum, cache=cache, schema=schema)


def combined_quality(rows: Sequence[dict]) -> dict:
    """Median over CCDs of each figure that is a number; figures that no CCD has are left out."""
    numbers = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool) and np.isfinite(value):
                numbers.setdefault(name, []).append(value)
    return {name: float(np.median(values)) for name, values in numbers.items()}
