"""More detections than a person would look at: the CCD stops before the database, the page says so; later it goes on."""
import re
import sqlite3

from .conftest import Night, done


def rows(night: Night) -> list[str]:
    """Everything in the season's database."""
    with sqlite3.connect(night.root / 'persistent' / 'gw' / 'db' / 'dp33.sqlite') as connection:
        return list(connection.iterdump())


def steps_run(result) -> list[str]:
    return re.findall(r'c33 (RUN\d\d)_\S+ done', result.stderr)


def test_a_flood_enters_no_database_and_a_higher_limit_goes_on_from_there(copy):
    before, loose = rows(copy), ['-P', 'DIFF_THRESHOLD=3.5', '-P', 'CUT_MIN_SNR=0', '-P', 'MIN_MLSCORE=0']
    flood = copy.sediff(*loose, '-P', 'MAX_NEW_CANDIDATES=20')
    assert flood.returncode == 4, flood.stderr
    found = re.search(r'exit 4: 12345678 c33: (\d+) detections pass the cuts .*MAX_NEW_CANDIDATES=20', flood.stderr)
    assert found and int(found[1]) > 20 and 'diff_mh.fits.fz' in flood.stderr and 'qc_D12345678_r4p7.png' in flood.stderr
    assert rows(copy) == before
    page = (copy.folder / 'candidates_12345678_dp33.html').read_text()
    assert f'The detections of CCD 33 are held back and enter no table: 12345678 c33: {found[1]} detections' in page
    assert 'data-score' not in page.partition('<script>')[0]
    on_disk = sorted(path.name.partition('_diff.')[2] for path in copy.folder.rglob('*_diff.*fits'))
    assert on_disk == ['fits', 'kern.fits', 'photons.fits']
    again = done(copy.sediff(*loose, '-P', 'MAX_NEW_CANDIDATES=100000'))
    assert steps_run(again) == ['RUN25', 'RUN26', 'RUN27', 'RUN28']
    assert sum(line.startswith('INSERT INTO "detections"') for line in rows(copy)) > int(found[1])
    assert 'held back' not in (copy.folder / 'candidates_12345678_dp33.html').read_text()
    assert [path.name.partition('_diff.')[2] for path in copy.folder.rglob('*_diff.*fits')] == ['kern.fits']
    assert not [path for path in copy.folder.rglob('*.fits') if path.name.endswith(('_template.fits', '+fakeSN.fits'))]
