"""Fixtures that all tests share."""
import os
from pathlib import Path

import pytest

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
