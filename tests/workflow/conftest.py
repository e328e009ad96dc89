"""Parameters at their defaults."""
import pytest

from sediff.parameter_table import TABLE
from sediff.parameters import Parameters


@pytest.fixture
def parameters() -> Parameters:
    """All parameters at their defaults."""
    return Parameters(TABLE)
