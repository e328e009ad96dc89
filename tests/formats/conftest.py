"""Lets the tests import the made-up tables of tests/refcat and the made-up files beside them."""
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / 'refcat'), str(Path(__file__).parent)]
