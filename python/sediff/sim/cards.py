"""Headers of raw files: the cards of real ones, with the values of a simulated exposure."""
from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

import numpy as np
from astropy.coordinates import Angle
from astropy.io.fits import Header

from sediff.errors import BadData
from sediff.instruments.base import Detector
from sediff.instruments.focalplane import model_cards
from sediff.instruments.rawfiles import raw_name
from sediff.sim.plan import PROPOSAL, Pointing, SimExposure

#: part ('primary', 'north', 'south'), keyword, value as FITS text, comment
Card = tuple[str, str, str, str]


def template_header(cards: Sequence[Card], part: str) -> Header:
    """The cards of one part of a real raw file.

    Raises
    ------
    BadData
        There is no such part.
    """
    header = Header()
    for name, keyword, value, comment in cards:
        if name == part:
            key = keyword if len(keyword) <= 8 else f'HIERARCH {keyword}'
            header.append((key, parse_value(value), comment), end=True)
    if not len(header):
        raise BadData(f'the table of raw cards has no part {part!r}; it needs primary, north and south')
    return header


def parse_value(text: str) -> bool | int | float | str:
    """The value of a card from its FITS text."""
    if text in ('T', 'F'):
        return text == 'T'
    if text.startswith("'"):
        return text.strip("'")
    try:
        return int(text)
    except ValueError:
        return float(text)


def primary_header(cards: Sequence[Card], exposure: SimExposure, extensions: int) -> Header:
    """Primary header of a raw file.

    Parameters
    ----------
    cards : sequence of (part, keyword, value, comment)
        Cards of a real file.
    exposure : SimExposure
        What was taken.
    extensions : int
        Number of CCDs in the file.
    """
    instrument = exposure.instrument
    header = template_header(cards, 'primary') if cards else Header()
    start = datetime.datetime(1858, 11, 17) + datetime.timedelta(days=exposure.mjd)
    ra, dec = _sexagesimal(exposure.commanded)
    zenith = float(np.degrees(np.arccos(1.0 / exposure.airmass)))
    name = raw_name(instrument, exposure.expnum, exposure.nite).removesuffix('.fz')
    prefix = instrument.facts.get('sim_obsid', 'sim')
    header.update({
        'NEXTEND': extensions, 'FILENAME': name, 'EXPREQ': exposure.exptime, 'EXPTIME': exposure.exptime,
        'DARKTIME': exposure.exptime + 1.1, 'OBSID': start.strftime(f'{prefix}%Y%m%dt%H%M%S'),
        'DATE-OBS': start.isoformat(timespec='microseconds'),
        'TIME-OBS': start.time().isoformat(timespec='microseconds'),
        'MJD-OBS': round(exposure.mjd, 8), 'OPENSHUT': start.isoformat(timespec='microseconds'),
        'EXPNUM': exposure.expnum, 'OBJECT': exposure.object_name, 'OBSTYPE': exposure.obstype,
        'CAMSHUT': 'Closed' if exposure.role == 'zero' else 'Open', 'PROPID': PROPOSAL, 'DTPROPID': PROPOSAL,
        'PROGRAM': 'simulated', 'FILTER': instrument.bands[exposure.band].filter_card,
        'INSTANCE': f'{instrument.name}_{exposure.nite}',
        'RA': ra, 'DEC': dec, 'TELRA': ra, 'TELDEC': dec, 'HA': _angle(exposure.hour_angle / 15.0, 3),
        'ZD': round(zenith, 2), 'AIRMASS': round(exposure.airmass, 2), 'DIMMSEE': round(exposure.seeing, 3),
        'DTCALDAT': f'{exposure.nite[:4]}-{exposure.nite[4:6]}-{exposure.nite[6:]}',
        'DTACQNAM': raw_name(instrument, exposure.expnum, exposure.nite), 'SB_DIR1': exposure.nite, 'SB_DIR3': PROPOSAL})
    return header


