import healpy
import numpy as np
import pytest
from made_up_gaia import gaia_columns, gaia_rows
from tap_server import Service, serving

from sediff.__main__ import main
from sediff.cli.refcat_areas import shards_of_area
from sediff.errors import BadData, BadInput, BadUsage, Temporary
from sediff.refcat.download import build_from_tap, query_of
from sediff.refcat.index import read_catalogue, read_index
from sediff.refcat.regions import pixels_of
from sediff.refcat.shard import open_shard, read_shard
from sediff.refcat.tap import TapOptions, TapService

pytestmark = pytest.mark.busy

GAIA = read_catalogue('gaia')
TABLE = GAIA.tap['table']


def options(url, **given):
    return TapOptions(url, **{'timeout': 5.0, 'job_timeout': 5.0, 'poll': 0.02, 'retries': 2, 'pause': 0.02} | given)


def build(folder, url, area, **given):
    return build_from_tap(folder, GAIA, shards_of_area(area), TapService(options(url, **given)), TABLE, '', area)


def read_all(folder):
    rows = np.concatenate([read_shard(open_shard(path)) for path in sorted(folder.glob('GAIA_*.fits'))])
    return rows[np.argsort(rows['source_id'])]


@pytest.fixture
def sky():
    """A service that has 4000 stars around RA 359.9, Dec -10, five deg wide."""
    return Service(gaia_columns(359.9, -10.0, 5.0, 4000))


@pytest.mark.parametrize('sync', [False, True])
@pytest.mark.parametrize('area', ['cone:359.9,-10,0.5', 'polygon:359,-11,1,-11,1,-9,359,-9'])
def test_whole_shards_come_for_an_area(tmp_path, sky, sync, area):
    with serving(sky) as url:
        index, source = build(tmp_path, url, area, sync=sync)
    rows = gaia_rows(359.9, -10.0, 5.0, 4000)
    expected = rows[np.isin(pixels_of(rows['ra'], rows['dec']), shards_of_area(area))]
    assert np.array_equal(read_all(tmp_path)['source_id'], np.sort(expected['source_id']))
    assert list(index.shards) == shards_of_area(area).tolist()
    assert source['bytes'] > 50 * len(expected) > 0
    assert sky.queries[0].startswith('SELECT ')
    assert f'FROM {TABLE} WHERE 1 = CONTAINS' in sky.queries[0]


def test_the_pole_comes_whole(tmp_path):
    with serving(Service(gaia_columns(45.0, -89.9, 4.0, 3000))) as url:
        build(tmp_path, url, 'cone:45,-89.9,0.3')
    rows = gaia_rows(45.0, -89.9, 4.0, 3000)
    expected = rows[np.isin(pixels_of(rows['ra'], rows['dec']), shards_of_area('cone:45,-89.9,0.3'))]
    assert np.array_equal(read_all(tmp_path)['source_id'], np.sort(expected['source_id']))


def test_a_cut_off_answer_is_asked_for_in_quarters(tmp_path, sky):
    sky.row_limit = 60
    with serving(sky) as url:
        build(tmp_path, url, 'cone:359.9,-10,0.1')
    rows = gaia_rows(359.9, -10.0, 5.0, 4000)
    expected = rows[np.isin(pixels_of(rows['ra'], rows['dec']), shards_of_area('cone:359.9,-10,0.1'))]
    assert np.array_equal(read_all(tmp_path)['source_id'], np.sort(expected['source_id']))
    assert len(sky.queries) > len(shards_of_area('cone:359.9,-10,0.1'))


def test_too_many_stars_in_one_place_end_with_a_reason(tmp_path, sky):
    sky.row_limit = 0
    with serving(sky) as url, pytest.raises(BadData, match='raise --maxrec'):
        build(tmp_path, url, 'cone:359.9,-10,0.1')


@pytest.mark.parametrize('word', ['busy', 'cut', 'tired', 'aborted', 'redirect'])
def test_passing_failures_are_tried_again(tmp_path, sky, word):
    sky.script = [word]
    with serving(sky) as url:
        index, _ = build(tmp_path, url, 'cone:359.9,-10,0.1')
    rows = gaia_rows(359.9, -10.0, 5.0, 4000)
    assert index.rows == np.isin(pixels_of(rows['ra'], rows['dec']), shards_of_area('cone:359.9,-10,0.1')).sum() > 0
    assert len(sky.queries) == len(index.shards) + (word != 'redirect')


