"""Parameters with those of each band of the instrument that they name, and that instrument."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from sediff.csvtable import read_csv_rows
from sediff.errors import BadInput
from sediff.instruments.base import Instrument, table_path
from sediff.instruments.load import default_instrument, load_instrument
from sediff.parameters.load import load
from sediff.parameters.model import Bands, Parameter, Parameters, expanded
from sediff.parameters.table import TABLE


def load_parameters(rc_folder: Path | None = None, overrides: Iterable[str] = (),
                    dagmaker_rc: Path | None = None) -> Parameters:
    """`sediff.parameters.load.load` with the parameters of the instrument's bands."""
    return load(rc_folder, overrides, dagmaker_rc, lambda name, root: bands_of(load_instrument(name, Path(root))),
                default_instrument().bands)


def instrument_of(parameters: Mapping) -> Instrument:
    """The instrument that INSTRUMENT names."""
    return load_instrument(parameters['INSTRUMENT'], Path(parameters['ROOT']))


def bands_of(instrument: Instrument) -> Bands:
    """Bands of an instrument, each with the numbers of its row of teff.csv (none where the instrument has no such table)."""
    found: dict[str, dict[str, float]] = {band: {} for band in instrument.bands}
    try:
        path = table_path(instrument, 'teff.csv')
    except BadInput:
        return found
    for row in read_csv_rows(path, 'a table of reference conditions'):
        found.setdefault(row.pop('band'), {}).update({name: float(value) for name, value in row.items() if value})
    return {band: found[band] for band in instrument.bands}


def declared(instrument: Instrument) -> list[Parameter]:
    """Every parameter that an instrument has, those of its bands too."""
    return expanded(TABLE, bands_of(instrument))
