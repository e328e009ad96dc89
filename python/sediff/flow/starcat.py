"""SNSTAR and SNVETO lists of a search exposure; the stage behind makestarcat.py."""
from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from sediff.camera.catalogs import catalog_path
from sediff.errors import BadData, BadInput
from sediff.flow.arguments import Parser, exposure_of, integer, parameter_arguments, read_parameters
from sediff.flow.inputs import reference_inputs
from sediff.flow.stars import read_assoc
from sediff.flow.verify import check_name, planned_templates
from sediff.io.atomic import write_text
from sediff.io.corners import read_out
from sediff.io.fits import read_header
from sediff.io.products import read_product
from sediff.io.provenance import digest
from sediff.io.refcat import footprint_stars, read_colour_terms
from sediff.io.tables import read_csv
from sediff.names import Exposure, exposure_table, product_path, star_list_path
from sediff.parameters import Parameters
from sediff.photometry.starcat import ReferenceMagnitudes, StarListOptions, build_star_lists, reference_magnitudes
from sediff.photometry.vetoradius import StarLight, star_light, veto_radius
from sediff.refcat.regions import enclosing_box, inside_box

#: Sky around each CCD whose stars are listed too: the light of one beyond the edge reaches over it, deg.
MARGIN = 0.03


def write_star_lists(search: Exposure, parameters: Parameters, templates: list[Exposure], snstar: str | None,
                     snveto: str | None, folder: Path | None = None) -> list[Path]:
    """Write the lists that are named (-T, -V); without a name nothing is written, as in DES-GW."""
    names = [(check_name('-T', snstar) if snstar else None), (check_name('-V', snveto) if snveto else None)]
    if not any(names):
        return []
    tables, rows = _tables(templates), read_out(exposure_table(search, 'out'))
    options = StarListOptions(magnitude_range=(parameters['STAR_MAG_MIN'], parameters['STAR_MAG_MAX']),
                              max_error=parameters['STAR_MAX_MAGERR'],
                              radius_zero=parameters['VETO_RADIUS'] or StarListOptions.radius_zero,
                              radius_slope=parameters['VETO_RADIUS_SLOPE'],
                              radius_magnitude=parameters['VETO_RADIUS_MAG'])
    reference = _reference(search, parameters, rows) if snveto else None
    light = _light(search, rows['ccdnum'].tolist()) if snveto and parameters['VETO_RADIUS'] == 0.0 else None
    if light:
        options = replace(options, radius_of=partial(veto_radius, light=light))
    texts = build_star_lists(tables, widened(rows['corners']), search.band, search.rnum, search.pnum, options, reference)
    paths = []
    for name, text in zip(names, texts):
        if name:
            paths.append(folder / name if folder else star_list_path(search, name))
            write_text(paths[-1], text)
    return paths


def _tables(templates: list[Exposure]) -> list:
    """Calibrated catalogues of the templates; one that cannot be read is named and left out.

    Raises
    ------
    BadInput
        There are templates and none can be read.
    """
    tables, errors = [], []
    for template in templates:
        try:
            tables.append(read_csv(exposure_table(template, 'ZP')))
        except BadInput as error:
            errors.append(error)
            print(f'template {template.expnum} left out of the star lists: {error}', file=sys.stderr)
    if errors and not tables:
        raise errors[0]
    return tables


def widened(corners: np.ndarray) -> np.ndarray:
    """Corners (n, 4, 2) of CCDs, deg, moved out by a tenth of the way from the middle: the stars near a CCD are then the
    same whatever other CCDs there are."""
    offset = corners - corners[:, :1]
    offset[..., 0] = (offset[..., 0] + 180.0) % 360.0 - 180.0
    wide = corners + 0.1 * (offset - offset.mean(axis=1, keepdims=True))
    return np.stack([wide[..., 0] % 360.0, np.clip(wide[..., 1], -90.0, 90.0)], axis=-1)


def list_digest(path: Path, search: Exposure) -> str:
    """Hash of what a star list says about the surroundings of one CCD: steps of it need not run again for stars elsewhere.

    Raises
    ------
    BadInput
        The list or the CCD's corners cannot be read.
    """
    corners = read_out(product_path(search, 'out'))['corners']
    stars = read_assoc(path)
    box = enclosing_box(*widened(corners).reshape(-1, 2).T)
    near = inside_box(stars['RA'].to_numpy(), stars['DEC'].to_numpy(), box)
    return digest(stars[near].drop(columns='OBJID', errors='ignore').to_numpy(float).tolist())


