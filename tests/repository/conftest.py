"""Lets the tests of this package import the made-up raw files."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
