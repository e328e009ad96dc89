"""What rc/dagmaker.rc asks of templates, as the rules of `sediff.template.choose` and `sediff.template.seeing`."""
from __future__ import annotations

from collections.abc import Mapping

from sediff.errors import BadUsage
from sediff.parameters.model import band_key
from sediff.template.choose import Cuts
from sediff.template.seeing import SeeingRules


def cuts_for(parameters: Mapping, band: str, blacklist: frozenset[int] = frozenset()) -> Cuts:
    """The cuts that rc/dagmaker.rc asks for in a band.

    Raises
    ------
    BadUsage
        A band that has no t_eff cut.
    """
    key = band_key('TEFF_CUT_{band}', band)
    if key not in parameters:
        there = ', '.join(name.removeprefix('TEFF_CUT_') for name in parameters if name.startswith('TEFF_CUT_'))
        raise BadUsage(f'band {band}: templates can be chosen in {there}, the bands of INSTRUMENT')
    return Cuts(parameters['MIN_EXPTIME'], parameters[key], parameters['TWINDOW'],
                bool(parameters['TWINDOW_DISTINCT']), parameters['TWINDOW_BEFORE'], parameters['TWINDOW_AFTER'],
                parameters['MIN_NITE'], parameters['MAX_NITE'], blacklist)


def rules_for(parameters: Mapping) -> SeeingRules:
    """What rc/dagmaker.rc asks for."""
    return SeeingRules(parameters['TEMPLATE_MODE'] == 'single', parameters['TEMPLATE_BEST'],
                       parameters['TEMPLATE_QUANTILE'], parameters['TEMPLATE_MAX_SEEING'],
                       parameters['TEMPLATE_UNKNOWN_SEEING'] == 'drop')
