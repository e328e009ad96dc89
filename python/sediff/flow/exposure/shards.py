"""Of the reference catalogue, the shards that a CCD touches: only these are in the keys of the steps that read it."""
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.astrometry.tpv import Tpv
from sediff.engine.context import Context
from sediff.engine.provenance import digest
from sediff.engine.step import Step
from sediff.errors import BadInput, SediffError
from sediff.flow.diffimg.star_shifts import MARGIN as SHIFTS_MARGIN
from sediff.flow.diffimg.star_shifts import middle_mjd
from sediff.formats.community import read_community_header
from sediff.formats.fits import read_header
from sediff.formats.raw import read_raw_header
from sediff.instruments.focalplane import camera_model
from sediff.instruments.rawcards import read_cards
from sediff.refcat.cascade import STANDARDS_MARGIN, cascade_names, catalogue_folder
from sediff.refcat.index import read_catalogue
from sediff.refcat.lookup import corners_of, shards_between
from sediff.repository.names import Exposure
from sediff.sphere import unit_vectors
from sediff.wcs.read import read_wcs
from sediff.wcs.tpv import tpv_cards

#: How far (deg) the corners of the raw header or of the camera model may be from those of the image that SE07 solves:
#: overscan columns, rotation.
ROUGH = 0.02


def shard_digest(context: Context, step: Step) -> str:
    """Hash of the shards that a step looks for, absent ones too; 'no image' where single epoch has not made one yet.

    Where the CCD's place is not known, it is of the names and sizes of all shards: the step that needs it says so.
    """
    if step.id != 'SE07' and not context.repository.exists('immask', context.exposure):
        return 'no image'
    try:
        return digest([(path.name, context.fingerprint(path)) for path in shards_of(context, step)])
    except (SediffError, KeyError, ValueError, TypeError, OSError):
        folder = context.file('refcat')
        return digest(sorted((path.name, path.stat().st_size) for path in context.repository.below(folder, '*.fits')))


def shards_of(context: Context, step: Step) -> list[Path]:
    """The shards that SE07, SE12 or RUN18 of a CCD looks for."""
    parameters: Mapping = context.parameters
    folder, name_of = context.file('refcat'), read_catalogue('gaia').shard_name
    if step.id == 'SE07':
        corners, mjd = _rough_corners(context)
        return shards_between(folder, name_of, corners, mjd, 1.5 * parameters['POSITION_MAXERR'] / 3600.0 + ROUGH)
    header = read_header(context.path('immask'), 'SCI')
    corners = corners_of(read_wcs(header), context.exposure.detector.shape)
    if step.id == 'RUN18':
        shifts = parameters['STAR_SHIFTS']
        return shards_between(folder, name_of, corners, middle_mjd(header), SHIFTS_MARGIN) if shifts else []
    return [path for name in cascade_names(parameters['REFCAT_CASCADE'])
            for path in shards_between(catalogue_folder(folder, name), read_catalogue(name).shard_name, corners,
                                       float(header['MJD-OBS']), STANDARDS_MARGIN)]


def _rough_corners(context: Context) -> tuple[np.ndarray, float]:
    """Unit vectors (4, 3) of a CCD's corners, from its raw header or the camera model at its pointing; and its MJD."""
    ccd = context.exposure.ccd
    header = read_raw_header(context.file('raw'), ccd, context.exposure.instrument) if context.files('raw') else \
        read_community_header(context.file('community'), ccd)
    cards = read_cards(header, context.exposure.expnum, context.pointing, context.exposure.instrument)
    if cards.ra is None or cards.dec is None or cards.mjd is None:
        raise BadInput(f'{context.exposure.label()}: ' + '; '.join(f'{problem}' for problem in cards.problems))
    return _corners(header, cards.ra, cards.dec, context.exposure), float(cards.mjd)


def _corners(header: Header, ra: float, dec: float, exposure: Exposure) -> np.ndarray:
    ny, nx = exposure.detector.shape
    x, y = np.array([0, nx, nx, 0]) - 0.5, np.array([0, 0, ny, ny]) - 0.5
    try:
        start = Tpv.of(tpv_cards(header))
    except SediffError:
        start = Tpv.of(camera_model(exposure.ccd, ra, dec, exposure.instrument))
    return unit_vectors(*start.sky(x, y))
