"""The exposures of a night: when, where, through what sky."""
from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sediff.errors import BadUsage
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.sim.options import PLAN, NightOptions, generator, pixel_scale_of

PROPOSAL = '2023B-0001'
#: Dithers of the exposures of role 'sky', in units of `NightOptions.dither`, and by how much their numbers are higher.
SKY_DITHER, FIRST_SKY = 4.0, 1000
#: Exposure time (s) of darks, and by how much their numbers are higher.
DARK_SECONDS, FIRST_DARK = 300.0, 500
GOOD_SEEING = 0.9       # arcsec; t_eff is 1 at this seeing, transparency 1 and dark sky (Neilsen et al. 2016)


@dataclass(frozen=True)
class Pointing:
    """Where the camera looks: boresight (deg, ICRS), rotation (deg, from north through east), pixel scale / nominal."""

    ra: float
    dec: float
    rotation: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True)
class SimExposure:
    """One exposure of the plan.

    Parameters
    ----------
    role : str
        'search', 'template', 'sky', 'zero', 'dome flat' or 'dark'.
    mjd : float
        Start, UTC.
    commanded, true : Pointing
        What the header says and what is the case.
    seeing : float
        arcsec, in the middle of the field.
    sky : float
        Electrons per pixel.
    zero_point : float
        AB magnitude of one electron in the whole exposure.
    transparency : float
        Fraction of the light that a clear sky lets through.
    hour_angle, airmass : float
        deg; 1 at zenith.
    effective_time : float
        t_eff of DES, fraction of exptime.
    instrument : Instrument
    """

    expnum: int
    nite: str
    mjd: float
    band: str
    exptime: float
    role: str
    object_name: str
    commanded: Pointing
    true: Pointing
    seeing: float = 0.0
    sky: float = 0.0
    zero_point: float = 0.0
    transparency: float = 1.0
    hour_angle: float = 0.0
    airmass: float = 1.0
    effective_time: float = 0.0
    instrument: Instrument = field(default_factory=default_instrument, repr=False)

    @property
    def pixel_scale(self) -> float:
        """arcsec."""
        return pixel_scale_of(self.instrument)

    @property
    def on_sky(self) -> bool:
        """Whether it sees stars."""
        return self.role in ('search', 'template', 'sky')

    @property
    def obstype(self) -> str:
        """OBSTYPE card."""
        return 'object' if self.on_sky else self.role


def make_plan(options: NightOptions) -> list[SimExposure]:
    """All exposures, in the order of their numbers: templates of earlier nights, zeros, dome flats, the search exposure.

    Raises
    ------
    BadUsage
        The field is not up at night on one of the nights.
    """
    rng = generator(options.seed, PLAN)
    nights_before: Sequence | np.ndarray = []
    if options.templates:
        nights_before = np.sort(rng.choice(_template_nights(options), options.templates, replace=False))[::-1]
    sharp, rest = rng.uniform(0.90, 0.99, min(2, options.templates)), rng.uniform(0.95, 1.2, max(0, options.templates - 2))
    scale = options.seeing / 1.10
    seeings = rng.permutation(np.concatenate([sharp, rest])) * scale
    first = options.expnum - options.flats - options.zeros - 10 * options.templates
    exposures = [_sky_exposure(rng, options, first + 10 * k, int(days), float(seeing), 'template')
                 for k, (days, seeing) in enumerate(zip(nights_before, seeings))]
    exposures += [_calibration(options, k) for k in range(options.zeros + options.flats)]
    exposures.append(_sky_exposure(rng, options, options.expnum, 0, options.seeing, 'search'))
    exposures += [_ramp_flat(options, k) for k in range(options.ramp)]
    exposures += [_sky_exposure(rng, options, options.expnum + FIRST_SKY + k, 0, options.seeing, 'sky')
                  for k in range(options.skies)]
    return exposures + [_dark(options, k) for k in range(options.darks)]


