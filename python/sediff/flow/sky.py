"""The sky of an exposure: the first pass over all its CCDs, binned, made once; and SE04 of each CCD, which fits it."""
from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from sediff.camera.amplifiers import read_amplifiers
from sediff.camera.ccds import dead_amplifiers
from sediff.ccdimage import CcdImage
from sediff.context import Context
from sediff.errors import BadData, SediffError, Temporary
from sediff.flow.inputs import calibration_inputs
from sediff.flow.sky_files import MUST_HAVE
from sediff.io.badpixels import read_bad_pixels
from sediff.io.calibration import file_checksum
from sediff.io.crosstalk import read_crosstalk
from sediff.io.linearity import read_linearity
from sediff.io.locks import lock
from sediff.io.provenance import digest, fingerprint
from sediff.io.raw import read_raw_primary
from sediff.io.sky import (
    binned_source,
    read_binned,
    read_components,
    read_rows,
    read_templates,
    sampled_ccds,
    write_binned,
)
from sediff.isr.detrend import subtract_sky
from sediff.isr.focal_plane import BLOCK, ROW_STEP, BinnedSky, bin_rows, sky_crosstalk
from sediff.isr.history import record
from sediff.isr.linearity import LinearityTable
from sediff.isr.sky_fit import fit_exposure, smooth_components, subtract_focal_plane_sky
from sediff.isr.sky_fringe import BANDS as FRINGING
from sediff.isr.sky_fringe import record_fringe
from sediff.isr.sky_templates import SkyTemplates, fit_templates
from sediff.names import Exposure, exposure_table, raw_path
from sediff.parameters import Parameters

#: How long (s) a job waits for the job that bins the exposure.
PATIENCE = 600.0


def bin_exposure(exposure: Exposure, parameters: Parameters) -> tuple[BinnedSky, list[str]]:
    """The sky of all CCDs of a raw exposure that have calibrations, binned; and a line about each CCD left out.

    Raises
    ------
    BadData
        No CCD is left.
    """
    planes, ccds, left_out, there = [], [], [], ccds_of(exposure)
    for ccd, header, rows in sampled_ccds(raw_path(exposure.root, exposure.nite, exposure.expnum), ROW_STEP):
        try:
            files, _ = calibration_inputs(exposure.with_ccd(ccd), parameters)
            calibrations = [read_rows(files[name][0], ROW_STEP) for name in ('bias', 'flat')]
            calibrations.append(read_bad_pixels(files['bpm'], ccd, step=ROW_STEP))
            curves, leak = sky_corrections(ccd, files, there, parameters)
            planes.append(bin_rows(rows, read_amplifiers(header), *calibrations, there[ccd], linearity=curves,
                                   crosstalk=leak, overscan=parameters['OVERSCAN']))
            ccds.append(ccd)
        except SediffError as error:
            left_out.append(f'CCD {ccd} takes no part in the sky: {error}')
    if not planes:
        reasons = '; '.join(left_out) or 'it has none'
        raise BadData(f'{exposure.label()}: no CCD of the raw exposure can be binned: {reasons}')
    order = [int(k) for k in np.argsort(ccds)]
    values, numbers = np.stack([planes[k] for k in order]), tuple(ccds[k] for k in order)
    return BinnedSky(values, numbers, exposure.band, exposure.expnum, BLOCK), left_out


def ccds_of(exposure: Exposure) -> dict[int, tuple[str, ...]]:
    """The CCDs of a raw exposure and their unusable amplifiers."""
    _, ccds = read_raw_primary(raw_path(exposure.root, exposure.nite, exposure.expnum))
    return {ccd: dead_amplifiers(ccd, exposure.nite) for ccd in ccds if 1 <= ccd <= 62}


def sky_corrections(ccd: int, files: dict[str, list[Path]], there: dict[int, tuple[str, ...]],
                    parameters: Parameters) -> tuple[LinearityTable, dict[str, float]]:
    """Linearity curves and crosstalk of the sky that SE01 and SE02 take off too."""
    curves = read_linearity(files['linearity'][0], ccd) if files['linearity'] else {}
    table = read_crosstalk(files['crosstalk'][0]) if parameters['CROSSTALK'] else {}
    return curves, sky_crosstalk(ccd, table, there)


