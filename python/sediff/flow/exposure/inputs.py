"""Finds the inputs that no step makes: raw file, calibrations, reference stars, templates, star lists."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sediff.errors import BadData, BadInput
from sediff.flow.exposure.astrometry import common_input
from sediff.flow.exposure.usable import template_problem, usable
from sediff.flow.single_epoch.sky_files import find_sky_files
from sediff.formats.community import KINDS, find_community
from sediff.formats.corners import read_out
from sediff.instruments.base import Instrument, user_table
from sediff.instruments.epochs import Epoch, choose_epoch, read_epochs
from sediff.parameters.model import Parameters
from sediff.repository.names import (
    Exposure,
)
from sediff.repository.repository import Repository
from sediff.repository.table_sums import check_table
from sediff.template.overlap import pair_ccds
from sediff.values import checked_file_pattern


@dataclass(frozen=True)
class TemplateCcd:
    """One template CCD that overlaps the search CCD."""

    exposure: Exposure

    def path(self, name: str) -> Path:
        """Path of one of its products."""
        return Repository.of(self.exposure).path(name, self.exposure)

    @property
    def files(self) -> list[Path]:
        """Everything difference imaging reads of it."""
        return [self.path(name) for name in ('immask', 'fullcat', 'psf', 'zero_point')]


#: Which action of `sediff calib` builds a kind of calibration image.
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


def find_calibration(kind: str, exposure: Exposure, max_days: float, epoch: Epoch,
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
    given = Repository.of(exposure).given
    named, middle, folder = given.images(kind, exposure), given.middle(kind, exposure), given.folder(kind, exposure)
    if not named:
        raise NoCalibration(f'{exposure.label()}: no {kind} for {middle} in {folder}; make one with `sediff calib '
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
                'common': common_input(exposure), **reference_inputs(exposure, parameters)}
    images, reasons = calibration_inputs(exposure, parameters, special_y4)
    return {'raw': [Repository.of(exposure).path('raw', exposure)], **images, 'reasons': reasons,
            'skypca': find_sky_files(exposure, parameters['MAX_CALIB_DAYS']),
            **{name: [user_table(exposure.root, parameters[key], exposure.instrument)] if parameters[key] else []
               for name, key in (('bf', 'BF_FILE'), ('tapebumps', 'TAPEBUMP_FILE'))},
            'common': common_input(exposure), **reference_inputs(exposure, parameters)}


def calibration_inputs(exposure: Exposure, parameters: Parameters,
                       special_y4: bool = False) -> tuple[dict[str, list[Path]], list[str]]:
    """Calibration images, linearity and crosstalk table of a CCD, and a line about each image that was chosen."""
    images, reasons = _images(exposure, parameters, special_y4)
    return {**images, 'crosstalk': crosstalk_table(exposure.root, parameters, exposure.instrument),
            'linearity': _linearity(exposure, parameters)}, reasons


def _images(exposure: Exposure, parameters: Parameters, special_y4: bool) -> tuple[dict[str, list[Path]], list[str]]:
    found: dict[str, list[Path]] = {}
    reasons: list[str] = []
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
        path, reason = find_calibration(kind, exposure, days, epoch,
                                        exposure.instrument.facts.get('special_nite') if special_y4 else None)
    except BadInput as error:
        if not own:
            raise
        return own, f'given as {key}, alone: {error}'
    return [path, *own], reason + (f'; {own[0].name} added, given as {key}' if own else '')


def wants_star_flat(exposure: Exposure, parameters: Parameters) -> bool:
    """Whether a star flat is named, or there is one for the band and CCD."""
    given = parameters['STARFLAT_FILE']
    return given != 'none' and (bool(given) or Repository.of(exposure).given.has_star_flat(exposure))


def _epoch(exposure: Exposure, parameters: Parameters, special_y4: bool) -> Epoch:
    """The row of the table of epochs for an exposure; with -Y the instrument's special one."""
    epochs = read_epochs(user_table(exposure.root, parameters['CALIB_EPOCHS'], exposure.instrument))
    special = exposure.instrument.facts.get('special_epoch')
    forced = [epoch for epoch in epochs if special_y4 and epoch.name == special]
    return forced[0] if forced else choose_epoch(epochs, exposure.expnum, exposure.nite, exposure.band)


