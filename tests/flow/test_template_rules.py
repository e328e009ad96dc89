"""The rules of templates that the parameters ask for."""
import math

import pytest

from sediff.errors import BadUsage
from sediff.flow.exposure.template_rules import cuts_for, rules_for
from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.parameters.model import Parameters
from sediff.template.choose import Cuts
from sediff.template.seeing import SeeingRules


@pytest.fixture
def parameters() -> Parameters:
    """All parameters at their defaults."""
    return Parameters(declared(default_instrument()))


@pytest.mark.parametrize('band', ['u', 'g', 'r', 'i', 'z', 'Y', 'VR'])
def test_every_band_has_its_own_cut(parameters, band):
    parameters.set(f'TEFF_CUT_{band}', '0.77', 'test')
    assert cuts_for(parameters, band).min_teff == 0.77
    others = [cuts_for(parameters, other).min_teff for other in ('u', 'g', 'r', 'i', 'z', 'Y', 'VR') if other != band]
    assert 0.77 not in others


def test_cuts_of_the_parameters(parameters):
    for name, text in {'TWINDOW': '20', 'TWINDOW_DISTINCT': '1', 'TWINDOW_BEFORE': '2', 'TWINDOW_AFTER': '4',
                       'MIN_NITE': '20140101', 'MAX_NITE': '20180101', 'MIN_EXPTIME': '45'}.items():
        parameters.set(name, text, 'test')
    assert cuts_for(parameters, 'i', frozenset({1})) == Cuts(45.0, 0.3, 20.0, True, 2.0, 4.0, 20140101, 20180101,
                                                            frozenset({1}))


def test_band_without_a_cut(parameters):
    with pytest.raises(BadUsage, match='N964'):
        cuts_for(parameters, 'N964')


def test_defaults_keep_all(parameters):
    rules = rules_for(parameters)
    assert rules == SeeingRules() and rules.names == '' and rules.count(7) == 7
    parameters.set('TEMPLATE_QUANTILE', '0.3', 'test')
    assert rules_for(parameters).count(10) == math.ceil(3.0)