def _template_nights(options: NightOptions) -> np.ndarray:
    """Nights before the search exposure, of those asked for on which the field reaches its hour angle while it is dark."""
    nights = np.arange(options.template_days[0], options.template_days[1] + 1)
    if options.template_days == NightOptions.template_days and options.template_hour_angle is None:
        return nights
    wanted = options.template_hour_angle or 0.0
    reached = [abs(transit_time(nite, options.ra, wanted, options.instrument)[1] - wanted) < 1.0
               for nite in (shift_nite(options.nite, -int(days)) for days in nights)]
    if sum(reached) < options.templates:
        raise BadUsage(f'RA {options.ra} is at hour angle {wanted:.0f} deg in the dark on {sum(reached)} of the nights of '
                       f'--template-days {options.template_days[0]},{options.template_days[1]}; name others')
    return nights[reached]


def _sky_exposure(rng, options: NightOptions, expnum: int, days_before: int, seeing: float, role: str) -> SimExposure:
    nite = shift_nite(options.nite, -days_before)
    given = options.template_hour_angle if role == 'template' else options.hour_angle
    drawn = float(rng.uniform(-20.0, 20.0))
    mjd, hour_angle = transit_time(nite, options.ra, drawn if given is None else given, options.instrument)
    airmass = airmass_of(options.dec, hour_angle, options.instrument.site[1])
    if not 1.0 <= airmass < 3.0:
        raise BadUsage(f'RA {options.ra} Dec {options.dec} is not up in the night {nite} (airmass {airmass:.1f}); '
                       'choose another --nite or field')
    reach = {'template': 1.0, 'sky': SKY_DITHER}.get(role, 0.0)
    dither = rng.uniform(-1.0, 1.0, 2) * options.dither * reach
    commanded = _offset(Pointing(options.ra, options.dec), *(dither * options.scale))
    radius, angle = options.pointing_error * np.sqrt(rng.uniform(0.1, 1.0)), rng.uniform(0.0, 2.0 * np.pi)
    true = replace(_offset(commanded, radius * np.cos(angle), radius * np.sin(angle)),
                   rotation=options.rotation_error * float(rng.uniform(-1.0, 1.0)),
                   scale=1.0 + 1e-4 * float(rng.uniform(-1.0, 1.0)))
    facts, transparency = options.facts, float(rng.uniform(0.85, 1.0))
    bright, dark, extinction = facts.sim_zero_point, facts.sim_sky, facts.sim_extinction
    assert bright is not None and dark is not None and extinction is not None    # options reject bands without them
    zero_point = bright + 2.5 * np.log10(options.exptime * transparency) - extinction * (airmass - 1.0)
    brightness = float(rng.uniform(0.9, 1.4))
    sky = brightness * options.exptime * options.scale ** 2 * 10 ** (0.4 * (bright - dark))
    effective = transparency ** 2 * (GOOD_SEEING / seeing) ** 2 / brightness
    return SimExposure(expnum, nite, mjd, options.band, options.exptime, role, field_name(options.ra, options.dec),
                       commanded, true, seeing, sky, float(zero_point), transparency, hour_angle, airmass, effective,
                       options.instrument)


def _calibration(options: NightOptions, index: int) -> SimExposure:
    is_zero = index < options.zeros
    expnum = options.expnum - options.zeros - options.flats + index
    mjd = nite_mjd(options.nite) + (_dark_from(options.instrument) - 0.15) + index * 1.5e-3
    park = Pointing(0.0, options.instrument.site[1])
    if is_zero:
        return SimExposure(expnum, options.nite, mjd, options.band, 0.0, 'zero', 'bias', park, park,
                           instrument=options.instrument)
    return SimExposure(expnum, options.nite, mjd, options.band, 10.0, 'dome flat', f'{options.band} dome flat', park, park,
                       sky=lamp_of(options.instrument), instrument=options.instrument)


def _ramp_flat(options: NightOptions, index: int) -> SimExposure:
    """A flat of the linearity series: 300 to 150000 e- for a lamp of 80000 e-, which is that of the other flats."""
    seconds = round(float(np.geomspace(300.0, 150000.0, options.ramp)[index]) / 8000.0, 4)
    park = Pointing(0.0, options.instrument.site[1])
    mjd = nite_mjd(options.nite) + (_dark_from(options.instrument) - 0.1) + index * 1.5e-3
    return SimExposure(options.expnum + 1 + index, options.nite, mjd, options.band, seconds, 'dome flat',
                       f'linearity {options.band}', park, park, sky=lamp_of(options.instrument) / 10.0 * seconds,
                       instrument=options.instrument)


