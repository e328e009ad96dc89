"""Lets the tests of this package import `made_up_stars`."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
