"""The sky of an exposure: the first pass over all its CCDs, binned, made once; and SE04 of each CCD, which fits it."""
from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff import steps
from sediff.ccdimage import CcdImage
from sediff.engine.context import Context
from sediff.engine.planning import plan
from sediff.engine.provenance import digest
from sediff.engine.runner import run_steps
from sediff.errors import BadData, SediffError
from sediff.flow.exposure.inputs import calibration_inputs
from sediff.flow.exposure.whole import ExposureContext
from sediff.flow.single_epoch.sky_files import MUST_HAVE
from sediff.formats.badpixels import read_bad_pixels
from sediff.formats.calibration import file_checksum
from sediff.formats.crosstalk import read_crosstalk
from sediff.formats.linearity import read_linearity
from sediff.formats.locks import patient_lock
from sediff.formats.raw import read_raw_primary, sampled_ccds
from sediff.formats.sky import (
    read_binned,
    read_components,
    read_rows,
    read_templates,
    write_binned,
)
from sediff.instruments.amplifiers import (
    Amplifier,
    read_amplifiers,
    read_trimmed_amplifiers,
    sampled,
    seams_of,
    trimmed_shape,
)
from sediff.instruments.base import Instrument
from sediff.isr.detrend import subtract_sky
from sediff.isr.focal_plane import BLOCK, ROW_STEP, BinnedSky, bin_rows, sky_crosstalk
from sediff.isr.history import record
from sediff.isr.linearity import LinearityTable
from sediff.isr.sky_fit import fit_exposure, smooth_components, subtract_focal_plane_sky
from sediff.isr.sky_fringe import record_fringe
from sediff.isr.sky_templates import SkyTemplates, fit_templates
from sediff.parameters.model import Parameters
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository

#: How long (s) a job waits for the job that bins the exposure.
PATIENCE = 600.0
#: Calibrations that the binned sky of a CCD is made with.
CALIBRATIONS = ('bias', 'flat', 'bpm', 'linearity', 'crosstalk')


def bin_exposure(exposure: Exposure, parameters: Parameters) -> tuple[BinnedSky, list[str]]:
    """The sky of all CCDs of a raw exposure that have calibrations, binned; and a line about each CCD left out.

    Raises
    ------
    BadData
        No CCD is left.
    """
    return _bin(exposure, calibrations_of(exposure, parameters), parameters)


def calibrations_of(exposure: Exposure, parameters: Parameters) -> dict[int, dict[str, list[Path]] | SediffError]:
    """The calibrations of every CCD of a raw exposure, or why a CCD has none."""
    found: dict[int, dict[str, list[Path]] | SediffError] = {}
    for ccd in ccds_of(exposure):
        try:
            files, _ = calibration_inputs(exposure.with_ccd(ccd), parameters)
            found[ccd] = {name: files[name] for name in CALIBRATIONS}
        except SediffError as error:
            found[ccd] = error
    return found


