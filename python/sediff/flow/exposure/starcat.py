"""SNSTAR and SNVETO lists of a search exposure."""
from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from sediff.engine.provenance import digest
from sediff.errors import BadData, BadInput
from sediff.flow.exposure.inputs import reference_inputs
from sediff.flow.exposure.verify import check_name
from sediff.flow.single_epoch.stars import read_assoc
from sediff.formats.corners import read_out
from sediff.formats.fits import read_header
from sediff.formats.tables import read_csv
from sediff.instruments.base import table_path
from sediff.parameters.model import Parameters
from sediff.photometry.starcat import ReferenceMagnitudes, StarListOptions, build_star_lists, reference_magnitudes
from sediff.photometry.vetoradius import StarLight, ccd_light, veto_radius
from sediff.refcat.lookup import footprint_stars, read_colour_terms
from sediff.repository.completeness import format_ccds
from sediff.repository.names import Exposure
from sediff.repository.repository import Repository
from sediff.repository.table_sums import check_table
from sediff.sphere import from_vectors, inside_polygon, unit_vectors, widened

#: Sky around each CCD whose stars are listed too: the light of one beyond the edge reaches over it, deg.
MARGIN = 0.03
#: Sky around a CCD whose stars its steps look at (100 px), and a little more, deg.
NEAR = 0.009


def usual_names(search: Exposure) -> dict[str, str]:
    """'snstar' and 'snveto' -> the list's name where the user gives none."""
    return {kind: f'{kind.upper()}_{search.expnum}_{search.rpnum}.LIST' for kind in ('snstar', 'snveto')}


def written_lists(search: Exposure) -> dict[str, str]:
    """Those of the usual names whose list is there."""
    return {kind: name for kind, name in usual_names(search).items() if Repository.of(search).star_list(search, name)}


def write_star_lists(search: Exposure, parameters: Parameters, templates: list[Exposure], snstar: str | None,
                     snveto: str | None, folder: Path | None = None) -> list[Path]:
    """Write the lists that are named (-T, -V); without a name nothing is written, as in DES-GW."""
    names = [(check_name('-T', snstar) if snstar else None), (check_name('-V', snveto) if snveto else None)]
    if not any(names):
        return []
    tables = _tables(templates)
    rows = read_out(Repository.of(search).path('exposure_out', search), search.instrument.ccds)
    by_profile = parameters['VETO_RADIUS'] == 0.0
    options = StarListOptions(magnitude_range=(parameters['STAR_MAG_MIN'], parameters['STAR_MAG_MAX']),
                              max_error=parameters['STAR_MAX_MAGERR'],
                              radius_zero=parameters['VETO_RADIUS'] or StarListOptions.radius_zero,
                              radius_slope=parameters['VETO_RADIUS_SLOPE'],
                              radius_magnitude=parameters['VETO_RADIUS_MAG'], by_profile=by_profile)
    reference = _reference(search, parameters, rows) if snveto else None
    light = _light(search, rows['ccdnum'].tolist()) if snveto and by_profile else None
    if light:
        options = replace(options, radius_of=partial(veto_radius, light=light))
    area = np.stack([around(corners, MARGIN) for corners in rows['corners']])
    texts = build_star_lists(tables, np.stack(from_vectors(area), axis=-1), search.band, search.rnum, search.pnum, options,
                             reference)
    paths = []
    for name, text in zip(names, texts):
        if name:
            paths.append(Repository.of(search).put_star_list(search, name, text, folder))
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
            repository = Repository.of(template)
            table = read_csv(repository.path('exposure_zp', template))
            check_table(template, repository.path('exposure_zp', template))
            tables.append(table)
        except BadInput as error:
            errors.append(error)
            print(f'template {template.expnum} left out of the star lists: {error}', file=sys.stderr)
    if errors and not tables:
        raise errors[0]
    return tables


def around(corners: np.ndarray, margin: float) -> np.ndarray:
    """Corners of a CCD (4, 2), deg, as in a `.out` file, moved out by a margin (deg): (4, 3) unit vectors in order."""
    return widened(unit_vectors(*corners[[0, 1, 3, 2]].T), margin)


