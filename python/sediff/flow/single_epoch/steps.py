"""SE01 to SE11: a raw CCD to the science image, its PSF and its catalogue."""
from __future__ import annotations

from functools import partial

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.common import fall_back
from sediff.astrometry.fit import solve
from sediff.astrometry.head import head_text, parse_head
from sediff.astrometry.solution import AstrometryOptions, Solution
from sediff.astrometry.start import check_date, starting_wcs
from sediff.astrometry.tables import Stars
from sediff.catalog.columns import aperture_diameters
from sediff.catalog.detect import estimate_fwhm
from sediff.catalog.measure import measure, measure_bright
from sediff.ccdimage import CcdImage
from sediff.engine.context import Context
from sediff.errors import BadData, BadInput
from sediff.flow.exposure.astrometry import read_common
from sediff.flow.single_epoch import sky
from sediff.flow.single_epoch.stars import psf_and_statistics
from sediff.formats.badpixels import read_bad_pixels
from sediff.formats.brighterfatter import read_border_shifts
from sediff.formats.calibration import file_checksum, read_calibration, read_tape_bumps
from sediff.formats.corners import out_line
from sediff.formats.crosstalk import read_crosstalk
from sediff.formats.linearity import read_linearity
from sediff.formats.raw import read_raw_shared
from sediff.instruments.focalplane import camera_model
from sediff.instruments.rawcards import ccd_problems, complete, read_cards
from sediff.isr import detrend
from sediff.isr.crosstalk import needed_later, needed_sources
from sediff.psf.stars import select_stars
from sediff.refcat.lookup import reference_stars
from sediff.refcat.stars import empty_stars
from sediff.wcs.read import copy_wcs, out_corners, pixel_to_sky, read_wcs
from sediff.wcs.tpv import tpv_cards


def crosstalk(context: Context) -> None:
    """Overscan, trim, crosstalk; sources that the raw file lacks are named in the header."""
    exposure, path = context.exposure, context.file('raw')
    read = context.raw_reader or read_raw_shared
    instrument = exposure.instrument
    raw, header = read(path, exposure.ccd, instrument)
    header = _complete(context, header)
    given = context.files('crosstalk') if context.parameter('CROSSTALK') else []
    table = read_crosstalk(given[0], instrument.ccds) if given else {}
    sources = {}
    for ccd in needed_sources(exposure.ccd, table) - {exposure.ccd}:
        try:
            sources[ccd] = read(path, ccd, instrument)
        except BadInput:
            context.log(f'crosstalk source CCD {ccd} is not in {path.name}')
    read.keep_only(needed_later(exposure.ccd, table, instrument.ccds))
    dead = {ccd: instrument.detector(ccd).dead_amplifiers(exposure.nite) for ccd in (exposure.ccd, *sources)}
    name, checksum = (given[0].name, file_checksum(given[0])) if given else ('none', '')
    context.save('xtalk', detrend.crosstalk_stage(raw, header, sources, table, name, dead, context.parameter('OVERSCAN'),
                                                  context.parameter('SSXTALK_LEVEL'), checksum, instrument))


def _complete(context: Context, header: Header) -> Header:
    """The raw header with what stands in for missing cards.

    Raises
    ------
    BadInput
        Nothing stands in for some; all are named.
    """
    cards = read_cards(header, context.exposure.expnum, context.pointing, context.instrument)
    cards.problems += ccd_problems(header)
    for note in cards.notes:
        context.log(note)
    return complete(header, cards)


def pixcorrect(context: Context) -> None:
    """Bias, saturation, linearity, gain, brighter-fatter, flat, bad pixels and columns, weight."""
    exposure = context.exposure
    for reason in context.reasons:
        context.log(reason)
    ccd = context.load('xtalk')
    bias, flat = (read_calibration(context.file(name), name, exposure.ccd, band, ccd.shape)
                  for name, band in (('bias', None), ('flat', exposure.band)))
    bad = read_bad_pixels(context.files('bpm'), exposure.ccd, ccd.shape)
    used = {name: path for name in ('bias', 'flat', 'linearity', 'bf', 'tapebumps') for path in context.files(name)}
    more = detrend.Corrections(
        read_linearity(used['linearity'], exposure.ccd) if 'linearity' in used else {},
        read_border_shifts(used['bf']) if 'bf' in used else None,
        read_tape_bumps(used['tapebumps'], exposure.ccd) if 'tapebumps' in used else (), context.parameter('FIXCOLS'),
        {name: file_checksum(path) for name, path in used.items()}
        | {'bpm': '+'.join(file_checksum(path) for path in context.files('bpm'))})
    names = {name: path.name for name, path in used.items()} | {'bpm': '+'.join(path.name for path in context.files('bpm'))}
    result = detrend.pixcorrect(ccd, bias, flat, bad, names, context.parameter('EDGE_WIDTH'),
                                context.parameter('NEAREDGE_WIDTH'), context.parameter('SATURATION_GROWTH'), more)
    metrics = [card for card in result.header if card.startswith('WGTSCL') or card == 'NFIXED']
    context.log(', '.join(f'{card} {result.header[card]}' for card in metrics))
    context.save('detrend', result)


