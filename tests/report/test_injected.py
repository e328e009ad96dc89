"""The fakes of an exposure's CCDs, run separately, are one efficiency on its page."""
import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import erfc

from sediff.errors import BadUsage
from sediff.fakes.truth import OUTCOME_DTYPE, outcome_frame
from sediff.parameters.model import Parameters
from sediff.parameters.table import TABLE
from sediff.report.entries import ExposureEntry
from sediff.report.injected import injected_entry
from sediff.report.page import candidate_page
from sediff.repository.names import Exposure, product_path
from sediff.repository.repository import Repository
from sediff.values import checked_distances

MIDDLE, WIDTH = 22.6, 0.35


def fakes(ccd, count=300):
    """Fakes of a CCD, kept as the error function says, detected 0.2 mag deeper."""
    rng, out = np.random.default_rng(ccd), np.zeros(count, OUTCOME_DTYPE)
    out['CCD'], out['ID'], out['SIGN'], out['USABLE'] = ccd, np.arange(count), 1, 1
    out['KIND'], out['HOST_SB'] = np.where(np.arange(count) % 3, 'field', 'host'), 99.0
    out['MAG'] = rng.uniform(20, 25, count)
    draw = rng.random(count)
    for name, shift in (('FOUND', 0.2), ('PASSED', 0.0)):
        out[name] = draw < 0.5 * erfc((out['MAG'] - MIDDLE - shift) / (np.sqrt(2) * WIDTH))
    out['FLUXERR_FORCED'], out['FLUX'] = 100.0, 10 ** (0.4 * (30.0 - out['MAG']))
    out['FLUX_FORCED'], out['SNR_TRUE'] = out['FLUX'], out['FLUX'] / 100.0
    return out


@pytest.fixture
def exposure(tmp_path):
    return Exposure(tmp_path, 12345678, '20231115', 'r', season='dp33', field='WS1-2')


def put(exposure, ccd, rows, depth):
    one = exposure.with_ccd(ccd)
    Repository.of(one).put('injected', one, outcome_frame(rows))
    Repository.of(one).put('injected_info', one, {'depth': {'depth': depth}})
    return one


def test_ccds_that_were_run_separately_are_one_efficiency(exposure):
    shown = [put(exposure, 1, fakes(1), 23.1)]
    first = injected_entry(exposure, shown, Parameters(TABLE))
    shown += [put(exposure, 33, fakes(33), 23.3), put(exposure, 60, fakes(60), 23.4), put(exposure, 61, fakes(61)[:0], None)]
    entry = injected_entry(exposure, shown, Parameters(TABLE))
    assert (first.told['injected'], entry.told['injected'], entry.ccds) == (300, 900, '1,33,60')
    kept, detected = (entry.told[stage]['magnitude'] for stage in ('kept', 'detected'))
    assert kept['half'] == pytest.approx(MIDDLE, abs=4 * kept['half_error']) and kept['half_error'] < 0.07
    assert detected['half'] == pytest.approx(MIDDLE + 0.2, abs=4 * detected['half_error'])
    assert kept['width'] == pytest.approx(WIDTH, abs=0.12)
    assert first.told['kept']['magnitude']['half_error'] > 1.3 * kept['half_error']
    assert (entry.depth, entry.depth_low, entry.depth_high) == (23.3, 23.1, 23.4)
    # an AT2017gfo of one day: 20.98 mag at 200 Mpc in r (catalogs/at2017gfo.csv)
    at = {row['distance']: row for row in entry.distances}
    assert entry.half_distance == pytest.approx(200 * 10 ** (0.2 * (kept['half'] - at[200.0]['magnitude'])), rel=1e-3)
    table = pd.read_csv(product_path(exposure, 'injected_efficiency'))
    assert set(table['ccd']) == {'all', '1', '33', '60'}
    assert table[(table['ccd'] == 'all') & (table['of'] == 'MAG')]['injected'].sum() == 900
    told = json.loads(product_path(exposure, 'injected_summary').read_text())
    assert told['depths'] == {'1': 23.1, '33': 23.3, '60': 23.4, '61': None}
    assert product_path(exposure, 'injected_png').read_bytes().startswith(b'\x89PNG')


def test_the_page_shows_them(exposure):
    entry = injected_entry(exposure, [put(exposure, 33, fakes(33), 23.3)], Parameters(TABLE))
    page = candidate_page(ExposureEntry(12345678, 20231115, 'r', 33), [], injected=entry)
    text = re.sub(r'<[^>]+>', ' ', page)
    half = entry.told['kept']['magnitude']
    assert f'Half are kept at {half["half"]:.2f} ± {half["half_error"]:.2f} mag' in text
    assert '5σ depth of the differences' in text
    assert re.search(r'depth of the difference, 5σ\s+23\.30', text) and re.search(r'200 Mpc\s+20\.98', text)
    assert f'50 % complete for an AT2017gfo 1.0 d after the merger at {entry.half_distance:.0f} Mpc' in text
    assert entry.picture in page and 'nan' not in text.partition('<script')[0].split('Fakes')[1][:1500]


def test_no_fakes_and_tables_that_cannot_be_read_are_no_failure(exposure, capsys):
    one = exposure.with_ccd(5)
    assert injected_entry(exposure, [one], Parameters(TABLE)) is None
    put(exposure, 5, fakes(5)[:0], None)
    assert injected_entry(exposure, [one], Parameters(TABLE)) is None
    product_path(one, 'injected').write_text('ID,MAG\n1,20\n')
    assert injected_entry(exposure, [one, put(exposure, 6, fakes(6)[:10], None)], Parameters(TABLE)).told['injected'] == 10
    assert '12345678 c05 left out of the fakes of the page' in capsys.readouterr().err


def test_a_band_without_a_light_curve_has_no_distances(tmp_path):
    exposure = Exposure(tmp_path, 12345678, '20231115', 'VR', season='dp33', field='WS1-2')
    entry = injected_entry(exposure, [put(exposure, 33, fakes(33), 23.3)], Parameters(TABLE))
    assert entry.half_distance is None and entry.distances == []
    assert 'AT2017gfo' not in candidate_page(ExposureEntry(12345678, 20231115, 'VR', 33), [], injected=entry)


@pytest.mark.parametrize('text, distances', [('40,100,200', (40.0, 100.0, 200.0)), ('', ()), (' 0.1 , 100000', (0.1, 1e5))])
def test_distances_are_read(text, distances):
    assert checked_distances(text, 'FAKES_DISTANCES') == distances


@pytest.mark.parametrize('text', ['40;100', 'far', '0.05', '100001', 'nan', '-3'])
def test_other_distances_are_rejected(text):
    with pytest.raises(BadUsage, match='FAKES_DISTANCES'):
        Parameters(TABLE).set('FAKES_DISTANCES', text, 'test')
