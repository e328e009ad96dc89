"""Finds the inputs that no step makes: raw file, calibrations, reference stars, templates, star lists."""
from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sediff.camera.catalogs import catalog_path
from sediff.errors import BadData, BadInput
from sediff.flow.astrometry_exposure import common_input
from sediff.io.corners import read_out
from sediff.names import CALIB_FOLDERS, Exposure, exposure_table, product_path, raw_path, star_list_path
from sediff.parameters import Parameters
from sediff.template.overlap import pair_ccds

#: Middle of the Y4E1 calibration epoch (20151113-1123), which -Y forces.
Y4E1_NITE = '20151118'


@dataclass(frozen=True)
class TemplateCcd:
    """One template CCD that overlaps the search CCD."""

    exposure: Exposure

    def path(self, name: str) -> Path:
        """Path of one of its products."""
        return product_path(self.exposure, name)

    @property
    def files(self) -> list[Path]:
        """Everything difference imaging reads of it."""
        return [self.path(name) for name in ('immask', 'fullcat', 'psf', 'zero_point')]


def find_calibration(root: Path, kind: str, exposure: Exposure, max_days: float, nite: str | None = None) -> Path:
    """The calibration image nearest in time.

    Raises
    ------
    BadInput
        None for this CCD (and band), or the nearest is more than `max_days` away.
    """
    band = exposure.band if kind == 'norm-dflatcor' else None
    folder = root / 'calib' / CALIB_FOLDERS[kind]
    middle = f'{band}_c{exposure.ccd:02d}' if band else f'c{exposure.ccd:02d}'
    pattern = re.compile(rf'D_n(\d{{8}})_{middle}_{re.escape(kind)}\.fits$')
    nite = nite or exposure.nite
    found = sorted((abs(_days(match[1], nite)), match[1], path) for path in sorted(folder.glob('D_n*.fits'))
                   if (match := pattern.match(path.name)))
    if not found:
        raise BadInput(f'{exposure.label()}: no {kind} for {middle} in {folder}; '
                       f'make one with `python -m sediff calib`')
    days, _, path = found[0]
    if days > max_days:
        raise BadInput(f'{exposure.label()}: nearest {kind} {path} is {days} days from {nite}, '
                       f'MAX_CALIB_DAYS is {max_days:g}; build one nearer in time or raise it')
    return path


def _days(one: str, other: str) -> int:
    dates = [date(int(nite[:4]), int(nite[4:6]), int(nite[6:])) for nite in (one, other)]
    return (dates[0] - dates[1]).days


def single_epoch_inputs(exposure: Exposure, parameters: Parameters, special_y4: bool = False) -> dict[str, list[Path]]:
    """External inputs of the SE steps of one CCD."""
    nite = Y4E1_NITE if special_y4 else None
    days = float('inf') if special_y4 else parameters['MAX_CALIB_DAYS']
    given = {kind: find_calibration(exposure.root, kind, exposure, days, nite) for kind in CALIB_FOLDERS}
    return {'raw': [raw_path(exposure.root, exposure.nite, exposure.expnum)],
            'crosstalk': [catalog_path('crosstalk.csv')],
            'bias': [given['biascor']], 'flat': [given['norm-dflatcor']], 'bpm': [given['bpm']],
            'common': common_input(exposure), **reference_inputs(exposure.root, parameters)}


def reference_inputs(root: Path, parameters: Parameters) -> dict[str, list[Path]]:
    """The folder of reference stars: REFCAT_DIR, relative to ROOT."""
    folder = root / parameters['REFCAT_DIR']
    if not folder.is_dir():
        raise BadInput(f'no reference-star shards in {folder}; set REFCAT_DIR in rc/se.rc')
    return {'refcat': [folder]}


def diffimg_inputs(exposure: Exposure, parameters: Parameters, templates: list[Exposure],
                   snstar: str | None, snveto: str | None) -> dict:
    """External inputs of the difference-imaging steps of one CCD.

    Raises
    ------
    BadData
        No template CCD overlaps this CCD.
    """
    pairs = overlapping_ccds(exposure, templates)
    if not pairs:
        names = ', '.join(str(template.expnum) for template in templates) or 'none'
        raise BadData(f'{exposure.label()}: no overlapping template among {names}; '
                      'widen the choice in rc/dagmaker.rc and run DAGMaker.sh again')
    lists = {'snstar': [star_list_path(exposure, snstar)] if snstar else [],
             'snveto': [star_list_path(exposure, snveto)] if snveto else []}
    fakes = [exposure.root / parameters['FAKE_LIST']] if parameters['FAKE_LIST'] else []
    for path in [file for pair in pairs for file in pair.files] + lists['snstar'] + lists['snveto'] + fakes:
        if not path.is_file():
            raise BadInput(f'{exposure.label()}: no such file: {path}')
    return {'templates': [file for pair in pairs for file in pair.files], **lists, 'fakes': fakes, 'pairs': pairs,
            **reference_inputs(exposure.root, parameters)}


def overlapping_ccds(exposure: Exposure, templates: list[Exposure]) -> list[TemplateCcd]:
    """Template CCDs, of all template exposures, whose corners overlap this CCD's."""
    search = read_out(product_path(exposure, 'out'))
    found = []
    for template in templates:
        path = exposure_table(template, 'out')
        if not path.is_file():
            raise BadInput(f'{exposure.label()}: no corner file of template {template.expnum}: {path}; run its SE first')
        found += [TemplateCcd(template.with_ccd(ccd)) for ccd in pair_ccds(search, read_out(path))[exposure.ccd]]
    return found
