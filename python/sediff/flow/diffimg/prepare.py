"""RUN01 to RUN11: the search image, its stars, its templates' zero points and astrometry."""
from __future__ import annotations

import numpy as np
import pandas as pd
from astropy.io.fits import Header

from sediff.candidates.texttable import table_text
from sediff.catalog.measure import measure_bright
from sediff.ccdimage import CcdImage
from sediff.engine.context import Context
from sediff.errors import BadData
from sediff.flow.diffimg.ties import aligned, point_like, scale_between, zero_point
from sediff.flow.single_epoch.stars import point_sources, read_assoc, star_columns, zero_point_of
from sediff.formats.fits import read_header
from sediff.formats.ldac import read_ldac
from sediff.formats.tables import read_csv
from sediff.photometry.match import match_sky
from sediff.template.overlap import pair_line
from sediff.wcs.read import copy_wcs, pixel_to_sky, read_wcs, sky_to_pixel


def prep_data(context: Context) -> None:
    """The search image and the list of template CCDs that overlap it."""
    exposure = context.exposure
    context.save('search', context.load('immask'))
    context.release('immask')
    lines = []
    for template in sorted({pair.exposure.expnum for pair in context.pairs}):
        ccds = sorted(pair.exposure.ccd for pair in context.pairs if pair.exposure.expnum == template)
        lines.append(pair_line(exposure.expnum, exposure.ccd, template, ccds))
    context.save('pairs', ''.join(lines))
    context.log(f'{len(context.pairs)} overlapping CCDs of {len(lines)} template exposures')


def make_star_cat(context: Context) -> None:
    """Calibration stars of this CCD: those of the SNSTAR list, else the CCD's own point sources."""
    image = context.load('search')
    if context.files('snstar'):
        stars = read_assoc(context.file('snstar'))
    else:
        zero_point = zero_point_of(context.load('zero_point'))
        stars = star_columns(point_sources(context.load('fullcat'), context.parameter('STAR_MAX_MAGERR')), zero_point)
    x, y = sky_to_pixel(read_wcs(image.header), stars['RA'], stars['DEC'])
    inside = (x > 0) & (x < image.shape[1]) & (y > 0) & (y < image.shape[0])
    context.log(f'{int(inside.sum())} of {len(stars)} stars on this CCD')
    context.save('starcat', _table(stars[inside], {'RA': '.6f', 'DEC': '.6f', 'MAG': '.4f', 'MAGERR': '.4f'}))


def make_ws_template(context: Context) -> None:
    """Zero point of each template CCD relative to the search CCD, from stars in both catalogues."""
    search_zp = zero_point_of(context.load('zero_point'))
    stars = star_columns(point_sources(context.load('fullcat')), search_zp)
    rows = [_relative_zero_point(pair, stars, search_zp) for pair in context.pairs]
    least = context.parameter('WSTEMPLATE_NSTARMIN')
    accepted = _accept(rows, least)
    for row in rows:
        context.log(f'{row["expnum"]} c{row["ccd"]:02d}: {row["stars"]} stars, flux scale {row["scale"]:.4f} '
                    f'+- {row["error_mag"]:.4f} mag, zero points give {row["absolute_scale"]:.4f}, '
                    f'{"used" if row["used"] else row["reason"]}')
    if not accepted:
        raise BadData(f'{context.exposure.label()}: no template CCD can be scaled: '
                      + '; '.join(f'{row["expnum"]} c{row["ccd"]:02d} {row["reason"]}' for row in rows))
    context.save('wstemplate', {'templates': rows, 'search_zero_point': search_zp})


def _relative_zero_point(pair, stars: pd.DataFrame, search_zp: float) -> dict:
    found, matched = scale_between(stars, search_zp, read_ldac(pair.path('fullcat'))[0])
    return {'expnum': pair.exposure.expnum, 'ccd': pair.exposure.ccd, 'stars': found.used, 'matched': matched,
            'scale': 10.0 ** (-0.4 * found.offset), 'error_mag': found.error, 'scatter': found.scatter,
            'absolute_scale': 10.0 ** (0.4 * (search_zp - zero_point(pair))), 'used': True, 'reason': ''}


def _accept(rows: list[dict], least: int) -> int:
    """Mark rows; a sliver with too few common stars of its own takes its exposure's scale."""
    for row in rows:
        if row['stars'] < least:
            better = [other for other in rows if other['expnum'] == row['expnum'] and other['stars'] >= least]
            row['used'] = bool(better)
            row['scale'] = better[0]['scale'] if better else row['scale']
            row['reason'] = '' if better else f'{row["stars"]} common stars, WSTEMPLATE_NSTARMIN is {least}'
    return sum(row['used'] for row in rows)


def check_wcs(context: Context) -> None:
    """Keep the PV terms; make sure that every WCS can be read and inverted to 0.01 px."""
    headers = {context.exposure.label(): context.load('search').header}
    headers |= {pair.exposure.label(): read_header(pair.path('immask'), 'SCI') for pair in context.pairs}
    worst = {}
    for label, header in headers.items():
        wcs = read_wcs(header)
        x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 2047, 5), np.linspace(0, 4095, 9)))
        back = sky_to_pixel(wcs, *pixel_to_sky(wcs, x, y))
        worst[label] = float(np.max(np.hypot(back[0] - x, back[1] - y)))
        if not worst[label] < 0.01:
            raise BadData(f'WCS of {label} cannot be inverted (error {worst[label]:.3f} px); solve its astrometry again')
    context.save('wcscheck', {'largest_inversion_error_px': worst})


