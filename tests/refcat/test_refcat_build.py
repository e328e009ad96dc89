import gzip
import json
import subprocess
import sys

import numpy as np
import pytest
from astropy.io.votable import from_table, writeto
from astropy.table import MaskedColumn, Table
from made_up_gaia import RAW, gaia_columns, gaia_rows, write_csv

from sediff.__main__ import main
from sediff.errors import BadData, BadInput, BadUsage
from sediff.refcat import build as refcat_build
from sediff.refcat import dumps as refcat_dumps
from sediff.refcat.build import Selection, build_from_files
from sediff.refcat.index import read_catalogue, read_index
from sediff.refcat.lookup import read_shards
from sediff.refcat.regions import pixels_of
from sediff.refcat.shard import open_shard, read_shard
from sediff.refcat.stars import shard_name

pytestmark = pytest.mark.busy

GAIA = read_catalogue('gaia')


def all_rows(folder):
    """Every star of a folder, by identifier."""
    rows = np.concatenate([read_shard(open_shard(path)) for path in sorted(folder.glob('GAIA_*.fits'))])
    return rows[np.argsort(rows['source_id'])]


def same(one, other):
    one, other = (table[np.argsort(table['source_id'])] for table in (one, other))
    return one.size == other.size and all(np.array_equal(one[name], other[name], equal_nan=name != 'source_id')
                                          for name in one.dtype.names)


def as_table(columns, text=False):
    table = Table({name: MaskedColumn(values, mask=~np.isfinite(values)) for name, values in columns.items()})
    if text:
        table['designation'] = [f'Gaia DR3 {number}' for number in columns['source_id']]
    return table


def write_as(kind, path, columns):
    if kind == 'csv':
        write_csv(path, columns, extra=3)
    elif kind == 'fits':
        Table(columns).write(path, format='fits')
    else:
        table = from_table(as_table(columns, text=kind.endswith('text')))
        table.version = '1.4'
        writeto(table, str(path), tabledata_format=kind.removesuffix('_text'))


@pytest.mark.parametrize('packed', [False, True])
@pytest.mark.parametrize('kind', ['csv', 'fits', 'tabledata', 'binary2', 'binary2_text', 'binary'])
def test_every_form_of_a_dump_gives_the_same_shards(tmp_path, monkeypatch, kind, packed):
    monkeypatch.setattr(refcat_dumps, 'CHUNK_ROWS', 700)
    monkeypatch.setattr(refcat_build, 'RUN_ROWS', 1000)
    columns = gaia_columns(359.9, -10.0, 2.0, 3000)
    path = tmp_path / 'dump'
    write_as(kind, path, columns)
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    index, sources = build_from_files(tmp_path / 'out', GAIA, [path])
    assert same(all_rows(tmp_path / 'out'), gaia_rows(359.9, -10.0, 2.0, 3000))
    assert index.rows == 3000
    assert sources[0]['bytes'] == path.stat().st_size
    assert sources[0]['plain_bytes'] > 3000 * 84
    for path in (tmp_path / 'out').glob('GAIA_*.fits'):
        rows = read_shard(open_shard(path))
        assert (pixels_of(rows['ra'], rows['dec']) == int(path.stem[5:])).all()


