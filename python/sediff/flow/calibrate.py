"""SE12: the zero point of a CCD; and the stage behind BLISS-expCalib_Y3apass.py."""
from __future__ import annotations

import argparse

import numpy as np

from sediff.camera.catalogs import catalog_path
from sediff.camera.wcs import pixel_scale, read_wcs
from sediff.context import Context
from sediff.errors import BadData, BadInput, BadUsage
from sediff.flow.arguments import Parser, integer, parameter_arguments, read_parameters, root_of
from sediff.io.refcat import read_colour_terms, read_quality_table, reference_stars
from sediff.names import Exposure, product_path
from sediff.photometry.calibrate import calibrate_ccd
from sediff.photometry.quality import depth, effective_pixels, effective_time
from sediff.photometry.zeropoint import ClipOptions, StarCuts


def calibrate(context: Context) -> None:
    """Zero point and calibrated tables of a CCD, its t_eff and depth."""
    exposure, image = context.exposure, context.load('immask')
    wcs = read_wcs(image.header)
    stars, _ = reference_stars(context.file('refcat'), wcs, image.shape, image.header['MJD-OBS'])
    cuts = StarCuts(magnitude_range=(context.parameter('ZP_MAG_MIN'), context.parameter('ZP_MAG_MAX')))
    clip = ClipOptions(min_stars=context.parameter('ZP_MIN_STARS'))
    result = calibrate_ccd(context.load('fullcat'), image.header, stars, exposure.band,
                           read_colour_terms(catalog_path('colour_terms.json')), context.path('fullcat').name, cuts, clip)
    if result.zero_point is None:
        raise BadData(f'{exposure.label()}: no zero point: {result.reason}')
    zero_point = result.zero_point
    context.log(f'zero point {zero_point.zero_point:.4f} +- {zero_point.error:.4f}, scatter {zero_point.rms:.4f}, '
                f'{zero_point.n_clipped} of {zero_point.n_all} stars')
    for name, table in result.tables.items():
        context.save(name, table)
    context.save('zp_fits', result.tables['zp'])
    context.save('quality', _quality(context, zero_point.zero_point, pixel_scale(wcs)))


def _quality(context: Context, zero_point: float, scale: float) -> dict:
    header, psf = context.load('immask').header, context.load('psf')
    seeing = psf.fwhm * scale
    time = effective_time(context.exposure.band, seeing, header['SKYBRITE'], header['EXPTIME'], header['AIRMASS'],
                          zero_point, read_quality_table(catalog_path('teff.csv')))
    area = effective_pixels(psf.image(1023.0, 2047.0))
    return {'fwhm_arcsec': seeing, 'sky_electrons': header['SKYBRITE'], 'zero_point': zero_point,
            't_eff': time.t_eff, 'seeing_factor': time.f, 'sky_factor': time.b, 'cloud_factor': time.c,
            'cloud_mag': time.cloud, 'depth_5sigma': depth(zero_point, header['SKYSIGMA'], area)}


def main(stage: str, argv: list[str]) -> int:
    """Calibrate one CCD, or all, of an exposure whose images and catalogues are there."""
    from sediff.flow.exposure import Options, exit_code, run_single_epoch
    args = _parser(stage).parse_args(argv)
    if args.magType != 'mag_psf' or args.sex_mag_zeropoint != 25.0:
        raise BadUsage('fullcat has --magType mag_psf at --sex_mag_zeropoint 25.0; others are not made')
    parameters = read_parameters(args)
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
    parser.add_argument('--magType', default='mag_psf', help='mag_psf')
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


def combined_quality(rows: list[dict]) -> dict:
    """Median over CCDs of each figure of `quality`."""
    return {name: float(np.median([row[name] for row in rows])) for name in rows[0]} if rows else {}
