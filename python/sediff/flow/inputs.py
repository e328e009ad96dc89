"""Finds the inputs that no step makes: raw file, calibrations, reference stars, templates, star lists."""
from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

from sediff.camera.catalogs import user_table
from sediff.camera.epochs import Epoch, choose_epoch, read_epochs
from sediff.errors import BadData, BadInput
from sediff.flow.astrometry_exposure import common_input
from sediff.flow.sky_files import find_sky_files
from sediff.flow.usable import template_problem, usable
from sediff.io.community import find_community
from sediff.io.corners import read_out
from sediff.names import BANDED_CALIBRATIONS, CALIB_FOLDERS, Exposure, exposure_table, product_path, raw_path, star_list_path
from sediff.parameters import Parameters
from sediff.template.overlap import pair_ccds
from sediff.values import checked_file_pattern, is_night

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


#: Which action of `python -m sediff calib` builds a kind of calibration image.
BUILDERS = {'biascor': 'build-bias', 'norm-dflatcor': 'build-dflat', 'bpm': 'build-bpm', 'starflat': 'build-starflat'}


class NoCalibration(BadInput):
    """No calibration image fits an exposure.

    Parameters
    ----------
    kind : str
    days : int or None
        How far away the nearest one is, where there is one.
    nights : str
        Nights that the table of epochs wants it from, where there are others only.
    """

    def __init__(self, message: str, kind: str, days: int | None = None, nights: str = ''):
        super().__init__(message)
        self.kind, self.days, self.nights = kind, days, nights


def _names(folder: Path) -> tuple[Path, ...]:
    """FITS files of a folder, read anew when it changes."""
    return _listing(folder, folder.stat().st_mtime_ns) if folder.is_dir() else ()


@lru_cache(maxsize=8)
def _listing(folder: Path, changed: int) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob('*.fits*')))


def find_calibration(root: Path, kind: str, exposure: Exposure, max_days: float, epoch: Epoch,
                     nite: str | None = None) -> tuple[Path, str]:
    """The calibration image of an epoch: by the dates in the DES file names, else the nearest in time.

    Parameters
    ----------
    nite : str, optional
        Look for the nearest to this night, whatever the nights of the epoch.

    Returns
    -------
    path : Path
    reason : str
        Which row of the table of epochs was taken, and why this file.

    Raises
    ------
    BadInput
        None for this CCD (and band), or the nearest is more than `max_days` away or of another epoch.
    """
    band = exposure.band if kind in BANDED_CALIBRATIONS else None
    folder = root / 'calib' / CALIB_FOLDERS[kind]
    middle = f'{band}_c{exposure.ccd:02d}' if band else f'c{exposure.ccd:02d}'
    pattern = re.compile(rf'[0-9A-Z]+_n?(\d{{8}}(?:t\d{{4,6}})?)_{middle}(?:_r\d+p\d+)?_{re.escape(kind)}\.fits(?:\.fz)?$')
    named = [(match[1], path) for path in _names(folder) if (match := pattern.match(path.name)) and is_night(match[1][:8])]
    if not named:
        raise NoCalibration(f'{exposure.label()}: no {kind} for {middle} in {folder}; make one with `python -m sediff calib '
                            f'{BUILDERS[kind]}`', kind)
    tagged = [path for dates, path in named if dates == epoch.tags.get(kind)]
    if tagged:
        return tagged[-1], f'{epoch} covers it and has this file'
    first, last = ('', '') if nite else epoch.calibrations
    near = sorted((abs(_days(dates[:8], nite or exposure.nite)), dates, path) for dates, path in named
                  if dates[:8] >= first and (not last or dates[:8] <= last))
    if not near:
        raise NoCalibration(f'{exposure.label()}: {epoch} covers it, its calibrations are of {first}-{last}, and {folder} '
                            f'has none of these nights for {middle}; build one', kind, nights=f'{first} to {last or "now"}')
    days, _, path = near[0]
    if days > max_days:
        raise NoCalibration(f'{exposure.label()}: nearest {kind} {path} is {days} days from {nite or exposure.nite}, '
                            f'MAX_CALIB_DAYS is {max_days:g}; build one nearer in time or raise it', kind, days)
    return path, f'{epoch} covers it; nearest in time, {days} days'


def _days(one: str, other: str) -> int:
    dates = [date(int(nite[:4]), int(nite[4:6]), int(nite[6:])) for nite in (one, other)]
    return (dates[0] - dates[1]).days


#: Calibration images: name of the external input, kind, parameter that names a user's own file.
IMAGES = (('bias', 'biascor', 'BIAS_FILE'), ('flat', 'norm-dflatcor', 'FLAT_FILE'), ('bpm', 'bpm', 'BPM_FILE'),
          ('starflat', 'starflat', 'STARFLAT_FILE'))


def single_epoch_inputs(exposure: Exposure, parameters: Parameters, special_y4: bool = False) -> dict:
    """External inputs of the SE steps of one CCD; 'reasons' holds a line about each calibration image that was chosen."""
    if parameters['INPUT'] == 'community':
        return {'community': community_files(exposure, parameters), 'starflat': [], 'reasons': [],
                'common': common_input(exposure), **reference_inputs(exposure.root, parameters)}
    images, reasons = calibration_inputs(exposure, parameters, special_y4)
    return {'raw': [raw_path(exposure.root, exposure.nite, exposure.expnum)], **images, 'reasons': reasons,
            'skypca': find_sky_files(exposure, parameters['MAX_CALIB_DAYS']),
            **{name: [user_table(exposure.root, parameters[key])] if parameters[key] else []
               for name, key in (('bf', 'BF_FILE'), ('tapebumps', 'TAPEBUMP_FILE'))},
            'common': common_input(exposure), **reference_inputs(exposure.root, parameters)}


