"""RUN12 to RUN21: search coadd, template, difference, detections."""
from __future__ import annotations

import sys

import numpy as np
from astropy.io.fits import Header

from sediff.candidates.rows import midpoint_mjd_tai
from sediff.catalog.measure import measure_bright
from sediff.ccdimage import CcdImage, variance_from_weight
from sediff.detect.finder import detect_on_score, score_peaks
from sediff.detect.matched import add_to_systematic, score_image
from sediff.detect.table import with_sky
from sediff.engine.context import Context
from sediff.errors import BadData
from sediff.flow.diffimg.prepared import prepared_stack
from sediff.flow.diffimg.rows import store_image
from sediff.flow.diffimg.sky import draw_sky, measured_sky
from sediff.flow.diffimg.star_shifts import model_variance, shift_table, star_shifts, template_epochs
from sediff.flow.diffimg.template_inputs import (
    TemplateInput,
    common_psf,
    psf_from_inputs,
    template_header,
    template_inputs,
    template_metrics,
    template_zones,
)
from sediff.flow.diffimg.tiles import TooManyInputs
from sediff.flow.single_epoch.calibrate import with_zero_point
from sediff.flow.single_epoch.stars import psf_and_statistics
from sediff.instruments.rawcards import text_of
from sediff.psf.model import PsfModel
from sediff.psf.zoned import ZonedPsf
from sediff.stats import median, sigma_about
from sediff.subtract.difference_psf import psf_of_difference
from sediff.subtract.photons import HostLight, photon_plane, photon_variance
from sediff.subtract.subtract import Difference, noise_warning, subtract
from sediff.template.coadd import Stack, stack
from sediff.template.depth import depth, noise_area
from sediff.template.single_rays import mask_single_rays
from sediff.wcs.read import pixel_scale, pixel_to_sky, read_wcs


def coadd_search(context: Context) -> None:
    """The search coadd; one exposure is its own coadd."""
    context.log('one search exposure: it is its own coadd')
    context.save('combined', context.load('faked'))


def detect_coadd(context: Context) -> None:
    """Detections of the search coadd; with one exposure those of RUN06, on the same pixels."""
    context.log('one search exposure: detections of RUN06')
    context.save_as('combined_cat', 'sex1')


def coadd_psf(context: Context) -> None:
    """PSF of the search coadd; with one exposure that of RUN10."""
    context.log('one search exposure: PSF of RUN10')
    context.save('combined_psf', context.load('search_psf'))


def ingest(context: Context) -> None:
    """The image's row in the database."""
    header, psf = context.load('combined').header, context.load('combined_psf')
    wcs = read_wcs(header)
    ny, nx = context.load('combined').shape
    ra, dec = pixel_to_sky(wcs, nx / 2, ny / 2)
    exposure, zero_point = context.exposure, context.load('search_zp')['zero_point']
    quality = with_zero_point(context.load('quality'), zero_point, exposure.instrument)
    values = {'nite': int(exposure.nite), 'band': exposure.band, 'object': text_of(header, 'OBJECT')[:80],
              'midpointMjdTai': midpoint_mjd_tai(header['MJD-OBS'], header['EXPTIME']), 'expTime': header['EXPTIME'],
              'ra': float(ra), 'dec': float(dec), 'zeroPoint': zero_point,
              'seeing': float(psf.fwhm * pixel_scale(wcs)), 'skySigma': header.get('SKYSIGMA'),
              'depth': quality['depth_5sigma'], 'tEff': quality['t_eff']}
    store_image(context, values)
    context.save('ingest', values)


