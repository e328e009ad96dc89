"""The benches run: what they call is where they look for it."""
import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_the_bench_of_subtraction_runs_to_its_table(repository, tmp_path):
    words = [sys.executable, 'tests/bench_subtract.py', '--out', str(tmp_path), '--repeat', '1']
    run = subprocess.run(words, cwd=repository, text=True, capture_output=True, check=False)
    assert run.returncode == 0, run.stderr
    rows = json.loads((tmp_path / 'subtract.json').read_text())['results']
    assert {f'{kind}, {how}' for kind in ('subtract', 'warp') for how in ('cold command', 'warm with files')} <= set(rows)
    assert rows['subtract, cold command']['sky_chi'] == pytest.approx(1.0, abs=0.03)
