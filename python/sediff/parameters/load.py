"""Values of the parameters: from rc files, the environment and the command line."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from sediff.errors import BadInput, BadUsage
from sediff.parameters.model import Bands, Parameter, Parameters, band_key, expanded, rc_name
from sediff.parameters.table import ORDERED, TABLE
from sediff.places import shipped


def default_rc_folder() -> Path:
    """SEDIFF_RC, else the rc/ folder of this installation."""
    return Path(os.environ.get('SEDIFF_RC') or shipped('rc'))


def load(rc_folder: Path | None = None, overrides: Iterable[str] = (), dagmaker_rc: Path | None = None,
         bands_of: Callable[[str, str], Bands] | None = None, other_bands: Iterable[str] = ()) -> Parameters:
    """All parameters: defaults, then rc files, then the environment, then `-P name=value`.

    The environment sets any parameter as SEDIFF_<NAME>, and ROOT also under its plain name.

    Parameters
    ----------
    bands_of : callable, optional
        INSTRUMENT and ROOT -> its bands, which parameters of a band are made for; without it there are none.
    other_bands : iterable of str
        Bands of other instruments: rc files may hold their parameters, too, which are ignored; without `bands_of` those
        of any band are.

    Raises
    ------
    BadUsage, BadInput
        As `Parameters.set` and `Parameters.read_rc`; or the lower one of two limits is above the upper one.
    """
    folder, overrides = rc_folder or default_rc_folder(), list(overrides)
    if rc_folder and not folder.is_dir():
        raise BadInput(f'no folder of rc files: {folder}')
    files = {file: dagmaker_rc if file == 'dagmaker' and dagmaker_rc else folder / rc_name(file).removeprefix('rc/')
             for file in ('dagmaker', 'se', 'diffimg', 'qc', 'site')}
    if dagmaker_rc and not dagmaker_rc.is_file():
        raise BadInput(f'no such rc file: {dagmaker_rc}')
    bands = bands_of(*_instrument(TABLE, files['site'], overrides)) if bands_of else {}
    parameters = Parameters(expanded(TABLE, bands), _elsewhere(TABLE, other_bands if bands_of else None))
    for file, path in files.items():
        if path.is_file():
            parameters.read_rc(path, file)
    _from_environment(parameters)
    for override in overrides:
        name, equals, text = override.partition('=')
        if not equals:
            raise BadUsage(f'-P {override}: must be name=value')
        parameters.set(name.strip(), text.strip(), '-P')
    _check_order(parameters)
    return parameters


def _check_order(parameters: Parameters) -> None:
    for low, high in ORDERED:
        if parameters[low] > parameters[high]:
            raise BadUsage(f'{low} = {parameters[low]:g} is above {high} = {parameters[high]:g}: nothing would be left')


def _elsewhere(table: Iterable[Parameter], bands: Iterable[str] | None) -> list[str]:
    """Names of the parameters of some bands; None: a pattern for those of any."""
    of_a_band = [parameter.name for parameter in table if '{band}' in parameter.name]
    return [band_key(name, band) for name in of_a_band for band in (['*'] if bands is None else bands)]


def _instrument(table: Iterable[Parameter], site: Path, overrides: Iterable[str]) -> tuple[str, str]:
    """INSTRUMENT and ROOT, which decide what other parameters there are; from the last source that sets them."""
    early = Parameters(parameter for parameter in table if parameter.name in ('INSTRUMENT', 'ROOT'))
    if site.is_file():
        early.read_rc(site, 'site', unknown=True)
    _from_environment(early)
    for override in overrides:
        name, _, text = override.partition('=')
        if name.strip().upper() in early.table:
            early.set(name, text.strip(), '-P')
    return early['INSTRUMENT'], early['ROOT']


def _from_environment(parameters: Parameters) -> None:
    for name in parameters.table:
        for variable in (f'SEDIFF_{name}', name if name == 'ROOT' else ''):
            if variable and os.environ.get(variable):
                parameters.set(name, os.environ[variable], f'environment {variable}')
                break
