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
from sediff.io.calibration import file_checksum
from sediff.io.locks import lock
from sediff.io.provenance import digest, fingerprint
from sediff.io.sky import binned_source, read_binned, read_components, read_rows, read_templates, sampled_ccds, write_binned
from sediff.isr.detrend import subtract_sky
from sediff.isr.focal_plane import BLOCK, ROW_STEP, BinnedSky, bin_rows
from sediff.isr.history import record
from sediff.isr.sky_fit import fit_exposure, sky_from_components, sky_from_templates, subtract_focal_plane_sky
from sediff.isr.sky_fringe import BANDS as FRINGING
from sediff.isr.sky_fringe import subtract_fringe
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
    planes, ccds, left_out = [], [], []
    for ccd, header, rows in sampled_ccds(raw_path(exposure.root, exposure.nite, exposure.expnum), ROW_STEP):
        try:
            calibrations = [read_rows(path, ROW_STEP) for path in _calibrations(exposure.with_ccd(ccd), parameters)]
            planes.append(bin_rows(rows, read_amplifiers(header), *calibrations, dead_amplifiers(ccd, exposure.nite)))
            ccds.append(ccd)
        except SediffError as error:
            left_out.append(f'CCD {ccd} takes no part in the sky: {error}')
    if not planes:
        reasons = '; '.join(left_out) or 'it has none'
        raise BadData(f'{exposure.label()}: no CCD of the raw exposure can be binned: {reasons}')
    order = [int(k) for k in np.argsort(ccds)]
    values, numbers = np.stack([planes[k] for k in order]), tuple(ccds[k] for k in order)
    return BinnedSky(values, numbers, exposure.band, exposure.expnum, BLOCK), left_out


def binned_sky(exposure: Exposure, parameters: Parameters, log=lambda line: None) -> BinnedSky:
    """The binned sky of an exposure from its file; the first job that wants it makes it, others wait.

    Raises
    ------
    Temporary
        The job that makes it has not finished after 600 s.
    """
    path = exposure_table(exposure, 'sky')
    source = digest([fingerprint(raw_path(exposure.root, exposure.nite, exposure.expnum)), ROW_STEP, BLOCK])
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
    """The sky of a CCD off: by the components of its band where there are any, else by a local mesh; SKYMODEL says which."""
    files, model = context.files('skypca'), context.parameter('SKY_MODEL')
    reason = 'SKY_MODEL=local' if model == 'local' else '' if files else 'no sky components for this band and time'
    if not reason:
        try:
            return _by_components(context, image, files)
        except BadData as error:
            reason = str(error)
    if model == 'pca':
        raise BadData(f'{context.exposure.label()}: {reason}; build some with `python -m sediff calib build-skypca`, '
                      'or set SKY_MODEL=auto')
    context.log(f'local sky: {reason}')
    result = subtract_sky(image, context.parameter('SKY_BLOCK'))
    record(result.header, 'SKYMODEL', 'local', 'Sky subtracted')
    return result


def _by_components(context: Context, image: CcdImage, files: list[Path]) -> CcdImage:
    exposure = context.exposure
    components = read_components(files[0])
    fit = fit_exposure(binned_sky(exposure, context.parameters, context.log), components)
    if fit.rms > context.parameter('SKY_MAX_RMS'):
        raise BadData(f'the components leave {fit.rms:.2%} of the sky, more than SKY_MAX_RMS')
    templates, fringe = read_templates(files[1], exposure.ccd, exposure.band) if len(files) > 1 else (None, None)
    sky = (sky_from_components(components, fit, exposure.ccd, image.image.shape) if templates is None
           else sky_from_templates(templates, fit))
    result = subtract_focal_plane_sky(image, sky, fit, files[-1].name, file_checksum(files[-1]), templates is not None)
    context.log(f'sky by {len(fit.coefficients)} components of {files[0].name}: rms {fit.rms:.3%}, '
                f'{fit.used:.1%} of the blocks')
    if fringe is not None:
        result = subtract_fringe(result, fringe, files[-1].name)
        context.log(f'fringes {result.header["FRINGEA"]:.2f} e- rms')
    elif exposure.band in FRINGING:
        context.log(f'no fringe pattern for {exposure.label()} in {exposure.band}: fringes stay')
    return result


def _calibrations(exposure: Exposure, parameters: Parameters) -> list[Path]:
    """Bias, flat and bad-pixel mask of a CCD."""
    from sediff.flow.inputs import single_epoch_inputs
    inputs = single_epoch_inputs(exposure, parameters)
    return [inputs[name][0] for name in ('bias', 'flat', 'bpm')]
