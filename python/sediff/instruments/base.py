"""What a camera is: its detectors, bands, raw files and site, as the tables of its folder say (docs/camera.md)."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from sediff.errors import BadInput, BadUsage


@dataclass(frozen=True)
class AmplifierFacts:
    """What the tables say of an amplifier; the cards of a raw header win over it.

    Parameters
    ----------
    name : str
        One letter or digit.
    gain, read_noise, saturate : float
        e-/ADU, e-, ADU; 0: only the header says.
    cards : mapping of str to str
        Its sections (DATASEC, BIASSEC, CCDSEC, AMPSEC) where the header has none: FITS text, 1-based.
    """

    name: str
    gain: float = 0.0
    read_noise: float = 0.0
    saturate: float = 0.0
    cards: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Detector:
    """One detector.

    Parameters
    ----------
    number : int
        What file names, lists and CCDNUM call it; from 1.
    name : str
        What the camera calls it (DETPOS, and EXTNAME of its extension of a raw file).
    shape : (int, int)
        Rows and columns of the trimmed image, pixels.
    centre : (float, float)
        Place in the focal plane, mm: x along the rows of the table's x_center_mm, y along y_center_mm.
    amplifiers : tuple of AmplifierFacts
    bad_from, bad_to : str
        Nights (YYYYMMDD, '' is open) on which the amplifiers `bad` cannot be used.
    bad : str
        Names of those amplifiers, one after the other.
    part : str
        Which part of raw_cards.csv the simulator takes for it.
    """

    number: int
    name: str
    shape: tuple[int, int]
    centre: tuple[float, float] = (0.0, 0.0)
    amplifiers: tuple[AmplifierFacts, ...] = ()
    bad_from: str = ''
    bad_to: str = ''
    bad: str = ''
    part: str = ''

    def dead_amplifiers(self, nite: str | int | None = None) -> tuple[str, ...]:
        """Names of the amplifiers that cannot be used on a night (YYYYMMDD); None: that are dead with no end known."""
        if nite is None:
            bad = not self.bad_to
        else:
            bad = (self.bad_from or '00000000') <= str(nite) <= (self.bad_to or '99999999')
        return tuple(self.bad) if bad else ()

    def alive(self, nite: str | int | None = None) -> bool:
        """Whether any of its amplifiers can be used on a night."""
        return len(self.dead_amplifiers(nite)) < max(len(self.amplifiers), 1)


@dataclass(frozen=True)
class Band:
    """One band.

    Parameters
    ----------
    name : str
        Letters and digits: it stands in file names.
    spellings : tuple of str
        What the filter card may say: the whole of it, or its first word.
    fringes : bool
        Whether images in it have fringes.
    edges : (float, float) or None
        Wavelengths (micrometres) between which it lets light through; None: no differential refraction is expected.
    like : str
        Band of griz that the simulator takes galaxies' colours and the kilonova's light curve from.
    filter_card : str
        What a simulated header says.
    sim_zero_point, sim_sky, sim_extinction : float or None
        mag of 1 e-/s at the zenith; AB mag arcsec^-2; mag per airmass. None: it cannot be simulated.
    """

    name: str
    spellings: tuple[str, ...]
    fringes: bool = False
    edges: tuple[float, float] | None = None
    like: str = ''
    filter_card: str = ''
    sim_zero_point: float | None = None
    sim_sky: float | None = None
    sim_extinction: float | None = None


@dataclass(frozen=True)
class CardRule:
    """How a card of the camera becomes the one the pipeline knows.

    Parameters
    ----------
    card : str
        The pipeline's (the DES one); {amp} stands for each amplifier's name.
    sources : tuple of str
        The camera's, the first that is there counts; {amp} and {number} (from 1) likewise.
    form : str
        '' as it is; 'degrees' an angle of TELRA or TELDEC; 'jd' a Julian date; a number: times so much.
    values : mapping of str to str
        The camera's texts (lower case) -> the pipeline's.
    """

    card: str
    sources: tuple[str, ...]
    form: str = ''
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Instrument:
    """A camera at a telescope.

    Parameters
    ----------
    name : str
    folder : Path
        Of its tables.
    overlay : Path or None
        A user's folder whose tables win over those of `folder`.
    detectors : mapping of int to Detector
    bands : mapping of str to Band
    rules : tuple of CardRule
        Empty: its raw headers are as the pipeline knows them.
    facts : mapping of str to str
        camera.csv.
    digest : str
        Hash of all of its tables.
    """

    name: str
    folder: Path
    overlay: Path | None
    detectors: Mapping[int, Detector]
    bands: Mapping[str, Band]
    rules: tuple[CardRule, ...]
    facts: Mapping[str, str]
    digest: str

    def __repr__(self) -> str:
        return f'Instrument({self.name!r}, {str(self.folder)!r})'

    def number(self, key: str, default: float | None = None) -> float:
        """A number of camera.csv; BadInput where there is none and no default."""
        text = self.facts.get(key, '')
        if not text and default is not None:
            return default
        try:
            return float(text)
        except ValueError:
            raise BadInput(f'{self.folder / "camera.csv"}: {key} is {text!r}; a number is needed') from None

    @cached_property
    def ccds(self) -> tuple[int, ...]:
        """Numbers of the detectors, ascending."""
        return tuple(sorted(self.detectors))

    @property
    def has_des_words(self) -> bool:
        """Whether its raw headers have the cards of DES, as they stand."""
        return not self.rules

    @cached_property
    def pixel_scale(self) -> float:
        """arcsec a pixel."""
        return self.number('pixel_scale')

    @cached_property
    def site(self) -> tuple[float, float]:
        """Longitude (east positive) and latitude of the telescope, deg."""
        return self.number('longitude'), self.number('latitude')

    @cached_property
    def night_offset(self) -> float:
        """Hours by which the UTC date that names a night lies before the exposure."""
        if self.facts.get('night_offset', 'noon') == 'noon':
            return 12.0 - self.number('longitude') / 15.0
        return self.number('night_offset')

    @cached_property
    def days(self) -> tuple[float, float]:
        """MJD between which exposures can have been taken."""
        return self.number('first_day', 40000.0), self.number('last_day', 88000.0)

    @cached_property
    def fringing(self) -> frozenset[str]:
        """Bands with fringes."""
        return frozenset(name for name, band in self.bands.items() if band.fringes)

    @cached_property
    def ccd_bits(self) -> int:
        """Bits that the number of a detector takes in the ids of detections: six, or more where there are more."""
        return max(6, max(self.ccds).bit_length())

    def detector(self, number: int) -> Detector:
        """A detector by its number; BadUsage where there is none."""
        found = self.detectors.get(int(number))
        if found is None:
            raise BadUsage(f'CCD {number} does not exist; science CCDs of {self.name} are {self.ccd_text}')
        return found

    @cached_property
    def ccd_text(self) -> str:
        """Its detectors' numbers as messages write them: `1-62`."""
        spans: list[list[int]] = []
        for ccd in self.ccds:
            if spans and ccd == spans[-1][1] + 1:
                spans[-1][1] = ccd
            else:
                spans.append([ccd, ccd])
        return ','.join(f'{first}-{last}' if last > first else str(first) for first, last in spans)

    def band_of_filter(self, text: str) -> str:
        """The band that a filter card names; '' where none."""
        words = text.split()
        for whole in (' '.join(words), *words[:1]):
            for name, band in self.bands.items():
                if whole == name or whole in band.spellings:
                    return name
        return ''


def table_path(instrument: Instrument, name: str) -> Path:
    """Path of one of an instrument's tables.

    Raises
    ------
    BadInput
        It has no such table.
    """
    for folder in (instrument.overlay, instrument.folder):
        if folder is not None and (folder / name).is_file():
            return folder / name
    raise BadInput(f'no table {name} of {instrument.name} in {instrument.folder}; docs/camera.md says what it must hold')


def user_table(root: Path, name: str, instrument: Instrument) -> Path:
    """A table of the user's, relative to ROOT, or else the instrument's.

    Raises
    ------
    BadInput
        Neither.
    """
    own = Path(root) / name
    return own if own.is_file() else table_path(instrument, name)