def coadd_templates(context: Context) -> None:
    """Each accepted template CCD onto the search grid, in the search image's flux scale, and their coadd."""
    search = context.load('combined')
    inputs, left = template_inputs(context, search)
    for row in left:
        context.log(f'{row["expnum"]} c{row["ccd"]:02d} not used: {row["reason"]}')
    if not inputs:
        raise BadData(f'{context.exposure.label()}: no template CCD reaches the search CCD: '
                      + '; '.join(f'{row["expnum"]} c{row["ccd"]:02d} {row["reason"]}' for row in left))
    stacked = _stacked(context, inputs, search.shape)
    used = [{'expnum': one.row['expnum'], 'ccd': one.row['ccd'], 'scale': one.row['scale'], 'covered': good,
             'rejected': rejected, 'weight': weight, 'fwhm_px': one.psf.fwhm}
            for one, good, rejected, weight in zip(inputs, stacked.good, stacked.rejected, stacked.weights)]
    for row in used:
        context.log(f'{row["expnum"]} c{row["ccd"]:02d} covers {row["covered"]:.3f} of the CCD, '
                    f'FWHM {row["fwhm_px"]:.2f} px, {row["rejected"]:.5f} of its pixels rejected as artefacts')
    if stacked.unchecked > 0:
        context.log(f'{stacked.unchecked:.4f} of the covered pixels have one good input: artefacts cannot be known there')
    rays = mask_single_rays(stacked.image, stacked.coverage, search, min(one.psf.fwhm for one in inputs))
    context.log(f'{rays} pixels that one template alone covers masked: cosmic rays that the search image does not show')
    stacked.members[stacked.image.weight <= 0] = 0
    correction = common_psf(stacked, inputs)
    broadened = correction.broadened if correction else 0.0
    if correction:
        share = float(np.mean((stacked.members > 0) & (stacked.members != correction.unchanged)))
        context.log(f'PSF of {share:.4f} of the CCD taken to that of all inputs, broadened by {broadened:.3f} px^2')
    elif len(inputs) > 1:
        context.log(f'{len(inputs)} inputs are more than 64: the PSF is the mean of those that cover a pixel')
    metrics = template_metrics(stacked, inputs, context.load('wstemplate')['search_zero_point'], broadened)
    context.log(f'covered {metrics["covered"]:.3f} of the CCD; 5-sigma depth {metrics["depth_5sigma"]:.3f} mag')
    context.count('templates', len(inputs))
    stacked.image.header = template_header(search.header, inputs, used, metrics)
    for one in inputs:
        one.file.close()
    context.save('template', stacked.image)
    context.save('template_zones', template_zones(stacked, correction))
    context.save('template_info', {'inputs': used, 'left_out': left, **metrics})


def _stacked(context: Context, inputs: list[TemplateInput], shape: tuple[int, int]) -> Stack:
    """The coadd of the inputs: from prepared templates where the site keeps them."""
    if 'prepared' in context.providers:
        try:
            return prepared_stack(context.load('prepared'), inputs, shape, context.log)
        except TooManyInputs:
            context.log('too many template CCDs for prepared templates')
    return stack([one.source for one in inputs], shape)


