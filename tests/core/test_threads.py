"""Products do not depend on how many threads a node offers: every command computes with one."""
import os
import subprocess
import sys

import pytest

from sediff.engine.pool import THREADS

#: Sums and a solution as the fits take them, after a command has begun; hex, so that last digits count.
SUMS = """
import sys
from sediff.__main__ import main
assert main(['steps']) == 0
import numpy as np
rng = np.random.default_rng(1)
design, data, square = rng.normal(size=(40000, 60)), rng.normal(size=40000), rng.normal(size=(300, 300))
print(*(value.hex() for value in [*(design.T @ data).tolist(), *np.linalg.solve(square, square[0]).tolist()]))
"""


@pytest.mark.parametrize('threads', ['2', '7'])
def test_sums_are_those_of_one_thread(threads):
    """The node's environment asks for more threads, and gets the same last digits."""
    said = [subprocess.run([sys.executable, '-c', SUMS], env=os.environ | dict.fromkeys(THREADS, number), text=True,
                           capture_output=True, check=True).stdout.splitlines()[-1] for number in ('1', threads)]
    assert said[0] == said[1]