def test_an_interrupted_build_goes_on_and_reads_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(refcat_dumps, 'CHUNK_ROWS', 500)
    monkeypatch.setattr(refcat_build, 'RUN_ROWS', 1000)
    columns = gaia_columns(45.0, -89.9, 3.0, 6000)
    first = write_csv(tmp_path / 'a.csv.gz', {name: values[:4000] for name, values in columns.items()})
    second = write_csv(tmp_path / 'b.csv', {name: values[3500:] for name, values in columns.items()})
    starts, whole = [], refcat_build.read_chunks

    def breaking(path, catalogue, scratch, start=0):
        starts.append((path.name, start))
        for number, chunk in enumerate(whole(path, catalogue, scratch, start)):
            if len(starts) == 1 and number == 5:
                raise KeyboardInterrupt
            yield chunk
    monkeypatch.setattr(refcat_build, 'read_chunks', breaking)
    with pytest.raises(KeyboardInterrupt):
        build_from_files(tmp_path / 'out', GAIA, [first, second])
    assert not list((tmp_path / 'out').glob('GAIA_*'))
    writer, written = refcat_build.write_shard, []

    def stopping(path, *args):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path.name)
        return writer(path, *args)
    monkeypatch.setattr(refcat_build, 'write_shard', stopping)
    with pytest.raises(KeyboardInterrupt):
        build_from_files(tmp_path / 'out', GAIA, [first, second])
    assert starts == [('a.csv.gz', 0), ('a.csv.gz', 2000), ('b.csv', 0)]
    done, starts[:] = list(written), []
    monkeypatch.setattr(refcat_build, 'write_shard', lambda path, *args: (written.append(path.name), writer(path, *args))[1])
    index, _ = build_from_files(tmp_path / 'out', GAIA, [first, second])
    assert starts == []
    assert len(written) == len(set(written)) == len(index.shards) > len(done)
    assert same(all_rows(tmp_path / 'out'), gaia_rows(45.0, -89.9, 3.0, 6000))
    assert list((tmp_path / 'out' / '.build').iterdir()) == [tmp_path / 'out' / '.build' / 'lock']


def test_a_killed_build_goes_on(tmp_path):
    """The process dies without a word in the middle of its second file."""
    columns = gaia_columns(100.0, -30.0, 2.0, 4000)
    files = [write_csv(tmp_path / f'{number}.csv', {name: values[number::2] for name, values in columns.items()})
             for number in (0, 1)]
    program = ('import os, sys\nfrom sediff.refcat import build as refcat_build\nwhole = refcat_build.read_chunks\n'
               'def read(path, *args):\n    if path.name == "1.csv":\n        os._exit(9)\n    return whole(path, *args)\n'
               'refcat_build.read_chunks = read\nfrom sediff.__main__ import main\nsys.exit(main(sys.argv[1:]))\n')
    arguments = ['refcat', 'build', '--from', *map(str, files), '-o', str(tmp_path / 'out')]
    assert subprocess.run([sys.executable, '-c', program, *arguments], capture_output=True, check=False).returncode == 9
    assert main(arguments) == 0
    assert same(all_rows(tmp_path / 'out'), gaia_rows(100.0, -30.0, 2.0, 4000))


def test_a_second_build_adds_and_keeps_each_star_once(tmp_path):
    columns = gaia_columns(359.9, 10.0, 1.5, 2000)
    one = write_csv(tmp_path / 'one.csv', {name: values[:1200] for name, values in columns.items()})
    two = write_csv(tmp_path / 'two.csv', {name: values[900:] for name, values in columns.items()})
    build_from_files(tmp_path / 'out', GAIA, [one])
    index, _ = build_from_files(tmp_path / 'out', GAIA, [two])
    assert index.rows == 2000
    assert [source['file'] for source in index.sources] == ['one.csv', 'two.csv']
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / 'out').glob('GAIA_*')}
    build_from_files(tmp_path / 'out', GAIA, [one, two])
    assert before == {path.name: path.stat().st_mtime_ns for path in (tmp_path / 'out').glob('GAIA_*')}


def test_a_shard_that_was_lost_or_damaged_is_made_again(tmp_path, capsys):
    path = write_csv(tmp_path / 'a.csv', gaia_columns(359.9, 10.0, 1.5, 2000))
    build_from_files(tmp_path / 'out', GAIA, [path])
    victim = sorted((tmp_path / 'out').glob('GAIA_*'))[1]
    data = bytearray(victim.read_bytes())
    data[open_shard(victim).heap_at + 300] ^= 1
    victim.write_bytes(bytes(data))
    assert main(['refcat', 'info', str(tmp_path / 'out')]) == 0
    assert main(['refcat', 'info', str(tmp_path / 'out'), '--check']) == 3
    assert f'{victim} is damaged' in capsys.readouterr().err
    victim.unlink()
    assert main(['refcat', 'info', str(tmp_path / 'out')]) == 3
    assert f'{victim.name} is gone' in capsys.readouterr().err
    build_from_files(tmp_path / 'out', GAIA, [path])
    assert same(all_rows(tmp_path / 'out'), gaia_rows(359.9, 10.0, 1.5, 2000))