def make_weight(context: Context) -> None:
    """Weight zero on the masked bits."""
    image = context.load('search')
    bits = context.parameter('WEIGHT_MASK')
    weight = np.where(image.mask & np.uint16(bits), np.float32(0), image.weight)
    context.log(f'{(weight == 0).mean():.4f} of the pixels have no weight')
    context.save('weighted', CcdImage(image.image, image.mask, weight, image.header))


def detect_search(context: Context) -> None:
    """Bright detections of the search image."""
    image = context.load('weighted')
    context.save('sex1', (measure_bright(image, context.parameter('BRIGHT_THRESHOLD')), image.header))


def tie_templates(context: Context) -> None:
    """Offset of each template CCD's stars from the search image's."""
    stars = point_like(context.load('sex1'))
    results = []
    for row in context.load('wstemplate')['templates']:
        pair = _pair(context, row)
        fit = aligned(read_ldac(pair.path('fullcat'))[0], read_header(pair.path('immask'), 'SCI'), stars)
        context.log(f'{pair.exposure.label()}: {fit.kind} {fit.reason} {fit.n_matched} stars, offset '
                    f'{fit.shift_ra:.0f} {fit.shift_dec:.0f} mas, rms {fit.rms_before:.0f} -> {fit.rms_after:.0f} mas')
        results.append({'expnum': row['expnum'], 'ccd': row['ccd'], 'kind': fit.kind, 'reason': fit.reason,
                        'stars': fit.n_matched, 'shift_mas': [fit.shift_ra, fit.shift_dec],
                        'rms_mas': [fit.rms_before, fit.rms_after],
                        'cards': {card.keyword: card.value for card in fit.header.cards}})
    context.save('astrom', results)


def _pair(context: Context, row: dict):
    return next(pair for pair in context.pairs if (pair.exposure.expnum, pair.exposure.ccd) == (row['expnum'], row['ccd']))


def correct_headers(context: Context) -> None:
    """Template headers with the corrected world coordinates."""
    headers = []
    for result in context.load('astrom'):
        header = read_header(_pair(context, result).path('immask'), 'SCI')
        if result['kind'] != 'none':
            copy_wcs(Header(list(result['cards'].items())), header)
        headers.append(header)
    context.save('template_heads', headers)


def match_star_cat(context: Context) -> None:
    """Detections that are calibration stars, and the zero point they give."""
    catalogue, stars = context.load('sex1'), read_assoc(context.path('starcat'))
    zero_point = zero_point_of(context.load('zero_point'))
    first, second, _ = match_sky(catalogue['ALPHAWIN_J2000'], catalogue['DELTAWIN_J2000'], stars['RA'], stars['DEC'], 1.0)
    matched = catalogue[first]
    difference = stars['MAG'].to_numpy()[second] - (matched['MAG_AUTO'] - 25.0)
    good = np.isfinite(difference) & (matched['FLAGS'] == 0)
    check = float(np.median(difference[good])) if good.any() else None
    context.log(f'{len(first)} calibration stars; zero point {zero_point:.3f}, from AUTO magnitudes {check}')
    context.save('sex2', (matched, context.load('weighted').header))
    context.save('search_zp', {'zero_point': zero_point, 'zero_point_auto': check, 'stars': int(good.sum())})


def search_psf(context: Context) -> None:
    """The search exposure's PSF, as fitted by SE09 on the same pixels."""
    model = context.load('psf')
    context.log(f'FWHM {model.fwhm:.2f} px, chi2 {model.chi2:.2f} of {model.n_accepted} stars')
    context.save('search_psf', model)


def do_fake(context: Context) -> None:
    """DOFAKE_FLAG 0: the image as it is; sources known to be in it (FAKE_LIST) are listed for RUN26 and RUN27."""
    image = context.load('weighted')
    fakes = _fakes_on(context, image)
    context.log(f'DOFAKE_FLAG {context.parameter("DOFAKE_FLAG")}: nothing put in; {len(fakes)} known sources')
    context.save('faked', image)
    context.save('dofake', _table(fakes, {'ra': '.7f', 'dec': '.7f', 'mag': '.4f', 'x': '.3f', 'y': '.3f'}))


def _fakes_on(context: Context, image: CcdImage) -> pd.DataFrame:
    if not context.files('fakes'):
        return pd.DataFrame({name: [] for name in ('id', 'ra', 'dec', 'mag', 'x', 'y')})
    fakes = read_csv(context.file('fakes'))[['id', 'ra', 'dec', 'mag']]
    x, y = sky_to_pixel(read_wcs(image.header), fakes['ra'], fakes['dec'])
    inside = (x > -0.5) & (x < image.shape[1] - 0.5) & (y > -0.5) & (y < image.shape[0] - 0.5)
    return fakes.assign(x=x, y=y)[inside]


def _table(frame: pd.DataFrame, formats: dict[str, str]) -> str:
    return table_text({name: frame[name].tolist() for name in frame.columns}, formats)
