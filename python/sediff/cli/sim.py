"""`sediff sim NIGHT_DIR`: a simulated night on the command line."""
from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from sediff.engine.pool import cores
from sediff.errors import BadUsage
from sediff.instruments.ccds import parse_ccd_list
from sediff.instruments.load import load_instrument
from sediff.instruments.settings import load_parameters
from sediff.sim.night import simulate_night
from sediff.sim.options import EFFECTS, GAIA_COLUMNS, NightOptions, simulated_bands


def _range_of(kind: type) -> Callable[[str], tuple]:
    """Reads `MIN,MAX` as two numbers of a kind."""
    def read(text: str) -> tuple:
        """The two numbers, or what argparse says."""
        try:
            first, last = (kind(part) for part in text.split(','))
        except ValueError as error:
            raise argparse.ArgumentTypeError(f'{text!r} is no MIN,MAX') from error
        return first, last
    return read


#: option, type, meaning with unit; defaults are those of NightOptions
OPTIONS = (
    ('seed', int, 'seed of all random numbers'),
    ('exptime', float, 'exposure time, s'),
    ('nite', str, 'night of the search exposure, YYYYMMDD'),
    ('ra', float, 'boresight right ascension, deg'),
    ('dec', float, 'boresight declination, deg'),
    ('expnum', int, 'number of the search exposure'),
    ('templates', int, 'template exposures of earlier nights'),
    ('zeros', int, 'bias exposures'),
    ('flats', int, 'dome-flat exposures'),
    ('seeing', float, 'FWHM of the search exposure, arcsec'),
    ('stars', int, 'stars per CCD, to G = 24.2'),
    ('galaxies', int, 'galaxies per CCD, to r = 24'),
    ('transients', int, 'transients per CCD in the search exposure'),
    ('cosmics', int, 'cosmic rays per CCD in 90 s'),
    ('dither', float, 'largest offset of the templates, pixels'),
    ('pointing_error', float, 'largest pointing error of the headers, arcsec'),
    ('rotation_error', float, 'largest rotation error of the headers, deg'),
    ('kilonova_distance', float, 'distance of the kilonova, Mpc; 0: none'),
    ('ramp', int, 'dome flats of rising exposure time, for the linearity table'),
    ('skies', int, 'dithered exposures in the night of the search exposure, for sky components and star flats'),
    ('kilonova_days', float, 'days from merger to search exposure'),
    ('hour_angle', float, 'hour angle of the search exposure, deg, west positive'),
    ('template_hour_angle', float, 'hour angle of the templates, deg, west positive'),
    ('template_days', _range_of(int), 'nights from the templates to the search exposure, MIN,MAX'),
    ('gaia_columns', str, "columns of the reference stars' photometry: " + ', '.join(GAIA_COLUMNS)),
    ('edge_stars', int, 'stars per CCD of G = 7 to 12 within 600 rows of its first or last row'),
    ('darks', int, 'dark exposures of 300 s'),
    ('transient_snr', _range_of(float), 'signal-to-noise of the transients in the search exposure, MIN,MAX'),
)
#: What --small changes.
SMALL = {'stars': 400, 'galaxies': 150, 'transients': 8}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument('night_dir', type=Path, metavar='NIGHT_DIR', help='top of the work tree to write')
    parser.add_argument('--instrument', metavar='NAME', help='camera, or a folder of its tables (default: INSTRUMENT)')
    parser.add_argument('--ccds', help='CCDs, such as 33,34 or 25-28 or all (default: the first two, of DECam 33,34)')
    parser.add_argument('--band', help='band (default r, or the first that can be simulated)')
    for name, kind, meaning in OPTIONS:
        parser.add_argument('--' + name.replace('_', '-'), type=kind, default=None,
                            help=f'{meaning} (default {getattr(NightOptions, name)})')
    parser.add_argument('--no-streak', action='store_true', help='no satellite in the search exposure')
    parser.add_argument('--effects', default='', help='effects of the camera, comma-separated or all: ' + ', '.join(EFFECTS)
                        + ' (default: none)')
    parser.add_argument('--small', action='store_true',
                        help='fewer sources: ' + ', '.join(f'{value} {name}' for name, value in SMALL.items()))
    parser.add_argument('--workers', type=int, default=cores(), help='processes (default: one a core)')


def run(args: argparse.Namespace) -> int:
    """Simulate; returns the exit code."""
    given = {name: getattr(args, name) for name, _, _ in OPTIONS if getattr(args, name) is not None}
    values = {**(SMALL if args.small else {}), **given}
    instrument = load_instrument(args.instrument or load_parameters()['INSTRUMENT'])
    bands, usual = simulated_bands(instrument), NightOptions.ccds
    usual = usual if set(usual) <= set(instrument.ccds) else instrument.ccds[:2]
    ccds = parse_ccd_list(args.ccds or ','.join(map(str, usual)), given.get('nite'), instrument)
    band = args.band or (NightOptions.band if NightOptions.band in bands else next(iter(bands), ''))
    options = NightOptions(ccds=tuple(ccds), band=band, instrument=instrument,
                           streak=not args.no_streak, effects=_effects(args.effects), **values)
    if args.workers < 1:
        raise BadUsage(f'--workers {args.workers}: at least 1 is needed')
    if args.night_dir.exists() and not args.night_dir.is_dir():
        raise BadUsage(f'NIGHT_DIR {args.night_dir} is a file; name a folder')
    args.night_dir.mkdir(parents=True, exist_ok=True)
    simulate_night(args.night_dir, options, args.workers, lambda line: print(line, flush=True))
    return 0


def _effects(text: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in text.split(',') if word.strip())
    return EFFECTS if words == ('all',) else words