def bleedmask(context: Context) -> None:
    """Bleed trails and halos."""
    values = (context.parameter(name) for name in ('BLEED_MIN_LENGTH', 'HALO_LEVEL', 'INTERPOLATE_TRAILS'))
    context.save('bleedmasked', detrend.mask_bleeds(context.load('detrend'), *values))


def skysub(context: Context) -> None:
    """Sky."""
    image = sky.subtract(context, context.load('bleedmasked'))
    context.log(f'sky {image.header["SKYBRITE"]:.1f} e-, noise {image.header["SKYSIGMA"]:.2f} e-')
    context.save('skysub', image)


def cosmicray(context: Context) -> None:
    """Cosmic rays and streaks, with the seeing of this image."""
    image = context.load('skysub')
    fwhm = estimate_fwhm(image.image, image.weight, image.mask)
    result = detrend.mask_cosmic_rays(image, fwhm, context.parameter('CR_THRESHOLD'), context.parameter('STREAKS'))
    result.header['FWHM'] = (float(fwhm), '[px] seeing')
    context.log(f'FWHM {fwhm:.2f} px, {result.header["NCRAY"]} pixels of cosmic rays')
    context.save('crmasked', result)


def detect_bright(context: Context) -> None:
    """Bright detections."""
    image = context.load('crmasked')
    catalogue = measure_bright(image, context.parameter('BRIGHT_THRESHOLD'))
    context.log(f'{len(catalogue)} detections')
    context.save('sextractor', (catalogue, image.header))


def solve_astrometry(context: Context) -> None:
    """World coordinates from reference stars; rejects a solution that fails its checks."""
    image, catalogue = context.load('crmasked'), context.load('sextractor')
    options = AstrometryOptions(context.parameter('POSITION_MAXERR'), context.parameter('ROTATION_MAXERR'),
                                min_matched=context.parameter('ASTROM_MIN_STARS'),
                                max_rms=context.parameter('ASTROM_MAX_RMS'),
                                min_contrast=context.parameter('ASTROM_MIN_CONTRAST'),
                                floor=context.parameter('ASTROM_FLOOR'), max_order=context.parameter('ASTROM_MAX_ORDER'))
    model_of = partial(camera_model, instrument=context.instrument)
    start = starting_wcs(image.header, image.shape, context.parameter('ASTROM_START') == 'camera', model_of,
                         context.exposure.detector.shape)
    clean = catalogue[catalogue['FLAGS'] < 4]
    context.log(f'{len(clean)} of {len(catalogue)} detections are neither saturated nor cut off')
    stars = _reference(context, start, image, options)
    columns = (clean['XWIN_IMAGE'] - 1.0, clean['YWIN_IMAGE'] - 1.0, clean['FLUX_AUTO'], clean['ERRAWIN_IMAGE'])
    errors = np.hypot(stars['ra_error'], stars['dec_error']) / np.sqrt(2.0)
    try:
        result = solve(*columns, start, stars['ra'], stars['dec'], stars['phot_g_mean_mag'], errors, options)
    except BadData as error:
        if not context.files('common'):
            context.hand_on('crmasked')
            raise
        common = read_common(context.file('common'))
        context.log(f'{error}; taking the common solution of {len(common.ccds)} CCDs, good to {common.rms_mas:.0f} mas')
        listed = Stars.ranked(*columns, stars['ra'], stars['dec'], stars['phot_g_mean_mag'], errors)
        predicted = common.predict(tpv_cards(model_of(context.exposure.ccd)))
        result = fall_back(listed, start, predicted, common.rms_mas, str(error), image.shape, options)
    _save_solution(context, result)


