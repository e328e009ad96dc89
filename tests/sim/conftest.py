"""Small simulated pieces that several tests of the simulator share."""
from dataclasses import replace
from pathlib import Path

import pytest

from sediff.sim.files import read_facts
from sediff.sim.night import simulate_night
from sediff.sim.options import NightOptions

SMALL = NightOptions(seed=7, ccds=(25, 26), stars=300, galaxies=60, transients=6, templates=1, zeros=1, flats=0)


@pytest.fixture(scope='session')
def facts():
    """Tables of the catalogs folder."""
    return read_facts('r')


@pytest.fixture(scope='session')
def options():
    """A small night on two CCDs of the south."""
    return SMALL


@pytest.fixture(scope='session')
def night(tmp_path_factory) -> Path:
    """That night on disk: one template, one bias, one search exposure."""
    root = tmp_path_factory.mktemp('night')
    simulate_night(root, SMALL)
    return root


@pytest.fixture(scope='session')
def one_ccd():
    """Options of a night with a single exposure of one CCD of the north."""
    return replace(SMALL, ccds=(33,), templates=0, zeros=0, stars=60, galaxies=10, transients=2)
