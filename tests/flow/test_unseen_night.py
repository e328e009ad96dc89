"""A night of four CCDs and two templates that is not the demo's: what must be found is found, and little else."""
import pytest
from tests import bars

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_a_night_of_another_seed_is_found_whole(tmp_path):
    args = bars.parse(['--seeds', '5', '--ccds', '12,20,27,33', '--workers', '2', '--keep', str(tmp_path)])
    row, sources, _ = bars.one_night(args, 5, tmp_path)
    good = sources[sources['good']]
    missing = sources[sources['must'] & ~sources['kept']]
    assert row['found'] == row['must be found'] >= 36, missing[['id', 'ccdnum', 'snr_ideal', 'reject', 'score']]
    assert row['check'] == 0 and row['CCDs'] == 4
    assert good.loc[good['ideal'] > 8.0, 'kept'].mean() >= 0.99
    assert row['false a deg2'] <= 40.0 and row['false S/N > 6'] <= 4 and row['most on a CCD, S/N > 6'] <= 1