def plain_header(detector: Detector, tpv: Mapping, pointing: Pointing) -> Header:
    """Header of one CCD where there are no cards of real files: what the instrument's tables say."""
    header = Header({'CCDNUM': detector.number, 'DETPOS': detector.name})
    for each in detector.amplifiers:
        header.update({f'{kind}{each.name}': value for kind, value in each.cards.items()})
        header.update({f'GAIN{each.name}': each.gain, f'RDNOISE{each.name}': each.read_noise,
                       f'SATURAT{each.name}': each.saturate})
    header.update(wcs_cards(tpv, pointing))
    return header


def extension_header(cards: Sequence[Card], ccd: np.void, tpv: Mapping, pointing: Pointing) -> Header:
    """Header of one CCD of a raw file.

    Parameters
    ----------
    cards : sequence of (part, keyword, value, comment)
        Cards of a real file.
    ccd : record
        A row of the CCD table: half, gain_a ... saturate_b.
    tpv : mapping
        The CCD's row of the table of world coordinates.
    pointing : Pointing
        What the telescope reports.

    Notes
    -----
    Real raw headers give CRPIX in the frame of the 2048x4096 trimmed CCD although LTV1 = 56 (and LTV2 = 50 in the south)
    name the overscan: CRPIX of S1 and N25 in exposures 229388 and 411371 equal those of the trimmed, processed files.
    """
    north = ccd['half'] == 'N'
    header = template_header(cards, 'north' if north else 'south')
    x, y = int(tpv['detsec_x']), int(tpv['detsec_y'])
    sections = {name: f'[{x + first}:{x + last},{y}:{y + 4095}]' for name, first, last in
                (('DETSEC', 0, 2047), ('DETSECA' if north else 'DETSECB', 0, 1023),
                 ('DETSECB' if north else 'DETSECA', 1024, 2047))}
    header.update({'CCDNUM': int(tpv['ccdnum']), 'DETPOS': tpv['detpos'], 'DETECTOR': tpv['detector'], **sections})
    for key in (name.removeprefix('gain_') for name in (ccd.dtype.names or ()) if name.startswith('gain_')):
        amplifier = key.upper()
        header.update({f'GAIN{amplifier}': float(ccd[f'gain_{key}']), f'RDNOISE{amplifier}': float(ccd[f'read_noise_{key}']),
                       f'SATURAT{amplifier}': float(ccd[f'saturate_{key}'])})
    header.update(wcs_cards(tpv, pointing))
    return header


def wcs_cards(tpv: Mapping, pointing: Pointing) -> dict[str, float | str]:
    """TPV or SIP cards of a CCD (trimmed frame, 1-based) for a pointing.

    The rotation turns the focal plane about the boresight: CD = scale R(rotation) CD_nominal.
    """
    nominal = np.array([[tpv['cd1_1'], tpv['cd1_2']], [tpv['cd2_1'], tpv['cd2_2']]], float)
    angle = np.radians(pointing.rotation)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    cd = pointing.scale * turn @ nominal
    return model_cards(tpv, all_terms=True) | {'CRVAL1': pointing.ra, 'CRVAL2': pointing.dec} | {
        f'CD{i + 1}_{j + 1}': float(cd[i, j]) for i in (0, 1) for j in (0, 1)}


def wcs_header(tpv: Mapping, pointing: Pointing) -> Header:
    """The same as a header of its own, ICRS."""
    header = Header()
    header.update(wcs_cards(tpv, pointing))
    header['RADESYS'] = 'ICRS'
    return header


def _sexagesimal(pointing: Pointing) -> tuple[str, str]:
    return _angle(pointing.ra / 15.0, 3), _angle(pointing.dec, 3, sign=True)


def _angle(value: float, precision: int, sign: bool = False) -> str:
    return Angle(value, 'deg').to_string(sep=':', pad=True, precision=precision, alwayssign=sign)
