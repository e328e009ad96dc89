"""Lets the tests of the shards import the made-up tables of tests/refcat."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / 'refcat'))
