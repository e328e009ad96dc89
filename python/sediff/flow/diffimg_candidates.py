"""RUN22 to RUN28: cuts, stamps, scores, candidates, forced photometry."""
from __future__ import annotations

import numpy as np

from sediff.camera.wcs import pixel_scale, read_wcs, sky_to_pixel
from sediff.candidates.associate import candidate_table_text
from sediff.candidates.cuts import LOW_SCORE, VARIABLE_STAR, apply_cuts, filter_table_text
from sediff.candidates.fakematch import fakematch_table_text, match_fakes
from sediff.candidates.features import features_at, star_proximity
from sediff.candidates.forced import forced_photometry
from sediff.candidates.moving import moving_stars
from sediff.candidates.rows import detection_rows, njy_per_electron
from sediff.candidates.score import score_features, score_table_text
from sediff.candidates.stamps import cut_triplet
from sediff.candidates.texttable import parse_table, table_text
from sediff.candidates.vetostars import Surroundings
from sediff.context import Context
from sediff.flow.database import database_of, season_number
from sediff.flow.stars import read_assoc
from sediff.io.database import transaction
from sediff.io.database_rows import add_forced, replace_detections, update_image
from sediff.io.makecand import associate
from sediff.io.scoremodel import read_score_model

VETO_DTYPE = [('x', 'f8'), ('y', 'f8'), ('mag', 'f4'), ('radius', 'f4')]


def filter_obj(context: Context) -> None:
    """Cut each detection, with the reason."""
    difference, detections = context.load('diff'), context.load('diff_cat')
    cuts = {'max_a': context.parameter('MAXA'), 'veto_magnitude': context.parameter('VETOMAG'),
            'veto_variables': context.parameter('VETO_VARIABLES')}
    fwhm = context.load('score_info')['fwhm_px']
    planes = Surroundings(difference.image, _sigma(context), difference.weight <= 0, context.load('diff_psf').image, fwhm,
                          context.load('search_zp')['zero_point'])
    moving = moving_stars(detections, context.load('template').image, context.load('combined').image, fwhm)
    result = apply_cuts(detections, planes.difference, planes.sigma, planes.bad, fwhm, veto_stars(context), cuts, moving,
                        planes)
    context.log(f'{np.count_nonzero(result.classes == VARIABLE_STAR)} detections are variable stars')
    failed = ', '.join(f'{name} {count}' for name, count in result.counts.items() if count)
    context.log(f'{result.kept.sum()} of {len(detections)} detections pass; failed: {failed or "none"}')
    context.save('filterobj', filter_table_text(detections, result))


def _sigma(context: Context) -> np.ndarray:
    """Noise of the difference per pixel, photons of sources and hosts too; infinite where unusable."""
    weight, scale = context.load('diff').weight, context.load('score_info')['noise_scale']
    variance = scale**2 / np.maximum(weight, np.float32(1e-30)) + np.maximum(context.load('photons'), np.float32(0))
    return np.where(weight > 0, np.sqrt(variance), np.inf).astype(np.float32)


def veto_stars(context: Context) -> np.ndarray:
    """Stars of the SNVETO list on this CCD (0-based px), radii scaled; empty without a list."""
    if not context.files('snveto'):
        return np.zeros(0, VETO_DTYPE)
    stars = read_assoc(context.file('snveto'))
    difference = context.load('diff')
    x, y = sky_to_pixel(read_wcs(difference.header), stars['RA'], stars['DEC'])
    near = (x > -100) & (x < difference.shape[1] + 100) & (y > -100) & (y < difference.shape[0] + 100)
    out = np.zeros(int(near.sum()), VETO_DTYPE)
    out['x'], out['y'], out['mag'] = x[near], y[near], stars['MAG'][near]
    out['radius'] = stars['RADIUS'][near] * context.parameter('VETO_SCALE')
    return out


def _codes(context: Context) -> np.ndarray:
    return parse_table(context.load('filterobj'))['REJECT'].astype(int)


def _classes(context: Context) -> np.ndarray:
    found = parse_table(context.load('filterobj'))['CLASS']
    return np.where(found == '-', '', found)


def _scores(context: Context) -> np.ndarray:
    return parse_table(context.load('autoscan'))['ML_SCORE'].astype(float)


def make_stamps(context: Context) -> None:
    """Stamps of the detections that passed the cuts, as FITS and GIF, packed."""
    detections = context.load('diff_cat')[_codes(context) == 0]
    images = context.load('template').image, context.load('combined').image, context.load('diff').image
    size = context.parameter('STAMP_SIZE')
    stamps = {int(row['NUMBER']): cut_triplet(*images, row['X_IMAGE'] - 1.0, row['Y_IMAGE'] - 1.0, size)
              for row in detections}
    context.log(f'stamps of {len(detections)} detections')
    context.save('stamps', stamps)


