"""RUN22 to RUN28 but for RUN27's own fakes: cuts, stamps, scores, candidates, forced photometry."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields

import numpy as np
import pandas as pd
from astropy.io.fits import Header

from sediff.candidates.associate import candidate_table_text
from sediff.candidates.cut_list import DEFAULT_CUTS
from sediff.candidates.cuts import LOW_SCORE, NEGATIVE, VARIABLE_STAR, apply_cuts, filter_table_text, reason_table
from sediff.candidates.database_rows import replace_detections, update_image
from sediff.candidates.fakematch import fakematch_table_text, match_fakes
from sediff.candidates.features import features_at, star_proximity
from sediff.candidates.flood import FloodLimits, flood_problems
from sediff.candidates.forced import forced_photometry
from sediff.candidates.makecand import associate
from sediff.candidates.moving import MovingLimits, moving_stars
from sediff.candidates.rows import detection_rows
from sediff.candidates.score import class_names, class_probabilities, score_features, score_table_text
from sediff.candidates.scoremodel import read_score_model
from sediff.candidates.texttable import parse_table, table_text
from sediff.candidates.vetostars import Surroundings
from sediff.ccdimage import sigma_from_weight, sigma_planes, variance_from_weight
from sediff.detect.stamps import cut_triplet
from sediff.engine.context import Context
from sediff.errors import BadData
from sediff.flow.diffimg.rows import store_forced
from sediff.flow.exposure.database import season_number
from sediff.flow.single_epoch.stars import read_assoc
from sediff.formats.fits import read_header
from sediff.instruments.base import table_path
from sediff.photometry.vetoradius import StarLight, ccd_light, veto_radius
from sediff.wcs.read import pixel_scale, read_wcs, sky_to_pixel

#: Significance from which negative detections are counted: Gaussian noise gives one a CCD.
NEGATIVE_SCORE = 5.0
#: Sky sources that tell a noise which is judged: its error is then 8 %.
LEAST_SKY = 100
VETO_DTYPE = [('x', 'f8'), ('y', 'f8'), ('mag', 'f4'), ('radius', 'f4')]


def filter_obj(context: Context) -> None:
    """Cut each detection, with the reason."""
    difference, detections = context.load('diff'), context.load('diff_cat')
    fwhm = context.load('score_info')['fwhm_px']
    alone, sigma = sigma_planes(difference.weight, context.load('score_info')['noise_scale'], context.load('photons'))
    planes = Surroundings(difference.image, alone, difference.weight <= 0,
                          context.load('diff_psf').image, fwhm, context.load('search_zp')['zero_point'])
    moving = moving_stars(detections, context.load('template').image, context.load('combined').image, fwhm,
                          moving_limits(context.parameters))
    result = apply_cuts(detections, planes.difference, sigma, planes.bad, fwhm, veto_stars(context),
                        cut_settings(context.parameters), moving, planes, difference.mask)
    context.log(f'{np.count_nonzero(result.classes == VARIABLE_STAR)} detections are variable stars')
    failed = ', '.join(f'{name} {count}' for name, count in result.counts.items() if count)
    context.log(f'{result.kept.sum()} of {len(detections)} detections pass; failed: {failed or "none"}')
    context.count('kept', result.kept.sum())
    context.save('filterobj', filter_table_text(detections, result))
    context.save('cut_reasons', pd.DataFrame(reason_table(detections, result)))


def cut_settings(parameters: Mapping) -> dict[str, float]:
    """Settings of the cuts (`sediff.candidates.cut_list.DEFAULT_CUTS`) as the parameters say."""
    return {'max_a': parameters['MAXA'], 'veto_magnitude': parameters['VETOMAG'],
            'veto_variables': parameters['VETO_VARIABLES'], **_settings(parameters, '', DEFAULT_CUTS)}


def moving_limits(parameters: Mapping) -> MovingLimits:
    """Limits of the moving stars as the parameters say."""
    return MovingLimits(**_settings(parameters, 'moving_', (field.name for field in fields(MovingLimits))))


def _settings(parameters: Mapping, prefix: str, names: Iterable[str]) -> dict[str, float]:
    """Settings of the cuts that are parameters CUT_...: name -> value."""
    keys = {name: f'CUT_{(prefix + name).upper()}' for name in names}
    known = set(parameters)
    return {name: parameters[key] for name, key in keys.items() if key in known}


def _sigma(context: Context) -> np.ndarray:
    """Noise of the difference per pixel, sources and hosts included; infinite where unusable."""
    return sigma_from_weight(context.load('diff').weight, context.load('score_info')['noise_scale'], context.load('photons'))


def veto_stars(context: Context) -> np.ndarray:
    """Stars of the SNVETO list on this CCD (0-based px), radii scaled; empty without a list.

    A list whose radii are by profile has those of this CCD's own stars, whatever the exposure's other CCDs are like.
    """
    if not context.files('snveto'):
        return np.zeros(0, VETO_DTYPE)
    stars = read_assoc(context.file('snveto'))
    difference = context.load('diff')
    x, y = sky_to_pixel(read_wcs(difference.header), stars['RA'], stars['DEC'])
    near = (x > -100) & (x < difference.shape[1] + 100) & (y > -100) & (y < difference.shape[0] + 100)
    out = np.zeros(int(near.sum()), VETO_DTYPE)
    out['x'], out['y'], out['mag'] = x[near], y[near], stars['MAG'][near]
    radius = stars['RADIUS'][near] if 'RADIUS' in stars else veto_radius(out['mag'], _star_light(context))
    out['radius'] = radius * context.parameter('VETO_SCALE')
    return out


def _star_light(context: Context) -> StarLight:
    return ccd_light(context.load('combined_psf'), context.load('combined').header, context.load('search_zp')['zero_point'])


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
    """Score each detection, and the class it most probably has."""
    detections = context.load('diff_cat')
    near_star = star_proximity(detections['X_IMAGE'] - 1.0, detections['Y_IMAGE'] - 1.0, veto_stars(context),
                               context.parameter('VETOMAG'))
    features = features_at(detections, context.load('template').image, context.load('diff').image, _sigma(context),
                           context.load('score_info')['fwhm_px'], near_star)
    model = read_score_model(table_path(context.instrument, 'autoscan.npz'))
    scores = score_features(features, model)
    context.log(f'{(scores >= 0.7).sum()} of {len(scores)} detections score 0.7 or more')
    classes = class_names(class_probabilities(features, model), model)
    context.save('autoscan', score_table_text(detections['NUMBER'], scores, classes))


def make_cand(context: Context) -> None:
    """Detections into the database, those that pass joined to candidates."""
    exposure, season = context.exposure, season_number(context.exposure)
    detections, scores, image = context.load('diff_cat'), _scores(context), context.load('ingest')
    scale = pixel_scale(read_wcs(read_header(context.path('immask'), 'SCI')))
    low = scores < context.parameter('MIN_MLSCORE')
    codes, noise = _codes(context) | np.where(low, LOW_SCORE, 0), context.load('score_info')['noise_scale']
    _check_flood(context, int((codes == 0).sum()),
                 int(((_codes(context) == NEGATIVE) & (detections['SCORE'] < -NEGATIVE_SCORE)).sum()))
    rows = detection_rows(detections, codes, scores, image['zeroPoint'], scale, exposure.band, int(exposure.nite),
                          image['midpointMjdTai'], classes=_classes(context))
    if context.parameter('WRITEDB') == 'off':
        context.log('WRITEDB is off: nothing goes to the database')
        context.save('makecand', candidate_table_text([]))
        return
    with context.transaction() as connection:
        replace_detections(connection, exposure.expnum, exposure.ccd, season, rows, exposure.instrument.ccd_bits)
        update_image(connection, season, exposure.expnum, exposure.ccd,
                     {'noiseScale': noise, 'nDetections': len(rows), 'nKept': int((codes == 0).sum())})
        found = associate(connection, exposure.expnum, exposure.ccd, season, context.parameter('CAND_RADIUS'),
                          ccd_bits=exposure.instrument.ccd_bits)
        context.enter_rows(connection)
    double = int((codes == 0).sum()) - len(found)
    context.log(f'{len(found)} candidates, {sum(row["isNew"] for row in found)} of them new'
                + (f'; {double} detections are of another CCD, too' if double else ''))
    context.count('candidates', len(found))
    context.save('makecand', candidate_table_text(found))


def _check_flood(context: Context, kept: int, negative: int) -> None:
    """Stop before the database where a CCD has more detections than a person would look at, or noise out of range.

    What RUN26 to RUN28 need is left on disk (the difference, its photon noise, template and search image), so that a run
    with other limits goes on from here and removes it.
    """
    score, pixels, sky = context.load('score_info'), context.load('diff_quality'), context.load('diff_sky')
    limits = FloodLimits(context.parameter('MAX_NEW_CANDIDATES'), context.parameter('DIFF_MIN_NOISE'),
                         context.parameter('DIFF_MAX_NOISE'), context.parameter('DIFF_MAX_MEDIAN'),
                         context.parameter('DIFF_MAX_NEGATIVE'))
    noise = {'the pixels': pixels['sky_chi'], 'the score': score['noise_scale']}
    if sky['places'] >= LEAST_SKY:
        noise['the sky sources'] = sky['noise_over_weights']
    problems = flood_problems(kept, noise, score['median_score'], limits, negative)
    if not problems:
        return
    if context.has('diff') and context.has('photons'):
        for name in ('diff', *(name for name in ('template', 'combined') if context.has(name))):     # RUN27 may be done
            context.hand_on(name)
        if not context.repository.exists('photons', context.exposure):
            context.repository.put('photons', context.exposure, (context.load('photons'), Header()))
    picture = f', {context.path("qc_png")}' if context.repository.exists('qc_png', context.exposure) else ''
    raise BadData(f'{context.exposure.label()}: {"; ".join(problems)}; nothing of this CCD enters the database. Look at '
                  f'{context.path("diff_mh")}{picture}; where the detections are real raise the limit (-P) and run again')


def force_photo(context: Context) -> None:
    """Forced PSF photometry at candidates and known fakes."""
    difference = context.load('diff')
    candidates, fakes = parse_table(context.load('makecand')), parse_table(context.load('dofake'))
    kind = ['candidate'] * len(candidates['ra']) + ['fake'] * len(fakes['ra'])
    identifier = np.concatenate([candidates['diaObjectId'].astype(np.int64), fakes['id'].astype(np.int64)])
    ra, dec = (np.concatenate([candidates[name], fakes[name]]).astype(float) for name in ('ra', 'dec'))
    x, y = sky_to_pixel(read_wcs(difference.header), ra, dec)
    forced = forced_photometry(difference.image, variance_from_weight(difference.weight), difference.weight <= 0,
                               context.load('diff_psf').image, x, y, noise_scale=context.load('score_info')['noise_scale'],
                               photons=context.load('photons'))
    columns: dict[str, Sequence | np.ndarray] = {'KIND': kind, 'ID': identifier, 'RA': ra, 'DEC': dec}
    columns |= {name: forced[name] for name in forced.dtype.names or ()}
    context.save('forced', table_text(columns, {'RA': '.7f', 'DEC': '.7f', 'X_IMAGE': '.3f', 'Y_IMAGE': '.3f'}))
    number = len(candidates['ra'])
    store_forced(context, identifier[:number], ra[:number], dec[:number], forced[:number])


def match_known(context: Context) -> None:
    """RUN27: which of the known fakes were found, and passed."""
    table = parse_table(context.load('dofake'))
    fakes = np.zeros(len(table['id']), [('id', 'i8'), ('ra', 'f8'), ('dec', 'f8'), ('mag', 'f4')])
    for name in fakes.dtype.names or ():
        fakes[name] = table[name].astype(fakes.dtype[name])
    matches = match_fakes(fakes, context.load('diff_cat'), context.parameter('FAKE_RADIUS'), _codes(context),
                          _scores(context), context.parameter('MIN_MLSCORE'))
    context.log(f'{matches["FOUND"].sum()} of {len(matches)} fakes detected, {matches["PASSED"].sum()} passed')
    context.save('fakematch', fakematch_table_text(matches))


def prep_force_photo(context: Context) -> None:
    """Difference, its PSF and its photon noise where later forced photometry looks for them.

    NOISESCL in the header of the photons is the factor on the errors of the weight plane, as RUN26 takes it.
    """
    header = read_header(context.path('diff_mh'), 'SCI')
    header['NOISESCL'] = (context.load('score_info')['noise_scale'], 'noise of the difference / that of its weights')
    context.save_as('force_image', 'diff_mh')
    context.save_as('force_psf', 'diff_psf')
    context.save('force_photons', (context.load('photons'), header))
