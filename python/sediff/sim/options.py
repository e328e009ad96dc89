"""What a simulated night can be asked for."""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sediff.errors import BadUsage
from sediff.instruments.base import Band, Instrument
from sediff.instruments.focalplane import model_row
from sediff.instruments.load import default_instrument

#: Effects of the camera that can be simulated: counts not in proportion to charge, charge that pushes the borders of pixels,
#: tape bumps, a dome lamp that is not as even as the sky, bleeds into the serial register, a sky that varies over the whole
#: focal plane (gradients and a pupil ghost that change from exposure to exposure), fringes in bands that have
#: some, the same as strong and fine as those of thick CCDs, bleeds into the register that spread over some columns only
#: (puddles), and hot pixels and columns, whose charge grows with time.
#: And of the sky: stars that move by a fraction of their PSF from template to template, half of them in no catalogue;
#: differential chromatic refraction; stars that have changed in the search exposure; and stars of G 7 to 15
#: (`sediff.sim.variables`); transients of S/N up to 300 on nuclei.
EFFECTS = ('linearity', 'brighterfatter', 'tapebumps', 'starflat', 'edgebleed', 'sky', 'fringes', 'puddle', 'hotpixels',
           'deepfringes', 'movers', 'dcr', 'variables', 'brightstars', 'nuclei')

#: Columns of Gaia's photometry that the reference stars come with (`sediff.sim.gaia_columns`).
GAIA_COLUMNS = ('errors', 'over', 'flux', 'fluxonly', 'none', 'mixed')


@dataclass(frozen=True)
class NightOptions:
    """Everything that determines a simulated night; with the same values the files are the same, byte for byte.

    Parameters
    ----------
    seed : int
        Seed of all random numbers.
    ccds : tuple of int
        CCD numbers to simulate.
    band : str
        One of the instrument's that can be simulated.
    exptime : float
        Seconds, of the sky exposures.
    nite : str
        Night of the search exposure, YYYYMMDD (UTC date minus 12 h).
    ra, dec : float
        Boresight the telescope is sent to, deg (ICRS).
    expnum : int
        Exposure number of the search exposure; the others count down from it.
    templates, zeros, flats : int
        Number of template, bias and dome-flat exposures.
    seeing : float
        FWHM of the search exposure, arcsec.
    stars, galaxies, transients, cosmics : int
        Mean number per CCD: stars to G = 24.2, galaxies to r = 24, transients in the search exposure, cosmic rays in 90 s.
    dither : float
        Largest offset of a template from the search exposure, pixels.
    pointing_error : float
        Largest error of the pointing in the headers, arcsec.
    rotation_error : float
        Largest error of the rotation in the headers, deg.
    kilonova_distance : float
        Mpc; 0 leaves the kilonova out.
    kilonova_days : float
        Days from the merger to the search exposure.
    streak : bool
        Whether a satellite crosses the search exposure.
    ramp : int
        Dome flats of rising exposure time, for the linearity table.
    skies : int
        Further exposures of the field in the night of the search exposure, dithered, for sky components and star flats.
    effects : tuple of str
        Of `EFFECTS`.
    template_days : (int, int)
        How many nights before the search exposure the templates were taken, least and most.
    hour_angle, template_hour_angle : float or None
        deg, of the search exposure and of the templates; None: within 20 deg of the meridian.
    gaia_columns : str
        Of `GAIA_COLUMNS`.
    edge_stars : int
        Stars per CCD of G = 7 to 12 within 600 rows of its first or last row.
    darks : int
        Dark exposures of 300 s.
    transient_snr : (float, float)
        Range of the transients' signal-to-noise against sky and read noise of the search exposure.
    instrument : Instrument
    """

    seed: int = 1
    ccds: tuple[int, ...] = (33, 34)
    band: str = 'r'
    exptime: float = 90.0
    nite: str = '20231115'
    ra: float = 52.5
    dec: float = -28.0
    expnum: int = 1250100
    templates: int = 3
    zeros: int = 3
    flats: int = 3
    seeing: float = 1.10
    stars: int = 2000
    galaxies: int = 1500
    transients: int = 20
    cosmics: int = 70
    dither: float = 100.0
    pointing_error: float = 30.0
    rotation_error: float = 0.05
    kilonova_distance: float = 150.0
    kilonova_days: float = 1.5
    streak: bool = True
    ramp: int = 0
    skies: int = 0
    effects: tuple[str, ...] = ()
    template_days: tuple[int, int] = (20, 60)
    hour_angle: float | None = None
    template_hour_angle: float | None = None
    gaia_columns: str = 'errors'
    edge_stars: int = 0
    darks: int = 0
    transient_snr: tuple[float, float] = (5.0, 100.0)
    instrument: Instrument = field(default_factory=default_instrument, repr=False)

    def __post_init__(self) -> None:
        _check(self)

    @property
    def facts(self) -> Band:
        """The band."""
        return self.instrument.bands[self.band]

    @property
    def scale(self) -> float:
        """arcsec a pixel near the middle of the focal plane."""
        return pixel_scale_of(self.instrument)

    @property
    def ccd_area(self) -> float:
        """Square degrees."""
        return ccd_area_of(self.instrument)

    def shape_of(self, ccd: int) -> tuple[int, int]:
        """Rows and columns of a trimmed CCD."""
        return self.instrument.detector(ccd).shape


