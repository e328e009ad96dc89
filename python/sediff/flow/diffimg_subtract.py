"""RUN12 to RUN21: search coadd, template, difference, detections."""
from __future__ import annotations

import numpy as np
from astropy.io.fits import Header

from sediff.camera.wcs import copy_wcs, pixel_scale, pixel_to_sky, read_wcs
from sediff.candidates.rows import midpoint_mjd_tai
from sediff.catalog.measure import measure_bright
from sediff.ccdimage import CcdImage
from sediff.context import Context
from sediff.detect.finder import detect_on_score
from sediff.detect.matched import score_image
from sediff.detect.table import with_sky
from sediff.errors import BadData
from sediff.flow.database import database_of, season_number
from sediff.flow.stars import psf_of
from sediff.io.database import transaction
from sediff.io.database_rows import replace_image
from sediff.io.fits import read_ccd
from sediff.subtract.decorrelate import psf_of_difference
from sediff.subtract.subtract import Difference, subtract
from sediff.subtract.trust import systematic_variance
from sediff.template.coadd import coadd
from sediff.warp.resample import warp


def swarp_search(context: Context) -> None:
    """The search coadd; one exposure is its own coadd."""
    context.log('one search exposure: it is its own coadd')
    context.save('combined', context.load('faked'))


def sex_coadd(context: Context) -> None:
    """Detections of the search coadd."""
    image = context.load('combined')
    context.save('combined_cat', (measure_bright(image, context.parameter('BRIGHT_THRESHOLD')), image.header))


def psfex_coadd(context: Context) -> None:
    """PSF of the search coadd; with one exposure that of RUN10."""
    context.log('one search exposure: PSF of RUN10')
    context.save('combined_psf', context.load('search_psf'))


def ingest(context: Context) -> None:
    """The image's row in the database."""
    header, psf = context.load('combined').header, context.load('combined_psf')
    wcs = read_wcs(header)
    ra, dec = pixel_to_sky(wcs, header.get('NAXIS1', 2048) / 2, header.get('NAXIS2', 4096) / 2)
    exposure = context.exposure
    values = {'nite': int(exposure.nite), 'band': exposure.band, 'object': str(header.get('OBJECT', ''))[:80],
              'midpointMjdTai': midpoint_mjd_tai(header['MJD-OBS'], header['EXPTIME']), 'expTime': header['EXPTIME'],
              'ra': float(ra), 'dec': float(dec), 'zeroPoint': context.load('search_zp')['zero_point'],
              'seeing': float(psf.fwhm * pixel_scale(wcs)), 'skySigma': header.get('SKYSIGMA')}
    with transaction(database_of(context)) as connection:
        replace_image(connection, season_number(exposure), exposure.expnum, exposure.ccd, values)
    context.save('ingest', values)


def distort_templates(context: Context) -> None:
    """Each accepted template CCD onto the search grid, in the search image's flux scale, and their coadd."""
    search = context.load('combined')
    heads, rows = context.load('template_heads'), context.load('wstemplate')['templates']
    warped, used = [], []
    for row, head in zip(rows, heads):
        if not row['used']:
            continue
        pair = next(p for p in context.pairs if (p.exposure.expnum, p.exposure.ccd) == (row['expnum'], row['ccd']))
        image = read_ccd(pair.path('immask'))
        copy_wcs(head, image.header)
        warped.append(warp(image, search.header, search.shape, row['scale']))
        share = float((warped[-1].weight > 0).mean())
        used.append({'expnum': row['expnum'], 'ccd': row['ccd'], 'scale': row['scale'], 'covered': share})
        context.log(f'{pair.exposure.label()} covers {share:.3f} of the CCD')
    stacked, coverage = coadd(warped)
    stacked.header = _template_header(search.header, used)
    depth = {int(n): float((coverage == n).mean()) for n in np.unique(coverage)}
    context.save('template', stacked)
    context.save('template_info', {'inputs': used, 'share_of_pixels_by_number_of_inputs': depth})


def _template_header(search: Header, used: list[dict]) -> Header:
    header = search.copy()
    header['NCOMBINE'] = (len(used), 'template CCDs in the coadd')
    for number, row in enumerate(used, 1):
        header[f'TMPL{number:03d}'] = (f'{row["expnum"]}_{row["ccd"]:02d}', 'template exposure and CCD')
    return header


def sex_template(context: Context) -> None:
    """Detections of the template coadd."""
    image = context.load('template')
    context.save('template_cat', (measure_bright(image, context.parameter('BRIGHT_THRESHOLD')), image.header))


