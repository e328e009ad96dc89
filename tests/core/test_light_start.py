"""A command imports what it uses: libraries whose import takes as long as its work are left to those that need them."""
import subprocess
import sys

import pytest

pytestmark = pytest.mark.busy

#: Each takes a quarter of a second or more.
HEAVY = ('scipy.signal', 'scipy.stats', 'healpy', 'pandas', 'matplotlib', 'sqlalchemy', 'astropy.wcs', 'numba')
#: A start -> those that it may import.
ALLOWED = {
    "from sediff.__main__ import main; main(['--version'])": (),
    "from sediff.__main__ import main; main(['config', '--help'])": (),
    "from sediff.__main__ import main; main(['status', '--help'])": (),
    'import sediff.cli.force': ('astropy.wcs', 'numba'),
    # the work of a CCD as a worker imports it, before the steps that it runs
    'import sediff.flow.exposure.job': ('astropy.wcs', 'numba'),
    'import sediff.cli.drivers': ('astropy.wcs', 'numba'),
    # what paints and finds fakes, and a fake that it spreads
    'from sediff.fakes import recover': ('astropy.wcs', 'numba', 'pandas'),
    'import numpy as np; from sediff.fakes.paint import STAMP, Light; '
    'Light(None, kernels=np.ones((1, 1, 9, 9), np.float32)).spread(np.ones((STAMP, STAMP)), 1, 1)': ('astropy.wcs', 'numba')}


@pytest.mark.parametrize('start', ALLOWED)
def test_nothing_heavy_is_imported(start):
    watched = f"""
import sys
try:
    {start.replace('; ', chr(10) + '    ')}
except SystemExit:
    pass
print(*(name for name in {HEAVY} if name in sys.modules))
"""
    result = subprocess.run([sys.executable, '-c', watched], text=True, capture_output=True, check=True)
    assert set(result.stdout.splitlines()[-1].split()) <= set(ALLOWED[start])


def test_what_a_command_imports_is_no_garbage():
    """It is not looked through for garbage afterwards, and what the command makes is."""
    said = subprocess.run([sys.executable, '-c', """
import gc
from sediff.__main__ import main
try:
    main(['sediff', '--help'])
except SystemExit:
    pass
print(gc.isenabled(), gc.get_freeze_count() > 100000, len(gc.get_objects()) < 50000)
"""], text=True, capture_output=True, check=True).stdout.splitlines()[-1]
    assert said == 'True True True'


def test_what_is_left_at_the_end_is_not_looked_through():
    """The last thing that a command does is to leave what it holds to the system."""
    said = subprocess.run([sys.executable, '-c', """
import atexit, gc
atexit.register(lambda: print(gc.isenabled(), len(gc.get_objects()) < 1000))
from sediff.__main__ import main
main(['steps'])
"""], text=True, capture_output=True, check=True).stdout.splitlines()[-1]
    assert said == 'False True'