def _check(options: NightOptions) -> None:
    bands = simulated_bands(options.instrument)
    if options.band not in bands:
        raise BadUsage(f'--band {options.band}: the simulator knows {", ".join(bands)} of {options.instrument.name}')
    nowhere = [str(ccd) for ccd in options.ccds if model_row(ccd, options.instrument) is None]
    if not options.ccds or nowhere:
        raise BadUsage(f'--ccds: give at least one CCD; {options.instrument.name} has no world coordinates of CCD '
                       f'{", ".join(nowhere) or "-"}, which cannot be simulated')
    if not (len(options.nite) == 8 and options.nite.isdigit()):
        raise BadUsage(f'--nite {options.nite}: write a night as YYYYMMDD')
    if not (0.0 <= options.ra < 360.0 and -90.0 < options.dec < 90.0):
        raise BadUsage(f'--ra {options.ra} --dec {options.dec}: RA must be within [0, 360), Dec within (-90, 90) deg')
    for name in ('exptime', 'seeing'):
        if not getattr(options, name) > 0:
            raise BadUsage(f'--{name} {getattr(options, name)}: must be positive')
    unknown = set(options.effects) - set(EFFECTS)
    if unknown:
        raise BadUsage(f'--effects {", ".join(sorted(unknown))}: the simulator knows {", ".join(EFFECTS)} (or all)')
    first, last = options.template_days
    if not 1 <= first <= last or last - first + 1 < options.templates:
        raise BadUsage(f'--template-days {first},{last}: two numbers of nights, MIN,MAX, with room for '
                       f'{options.templates} templates')
    if not 0.0 < options.transient_snr[0] < options.transient_snr[1]:
        raise BadUsage('--transient-snr {:g},{:g}: two numbers above 0, MIN,MAX'.format(*options.transient_snr))
    if options.gaia_columns not in GAIA_COLUMNS:
        raise BadUsage(f'--gaia-columns {options.gaia_columns}: the simulator knows {", ".join(GAIA_COLUMNS)}')
    counts = ('seed', 'ramp', 'skies', 'templates', 'zeros', 'flats', 'stars', 'galaxies', 'transients', 'cosmics', 'dither',
              'pointing_error', 'rotation_error', 'kilonova_distance', 'edge_stars', 'darks')
    for name in counts:
        if not getattr(options, name) >= 0:
            raise BadUsage(f'--{name.replace("_", "-")} {getattr(options, name)}: must not be negative')


def simulated_bands(instrument: Instrument) -> list[str]:
    """Bands of which the instrument's tables say enough."""
    return [name for name, band in instrument.bands.items()
            if None not in (band.sim_zero_point, band.sim_sky, band.sim_extinction)]


def pixel_scale_of(instrument: Instrument) -> float:
    """arcsec a pixel near the middle of the focal plane."""
    return instrument.number('sim_pixel_scale', instrument.pixel_scale)


def ccd_area_of(instrument: Instrument) -> float:
    """Area of a CCD, square degrees."""
    ny, nx = instrument.detector(instrument.ccds[0]).shape
    return ny * nx * (pixel_scale_of(instrument) / 3600.0) ** 2


def generator(seed: int, *stream: int) -> np.random.Generator:
    """Random numbers of one purpose (sky, a CCD, the noise of an exposure ...), independent of the others."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *stream])))


#: First number of each random stream.
PLAN, SKY, DETECTOR, OPTICS, LIGHT, READOUT, EFFECTS_STREAM, FOCAL_SKY, FRINGES, VARIABLES = range(10)
#: Those of effects that came later.
EDGE_STARS, PUDDLES, HOT_PIXELS = range(20, 23)
DEEP_FRINGES = 0xF21