def test_area_and_faintest_select(tmp_path):
    path = write_csv(tmp_path / 'a.csv', gaia_columns(359.9, 10.0, 3.0, 4000))
    pixels = pixels_of(np.array([0.0]), np.array([10.0]))
    index, _ = build_from_files(tmp_path / 'out', GAIA, [path], Selection(pixels, 17.0))
    rows = gaia_rows(359.9, 10.0, 3.0, 4000)
    keep = (pixels_of(rows['ra'], rows['dec']) == pixels[0]) & (rows['phot_g_mean_mag'] <= 17.0)
    assert list(index.shards) == pixels.tolist()
    assert same(all_rows(tmp_path / 'out'), rows[keep])
    with pytest.raises(BadData, match='none of the 1 files'):
        build_from_files(tmp_path / 'none', GAIA, [path], Selection(np.array([1])))


def test_the_command_prints_bytes_and_the_ratio_to_an_archive_file(tmp_path, capsys):
    """Rows as long as those that DES-GW started from (1.3 TB for 1.69e9 sources, 770 bytes) become 12 times smaller."""
    path = write_csv(tmp_path / 'a.csv.gz', gaia_columns(200.4, 9.59, 0.7, 8000), extra=40)
    row_bytes = len(gzip.decompress(path.read_bytes())) / 8000
    assert 700 < row_bytes < 800
    assert main(['refcat', 'build', '--from', str(path), '-o', str(tmp_path / 'out')]) == 0
    text = capsys.readouterr().out
    assert '8000 stars of Gaia DR3 gaia_source' in text
    out = sum(shard.stat().st_size for shard in (tmp_path / 'out').glob('GAIA_*'))
    plain = len(gzip.decompress(path.read_bytes()))
    assert f'bytes in {path.stat().st_size} (' in text
    assert f'bytes out {out}' in text
    assert f'ratio {plain / out:.1f}' in text
    assert plain / out > 12.0
    index = read_index(tmp_path / 'out')
    assert index.rows == 8000
    assert index.bytes_out == out
    assert main(['refcat', 'info', str(tmp_path / 'out'), '--check']) == 0
    assert 'nside 32 RING' in capsys.readouterr().out


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input(tmp_path, monkeypatch):
    """Peak memory of a build of 1.2 million rows is at most 60 MB above that of 0.3 million."""
    def peak(count):
        rng = np.random.default_rng(3)
        columns = gaia_columns(200.0, -30.0, 8.0, 30_000)
        path = tmp_path / f'{count}.csv'
        write_csv(path, columns)
        lines = path.read_text().splitlines()[3:]
        with path.open('a') as handle:
            for _ in range(count // 30_000 - 1):
                shift = int(rng.integers(1, 10 ** 15))
                parts = (line.partition(',') for line in lines)
                handle.writelines(f'{int(number) + shift},{rest}\n' for number, _, rest in parts)
        program = ('import resource, sys\nfrom sediff.refcat import build as refcat_build\nrefcat_build.RUN_ROWS = 150_000\n'
                   'from sediff.__main__ import main\nassert main(sys.argv[1:]) == 0\n'
                   'print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)')
        run = subprocess.run([sys.executable, '-c', program, 'refcat', 'build', '--from', str(path), '-o',
                              str(tmp_path / f'out{count}')], capture_output=True, text=True, check=True)
        return int(run.stdout.split()[-1]) / 1024.0
    small, large = peak(300_000), peak(1_200_000)
    # Python with numpy and astropy alone takes some 100 MB: the figure is that of the build, in MB
    assert small > 60.0 and large - small < 60.0


@pytest.mark.parametrize(('harm', 'error', 'match'), [
    ('missing', BadInput, 'no such file'), ('empty', BadInput, 'is empty'), ('cut gzip', BadInput, 'cut short'),
    ('cut text', BadInput, 'ends inside a line'), ('wrong columns', BadData, 'lacks ra'),
    ('no numbers', BadData, 'damaged or is no'),
    ('cut votable', BadInput, 'cut short'), ('cut fits', BadInput, 'dump'), ('overflow', BadInput, 'row limit'),
    ('error page', BadInput, 'VOTable'), ('arcsec', BadData, 'not in degrees')])
def test_bad_files_are_rejected_with_the_reason(tmp_path, harm, error, match):
    columns, path = gaia_columns(10.0, 10.0, 1.0, 300), tmp_path / 'dump'
    if harm == 'empty':
        path.write_bytes(b'')
    elif harm == 'cut gzip':
        write_csv(tmp_path / 'a.csv', columns)
        data = gzip.compress((tmp_path / 'a.csv').read_bytes())
        path.write_bytes(data[:len(data) // 2])
    elif harm == 'cut text':
        write_csv(path, columns)
        path.write_bytes(path.read_bytes()[:-200])
    elif harm == 'wrong columns':
        write_csv(path, {name.replace('ra', 'alpha') if name == 'ra' else name: values for name, values in columns.items()})
    elif harm == 'no numbers':
        write_csv(path, columns)
        path.write_text(path.read_text().replace('2016.0', 'twenty-sixteen', 3))
    elif harm in ('cut votable', 'cut fits'):
        write_as('binary2' if harm == 'cut votable' else 'fits', path, columns)
        path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    elif harm == 'overflow':
        from tap_server import votable
        path.write_text(votable(columns, overflow=True))
    elif harm == 'error page':
        path.write_text('<html><body>502 Bad Gateway<br></body></html>')
    elif harm == 'arcsec':
        columns['ra'], columns['dec'] = columns['ra'] * 3600.0, columns['dec'] * 3600.0
        write_csv(path, columns)
    with pytest.raises(error, match=match):
        build_from_files(tmp_path / 'out', GAIA, [path])
    assert not list((tmp_path / 'out').glob('GAIA_*'))


def test_folders_of_another_catalogue_and_bad_flags(tmp_path, capsys):
    path = write_csv(tmp_path / 'a.csv', gaia_columns(10.0, 10.0, 0.5, 50))
    build_from_files(tmp_path / 'out', GAIA, [path])
    with pytest.raises(BadUsage, match='holds shards of gaia'):
        build_from_files(tmp_path / 'out', read_catalogue('ps1'), [path])
    assert main(['refcat', 'build', '-o', str(tmp_path)]) == 2
    assert main(['refcat', 'build', '--from', str(path), '-o', str(tmp_path / 'o'), '--sync']) == 2
    assert main(['refcat', 'build', '--from', str(path), '-o', str(tmp_path / 'o'), '--catalogue', 'usno']) == 2
    assert main(['refcat', 'info', str(tmp_path / 'nowhere')]) == 3
    assert main(['refcat']) == 2
    (tmp_path / 'out' / 'refcat.json').write_text('{"catalogue": "gaia"')
    assert main(['refcat', 'info', str(tmp_path / 'out')]) == 3
    assert 'delete it' in capsys.readouterr().err
    (tmp_path / 'out' / 'refcat.json').unlink()
    assert main(['refcat', 'info', str(tmp_path / 'out')]) == 0
    assert json.loads((tmp_path / 'out' / 'refcat.json').read_text())['rows'] == 50


def test_the_legacy_surveys_gaia_files_become_shards(tmp_path, realdata):
    files = sorted((realdata / 'legacypipe').glob('testcase*/gaia/chunk-*.fits'))
    index, _ = build_from_files(tmp_path / 'out', GAIA, files)
    import fitsio
    names = ['source_id', 'ra', 'dec', 'phot_g_mean_flux_over_error']
    table = np.concatenate([fitsio.read(str(path), ext=1, columns=names) for path in files
                            if fitsio.FITS(str(path))[1].get_nrows()])
    _, first = np.unique(table['source_id'], return_index=True)
    rows, table = all_rows(tmp_path / 'out'), table[first]
    assert np.array_equal(rows['source_id'], table['source_id'])
    assert np.abs(rows['ra'] - table['ra']).max() < 1e-9
    assert np.allclose(rows['phot_g_mean_mag_error'], 1.0857362 / table['phot_g_mean_flux_over_error'], rtol=0.004)
    stars, missing = read_shards(tmp_path / 'out', list(index.shards))
    assert len(stars) == len(rows)
    assert missing == []
    assert (tmp_path / 'out' / shard_name(3687)).is_file()


def test_made_up_columns_are_those_of_the_archive():
    assert set(RAW) <= GAIA.wanted()
