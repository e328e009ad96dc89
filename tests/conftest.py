"""Fixtures that all tests share."""
import os
from pathlib import Path

import pytest

from sediff.engine.pool import one_thread

one_thread()
pytest_plugins = ['pytester', 'tests.tiers']
REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope='session')
def realdata() -> Path:
    """Folder of real DECam data, from SEDIFF_REALDATA (default ../shared/realdata); skips where it is absent."""
    folder = Path(os.environ.get('SEDIFF_REALDATA') or REPOSITORY.parent / 'shared' / 'realdata')
    if not folder.is_dir():
        pytest.skip(f'no real data at {folder}: set SEDIFF_REALDATA')
    return folder


@pytest.fixture
def repository() -> Path:
    """Top of the checkout."""
    return REPOSITORY
