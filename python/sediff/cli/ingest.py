"""`sediff ingest FILES|FOLDERS`: raw exposures and Community Pipeline products into the work tree.

Looks at the headers, puts each file in its place (a link, by default), registers it, and adds new exposures of the sky to
the list of exposures. Running it again changes nothing.
"""
from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from sediff.cli.arguments import beside, parameter_arguments, read_parameters, root_of
from sediff.errors import BadInput
from sediff.instruments.settings import instrument_of
from sediff.repository.ingest import MODES, Ingest, Report

#: Lines about files at most; the rest is counted.
MOST_LINES = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.description = __doc__
    parser.add_argument('files', nargs='+', metavar='FILE|FOLDER',
                        help='raw exposures, ooi, oow and ood files, or folders of them (with all below)')
    parser.add_argument('--root', type=Path, help='top of the work tree (default: ROOT)')
    parser.add_argument('--mode', choices=MODES, default='link',
                        help='how a file gets to its place: link (default), copy, move, or skip: it is left where it is')
    parser.add_argument('--dry-run', '-n', action='store_true', help='only say what would be done')
    parser.add_argument('--replace', action='store_true',
                        help='a file of other content takes the place of the registered one of the same exposure')
    parameter_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Ingest; 0, or 3 where a file could not be taken (the others are)."""
    if args.root is not None:
        args.overrides = [*args.overrides, f'ROOT={args.root}']
    parameters = read_parameters(args)
    root = root_of(parameters)
    list_path = beside(root, parameters['EXPOSURES_LIST'])
    report = Ingest(root, list_path, root / parameters['COMMUNITY_DIR'], args.mode, args.dry_run, args.replace,
                    instrument=instrument_of(parameters)).run(args.files)
    _print(report, args.dry_run, list_path)
    return BadInput.exit_code if report.bad else 0


def _print(report: Report, dry_run: bool, list_path: Path) -> None:
    lines = [f'{row.expnum} {row.nite} {row.band or "-"} {row.obstype} CCD {one.file.ccds} {one.path.name}: {word}'
             for one, word in report.taken for row in (one.exposure,)]
    for line in lines[:MOST_LINES]:
        print(line)
    if len(lines) > MOST_LINES:
        print(f'... and {len(lines) - MOST_LINES} more')
    if report.other:
        print(f'passed over {len(report.other)} FITS files that hold no exposure, such as {report.other[0]}')
    if not (report.taken or report.known or report.bad or report.other):
        print('no FITS files there (names that end in .fits, .fits.fz, .fits.gz, .fit, .fts)', file=sys.stderr)
    for line in [*report.notes, *(f'not taken: {line}' for line in report.bad)]:
        print(line, file=sys.stderr)
    types = Counter(one.exposure.obstype for one, _ in report.taken)
    kinds = f' ({", ".join(f"{count} {name}" for name, count in sorted(types.items()))})' if types else ''
    print(f'{"would take" if dry_run else "taken"} {len(report.taken)} files{kinds}, {report.known} known already, '
          f'{len(report.bad)} not taken; {report.listed} exposures {"to add" if dry_run else "added"} to {list_path}')
