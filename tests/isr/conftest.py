"""What the tests of instrument signature removal share."""
from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from isr_scenes import Scene, make_scene


@pytest.fixture(scope='session')
def scene() -> Scene:
    """One scene for all tests."""
    return make_scene()
