"""What the index of candidates shows: the exposure and one entry a candidate."""
from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from sediff.candidates.cuts import reject_names
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
    quality : str
        Verdict of the quality file: a colour, or '' without one.
    ccds_held : tuple of (int, str)
        CCDs whose detections are held back, and why.
    withdrawn : str
        Why it was withdrawn; '' where it counts.
    picture, night : str
        Relative links to the picture of the focal plane and to the page of the night; '' for none.
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
    quality: str = ''
    ccds_held: tuple[tuple[int, str], ...] = ()
    picture: str = ''
    night: str = ''
    withdrawn: str = ''


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
    strip : str
        Data URI of its stamps (`sediff.report.stamp_pictures.strip_png`); '' for none.
    page : str
        Relative link to its own page; '' for none.
    host : str
        Its host galaxy; '' while none is looked for.
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
    strip: str = ''
    page: str = ''
    host: str = ''

    @property
    def sexagesimal(self) -> str:
        """`21:12:25.97 -66:00:56.5` (hours and degrees)."""
        hundredths, tenths = round(self.ra * 24000.0) % 8640000, round(abs(self.dec) * 36000.0)
        return (f'{hundredths // 360000:02d}:{hundredths // 6000 % 60:02d}:{hundredths % 6000 / 100:05.2f} '
                f'{"-" if self.dec < 0 else "+"}{tenths // 36000:02d}:{tenths // 600 % 60:02d}:{tenths % 600 / 10:04.1f}')


def candidate_entry(detection: np.void, ccd: int, score: float, zero_point: float | None, strip: str = '', reject: int = 0,
                    identifier: int | None = None, n_detections: int = 1, n_nites: int = 1, fake: bool = False,
                    kind: str = '') -> CandidateEntry:
    """The entry of one detection.

    Parameters
    ----------
    detection : numpy.void
        Row of a detection table with ALPHAWIN_J2000, DELTAWIN_J2000.
    zero_point : float or None
        AB mag of one electron.
    strip : str
        Data URI of its stamps, '' for none.
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
        kind=kind.replace('_', ' '), strip=strip)


def flag_words(flags: int, reject: int = 0) -> tuple[str, ...]:
    """FLAGS bits and failed cuts as words."""
    words = [(flag.name or '').lower().replace('_', ' ') for flag in Flag if flags & flag]
    words += [] if reject == 0 else [name.replace('_', ' ') for name in reject_names(reject).split(',')]
    return tuple(dict.fromkeys(words))


def data_uri(png: bytes) -> str:
    """PNG bytes as a data URI."""
    return 'data:image/png;base64,' + base64.b64encode(png).decode('ascii')