def binned_source_of(exposure: Exposure, parameters: Parameters) -> str:
    """Checksum of all that a binned sky is made from: the raw file and the calibrations of every CCD in it."""
    made_from: list = [fingerprint(raw_path(exposure.root, exposure.nite, exposure.expnum)), ROW_STEP, BLOCK,
                       parameters['CROSSTALK'], parameters['OVERSCAN']]
    for ccd in ccds_of(exposure):
        try:
            files, _ = calibration_inputs(exposure.with_ccd(ccd), parameters)
        except SediffError as error:
            made_from.append((ccd, str(error)))
            continue
        paths = [path for name in ('bias', 'flat', 'bpm', 'linearity', 'crosstalk') for path in files[name]]
        made_from.append((ccd, [(str(path), fingerprint(path), path.stat().st_mtime_ns) for path in paths]))
    return digest(made_from)


def binned_sky(exposure: Exposure, parameters: Parameters, log=lambda line: None) -> BinnedSky:
    """The binned sky of an exposure from its file; the first job that wants it makes it, others wait.

    It is made anew when the raw file or a calibration of any of its CCDs is another than the one it was made with.

    Raises
    ------
    Temporary
        The job that makes it has not finished after 600 s.
    """
    path = exposure_table(exposure, 'sky')
    source = binned_source_of(exposure, parameters)
    until = time.monotonic() + PATIENCE
    while binned_source(path) != source:
        try:
            with lock(exposure.folder / 'locks' / f'{exposure.expnum}_sky.lock', f'the sky of {exposure.expnum}'):
                if binned_source(path) != source:
                    started = time.monotonic()
                    binned, left_out = bin_exposure(exposure, parameters)
                    write_binned(path, binned, source)
                    for line in [*left_out, f'binned {len(binned.ccds)} CCDs in {time.monotonic() - started:.1f} s']:
                        log(line)
        except Temporary:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
    return read_binned(path)


def subtract(context: Context, image: CcdImage) -> CcdImage:
    """The sky of a CCD off: by the components of its band where there are any, else by a local mesh; SKYMODEL says which.

    In z and Y, FRINGFIL names the file of the fringes that were subtracted, or says `none`.
    """
    files, model = context.files('skypca'), context.parameter('SKY_MODEL')
    reason = 'SKY_MODEL=local' if model == 'local' else '' if files else 'no sky components for this band and time'
    if not reason:
        try:
            return _say_fringes_stay(context, _by_components(context, image, files))
        except BadData as error:
            reason = str(error)
    if model in MUST_HAVE:
        raise BadData(f'{context.exposure.label()}: {reason}; build some with `python -m sediff calib build-skypca`, '
                      'or set SKY_MODEL=auto')
    context.log(f'local sky: {reason}')
    result = subtract_sky(image, context.parameter('SKY_BLOCK'))
    record(result.header, 'SKYMODEL', 'local', 'Sky subtracted')
    return _say_fringes_stay(context, result)


def _by_components(context: Context, image: CcdImage, files: list[Path]) -> CcdImage:
    exposure = context.exposure
    components = read_components(files[0])
    fit = fit_exposure(binned_sky(exposure, context.parameters, context.log), components)
    if fit.rms > context.parameter('SKY_MAX_RMS'):
        raise BadData(f'the components leave {fit.rms:.2%} of the sky, more than SKY_MAX_RMS')
    full = len(files) > 1
    templates = read_templates(files[1], exposure.ccd, exposure.band) if full else \
        SkyTemplates(smooth_components(components, exposure.ccd, image.image.shape))
    if len(templates.planes) != len(fit.coefficients):
        raise BadData(f'{files[-1]}: {len(templates.planes)} templates for {len(fit.coefficients)} sky components; build '
                      'them together')
    variance = max(float(fit.coefficients[0]), 1.0) + float(image.header.get('RDNOISE', 6.0)) ** 2
    sky, fringes, left = fit_templates(image.image, image.mask, templates, fit.coefficients, variance)
    result = subtract_focal_plane_sky(image, sky if fringes is None else sky + fringes, fit, files[-1].name,
                                      file_checksum(files[-1]), full)
    result.header['SKYOWN'] = (exposure.expnum in components.expnums, 'components were made from this exposure, too')
    context.log(f'sky by {len(fit.coefficients)} components of {files[0].name}: rms {fit.rms:.3%}, '
                f'{fit.used:.1%} of the blocks')
    if fringes is not None:
        record_fringe(result.header, left.strength, left.error, files[-1].name, file_checksum(files[-1]))
        context.log(f'fringes {left.strength:.2f} e- rms')
    return result


def _say_fringes_stay(context: Context, image: CcdImage) -> CcdImage:
    """FRINGFIL says none in bands that fringe where no pattern was subtracted."""
    if context.exposure.band in FRINGING and 'FRINGFIL' not in image.header:
        record(image.header, 'FRINGFIL', 'none', 'Fringes subtracted')
        context.log(f'no fringe pattern for {context.exposure.label()} in {context.exposure.band}: fringes stay, no streaks '
                    'are looked for')
    return image