def list_digest(path: Path, search: Exposure) -> str:
    """Hash of what a star list says about the surroundings of one CCD: steps of it need not run again for stars elsewhere,
    nor for radii of the exposure where the CCD has its own (`read_assoc`).

    Raises
    ------
    BadInput
        The list or the CCD's corners cannot be read.
    """
    (corners,) = read_out(Repository.of(search).path('out', search), search.instrument.ccds)['corners'][:1]
    stars = read_assoc(path).drop(columns='OBJID', errors='ignore')
    near = inside_polygon(stars['RA'].to_numpy(), stars['DEC'].to_numpy(), around(corners, NEAR))
    return digest(sorted(stars[near].to_numpy(float).tolist()))


def _reference(search: Exposure, parameters: Parameters, rows: np.ndarray) -> ReferenceMagnitudes | None:
    """Gaia's stars on the CCDs of the search exposure; a line on stderr for CCDs around which there are none, and None where
    that is all of them."""
    found, missing, reasons = [], set(), {}
    for ccd, corners in zip(rows['ccdnum'].tolist(), rows['corners']):
        try:
            (folder,) = reference_inputs(search, parameters)['refcat']
            stars, absent = footprint_stars(folder, corners[[0, 1, 3, 2]], _date(search.with_ccd(ccd)), MARGIN)
            found.append(stars)
            missing.update(absent)
        except (BadInput, BadData) as error:
            reasons[ccd] = str(error)
    if reasons:
        where = f' around CCD {format_ccds(reasons)}' if found else ''
        print(f'{search.expnum}: saturated and flagged stars{where} are missing from the SNVETO list: '
              f'{next(iter(reasons.values()))}', file=sys.stderr)
    if not found:
        return None
    if missing:
        print(f'{search.expnum}: {len(missing)} shards of reference stars are not there: saturated and flagged stars of '
              'their sky are missing from the SNVETO list', file=sys.stderr)
    stars = np.concatenate(found)
    stars = stars[np.unique(stars['source_id'], return_index=True)[1]]
    return reference_magnitudes(stars, search.band, read_colour_terms(table_path(search.instrument, 'colour_terms.json')))


def _date(exposure: Exposure) -> float:
    """MJD-OBS of a CCD's image."""
    header = read_header(Repository.of(exposure).path('immask', exposure), 'SCI')
    if 'MJD-OBS' not in header:
        raise BadData('its images have no MJD-OBS')
    return header['MJD-OBS']


def _light(search: Exposure, ccds: list[int]) -> StarLight | None:
    """Light of a star in the search exposure, for the column of radii: PSF of the CCD of median seeing, medians of noise and
    zero point; None, and a line on stderr, where no CCD is calibrated."""
    lights = [light for ccd in ccds if (light := _light_of(search.with_ccd(ccd))) is not None]
    if not lights:
        print(f'{search.expnum}: not calibrated: the radii of the SNVETO list are by magnitude alone', file=sys.stderr)
        return None
    middle = sorted(lights, key=lambda light: light.fwhm)[len(lights) // 2]
    return replace(middle, sky_sigma=float(np.median([light.sky_sigma for light in lights])),
                   zero_point=float(np.median([light.zero_point for light in lights])))


def _light_of(exposure: Exposure) -> StarLight | None:
    """The same of one CCD; None where it has no zero point of its own, or what it takes cannot be read."""
    repository = Repository.of(exposure)
    try:
        quality = repository.get('quality', exposure) if repository.exists('quality', exposure) else {}
        if quality.get('zero_point') is None:
            return None
        header = read_header(repository.path('immask', exposure), 'SCI')
        return ccd_light(repository.get('psf', exposure), header, quality['zero_point'])
    except (BadInput, AttributeError) as error:
        print(f'{exposure.label()} left out of the radii of the SNVETO list: {error}', file=sys.stderr)
        return None
