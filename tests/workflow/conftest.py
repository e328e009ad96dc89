"""Parameters at their defaults; the made-up raw files of tests/repository can be imported."""
import sys
from pathlib import Path

import pytest

from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.parameters.model import Parameters

sys.path.insert(0, str(Path(__file__).parents[1] / 'repository'))


@pytest.fixture
def parameters() -> Parameters:
    """All parameters at their defaults."""
    return Parameters(declared(default_instrument()))