def _reference(search: Exposure, parameters: Parameters, rows: np.ndarray) -> ReferenceMagnitudes | None:
    """Gaia's stars on the CCDs of the search exposure; None, and a line on stderr, where there are no shards."""
    header = read_header(product_path(search.with_ccd(int(rows['ccdnum'][0])), 'immask'), 'SCI')
    found, missing = [], set()
    try:
        (folder,) = reference_inputs(search.root, parameters)['refcat']
        if 'MJD-OBS' not in header:
            raise BadData('its images have no MJD-OBS')
        for corners in rows['corners']:
            stars, absent = footprint_stars(folder, corners[[0, 1, 3, 2]], header['MJD-OBS'], MARGIN)
            found.append(stars)
            missing.update(absent)
    except (BadInput, BadData) as error:
        print(f'{search.expnum}: saturated and flagged stars are missing from the SNVETO list: {error}', file=sys.stderr)
        return None
    if missing:
        print(f'{search.expnum}: {len(missing)} shards of reference stars are not there: saturated and flagged stars of '
              'their sky are missing from the SNVETO list', file=sys.stderr)
    stars = np.concatenate(found)
    stars = stars[np.unique(stars['source_id'], return_index=True)[1]]
    return reference_magnitudes(stars, search.band, read_colour_terms(catalog_path('colour_terms.json')))


def _light(search: Exposure, ccds: list[int]) -> StarLight | None:
    """Light of a star in the search exposure: PSF of the CCD of median seeing, medians of noise and zero point; None, and a
    line on stderr, where it is not calibrated."""
    each = [search.with_ccd(ccd) for ccd in ccds]
    quality = [(row['fwhm_arcsec'], one, row) for one in each if (row := _quality(one)).get('zero_point') is not None]
    if not quality:
        print(f'{search.expnum}: not calibrated: the radii of the SNVETO list are by magnitude alone', file=sys.stderr)
        return None
    middle = sorted(quality, key=lambda row: row[0])[len(quality) // 2][1]
    psf, header = read_product(product_path(middle, 'psf'), 'psf'), read_header(product_path(middle, 'immask'), 'SCI')
    noise, zero_point = (float(np.median([row[name] for _, _, row in quality])) for name in ('sky_sigma', 'zero_point'))
    saturation = header.get('SATURATE', np.inf) - header.get('SKYBRITE', 0.0)
    return star_light(psf.image(1023.0, 2047.0), psf.fwhm, noise, zero_point, saturation)


def _quality(exposure: Exposure) -> dict:
    """Quality figures of a CCD, empty where they are missing or cannot be read."""
    path = product_path(exposure, 'quality')
    try:
        return read_product(path, 'json') if path.is_file() else {}
    except BadInput as error:
        print(f'left out: {error}', file=sys.stderr)
        return {}


def main(stage: str, argv: list[str]) -> int:
    """Write SNSTAR and SNVETO lists of a search exposure from its templates' calibrated catalogues."""
    args = _parser(stage).parse_args(argv)
    parameters = read_parameters(args)
    search = exposure_of(args, parameters, args.rnum, args.pnum)
    version = f'{args.expnum}_{search.rpnum}.LIST'
    paths = write_star_lists(search, parameters, planned_templates(search), args.snstar or f'SNSTAR_{version}',
                             args.snveto or f'SNVETO_{version}', args.outdir)
    print('\n'.join(str(path) for path in paths))
    return 0


def _parser(stage: str) -> argparse.ArgumentParser:
    parser = Parser(prog='makestarcat.py', description=main.__doc__)
    parser.add_argument('-e', dest='expnum', required=True, type=integer('-e'), help='search exposure')
    parser.add_argument('-n', dest='nite', required=True, help='night, YYYYMMDD')
    parser.add_argument('-r', dest='rnum', required=True, help='RNUM')
    parser.add_argument('-p', dest='pnum', required=True, help='PNUM')
    parser.add_argument('-b', dest='band', required=True, help='band')
    parser.add_argument('-s', dest='season', required=True, type=lambda text: f'dp{integer("-s")(text)}', help='season')
    parser.add_argument('--ccd', type=integer('--ccd'), default=0, help='accepted; a list is of the whole exposure')
    parser.add_argument('-outdir', type=Path, default=None, help='folder of the lists; default the exposure folder')
    parser.add_argument('-rootdir', default=None, help='accepted for compatibility; ROOT comes from rc/site/local.rc')
    parser.add_argument('-snstar', default=None, help='name of the SNSTAR list')
    parser.add_argument('-snveto', default=None, help='name of the SNVETO list')
    parser.add_argument('--cache', default='persistent')
    parser.add_argument('--schema', default='gw')
    parameter_arguments(parser)
    return parser