def hotpants(context: Context) -> None:
    """Match the PSFs, subtract, make the noise white; the PSF is that of the image that was not convolved, made so too."""
    search, template = context.load('combined'), context.load('template')
    order = context.parameter('KERNEL_ORDER')
    result = subtract(search.image, template.image, _variance(search), _variance(template), search.weight <= 0,
                      template.weight <= 0, convolve=context.parameter('CONVOLVE'), order=None if order < 0 else order,
                      decorrelate=bool(context.parameter('DECORRELATE')))
    if result.direction != 'science':
        psf = context.load('combined_psf')
    else:
        psf = psf_of(template, context.load('template_cat'), context.parameter('PSF_DEGREE'), context.parameter('PSF_SIZE'))
    figures = {'direction': result.direction, 'kernel_sum': result.kernel_sum, 'stamps': result.n_stamps, **result.figures}
    context.log(', '.join(f'{name} {value}' for name, value in figures.items()))
    context.save('diff', _difference(search, template, result))
    context.save('diff_psf', psf_of_difference(psf, result))
    context.save('kern', (result.kernel.on_blocks(), _kernel_header(result)))
    context.save('diff_info', figures)


def _variance(image: CcdImage) -> np.ndarray:
    good = image.weight > 0
    return np.where(good, 1.0 / np.where(good, image.weight, 1), 0).astype(np.float32)


def _difference(search: CcdImage, template: CcdImage, result: Difference) -> CcdImage:
    header = search.header.copy()
    header['CONVOLVD'] = (result.direction, 'image that was convolved')
    header['KSUM00'] = (result.kernel_sum, 'science flux / template flux')
    header['NSTAMPS'] = (result.n_stamps, 'stars the kernel was fitted to')
    header['KORDER'] = (result.figures['order'], 'spatial order of the kernel')
    header['NCOMBINE'] = (template.header.get('NCOMBINE', 1), 'template CCDs in the coadd')
    weight = np.where(result.mask | (result.variance <= 0), 0, 1.0 / np.maximum(result.variance, 1e-12))
    return CcdImage(result.image.astype(np.float32), search.mask | template.mask, weight.astype(np.float32), header)


def _kernel_header(result: Difference) -> Header:
    header = Header()
    header['KSUM00'] = (result.kernel_sum, 'science flux / template flux')
    header['CONVOLVD'] = (result.direction, 'image that was convolved')
    header.add_history('kernel at the centre of each block: axes x, y of the kernel, then block column and row')
    return header


def coadd_ws_diff(context: Context) -> None:
    """Noise of the difference against its variance; one difference is its own coadd."""
    difference = context.load('diff')
    good = difference.weight > 0
    if not good.any():
        raise BadData(f'{context.exposure.label()}: the difference has no usable pixel; template and search share none')
    chi = difference.image[good] * np.sqrt(difference.weight[good])
    middle = float(np.median(chi))
    figures = {'usable_share': float(good.mean()), 'median_chi': middle,
               'sky_chi': float(1.4826 * np.median(np.abs(chi - middle)))}
    context.log(f'one difference: nothing to coadd; {figures}')
    context.save('diff_quality', figures)


def sex_diffim(context: Context) -> None:
    """Detections of both signs by matched filter, in units of the difference's true noise."""
    difference, psf = context.load('diff'), context.load('diff_psf')
    bad = difference.weight <= 0
    systematic = systematic_variance(context.load('combined').image, difference.image, bad,
                                     context.load('diff_info').get('model_error', 0.0), psf.fwhm)
    planes = difference.image, _variance(difference), bad, psf.image
    scored = score_image(*planes, systematic=systematic)
    detections = detect_on_score(scored, *planes, context.parameter('DIFF_THRESHOLD'), difference.mask)
    context.log(f'{(detections["SIGN"] > 0).sum()} positive, {(detections["SIGN"] < 0).sum()} negative detections; noise '
                f'{scored.noise_scale:.3f} of the propagated one, median score {scored.median:.3f}')
    context.save('diff_cat', (with_sky(detections, read_wcs(difference.header)), difference.header))
    context.save('score_info', {'noise_scale': scored.noise_scale, 'median_score': scored.median, 'fwhm_px': scored.fwhm})


def merge_diffim(context: Context) -> None:
    """Difference and template with mask and weight, one compressed file each."""
    context.save('diff_mh', context.load('diff'))
    context.save('template_mh', context.load('template'))