def crosstalk_table(root: Path, parameters: Parameters, instrument: Instrument) -> list[Path]:
    """The crosstalk table; none where it is the usual one and the instrument has none."""
    name = parameters['CROSSTALK_FILE']
    try:
        return [user_table(root, name, instrument)]
    except BadInput:
        if parameters.origin['CROSSTALK_FILE'] != 'default':
            raise
        return []


def _own_file(exposure: Exposure, key: str, text: str) -> Path:
    checked_file_pattern(text, f'{key}={text}:')
    name = text.format(ccd=exposure.ccd, band=exposure.band)
    repository = Repository.of(exposure)
    path = repository.own_file(name)
    if path is None:
        raise BadInput(f'{exposure.label()}: {key} names {repository.own_path(name)}, which is not a file')
    return path


def _linearity(exposure: Exposure, parameters: Parameters) -> list[Path]:
    """The table of LINEARITY_FILE, or the newest one in ROOT/calib/linearity that is not younger than the night."""
    given = parameters['LINEARITY_FILE']
    if given:
        return [] if given == 'none' else [user_table(exposure.root, given, exposure.instrument)]
    found = Repository.of(exposure).given.linearity(exposure)
    return [found] if found else []


def community_files(exposure: Exposure, parameters: Parameters) -> list[Path]:
    """The ooi, oow and ood files of an exposure: those that are registered, or else those found by EXPNUM in COMMUNITY_DIR
    (in NITE below it, where there is one).

    Raises
    ------
    BadInput
        One of the three is not there.
    """
    repository = Repository.of(exposure)
    registered = repository.registered(exposure, KINDS)
    if len(registered) == len(KINDS):
        return [registered[kind] for kind in KINDS]
    nightly = repository.own_folder(f'{parameters["COMMUNITY_DIR"]}/{exposure.nite}')
    folder = nightly or repository.own_path(parameters['COMMUNITY_DIR'])
    return find_community(folder, exposure.expnum, exposure.ccd, exposure.band)


def reference_inputs(exposure: Exposure, parameters: Parameters) -> dict[str, list[Path]]:
    """The folder of reference stars: REFCAT_DIR, relative to ROOT."""
    repository = Repository.of(exposure)
    folder = repository.own_folder(parameters['REFCAT_DIR'])
    if folder is None:
        raise BadInput(f'no reference-star shards in {repository.own_path(parameters["REFCAT_DIR"])}; set REFCAT_DIR in '
                       'rc/se.rc')
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
    repository, fakes = Repository.of(exposure), parameters['FAKE_LIST']
    given = {'snstar': (snstar, repository.star_list(exposure, snstar) if snstar else None),
             'snveto': (snveto, repository.star_list(exposure, snveto) if snveto else None),
             'fakes': (fakes, repository.own_file(fakes) if fakes else None)}
    for name, (wanted, path) in given.items():
        if wanted and path is None:
            place = repository.own_path(wanted) if name == 'fakes' else repository.folder(exposure) / wanted
            raise BadInput(f'{exposure.label()}: no such file: {place}')
    return {'templates': [file for pair in pairs for file in pair.files], 'pairs': pairs,
            **{name: [path] if path else [] for name, (_, path) in given.items()},
            **reference_inputs(exposure, parameters)}


def overlapping_ccds(exposure: Exposure, templates: list[Exposure]) -> list[TemplateCcd]:
    """Template CCDs, of all template exposures, whose corners overlap this CCD's."""
    repository = Repository.of(exposure)
    search = read_out(repository.path('out', exposure), exposure.instrument.ccds)
    found = []
    for template in templates:
        path = repository.path('exposure_out', template)
        if not repository.exists('exposure_out', template):
            raise BadInput(f'{exposure.label()}: no corner file of template {template.expnum}: {path}; run its SE first')
        corners = read_out(check_table(template, path), template.instrument.ccds)
        found += [TemplateCcd(template.with_ccd(ccd)) for ccd in pair_ccds(search, corners)[exposure.ccd]]
    return found
