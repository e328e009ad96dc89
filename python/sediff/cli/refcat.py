"""`sediff refcat build|info`: shards of reference stars on the command line."""
from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from sediff.errors import BadInput, BadUsage

#: How many of its sources `info` lists.
SHOWN_SOURCES = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    actions = parser.add_subparsers(dest='action', required=True, metavar='build|info', parser_class=type(parser))
    build = actions.add_parser('build', help='make shards from catalogue files (--from) or from a TAP service (--tap)',
                               description='Makes shards of reference stars; an interrupted build resumes.')
    where = build.add_mutually_exclusive_group(required=True)
    where.add_argument('--from', dest='files', nargs='+', type=Path, metavar='FILE',
                       help='Gaia archive files: CSV, ECSV, FITS or VOTable, gzipped or not')
    where.add_argument('--tap', metavar='AREA', help='fetch the shards that touch AREA: cone:RA,DEC,RADIUS | '
                       'polygon:RA,DEC,RA,DEC,... | exposures:FILE[,RADIUS] | skymap:FILE[,FRACTION] (deg; fraction 0.9)')
    build.add_argument('-o', '--output', type=Path, required=True, metavar='DIR', help='folder of the shards (REFCAT_DIR)')
    build.add_argument('--catalogue', default='gaia', help='entry of catalogs/refcat_columns.json (default gaia)')
    build.add_argument('--area', help='with --from: keep only the shards that touch this AREA (default: all)')
    build.add_argument('--faintest', type=float, default=math.inf, metavar='MAG',
                       help='limit of its first magnitude (default none)')
    build.add_argument('--url', help="with --tap: TAP service (default the catalogue's)")
    build.add_argument('--table', help="with --tap: table there (default the catalogue's)")
    build.add_argument('--where', help="with --tap: a further ADQL condition (default the catalogue's)")
    build.add_argument('--sync', action='store_true', help='with --tap: ask synchronously, for services without jobs')
    build.add_argument('--maxrec', type=int, default=1_000_000, help='with --tap: most rows of an answer (default 1000000)')
    build.add_argument('--timeout', type=float, default=60.0,
                       help='with --tap: longest silence of the service, s (default 60)')
    build.add_argument('--job-timeout', type=float, default=1800.0,
                       help='with --tap: longest time of a job, s (default 1800)')
    build.add_argument('--retries', type=int, default=3, help='with --tap: tries after a passing failure (default 3)')
    info = actions.add_parser('info', help='what a folder of shards holds',
                              description='Tells what a folder of shards holds.')
    info.add_argument('folder', type=Path, metavar='DIR')
    info.add_argument('--check', action='store_true', help='read every shard and name those that are damaged (exit 3)')
    info.add_argument('--catalogue', default='gaia', help='catalogue of a folder without an index (default gaia)')


def run(args: argparse.Namespace) -> int:
    """Build, or tell what there is; returns the exit code."""
    return _info(args) if args.action == 'info' else _build(args)


def _build(args: argparse.Namespace) -> int:
    from sediff.refcat.index import read_catalogue
    catalogue = read_catalogue(args.catalogue)
    if args.tap is None and (args.url or args.table or args.where or args.sync):
        raise BadUsage('--url, --table, --where and --sync go with --tap')
    if args.tap is not None and args.area:
        raise BadUsage('--area goes with --from; --tap has its own area')
    index, sources = (_from_files if args.tap is None else _from_tap)(args, catalogue)
    received, plain = (sum(source[name] for source in index.sources) for name in ('bytes', 'plain_bytes'))
    dropped = sum(source['dropped'] for source in sources)
    print(f'{args.output}: {index.rows} stars of {catalogue.title} in {len(index.shards)} shards'
          + (f'; {dropped} rows without a position or failing a cut left out' if dropped else ''))
    if lacking := sum(source.get('no_error', 0) for source in sources):
        _say(f'warning: {lacking} stars have a magnitude without an error in what was read; zero points will take those '
             'that the survey has published for such magnitudes. A table with fluxes and their errors is better')
    print(f'bytes in {received} ({plain} unpacked), bytes out {index.bytes_out}, '
          f'ratio {plain / max(index.bytes_out, 1):.1f} '
          f'(to the files as they are {received / max(index.bytes_out, 1):.1f}), '
          f'{index.bytes_out / max(index.rows, 1):.1f} bytes a star')
    return 0


def _from_files(args: argparse.Namespace, catalogue) -> tuple:
    from sediff.cli.refcat_areas import shards_of_area
    from sediff.refcat.build import Selection, build_from_files
    pixels = shards_of_area(args.area) if args.area else None
    return build_from_files(args.output, catalogue, args.files, Selection(pixels, args.faintest), _say)


def _from_tap(args: argparse.Namespace, catalogue) -> tuple:
    from sediff.cli.refcat_areas import shards_of_area
    from sediff.refcat.download import build_from_tap
    from sediff.refcat.tap import TapOptions, TapService
    for name, lowest in (('maxrec', 1), ('timeout', 0.001), ('job_timeout', 0.001), ('retries', 0)):
        if getattr(args, name) < lowest:
            raise BadUsage(f'--{name.replace("_", "-")} {getattr(args, name)}: too small')
    url, table = args.url or catalogue.tap.get('url', ''), args.table or catalogue.tap.get('table', '')
    where = args.where if args.where is not None else catalogue.tap.get('where', '')
    pixels = shards_of_area(args.tap)
    _say(f'{args.tap} touches {pixels.size} shards; asking {url}')
    service = TapService(TapOptions(url, args.sync, args.maxrec, args.timeout, args.job_timeout,
                                    min(2.0, args.job_timeout / 10.0), args.retries, min(5.0, args.timeout)))
    index, source = build_from_tap(args.output, catalogue, pixels, service, table, where, args.tap, args.faintest, _say)
    return index, [source]


def _info(args: argparse.Namespace) -> int:
    from sediff.refcat.index import Index, damaged_shards, read_catalogue, read_index, write_index
    if not args.folder.is_dir():
        raise BadInput(f'no folder of shards at {args.folder}')
    index = read_index(args.folder)
    catalogue = read_catalogue(index.catalogue if index else args.catalogue)
    lost = index.lost(args.folder, catalogue) if index else []
    if index is None:
        index = Index(catalogue.name)
        write_index(args.folder, index, catalogue)
    if not index.shards:
        raise BadInput(f'{args.folder} holds no shards {catalogue.shard_name(0).replace("00000", "NNNNN")}')
    area = 41252.96 / 12288 * len(index.shards)
    print(f'{args.folder}: {catalogue.title}, HEALPix nside 32 RING\n'
          f'{len(index.shards)} shards ({area:.0f} deg2), {index.rows} stars ({index.rows / area:.0f} a deg2), '
          f'{index.bytes_out} bytes ({index.bytes_out / max(index.rows, 1):.1f} a star)')
    for source in index.sources[-SHOWN_SOURCES:]:
        print(f'from {source.get("file") or source["area"] + " of " + source["key"]}: {source["bytes"]} bytes')
    messages = damaged_shards(args.folder, catalogue) if args.check else []
    messages += [f'{catalogue.shard_name(pixel)} is gone: run `sediff refcat build` again' for pixel in lost]
    if messages:
        raise BadInput('\n'.join([f'{len(messages)} shards cannot be used', *messages]))
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
