"""The PSF flux at places in one staged difference, from the pixels around them alone."""
from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from sediff.candidates.epochs import Epochs, ImageFacts, blank_rows
from sediff.candidates.forced import forced_photometry
from sediff.ccdimage import variance_from_weight
from sediff.detect.kernels import mask_counts
from sediff.detect.matched import FWHM_OF_SIGMA, psf_fwhm
from sediff.detect.measure import CORE
from sediff.errors import BadData, BadInput, SediffError
from sediff.flow.forced.staged import Near
from sediff.formats.parts import Parts, Window, open_parts
from sediff.formats.psf_quick import read_own_psf
from sediff.psf.model import PsfModel
from sediff.psf.zoned import ZonedPsf
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.times import mjd_utc
from sediff.wcs.quick import pixels_by_cards
from sediff.wcs.read import WCS_PREFIXES

#: Side of the PSF stamps, px, as in RUN26.
SIZE = 31
#: With more places than this the whole planes are read at once.
FEW = 25
NO_ZERO_POINT = 'zero point unknown'


def measure(near: Near, ra: np.ndarray, dec: np.ndarray, verify: bool = False) -> Epochs:
    """Forced photometry at the places that a staged difference may cover.

    Parameters
    ----------
    near : Near
    ra, dec : ndarray, (n,) float
        All places, deg, ICRS; `near.places` are indices of them.
    verify : bool
        Compare the planes with their checksums before they count, which reads all of them.

    Returns
    -------
    Epochs
        One image, a row a place. What cannot be measured has the reason: nothing is raised for an image that cannot be read.
    """
    facts = image_facts(near.exposure)
    if not near.staged:
        return _gaps(facts, near.places[near.inside], 'no staged difference of its CCD')
    repository = Repository.of(near.exposure)
    image, photons = (repository.path(name, near.exposure) for name in ('force_image', 'force_photons'))
    rows = blank_rows(near.places)
    try:
        psf = read_own_psf(repository.path('force_psf', near.exposure))
    except BadInput as error:
        return _gaps(facts, near.places[near.inside], f'PSF unknown: {_short(error)}')
    try:
        with open_parts(image, verify) as planes, open_parts(photons, verify) as light:
            rows['x'], rows['y'], pixel = pixels_by_cards(planes.cards('SCI', WCS_PREFIXES), ra[near.places],
                                                          dec[near.places])
            _away(rows, planes.shape('SCI'))
            scale = light.cards('PLANE', ('NOISESCL',)).number('NOISESCL')
            if scale is None or not scale > 0.0:
                return _gaps(facts, near.places[near.inside], 'noise scale unknown: NOISESCL is not in the plane of photons')
            for chosen, window in _windows(rows, planes.shape('SCI')):
                part = rows[chosen]
                _fill(part, _stamps(planes, light, window), window, psf, scale)
                rows[chosen] = part
    except (BadInput, BadData) as error:
        return _gaps(facts, near.places[near.inside], f'image unreadable: {_short(error)}')
    reasons = ['', 'off CCD', 'masked', NO_ZERO_POINT]
    rows['gap'] = np.where(rows['away'] > 0.0, 1, np.where(np.isnan(rows['flux']), 2,
                                                           0 if math.isfinite(facts.zero_point) else 3))
    return Epochs(rows, [replace(facts, psf_sigma=_psf_sigma(psf, rows), pixel_scale=pixel)], reasons)


def image_facts(exposure: Exposure) -> ImageFacts:
    """What RUN15 and RUN16 say of an image, as far as their products are there."""
    repository = Repository.of(exposure)

    def product(name: str) -> dict:
        """What a product says; nothing where it cannot be read."""
        try:
            found = repository.get(name, exposure)
        except BadInput:
            return {}
        return found if isinstance(found, dict) else {}
    image, template = product('ingest'), product('template_info')
    depth, area, zero_point = (_number(template.get(name)) for name in ('depth_5sigma', 'psf_area_px', 'zero_point'))
    middle = _number(image.get('midpointMjdTai'))
    return ImageFacts(
        exposure.expnum, exposure.ccd, exposure.nite, exposure.band, exposure.field,
        mjd_utc(middle) if math.isfinite(middle) else math.nan, _number(image.get('zeroPoint')),
        sky_sigma=_number(image.get('skySigma')),
        template_sigma=10.0 ** (0.4 * (zero_point - depth)) / 5.0 / math.sqrt(area) if area > 0.0 else math.nan,
        template='+'.join(str(one.get('expnum')) for one in template.get('inputs', []) if isinstance(one, dict)))


