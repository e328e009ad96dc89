"""The stage `force`: forced photometry at any place."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from sediff.candidates.epochs import Epochs, joined, light_curve
from sediff.cli.arguments import (
    Parser,
    parameter_arguments,
    read_parameters,
    rerun_argument,
    root_of,
    with_coordinates,
)
from sediff.errors import BadUsage
from sediff.flow.forced.measure import measure
from sediff.flow.forced.places import Places, place_of, read_places
from sediff.flow.forced.staged import find_near
from sediff.formats.atomic import write_text
from sediff.formats.lightcurve import Source, csv_text, snana_text, write_fits_curve
from sediff.instruments.base import Instrument
from sediff.instruments.settings import instrument_of
from sediff.repository.names import Exposure
from sediff.repository.reruns import open_rerun
from sediff.values import checked_season, checked_word


def main(stage: str, argv: list[str]) -> int:
    """PSF flux at a place in every staged difference of a season that covers it, whether something is there or not."""
    args = _parser(stage).parse_args(with_coordinates(argv))
    places = _places(args)
    if args.format == 'fits' and args.output is None:
        raise BadUsage('--format fits needs --output FILE')
    if args.format == 'dat' and len(places.names) > 1:
        raise BadUsage('--format dat is a light curve of one place; take csv or fits for a table of places')
    parameters = read_parameters(args)
    season = season_of(args, root_of(parameters), instrument_of(parameters))
    near = find_near(season, places.ra, places.dec)
    epochs = joined([measure(one, places.ra, places.dec, args.verify) for one in near])
    _write(args, places, epochs, season.instrument)
    _report(places, epochs, season)
    return 0


def season_of(args: argparse.Namespace, root: Path, instrument: Instrument) -> Exposure:
    """The season, cache, schema and rerun that the arguments name, as an exposure without a number.

    Raises
    ------
    BadUsage
        One of them is no such name.
    BadInput
        There is no such rerun.
    """
    season = args.season if args.season.startswith('dp') else f'dp{args.season}'
    return Exposure(root, 0, '', '', season=checked_season(season, '--season (-S)'),
                    cache=checked_word(args.cache, '--cache (-d)'), schema=checked_word(args.schema, '--schema (-m)'),
                    rerun=open_rerun(root, args.rerun, False), instrument=instrument)


def season_arguments(parser: argparse.ArgumentParser) -> None:
    """What names a season and its tree."""
    parser.add_argument('-S', '--season', required=True, metavar='dpNN', help='season')
    parser.add_argument('-d', '--cache', default='persistent', help='folder below ROOT for products')
    parser.add_argument('-m', '--schema', default='gw', help='folder below the cache')
    rerun_argument(parser)
    parameter_arguments(parser, '-R')


def _parser(stage: str) -> argparse.ArgumentParser:
    parser = Parser(prog=f'sediff {stage}', description=main.__doc__)
    parser.add_argument('ra', nargs='?', help='deg, or hours as 12:34:56.7')
    parser.add_argument('dec', nargs='?', help='deg, or -12:34:56.7')
    parser.add_argument('--like', type=Path, metavar='TABLE', help='CSV or FITS table: every row of its columns ra and dec')
    parser.add_argument('--format', choices=('csv', 'fits', 'dat'), default='csv', help='dat: SNANA, one place')
    parser.add_argument('-o', '--output', type=Path, metavar='FILE', help='default: standard output')
    parser.add_argument('--verify', action='store_true', help='compare all pixels of the images with their checksums, too')
    season_arguments(parser)
    return parser


def _places(args: argparse.Namespace) -> Places:
    """The places of the command line and the table."""
    if (args.ra is None) != (args.dec is None):
        raise BadUsage('a place is RA and Dec; only one of them was given')
    if args.ra is None and args.like is None:
        raise BadUsage('give RA and Dec, or --like TABLE; see -h')
    places = None if args.ra is None else place_of(args.ra, args.dec)
    if args.like is None:
        assert places is not None              # one of the two was given
        return places
    table = read_places(args.like)
    return table if places is None else places + table


def _write(args: argparse.Namespace, places: Places, epochs: Epochs, instrument: Instrument) -> None:
    columns = light_curve(epochs)
    if args.format == 'dat':
        text = snana_text(Source(places.names[0], places.ra[0], places.dec[0], instrument.name,
                                 instrument.pixel_scale), columns)
    else:
        index = columns.pop('PLACE')
        columns = {'ID': np.array(places.names)[index], 'RA': places.ra[index], 'DEC': places.dec[index], **columns}
        if args.format == 'fits':
            write_fits_curve(args.output, columns)
            return
        text = csv_text(columns)
    if args.output is None:
        sys.stdout.write(text)
    else:
        write_text(args.output, text)


def _report(places: Places, epochs: Epochs, season: Exposure) -> None:
    """What was found, on stderr."""
    if not len(epochs.rows):
        print(f'no staged difference of {season.season} covers {"the place" if len(places.names) == 1 else "any place"}',
              file=sys.stderr)
        return
    gaps = int(np.isnan(epochs.rows['flux']).sum())
    print(f'{len(epochs.rows)} epochs of {len(np.unique(epochs.rows["place"]))} of {len(places.names)} places, '
          f'{gaps} of them without a value (column GAP says why)', file=sys.stderr)