def measure_template(context: Context) -> None:
    """Detections of the template coadd, and its PSF: from its stars, or where they are too few from its inputs' PSFs."""
    image = context.load('template')
    catalogue = measure_bright(image, context.parameter('BRIGHT_THRESHOLD'))
    try:
        psf, metrics = psf_and_statistics(image, catalogue, context.parameter('PSF_DEGREE'), context.parameter('PSF_SIZE'))
        metrics['from'] = f'{metrics["used"]} stars of the coadd'
    except BadData as error:
        inputs, _ = template_inputs(context, context.load('combined'))
        info = context.load('template_info')
        weights = {(row['expnum'], row['ccd']): row['weight'] for row in info['inputs']}
        psf = psf_from_inputs(inputs, [weights[one.row['expnum'], one.row['ccd']] for one in inputs], image.shape,
                              info['broadened_px2'])
        for one in inputs:
            one.file.close()
        metrics = {'from': f'PSFs of the inputs ({error})', 'fwhm': psf.fwhm}
    area = noise_area(psf.image(image.shape[1] // 2, image.shape[0] // 2))
    metrics |= {'area': area, 'depth_5sigma': depth(image.weight, area, context.load('wstemplate')['search_zero_point'])}
    context.log(f'PSF of the template: FWHM {psf.fwhm:.2f} px from {metrics["from"]}; 5-sigma depth '
                f'{metrics["depth_5sigma"]:.3f} mag')
    context.save('template_cat', (catalogue, image.header))
    context.save('template_psf', psf)
    context.save('template_quality', metrics)


def subtract_template(context: Context) -> None:
    """Match the PSFs, subtract, make the noise white; the PSF is that of the image that was not convolved, made so too."""
    search, template = context.load('combined'), context.load('template')
    order, listed = context.parameter('KERNEL_ORDER'), None
    if context.parameter('STAR_SHIFTS'):
        listed = star_shifts(context, search.header, search.shape, template_epochs(context))
    result = subtract(search.image, template.image, variance_from_weight(search.weight),
                      variance_from_weight(template.weight), search.weight <= 0, template.weight <= 0,
                      convolve=context.parameter('CONVOLVE'), order=None if order < 0 else order,
                      decorrelate=bool(context.parameter('DECORRELATE')), template_zones=context.load('template_zones'),
                      listed=listed, photons=(1.0, _photons_per_unit(template)))
    psf = context.load('template_psf' if result.direction == 'science' else 'combined_psf')
    metrics = {'direction': result.direction, 'kernel_sum': result.kernel_sum, 'stamps': result.n_stamps, **result.metrics}
    context.log(', '.join(f'{name} {value}' for name, value in metrics.items()))
    context.log(noise_warning(result.metrics['noise_chi']) or 'noise of the difference as propagated')
    if warning := result.scale_warning():
        context.log(f'WARNING: {warning}')
        print(f'{context.exposure.label()}: {warning}', file=sys.stderr)
    psf = psf_of_difference(psf, result)
    photons, metrics['photon_factor'] = _photons(search, template, result, psf)
    context.save('diff', _difference(search, template, result))
    context.save('diff_psf', psf)
    context.save('photons', (photons, Header()))
    context.save('diff_info', metrics)
    context.save('star_shifts', shift_table(listed, result.places))
    kernel, header = result.kernel, _kernel_header(result)
    del result, search, template, photons                       # planes: before there are the kernels of all blocks
    context.save('kern', (kernel.on_blocks(), header))
    context.release('kern')


def _photons_per_unit(template: CcdImage) -> float:
    """Photon variance of a unit of light in most of the coadd, search flux units."""
    weight = template.weight[::8, ::8]
    good = weight[weight > 0]
    return float(template.header['PHOTVAR'] / np.median(good)) if good.size else 0.0


def _photons(search: CcdImage, template: CcdImage, result: Difference,
             psf: PsfModel | ZonedPsf) -> tuple[np.ndarray, float]:
    """Photon variance of sources and hosts in the difference, and the factor of the search image's own."""
    per_unit = variance_from_weight(template.weight)
    per_unit *= np.float32(template.header['PHOTVAR'])
    light = photon_plane(template.image, template.weight <= 0, per_unit)
    del per_unit                                                # a plane less while the light is spread
    return photon_variance(result, psf, photon_plane(search.image, search.weight <= 0), light)


def _difference(search: CcdImage, template: CcdImage, result: Difference) -> CcdImage:
    header = search.header.copy()
    header['CONVOLVD'] = (result.direction, 'image that was convolved')
    header['KSUM00'] = (result.kernel_sum, 'science flux / template flux')
    error = result.metrics['kernel_sum_error']
    header['KSUMERR'] = (error if np.isfinite(error) else 'none', 'relative error of it')
    header['NSTAMPS'] = (result.n_stamps, 'stars the kernel was fitted to')
    header['KORDER'] = (result.metrics['order'], 'spatial order of the kernel')
    header['MODELERR'] = (result.model_error.flux, "relative error of bright stars' fluxes")
    header['MODELSHP'] = (result.model_error.shape, 'the same of their widths')
    header['MODELSFT'] = (result.model_error.shift, '[pix] error of the place of light')
    for axis, value in zip('XY', result.metrics['colour_slope']):
        header[f'COLSLP{axis}'] = (value, f'[pix/mag] refraction by BP - RP along {axis.lower()}')
    header['NMOVED'] = (result.metrics['moved'], 'listed stars moved before the subtraction')
    header['NCOMBINE'] = (template.header.get('NCOMBINE', 1), 'template CCDs in the coadd')
    weight = np.maximum(result.variance, np.float32(1e-12))
    np.divide(np.float32(1.0), weight, out=weight)
    weight[result.mask | (result.variance <= 0)] = 0.0
    return CcdImage(result.image.astype(np.float32, copy=False), search.mask | template.mask, weight, header)


def _kernel_header(result: Difference) -> Header:
    header = Header()
    header['KSUM00'] = (result.kernel_sum, 'science flux / template flux')
    header['CONVOLVD'] = (result.direction, 'image that was convolved')
    header.add_history('kernel at the centre of each block: axes x, y of the kernel, then block column and row')
    return header


def measure_noise(context: Context) -> None:
    """Noise of the difference against its variance; one difference is its own coadd."""
    difference = context.load('diff')
    good = difference.weight > 0
    if not good.any():
        raise BadData(f'{context.exposure.label()}: the difference has no usable pixel; template and search share none')
    chi = difference.weight[good]
    np.sqrt(chi, out=chi)
    chi *= difference.image[good]
    middle = median(chi)
    metrics = {'usable_share': float(good.mean()), 'median_chi': middle,
               'sky_chi': sigma_about(chi, middle)}
    context.log(f'one difference: nothing to coadd; {metrics}')
    context.save('diff_quality', metrics)


def detect_difference(context: Context) -> None:
    """Detections of both signs by matched filter, in units of the difference's true noise."""
    difference, psf = context.load('diff'), context.load('diff_psf')
    bad = difference.weight <= 0
    systematic = model_variance(context.load('combined').image, difference.image, bad, psf.fwhm,
                                context.load('diff_info'), context.load('star_shifts'))
    light = HostLight(context.load('photons'), difference.image, difference.weight, bad,
                      context.load('diff_info')['photon_factor'])
    sky = draw_sky(context.parameter('SKY_SOURCES'), light, systematic, psf.fwhm)
    add_to_systematic(systematic, light.variance, psf.image)
    scored = score_image(difference.image, systematic, bad, psf.image, zones=psf if isinstance(psf, ZonedPsf) else None)
    del systematic                      # a plane less while the detections are measured
    variance, others = light.variance.whole(), light.others
    planes = difference.image, variance, bad, psf.image
    peaks, left_out = _most_significant(context, score_peaks(scored, psf.image, context.parameter('DIFF_THRESHOLD')))
    detections = detect_on_score(scored, *planes, context.parameter('DIFF_THRESHOLD'), difference.mask, photons=others,
                                 peaks=peaks)
    context.save('diff_sky', measured_sky(context, sky, scored, planes, others, detections))
    context.log(f'{(detections["SIGN"] > 0).sum()} positive, {(detections["SIGN"] < 0).sum()} negative detections; noise '
                f'{scored.noise_scale:.3f} of the propagated one, median score {scored.median:.3f}')
    context.count('detections', len(detections))
    context.save('diff_cat', (with_sky(detections, read_wcs(difference.header)), difference.header))
    context.save('score_info', {'noise_scale': scored.noise_scale, 'median_score': scored.median, 'fwhm_px': scored.fwhm,
                                'peaks': len(peaks[0]), 'left_out': left_out, 'qc': 'red' if left_out else 'green'})


def _most_significant(context: Context, peaks: tuple[np.ndarray, np.ndarray]) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """The MAX_DETECTIONS most significant peaks, and how many are left out."""
    most = context.parameter('MAX_DETECTIONS')
    left_out = max(len(peaks[0]) - most, 0)
    if left_out:
        context.log(f'QC red: {len(peaks[0])} peaks above {context.parameter("DIFF_THRESHOLD"):g} sigma, more than '
                    f'MAX_DETECTIONS = {most}: the subtraction failed or its variance is wrong; the {most} most significant '
                    'are measured')
    return (peaks[0][:most], peaks[1][:most]), left_out


def merge_diffim(context: Context) -> None:
    """Difference and template with mask and weight, one compressed file each."""
    context.save('diff_mh', context.load('diff'))
    context.save('template_mh', context.load('template'))
