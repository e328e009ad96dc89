"""Lets the tests import the made-up raw files of tests/repository."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / 'repository'))
