"""A command imports what it uses: libraries whose import takes as long as its work are left to those that need them."""
import subprocess
import sys

import pytest

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
    'import sediff.cli.drivers': ('astropy.wcs', 'numba')}


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