def calibration_inputs(exposure: Exposure, parameters: Parameters,
                       special_y4: bool = False) -> tuple[dict[str, list[Path]], list[str]]:
    """Calibration images, linearity and crosstalk table of a CCD, and a line about each image that was chosen."""
    images, reasons = _images(exposure, parameters, special_y4)
    return {**images, 'crosstalk': [user_table(exposure.root, parameters['CROSSTALK_FILE'])],
            'linearity': _linearity(exposure, parameters)}, reasons


def _images(exposure: Exposure, parameters: Parameters, special_y4: bool) -> tuple[dict[str, list[Path]], list[str]]:
    found, reasons = {}, []
    for name, kind, key in IMAGES:
        if kind == 'starflat' and not wants_star_flat(exposure, parameters):
            found[name] = []
            continue
        found[name], reason = image_inputs(exposure, parameters, kind, key, special_y4)
        reasons.append(f'{name} {" and ".join(map(str, found[name]))}: {reason}')
    return found, reasons


def image_inputs(exposure: Exposure, parameters: Parameters, kind: str, key: str,
                 special_y4: bool = False) -> tuple[list[Path], str]:
    """The files of one kind of calibration image of a CCD, and why they were chosen.

    A bad-pixel mask of the user's is added to the one in ROOT/calib, with BPM_MODE=replace it stands alone.

    Raises
    ------
    BadInput
        There is none.
    """
    given, own = parameters[key], []
    if given:
        own = [_own_file(exposure, key, given)]
        if kind != 'bpm' or parameters['BPM_MODE'] == 'replace':
            return own, f'given as {key}'
    try:
        epoch = _epoch(exposure, parameters, special_y4)
        days = float('inf') if special_y4 else parameters['MAX_CALIB_DAYS']
        path, reason = find_calibration(exposure.root, kind, exposure, days, epoch, Y4E1_NITE if special_y4 else None)
    except BadInput as error:
        if not own:
            raise
        return own, f'given as {key}, alone: {error}'
    return [path, *own], reason + (f'; {own[0].name} added, given as {key}' if own else '')


def wants_star_flat(exposure: Exposure, parameters: Parameters) -> bool:
    """Whether a star flat is named, or there is one for the band and CCD."""
    given = parameters['STARFLAT_FILE']
    return given != 'none' and (bool(given) or _any_starflat(exposure))


def _any_starflat(exposure: Exposure) -> bool:
    folder = exposure.root / 'calib' / CALIB_FOLDERS['starflat']
    return any(folder.glob(f'*_{exposure.band}_c{exposure.ccd:02d}*_starflat.fits*'))


def _epoch(exposure: Exposure, parameters: Parameters, special_y4: bool) -> Epoch:
    """The row of the table of epochs for an exposure; with -Y that of Y4E1."""
    epochs = read_epochs(user_table(exposure.root, parameters['CALIB_EPOCHS']))
    forced = [epoch for epoch in epochs if special_y4 and epoch.name == 'y4e1']
    return forced[0] if forced else choose_epoch(epochs, exposure.expnum, exposure.nite, exposure.band)


def _own_file(exposure: Exposure, key: str, text: str) -> Path:
    checked_file_pattern(text, f'{key}={text}:')
    path = exposure.root / text.format(ccd=exposure.ccd, band=exposure.band)
    if not path.is_file():
        raise BadInput(f'{exposure.label()}: {key} names {path}, which is no file')
    return path


def _linearity(exposure: Exposure, parameters: Parameters) -> list[Path]:
    """The table of LINEARITY_FILE, or the newest one in ROOT/calib/linearity that is not younger than the night."""
    given = parameters['LINEARITY_FILE']
    if given:
        return [] if given == 'none' else [user_table(exposure.root, given)]
    folder = exposure.root / 'calib' / 'linearity'
    found = sorted(path for path in folder.glob(f'D_n*_c{exposure.ccd:02d}_linearity.csv'))
    before = [path for path in found if path.name[3:11] <= exposure.nite]
    return [before[-1]] if before else found[:1]


def community_files(exposure: Exposure, parameters: Parameters) -> list[Path]:
    """The ooi, oow and ood files of an exposure, found by EXPNUM, in COMMUNITY_DIR (in NITE below it, where there is one).

    Raises
    ------
    BadInput
        One of the three is not there.
    """
    folder = exposure.root / parameters['COMMUNITY_DIR']
    nightly = folder / exposure.nite
    return find_community(nightly if nightly.is_dir() else folder, exposure.expnum, exposure.ccd, exposure.band)


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
    BadInput
        None of those that do can be used, or a list is missing.
    """
    overlapping = overlapping_ccds(exposure, templates)
    names = ', '.join(str(template.expnum) for template in templates) or 'none'
    if not overlapping:
        raise BadData(f'{exposure.label()}: no overlapping template among {names}; '
                      'widen the choice in rc/dagmaker.rc and run DAGMaker.sh again')
    good = usable([pair.exposure for pair in overlapping], template_problem, f'the template of {exposure.label()}')
    pairs = [TemplateCcd(one) for one in good]
    if not pairs:
        raise BadInput(f'{exposure.label()}: no overlapping template CCD of {names} can be used, the reasons are above; run '
                       'their single epoch again')
    lists = {'snstar': [star_list_path(exposure, snstar)] if snstar else [],
             'snveto': [star_list_path(exposure, snveto)] if snveto else []}
    fakes = [exposure.root / parameters['FAKE_LIST']] if parameters['FAKE_LIST'] else []
    for path in lists['snstar'] + lists['snveto'] + fakes:
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