def _reference(context: Context, start: Header, image: CcdImage, options: AstrometryOptions) -> np.ndarray:
    """Reference stars around the CCD at the date of the exposure; none where the shards hold none there."""
    try:
        mjd = check_date(image.header, context.instrument.days)
        stars, missing = reference_stars(context.file('refcat'), read_wcs(start), image.shape, mjd,
                                         1.5 * options.search_radius / 3600.0)
    except BadData as error:
        context.log(str(error))
        return empty_stars()
    if missing:
        context.log(f'{len(missing)} shards are not there: {missing}')
    return stars


def _save_solution(context: Context, result: Solution) -> None:
    metrics = result.metrics()
    context.log(', '.join(f'{name} {value:.4g}' if not isinstance(value, str) else f'{name} {value}'
                          for name, value in metrics.items()))
    context.save('head', head_text(result))
    context.count('stars matched', metrics['matched'])
    context.save('astrometry', metrics)


def immask(context: Context) -> None:
    """The science product with its solved header."""
    image, metrics = context.load('crmasked'), context.load('astrometry')
    for path in context.files('starflat'):
        flat = read_calibration(path, 'star flat', context.exposure.ccd, context.exposure.band, image.shape)
        image = detrend.apply_star_flat(image, flat, path.name, file_checksum(path))
    header = image.header.copy()
    copy_wcs(parse_head(context.load('head')), header)
    common = metrics['kind'] == 'common'
    header['SCAMPFLG'] = (int(common), 'astrometry: 0 from own stars, 1 from the exposure')
    header['SCAMPCHI'] = (metrics['chi2'], 'chi2 per degree of freedom')
    header['SCAMPNUM'] = (metrics['matched'], 'reference stars matched')
    header['ASTRMS'] = (np.hypot(metrics['rms_ra_mas'], metrics['rms_dec_mas']) / np.sqrt(2), '[mas] rms along an axis')
    header['CAMSYM'] = context.instrument.facts.get('symbol', 'D')
    header['ELLIPTIC'] = (_ellipticity(context.load('sextractor')), 'median ellipticity of the stars')
    _add_corners(header, image.shape)
    context.save('immask', CcdImage(image.image, image.mask, image.weight, header))


def _ellipticity(catalogue: np.ndarray) -> float:
    stars = catalogue[select_stars(catalogue)]
    return float(np.median(1.0 - stars['B_IMAGE'] / stars['A_IMAGE'])) if len(stars) else 0.0


def _add_corners(header, shape: tuple[int, int]) -> None:
    ny, nx = shape
    wcs = read_wcs(header)
    places = {'_CENT': ((nx - 1) / 2, (ny - 1) / 2), 'C1': (0, 0), 'C2': (nx - 1, 0), 'C3': (nx - 1, ny - 1),
              'C4': (0, ny - 1)}
    for name, (x, y) in places.items():
        ra, dec = pixel_to_sky(wcs, x, y)
        first, second = ('RA_CENT', 'DEC_CENT') if name == '_CENT' else (f'RA{name}', f'DEC{name}')
        header[first], header[second] = (float(ra), '[deg]'), (float(dec), '[deg]')


def model_psf(context: Context) -> None:
    """PSF model, the metrics of its quality, maps of FWHM and ellipticity."""
    model, metrics = psf_and_statistics(context.load('immask'), context.load('sextractor'), context.parameter('PSF_DEGREE'),
                                        context.parameter('PSF_SIZE'), context.parameter('PSF_BRIGHT_MARGIN'))
    context.log(f'{model.n_accepted} of {model.n_loaded} stars, degree {model.degree}, FWHM {model.fwhm:.2f} px, '
                f'chi2 {model.chi2:.2f}, residual of {metrics["reserve"]} held-out stars '
                f'{100 * metrics["residual_peak"]:.2f} % of the peak')
    context.count('PSF stars', model.n_accepted)
    if metrics['peak_limit'] is None:
        context.log('few stars: those near saturation are used too')
    context.save('psf', model)
    context.save('psf_map', metrics)


def fullcat(context: Context) -> None:
    """Catalogue with PSF fluxes."""
    image = context.load('immask')
    catalogue = measure(image, context.load('psf'), context.parameter('DETECT_THRESH'),
                        apertures=aperture_diameters(context.parameter('APERTURES')))
    context.log(f'{len(catalogue)} objects')
    context.count('objects', len(catalogue))
    context.save('fullcat', (catalogue, image.header))


def getcorners(context: Context) -> None:
    """The CCD's line of the `.out` file."""
    exposure, header = context.exposure, context.load('immask').header
    context.save('out', out_line(exposure.expnum, exposure.band, exposure.ccd, out_corners(read_wcs(header))))
