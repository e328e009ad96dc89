"""One CCD of one exposure: photons to ADU, with the truth about what is in it."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header

from sediff.instruments.amplifiers import read_amplifiers
from sediff.sim.bleed import BLED, SATURATED, bleed_out
from sediff.sim.cards import wcs_header
from sediff.sim.cosmics import add_cosmics
from sediff.sim.deep_fringes import deep_fringes
from sediff.sim.detector import Detector
from sediff.sim.effects import bleed_into_register, collect_charge, effects_of, measured_counts, tape_bump_response
from sediff.sim.focal_sky import focal_plane_sky, fringes
from sediff.sim.hotpixels import dark_rate
from sediff.sim.light import SOURCE_TRUTH, Streak, add_light, measure_snr, sky_gradient
from sediff.sim.optics import PsfField, draw_psf
from sediff.sim.options import LIGHT, OPTICS, PUDDLES, generator
from sediff.sim.plan import SimExposure
from sediff.sim.puddle import puddles_into_register
from sediff.sim.readout import full_well, to_adu
from sediff.sim.scene import View
from sediff.wcs.read import read_wcs

#: Codes of the truth's pixel tables.
COSMIC, BAD, PUDDLE = 4, 8, 16
PIXEL_DTYPE = np.dtype([('x', 'i2'), ('y', 'i2'), ('kind', 'u1')])


@dataclass(frozen=True)
class CcdTask:
    """All that is needed to simulate one CCD of one exposure.

    Parameters
    ----------
    header : Header
        Raw extension header (sections, gains ...; its WCS is the telescope's, not the truth).
    tpv : mapping
        The CCD's world coordinates.
    cosmics : float
        Mean number of cosmic rays in 90 s.
    effects : tuple of str
        Of `sediff.sim.options.EFFECTS`.
    """

    seed: int
    exposure: SimExposure
    ccdnum: int
    header: Header
    tpv: Mapping
    view: View | None
    cosmics: float
    effects: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the trimmed CCD."""
        return self.exposure.instrument.detector(self.ccdnum).shape


@dataclass(frozen=True)
class CcdTruth:
    """What is where on one CCD of one exposure; positions are 0-based pixels of the trimmed frame."""

    expnum: int
    ccdnum: int
    stars: np.ndarray
    transients: np.ndarray
    pixels: np.ndarray
    streak: Streak | None
    psf: PsfField | None


def simulate_ccd(task: CcdTask, detector: Detector) -> tuple[np.ndarray, CcdTruth]:
    """Counts of one CCD before crosstalk, bias and read noise.

    Returns
    -------
    counts : ndarray, (ny, nx) float32
        ADU.
    truth : CcdTruth
    """
    exposure = task.exposure
    amplifiers = read_amplifiers(task.header)
    rng = generator(task.seed, LIGHT, exposure.expnum, task.ccdnum)
    stars, transients, streak, psf = np.zeros(0, SOURCE_TRUTH), np.zeros(0, SOURCE_TRUTH), None, None
    image = np.full(task.shape, exposure.sky, np.float32)
    if exposure.on_sky:
        assert task.view is not None    # exposures on the sky have one
        psf = draw_psf(generator(task.seed, OPTICS, exposure.expnum, task.ccdnum), exposure.seeing, task.shape,
                       exposure.pixel_scale)
        image *= sky_pattern(task, rng)
        wcs = read_wcs(wcs_header(task.tpv, exposure.true))
        stars, transients, streak = add_light(image, task.view, wcs, exposure, task.ccdnum, psf)
    effects = effects_of(task.seed, exposure.instrument.detector(task.ccdnum), task.effects)
    image *= detector.flat
    if effects.tape_bumps:
        image *= tape_bump_response(effects.tape_bumps, task.shape)
    if effects.illumination is not None and exposure.role == 'dome flat':
        image *= effects.illumination
    if psf is not None:
        measure_snr(transients, image, detector.flat, psf, max(amplifier.read_noise for amplifier in amplifiers))
    if 'hotpixels' in task.effects and exposure.exptime > 0:
        image += dark_rate(task.seed, task.ccdnum, task.shape) * np.float32(exposure.exptime)
    _add_shot_noise(rng, image)
    cosmic, _ = add_cosmics(rng, image, task.cosmics * (exposure.exptime + 20.0) / 110.0)
    if effects.border_shifts is not None:
        image = collect_charge(image, effects.border_shifts)
    kind, lost = bleed_out(image, full_well(amplifiers, task.shape[1]))
    if effects.edge_bleed:
        bleed_into_register(image, amplifiers, lost)
    puddle = np.zeros(task.shape, bool)
    if 'puddle' in task.effects:
        puddle = puddles_into_register(generator(task.seed, PUDDLES, exposure.expnum, task.ccdnum), image, amplifiers, lost,
                                       float(np.sqrt(exposure.sky + amplifiers[0].read_noise ** 2)))
    _flag_saturated(stars, kind)
    pixels = np.concatenate([_pixel_table(kind == SATURATED, SATURATED), _pixel_table(kind == BLED, BLED),
                             _pixel_table(puddle, PUDDLE), _cosmic_table(cosmic)])
    truth = CcdTruth(exposure.expnum, task.ccdnum, stars, transients, pixels, streak, psf)
    return measured_counts(to_adu(image, amplifiers), amplifiers, effects), truth


def sky_pattern(task: CcdTask, rng: np.random.Generator) -> np.ndarray:
    """The sky of a CCD over the exposure's: (ny, nx) float32."""
    exposure, gradient = task.exposure, sky_gradient(rng, task.shape)
    if 'sky' in task.effects:
        gradient = focal_plane_sky(task.seed, exposure.expnum, task.ccdnum, exposure.instrument)
    if 'fringes' in task.effects and exposure.band in exposure.instrument.fringing:
        gradient = gradient + fringes(task.seed, exposure.expnum, task.ccdnum, task.shape)
    if 'deepfringes' in task.effects and exposure.band in exposure.instrument.fringing:
        gradient = gradient + deep_fringes(task.seed, exposure.expnum, task.ccdnum, task.shape)
    return gradient


def bad_pixel_table(detector: Detector, dark: np.ndarray | None = None) -> np.ndarray:
    """PIXEL_DTYPE rows of the permanently bad pixels; those of more dark charge than an electron a second are, too."""
    return _pixel_table(detector.bad if dark is None else detector.bad | (dark > 1.0), BAD)


def _add_shot_noise(rng: np.random.Generator, image: np.ndarray) -> None:
    """Poisson noise in place; a normal deviate of the same variance above 50 electrons."""
    faint = image < 50.0
    if faint.all():
        if image.any():
            image[...] = rng.poisson(image)
        return
    low = rng.poisson(np.clip(image[faint], 0.0, None)).astype(np.float32)
    image += np.sqrt(np.clip(image, 0.0, None)) * rng.standard_normal(image.shape, dtype=np.float32)
    image[faint] = low


def _flag_saturated(stars: np.ndarray, kind: np.ndarray) -> None:
    rows, columns = np.rint(stars['y']).astype(int), np.rint(stars['x']).astype(int)
    stars['saturated'] = kind[rows, columns] > 0


def _pixel_table(chosen: np.ndarray, code: int) -> np.ndarray:
    rows, columns = np.nonzero(chosen)
    table = np.zeros(rows.size, PIXEL_DTYPE)
    table['x'], table['y'], table['kind'] = columns, rows, code
    return table


def _cosmic_table(pixels: np.ndarray) -> np.ndarray:
    table = np.zeros(len(pixels), PIXEL_DTYPE)
    table['x'], table['y'], table['kind'] = pixels[:, 0], pixels[:, 1], COSMIC
    return table