def auto_scan(context: Context) -> None:
    """Score each detection."""
    detections = context.load('diff_cat')
    near_star = star_proximity(detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0, veto_stars(context),
                               context.parameter('VETOMAG'))
    features = features_at(detections, context.load('template').image, context.load('diff').image, _sigma(context),
                           context.load('score_info')['fwhm_px'], near_star)
    scores = score_features(features, read_score_model()) if len(detections) else np.zeros(0)
    context.log(f'{(scores >= 0.7).sum()} of {len(scores)} detections score 0.7 or more')
    context.save('autoscan', score_table_text(detections['NUMBER'], scores))


def make_cand(context: Context) -> None:
    """Detections into the database, those that pass joined to candidates."""
    exposure, season = context.exposure, season_number(context.exposure)
    detections, scores, image = context.load('diff_cat'), _scores(context), context.load('ingest')
    scale = pixel_scale(read_wcs(context.load('combined').header))
    low = scores < context.parameter('MIN_MLSCORE')
    codes, noise = _codes(context) | np.where(low, LOW_SCORE, 0), context.load('score_info')['noise_scale']
    rows = detection_rows(detections, codes, scores, image['zeroPoint'], scale, exposure.band, int(exposure.nite),
                          image['midpointMjdTai'], classes=_classes(context))
    if context.parameter('WRITEDB') == 'off':
        context.log('WRITEDB is off: nothing goes to the database')
        context.save('makecand', candidate_table_text([]))
        return
    with transaction(database_of(context)) as connection:
        replace_detections(connection, exposure.expnum, exposure.ccd, season, rows)
        update_image(connection, season, exposure.expnum, exposure.ccd,
                     {'noiseScale': noise, 'nDetections': len(rows), 'nKept': int((codes == 0).sum())})
        found = associate(connection, exposure.expnum, exposure.ccd, season, context.parameter('CAND_RADIUS'))
    context.log(f'{len(found)} candidates, {sum(row["isNew"] for row in found)} of them new')
    context.save('makecand', candidate_table_text(found))


def force_photo(context: Context) -> None:
    """Forced PSF photometry at candidates and known fakes."""
    exposure, difference = context.exposure, context.load('diff')
    candidates, fakes = parse_table(context.load('makecand')), parse_table(context.load('dofake'))
    kind = ['candidate'] * len(candidates['ra']) + ['fake'] * len(fakes['ra'])
    identifier = np.concatenate([candidates['diaObjectId'].astype(np.int64), fakes['id'].astype(np.int64)])
    ra, dec = (np.concatenate([candidates[name], fakes[name]]).astype(float) for name in ('ra', 'dec'))
    x, y = sky_to_pixel(read_wcs(difference.header), ra, dec)
    weight = difference.weight
    variance = np.where(weight > 0, 1.0 / np.maximum(weight, 1e-30), 0).astype(np.float32)
    forced = forced_photometry(difference.image, variance, weight <= 0, context.load('diff_psf').image, x, y,
                               noise_scale=context.load('score_info')['noise_scale'], photons=context.load('photons'))
    columns = {'KIND': kind, 'ID': identifier, 'RA': ra, 'DEC': dec, **{name: forced[name] for name in forced.dtype.names}}
    context.save('forced', table_text(columns, {'RA': '.7f', 'DEC': '.7f', 'X_IMAGE': '.3f', 'Y_IMAGE': '.3f'}))
    _store_forced(context, exposure, forced[:len(candidates['ra'])], identifier, ra, dec)


def _store_forced(context: Context, exposure, forced: np.ndarray, identifier, ra, dec) -> None:
    image = context.load('ingest')
    njy = njy_per_electron(image['zeroPoint'])
    rows = [{'diaObjectId': int(identifier[k]), 'band': exposure.band, 'midpointMjdTai': image['midpointMjdTai'],
             'ra': float(ra[k]), 'dec': float(dec[k]), 'psfFlux': float(njy * row['FLUX']),
             'psfFluxErr': float(njy * row['FLUXERR']), 'psfChi2': float(row['CHI2']),
             'goodFraction': float(row['GOOD_FRACTION'])} for k, row in enumerate(forced)]
    with transaction(database_of(context)) as connection:
        add_forced(connection, exposure.expnum, exposure.ccd, season_number(exposure), rows)


def fake_match(context: Context) -> None:
    """Which of the known fakes were found, and passed."""
    table = parse_table(context.load('dofake'))
    fakes = np.zeros(len(table['id']), [('id', 'i8'), ('ra', 'f8'), ('dec', 'f8'), ('mag', 'f4')])
    for name in fakes.dtype.names:
        fakes[name] = table[name].astype(fakes.dtype[name])
    matches = match_fakes(fakes, context.load('diff_cat'), context.parameter('FAKE_RADIUS'), _codes(context),
                          _scores(context), context.parameter('MIN_MLSCORE'))
    context.log(f'{matches["FOUND"].sum()} of {len(matches)} fakes detected, {matches["PASSED"].sum()} passed')
    context.save('fakematch', fakematch_table_text(matches))


def prep_force_photo(context: Context) -> None:
    """Difference and its PSF where later forced photometry looks for them."""
    context.save('force_image', context.load('diff'))
    context.save('force_psf', context.load('diff_psf'))