def _bin(exposure: Exposure, files_of: Mapping[int, dict[str, list[Path]] | SediffError],
         parameters: Mapping) -> tuple[BinnedSky, list[str]]:
    planes, ccds, left_out, there = [], [], [], ccds_of(exposure)
    raw = Repository.of(exposure).path('raw', exposure)
    for ccd, header, rows_of in sampled_ccds(raw, exposure.instrument):
        amplifiers = _amplifiers(header)
        if not amplifiers:
            continue
        shape = trimmed_shape(amplifiers)
        rows = rows_of(sampled(amplifiers, 0, shape[0], ROW_STEP)[0])
        try:
            files = files_of.get(ccd, BadData(f'no CCD {ccd} in the list of CCDs of the raw exposure'))
            if isinstance(files, SediffError):
                raise files
            bias, flat = (read_rows(files[name][0], ROW_STEP) for name in ('bias', 'flat'))
            bad = read_bad_pixels(files['bpm'], ccd, shape, ROW_STEP)
            curves, leak = sky_corrections(ccd, files, there, parameters, exposure.instrument)
            planes.append(bin_rows(rows, amplifiers, bias, flat, bad, there[ccd], linearity=curves,
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


def _amplifiers(header: Header) -> tuple[Amplifier, ...]:
    """Amplifiers of a raw CCD; none where its header does not tell them."""
    try:
        return read_amplifiers(header)
    except BadData:
        return ()


def ccds_of(exposure: Exposure) -> dict[int, tuple[str, ...]]:
    """The CCDs of a raw exposure and their unusable amplifiers."""
    instrument = exposure.instrument
    _, ccds = read_raw_primary(Repository.of(exposure).path('raw', exposure), instrument)
    return {ccd: instrument.detector(ccd).dead_amplifiers(exposure.nite) for ccd in ccds if ccd in instrument.detectors}


def sky_corrections(ccd: int, files: dict[str, list[Path]], there: dict[int, tuple[str, ...]],
                    parameters: Mapping, instrument: Instrument) -> tuple[LinearityTable, dict[str, float]]:
    """Linearity curves and crosstalk of the sky that SE01 and SE02 subtract too."""
    curves = read_linearity(files['linearity'][0], ccd) if files['linearity'] else {}
    table = read_crosstalk(files['crosstalk'][0], instrument.ccds) \
        if parameters['CROSSTALK'] and files['crosstalk'] else {}
    return curves, sky_crosstalk(ccd, table, there)


def sky_context(exposure: Exposure, parameters: Parameters, log: Callable[[str], None] | None = None) -> ExposureContext:
    """What SE00 sees."""
    raw = Repository.of(exposure).raw_files(exposure)
    context = ExposureContext(exposure, parameters, listen=log, external={'raw': raw})
    context.calibrations = calibrations_of(exposure, parameters)
    context.digests['calibrations'] = digest([
        (ccd, str(files) if isinstance(files, SediffError) else
         [(name, context.fingerprint(path)) for name in CALIBRATIONS for path in files[name]])
        for ccd, files in context.calibrations.items()])
    return context


def _source(context: ExposureContext) -> str:
    return digest([*map(context.fingerprint, context.files('raw')), context.digests['calibrations'], ROW_STEP, BLOCK,
                   context.parameters['CROSSTALK'], context.parameters['OVERSCAN']])


def bin_sky(context: ExposureContext) -> None:
    """SE00: the sky of all CCDs of the raw exposure, binned."""
    started = time.monotonic()
    binned, left_out = _bin(context.exposure, context.calibrations, context.parameters)
    write_binned(context.repository.target('binned_sky', context.exposure), binned, _source(context))
    for line in [*left_out, f'binned {len(binned.ccds)} CCDs in {time.monotonic() - started:.1f} s']:
        context.log(line)


def binned_sky(exposure: Exposure, parameters: Parameters, log: Callable[[str], None] | None = None) -> BinnedSky:
    """The binned sky of an exposure from its file; the first job that wants it runs SE00, others wait.

    It is made anew when the raw file or a calibration of any of its CCDs is another than the one it was made with.

    Raises
    ------
    Temporary
        The job that makes it has not finished after 600 s.
    """
    context = sky_context(exposure, parameters, log)
    if plan(steps.SKY, context)[0]:
        guard = Repository.of(exposure).target('sky_lock', exposure)
        with patient_lock(guard, f'the sky of {exposure.expnum}', PATIENCE):
            run_steps(steps.SKY, context)
    return read_binned(Repository.of(exposure).path('binned_sky', exposure))


def binned_sky_key(exposure: Exposure, parameters: Parameters) -> str:
    """The key of the binned sky that SE04 of a CCD would take: it names the raw file and the calibrations of all CCDs."""
    return plan(steps.SKY, sky_context(exposure, parameters))[1][steps.SKY[0].label]['key']


def subtract(context: Context, image: CcdImage) -> CcdImage:
    """The sky of a CCD off: by the components of its band where there are any, else by a local mesh; SKYMODEL says which.

    In bands that fringe, FRINGFIL names the file of the fringes that were subtracted, or says `none`.
    """
    files, model = context.files('skypca'), context.parameter('SKY_MODEL')
    reason = 'SKY_MODEL=local' if model == 'local' else '' if files else 'no sky components for this band and time'
    if not reason:
        try:
            return _say_fringes_stay(context, _by_components(context, image, files))
        except BadData as error:
            reason = str(error)
    if model in MUST_HAVE:
        raise BadData(f'{context.exposure.label()}: {reason}; build some with `sediff calib build-skypca`, '
                      'or set SKY_MODEL=auto')
    context.log(f'local sky: {reason}')
    result = subtract_sky(image, context.parameter('SKY_BLOCK'))
    record(result.header, 'SKYMODEL', 'local', 'Sky subtracted')
    return _say_fringes_stay(context, result)


def _by_components(context: Context, image: CcdImage, files: list[Path]) -> CcdImage:
    exposure = context.exposure
    components = read_components(files[0])
    fit = fit_exposure(context.load('binned_sky'), components)
    if fit.rms > context.parameter('SKY_MAX_RMS'):
        raise BadData(f'the components leave {fit.rms:.2%} of the sky, more than SKY_MAX_RMS')
    full = len(files) > 1
    templates = read_templates(files[1], exposure.ccd, exposure.band) if full else \
        SkyTemplates(smooth_components(components, exposure.ccd, image.image.shape))
    if len(templates.planes) != len(fit.coefficients):
        raise BadData(f'{files[-1]}: {len(templates.planes)} templates for {len(fit.coefficients)} sky components; build '
                      'them together')
    variance = max(float(fit.coefficients[0]), 1.0) + float(image.header.get('RDNOISE', 6.0)) ** 2
    sky, fringes, left = fit_templates(image.image, image.mask, templates, fit.coefficients, variance,
                                       seams_of(read_trimmed_amplifiers(image.header)))
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
    if context.exposure.band in context.instrument.fringing and 'FRINGFIL' not in image.header:
        record(image.header, 'FRINGFIL', 'none', 'Fringes subtracted')
        context.log(f'no fringe pattern for {context.exposure.label()} in {context.exposure.band}: fringes stay, no streaks '
                    'are looked for')
    return image
