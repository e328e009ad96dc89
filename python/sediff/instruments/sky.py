"""What bends light on its way to a telescope: where it stands, the air above it, and a band's wavelengths."""
from __future__ import annotations

from dataclasses import dataclass

from sediff.instruments.base import Instrument


@dataclass(frozen=True)
class Air:
    """Pressure (mmHg), temperature (deg C) and water vapour (mmHg) at the telescope; a usual night 2200 m above the sea."""

    pressure: float = 585.0
    temperature: float = 10.0
    vapour: float = 4.0


@dataclass(frozen=True)
class Sky:
    """Longitude and latitude of the telescope (deg), edges of the band (micrometres), the air."""

    site: tuple[float, float]
    edges: tuple[float, float]
    air: Air


def sky_of(instrument: Instrument, band: str) -> Sky | None:
    """What bends light in a band of an instrument; None where its edges are not known."""
    known = instrument.bands.get(band)
    if known is None or known.edges is None:
        return None
    usual = Air()
    air = Air(instrument.number('pressure', usual.pressure), instrument.number('temperature', usual.temperature),
              instrument.number('vapour', usual.vapour))
    return Sky(instrument.site, known.edges, air)
