"""What the candidate page shows: the exposure and one entry a candidate."""
from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from astropy.coordinates import Angle
from PIL import Image

from sediff.candidates.cuts import reject_names
from sediff.candidates.stamps import STAMP_KINDS, display_triplet
from sediff.detect.table import Flag


@dataclass(frozen=True)
class ExposureEntry:
    """The head of the page; None is shown as a dash.

    Parameters
    ----------
    expnum, nite, season : int
    band, object : str
        `object` comes from the raw header and is never trusted.
    mjd : float
        Start, UTC.
    exposure_time : float
        s.
    seeing : float
        FWHM, arcsec.
    zero_point : float
        AB mag of one electron in the whole exposure.
    depth : float
        5-sigma AB mag of a point source in the difference, median of the CCDs.
    t_eff, airmass : float
    ccds_done, ccds_failed : tuple of int
        CCD numbers.
    detections, kept : int
        Detections of both signs, and those that passed the cuts.
    templates : tuple of int
        Exposure numbers.
    version, made : str
        Of the program; when the page was made (UTC).
    ccds_overfull : tuple of int
        CCDs with more peaks than MAX_DETECTIONS.
    """

    expnum: int
    nite: int
    band: str
    season: int
    object: str = ''
    mjd: float | None = None
    exposure_time: float | None = None
    seeing: float | None = None
    zero_point: float | None = None
    depth: float | None = None
    t_eff: float | None = None
    airmass: float | None = None
    ccds_done: tuple[int, ...] = ()
    ccds_failed: tuple[int, ...] = ()
    detections: int = 0
    kept: int = 0
    templates: tuple[int, ...] = ()
    version: str = ''
    made: str = ''
    ccds_overfull: tuple[int, ...] = ()


@dataclass(frozen=True)
class CandidateEntry:
    """One line of the page.

    Parameters
    ----------
    identifier : int
        Candidate (or detection) id.
    ccd, number : int
        Where it was detected.
    ra, dec : float
        deg ICRS.
    x, y : float
        1-based px.
    snr, score : float
    magnitude, magnitude_error : float or None
        AB; None without a zero point or positive flux.
    flags : tuple of str
        Words, e.g. from `flag_words`.
    n_detections, n_nites : int
        Of the candidate so far.
    fake : bool
        It is an injected source.
    kind : str
        Its class in words, such as 'variable star'; '' for none.
    images : mapping
        'temp', 'srch', 'diff' -> data URI of a PNG.
    """

    identifier: int
    ccd: int
    number: int
    ra: float
    dec: float
    x: float
    y: float
    snr: float
    score: float
    magnitude: float | None = None
    magnitude_error: float | None = None
    flags: tuple[str, ...] = ()
    n_detections: int = 1
    n_nites: int = 1
    fake: bool = False
    kind: str = ''
    images: Mapping[str, str] = field(default_factory=dict)

    @property
    def sexagesimal(self) -> str:
        """`21:12:26.0 -66:00:56` (hours and degrees)."""
        ra = Angle(self.ra, 'deg').to_string('hourangle', sep=':', precision=2, pad=True)
        dec = Angle(self.dec, 'deg').to_string('deg', sep=':', precision=1, pad=True, alwayssign=True)
        return f'{ra} {dec}'


def candidate_entry(detection: np.void, ccd: int, score: float, zero_point: float | None,
                    stamps: Mapping[str, np.ndarray] | None = None, reject: int = 0, identifier: int | None = None,
                    n_detections: int = 1, n_nites: int = 1, fake: bool = False, kind: str = '') -> CandidateEntry:
    """The entry of one detection.

    Parameters
    ----------
    detection : numpy.void
        Row of a detection table with ALPHAWIN_J2000, DELTAWIN_J2000.
    zero_point : float or None
        AB mag of one electron.
    stamps : mapping, optional
        'temp', 'srch', 'diff' -> (n, n) float32.
    kind : str
        Its class (`sediff.candidates.cuts.VARIABLE_STAR`), '' for none.
    """
    flux, error = float(detection['FLUX_PSF']), float(detection['FLUXERR_PSF'])
    magnitude = magnitude_error = None
    if zero_point is not None and np.isfinite(zero_point) and flux > 0:
        magnitude, magnitude_error = zero_point - 2.5 * np.log10(flux), 1.0857 * error / flux
    return CandidateEntry(
        identifier=int(detection['NUMBER'] if identifier is None else identifier), ccd=ccd,
        number=int(detection['NUMBER']), ra=float(detection['ALPHAWIN_J2000']),
        dec=float(detection['DELTAWIN_J2000']), x=float(detection['X_IMAGE']), y=float(detection['Y_IMAGE']),
        snr=float(detection['SNR']), score=float(score), magnitude=magnitude, magnitude_error=magnitude_error,
        flags=flag_words(int(detection['FLAGS']), reject), n_detections=n_detections, n_nites=n_nites, fake=fake,
        kind=kind.replace('_', ' '), images=png_triplet(stamps) if stamps else {})


def flag_words(flags: int, reject: int = 0) -> tuple[str, ...]:
    """FLAGS bits and failed cuts as words."""
    words = [flag.name.lower().replace('_', ' ') for flag in Flag if flags & flag]
    words += [] if reject == 0 else [name.replace('_', ' ') for name in reject_names(reject).split(',')]
    return tuple(dict.fromkeys(words))


def png_triplet(stamps: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Data URIs of the three stamps, 8-bit PNG, y upwards, one image pixel a stamp pixel."""
    shown = display_triplet(dict(stamps))
    return {kind: png_uri(Image.fromarray(shown[kind][::-1])) for kind in STAMP_KINDS}


def png_uri(image: Image.Image) -> str:
    """An image as a `data:image/png;base64,` URI."""
    buffer = io.BytesIO()
    image.save(buffer, format='PNG', optimize=True)
    return data_uri(buffer.getvalue())


def data_uri(png: bytes) -> str:
    """PNG bytes as a data URI."""
    return 'data:image/png;base64,' + base64.b64encode(png).decode('ascii')
