"""Lets the tests of this package import their made-up tables and the TAP server."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