@pytest.mark.parametrize(('word', 'sync', 'match'), [
    ('busy', False, 'HTTP 503.*temporarily unavailable'), ('busy', True, 'HTTP 503'), ('cut', True, 'not a whole VOTable'),
    ('silent', False, 'no answer within 0.3 s'), ('silent', True, 'no answer within 0.3 s'),
    ('slow', False, 'still EXECUTING after 0.5 s'), ('tired', False, 'statement timeout'), ('aborted', False, 'ABORTED')])
def test_a_service_that_stays_away_is_temporary(tmp_path, sky, word, sync, match):
    sky.script = [word] * 9
    with serving(sky) as url, pytest.raises(Temporary, match=match) as caught:
        build(tmp_path, url, 'cone:359.9,-10,0.1', sync=sync, timeout=0.3, job_timeout=0.5, retries=1)
    assert caught.value.exit_code == 75
    assert 'tried 2 times' in str(caught.value)
    assert 'same command' in str(caught.value)


def test_nobody_there_is_temporary(tmp_path, sky):
    with serving(sky) as url:
        pass
    with pytest.raises(Temporary, match='ConnectionRefused'):
        build(tmp_path, url, 'cone:359.9,-10,0.1', retries=0)


@pytest.mark.parametrize(('word', 'sync', 'match'), [
    ('bad', False, 'HTTP 400: Cannot parse query: unknown column'), ('bad', True, 'HTTP 400: Cannot parse query'),
    ('error', False, 'column "phot_g" does not exist')])
def test_a_refused_query_is_told_at_once(tmp_path, sky, word, sync, match):
    sky.script = [word] * 9
    with serving(sky) as url, pytest.raises(BadInput, match=match):
        build(tmp_path, url, 'cone:359.9,-10,0.1', sync=sync)
    assert len(sky.queries) == 1


def test_an_interrupted_download_goes_on(tmp_path, sky):
    sky.script = ['ok', 'ok', 'busy', 'busy', 'busy']
    with serving(sky) as url:
        with pytest.raises(Temporary):
            build(tmp_path, url, 'cone:359.9,-10,2')
        assert len(list(tmp_path.glob('GAIA_*.fits'))) == 2
        asked = len(sky.queries)
        index, _ = build(tmp_path, url, 'cone:359.9,-10,2')
        assert len(sky.queries) - asked == len(index.shards) - 2
        build(tmp_path, url, 'cone:359.9,-10,2')
        assert len(sky.queries) - asked == len(index.shards) - 2
        with pytest.raises(BadUsage, match='same selection'):
            build_from_tap(tmp_path, GAIA, np.array([7232]), TapService(options(url)), TABLE, '', 'x', 18.0)


def test_the_command_on_an_exposure_list_and_a_sky_map(tmp_path, sky, capsys):
    (tmp_path / 'exposures.list').write_text('1 20150101 57023.1 359.9 -10 r 90 p object 1 field\n')
    nside = 64
    probability = np.zeros(12 * nside ** 2)
    probability[healpy.ang2pix(nside, 359.9, -10.0, lonlat=True)] = 1.0
    healpy.write_map(str(tmp_path / 'map.fits'), probability, coord='C', column_names=['PROB'], dtype=np.float64)
    with serving(sky) as url:
        shared = ['--url', url, '--timeout', '5', '--job-timeout', '5', '--retries', '0']
        assert main(['refcat', 'build', '--tap', f'skymap:{tmp_path}/map.fits', '-o', str(tmp_path / 'a'), *shared]) == 0
        assert main(['refcat', 'build', '--tap', f'exposures:{tmp_path}/exposures.list', '-o', str(tmp_path / 'a'),
                     '--sync', *shared]) == 0
        text = capsys.readouterr().out
        assert 'bytes in' in text
        assert 'ratio' in text
        assert set(read_index(tmp_path / 'a').shards) == set(shards_of_area(f'exposures:{tmp_path}/exposures.list').tolist())
        assert main(['refcat', 'build', '--tap', 'cone:1,2', '-o', str(tmp_path / 'b'), *shared]) == 2
        sky.script = ['busy']
        assert main(['refcat', 'build', '--tap', 'cone:200,2,0.1', '-o', str(tmp_path / 'b'), *shared]) == 75
        assert 'same command again later' in capsys.readouterr().err
    assert main(['refcat', 'build', '--tap', 'cone:1,2,3', '-o', str(tmp_path / 'b'), '--url', 'ftp://x/tap']) == 2


def test_queries_name_columns_and_conditions():
    text = query_of(read_catalogue('apass'), 100, 32, '"II/336/apass9"', ' AND mag_g < 17')
    assert '"g\'mag"' in text
    assert text.endswith('AND mag_g < 17')
    assert 'e_raj2000' in text