def _psf_sigma(psf: PsfModel | ZonedPsf, rows: np.ndarray) -> float:
    """Sigma (px) of the Gaussian with the noise-equivalent area of the PSF at the first place on the image; else NaN."""
    on = rows[rows['away'] == 0.0]
    return psf_fwhm(psf.image(on['x'][0], on['y'][0], SIZE)) / FWHM_OF_SIGMA if len(on) else math.nan


def _away(rows: np.ndarray, shape: tuple[int, int]) -> None:
    """How far (px) each place lies off the image; infinite where the projection has no inverse."""
    outside = [np.maximum(np.maximum(-0.5 - rows[axis], rows[axis] - (size - 0.5)), 0.0)
               for axis, size in (('x', shape[1]), ('y', shape[0]))]
    rows['away'] = np.nan_to_num(np.hypot(*outside), nan=np.inf)


def _windows(rows: np.ndarray, shape: tuple[int, int]) -> Iterator[tuple[np.ndarray, Window]]:
    """Indices of rows on the image and the window of pixels that they need: one a place, or the whole image for many."""
    on = np.flatnonzero(rows['away'] == 0.0)
    if len(on) > FEW:
        yield on, (0, 0, shape[1], shape[0])
        return
    for k in range(len(on)):
        x, y = (int(np.floor(rows[axis][on[k]] + 0.5)) - SIZE // 2 for axis in ('x', 'y'))
        yield on[k:k + 1], (x, y, SIZE, SIZE)


def _stamps(planes: Parts, light: Parts, window: Window) -> tuple[np.ndarray, ...]:
    """Image, mask, weight and photons of a window; of the mask of a stamp only what FLAGS takes, the rest is 0."""
    image, weight, photons = planes.window('SCI', window), planes.window('WGT', window), light.window('PLANE', window)
    if window[2:] != (SIZE, SIZE):
        return image, planes.window('MSK', window), weight, photons
    first, side = SIZE // 2 - int(CORE) - 1, 2 * int(CORE) + 3
    mask, inner = np.zeros((SIZE, SIZE), np.int16), slice(first, first + side)
    mask[inner, inner] = planes.window('MSK', (window[0] + first, window[1] + first, side, side))
    return image, mask, weight, photons


def _fill(rows: np.ndarray, stamps: tuple[np.ndarray, ...], window: Window, psf: PsfModel | ZonedPsf, scale: float) -> None:
    """Measure at the places of some rows, in place."""
    image, mask, weight, photons = stamps
    x0, y0 = window[:2]
    bad, mask = weight <= 0, mask.astype(np.uint16)
    found = forced_photometry(image, variance_from_weight(weight), bad,
                              lambda x, y, size: psf.image(x + x0, y + y0, size), rows['x'] - x0, rows['y'] - y0, SIZE,
                              scale, photons)
    for name, column in (('flux', 'FLUX'), ('error', 'FLUXERR'), ('chi2', 'CHI2'), ('good', 'GOOD_FRACTION')):
        rows[name] = found[column]
    for row in rows:
        row['flags'] = mask_counts(bad, mask, row['x'] - x0, row['y'] - y0, CORE, CORE, CORE)[2]


def _gaps(facts: ImageFacts, places: np.ndarray, reason: str) -> Epochs:
    """The places without a value, for one reason."""
    rows = blank_rows(places)
    rows['gap'] = 1
    return Epochs(rows, [facts], ['', reason])


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else math.nan


def _short(error: SediffError) -> str:
    """What an error says, on one line, without the folders of its file."""
    text = ' '.join(str(error).split())
    return ' '.join(word.rpartition('/')[2] or word for word in text.split(' '))[:160]