def _dark(options: NightOptions, index: int) -> SimExposure:
    park = Pointing(0.0, options.instrument.site[1])
    mjd = nite_mjd(options.nite) + (_dark_from(options.instrument) - 0.3) + index * 4e-3
    return SimExposure(options.expnum + FIRST_DARK + index, options.nite, mjd, options.band, DARK_SECONDS, 'dark', 'dark',
                       park, park, instrument=options.instrument)


def field_name(ra: float, dec: float) -> str:
    """Name of a pointing: `field 0330-2800` (hours and minutes, degrees and minutes)."""
    hours, degrees = divmod(round(ra * 4.0) % 1440, 60), divmod(round(abs(dec) * 60.0), 60)
    return f'field {hours[0]:02d}{hours[1]:02d}{"-" if dec < 0 else "+"}{degrees[0]:02d}{degrees[1]:02d}'


def nite_mjd(nite: str) -> float:
    """MJD of 0 h UTC on the date of a night's name."""
    try:
        day = datetime.datetime.strptime(nite, '%Y%m%d').date()
    except ValueError as error:
        raise BadUsage(f'{nite} is not a date; write YYYYMMDD') from error
    return float((day - datetime.date(1858, 11, 17)).days)


def shift_nite(nite: str, days: int) -> str:
    """The night that many days later."""
    return (datetime.date(1858, 11, 17) + datetime.timedelta(days=int(nite_mjd(nite)) + days)).strftime('%Y%m%d')


def sidereal_time(mjd: float, longitude: float) -> float:
    """Mean sidereal time at a longitude (deg, east positive), deg (IAU 1982, linear term)."""
    return (280.46061837 + 360.98564736629 * (mjd - 51544.5) + longitude) % 360.0


def transit_time(nite: str, ra: float, hour_angle: float, instrument: Instrument) -> tuple[float, float]:
    """MJD and hour angle (deg) in the dark hours of a night, as near to the wanted hour angle as possible.

    Notes
    -----
    Where camera.csv does not say, the nine dark hours begin 7.3 hours after local noon.
    """
    longitude, _ = instrument.site
    dark = instrument.number('sim_dark_hours', 9.0) / 24.0
    start = nite_mjd(nite) + _dark_from(instrument)
    wait = ((ra + hour_angle - sidereal_time(start, longitude)) % 360.0) / 360.98564736629
    wait = wait if wait <= dark else (dark if wait < dark + 0.315 else 0.0)
    mjd = start + wait
    return mjd, (sidereal_time(mjd, longitude) - ra + 180.0) % 360.0 - 180.0


def _dark_from(instrument: Instrument) -> float:
    """Days from 0 h UTC of a night's date to its first dark hour."""
    return instrument.number('sim_dark_from', 19.3 - instrument.site[0] / 15.0) / 24.0


def lamp_of(instrument: Instrument) -> float:
    """Electrons of a dome flat; where camera.csv does not say, a third of what the amplifiers hold."""
    full = min((each.saturate * each.gain for one in instrument.detectors.values() for each in one.amplifiers
                if each.saturate * each.gain > 0), default=120000.0)
    return instrument.number('sim_lamp', full / 3.0)


def airmass_of(dec: float, hour_angle: float, latitude: float) -> float:
    """Secant of the zenith distance at a latitude (deg); infinite below the horizon."""
    latitude, declination = np.radians(latitude), np.radians(dec)
    height = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(np.radians(hour_angle))
    return float(1.0 / height) if height > 0 else np.inf


def _offset(pointing: Pointing, east: float, north: float) -> Pointing:
    """Move a pointing by arcsec on the sky."""
    ra = (pointing.ra + east / 3600.0 / np.cos(np.radians(pointing.dec))) % 360.0
    return replace(pointing, ra=float(ra), dec=float(pointing.dec + north / 3600.0))
