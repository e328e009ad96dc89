"""Headers of raw files against those of real ones."""
import re

import numpy as np
import pytest

from sediff.errors import BadData
from sediff.instruments.ccds import ccd_table
from sediff.sim.cards import extension_header, parse_value, primary_header, template_header, wcs_header
from sediff.sim.options import NightOptions
from sediff.sim.plan import Pointing, make_plan
from sediff.wcs.read import pixel_to_sky, read_wcs

KINDS = ('TRIM', 'CCD', 'AMP', 'DATA', 'BIAS', 'PRE', 'POST')
SECTIONS = [f'{kind}SEC{amplifier}' for kind in KINDS for amplifier in 'AB'] + [
    'TRIMSEC', 'DATASEC', 'CCDSEC', 'DETSIZE', 'LTV1', 'LTV2']


def header_of(facts, ccd):
    return extension_header(facts.cards, ccd_table()[ccd - 1], facts.tpv[ccd], Pointing(155.470292, -4.950055))


def real_cards(path):
    """Keyword and value text of a dump of a header, in either of its two shapes."""
    text = path.read_text()
    found = re.findall(r"^([A-Z0-9_-]+) *= *('[^']*'|[^ /\n]+)", text, re.M) \
        or re.findall(r"^- \[([A-Z0-9_-]+), \w+, ('[^']*'|[^,]+),", text, re.M)
    return {key: value.strip().strip("'").strip() for key, value in found}


@pytest.mark.realdata
@pytest.mark.parametrize('name, ccd', [('decam-c4d_150218_052850-N25.hdr', 56), ('fitsheader-decam.yaml', 25)])
def test_layout_equals_real_headers(realdata, facts, name, ccd):
    real, mine = real_cards(realdata / 'raw_headers' / name), header_of(facts, ccd)
    for key in SECTIONS:
        assert str(mine[key]) == real[key], key
    for key in ('DETSEC', 'DETSECA', 'DETSECB', 'DETPOS', 'DETECTOR', 'CCDNUM', 'FPA', 'CTYPE1', 'CUNIT1'):
        assert str(mine[key]) == real[key], key
    for key in ('CRPIX1', 'CRPIX2'):
        assert mine[key] == pytest.approx(float(real[key]), abs=1e-3), key
    primary = primary_header(facts.cards, make_plan(NightOptions())[-1], 1)
    missing = {key for key in real if key not in mine and key not in primary}
    structure = re.compile(r'SIMPLE|EXTEND|XTENSION|BITPIX|NAXIS|PCOUNT|GCOUNT|TFIELDS|T(TYPE|FORM)1|Z|BZERO|BSCALE|CHECK|'
                           r'DATASUM|INHERIT|EXTNAME|HEX|TILING|SEQ|BCAM|HIERARCH|CONTINUE')
    assert not {key for key in missing if not structure.match(key)}


@pytest.mark.realdata
def test_wcs_near_that_of_a_real_raw_header(realdata, facts):
    """Scale and orientation: the centre of N25 lies where its real raw header says, but for the pointing (30 arcsec)."""
    real, mine = real_cards(realdata / 'raw_headers' / 'decam-c4d_150218_052850-N25.hdr'), header_of(facts, 56)
    theirs = mine.copy()
    for key in real:
        if re.match(r'CD\d_\d|PV\d_\d+|CRVAL\d|CRPIX\d', key):
            theirs[key] = float(real[key])
    here, there = (pixel_to_sky(read_wcs(each), [1024.0], [2048.0]) for each in (mine, theirs))
    assert abs(here[0][0] - there[0][0]) * 3600 < 30 and abs(here[1][0] - there[1][0]) * 3600 < 30


def test_primary(facts):
    search = make_plan(NightOptions(dec=-0.5))[-1]
    header = primary_header(facts.cards, search, 2)
    assert header['OBSTYPE'] == 'object' and header['EXPTIME'] == 90.0 and header['NEXTEND'] == 2
    assert header['FILTER'].split()[0] == 'r' and header['TELDEC'] == '-00:30:00.000' and header['TELRA'] == '03:30:00.000'
    assert header['DATE-OBS'][:10].replace('-', '') in ('20231115', '20231116')
    assert header['MJD-OBS'] == pytest.approx(search.mjd, abs=1e-7)


def test_rotation_turns_about_the_boresight(facts):
    """North through east: a rotation of the camera by +1 deg moves what a pixel sees to a position angle 1 deg larger."""
    angles = []
    for rotation in (0.0, 1.0):
        ra, dec = pixel_to_sky(read_wcs(wcs_header(facts.tpv[33], Pointing(50.0, 0.0, rotation))), [1000.0], [2000.0])
        angles.append(np.degrees(np.arctan2(ra[0] - 50.0, dec[0])))
    assert abs(angles[1] - angles[0]) == pytest.approx(1.0, abs=0.02)


def test_values():
    assert parse_value('T') is True and parse_value('F') is False
    assert parse_value("'a b'") == 'a b' and parse_value('3') == 3 and parse_value('-1.5E-07') == -1.5e-7


def test_missing_part(facts):
    with pytest.raises(BadData, match='north'):
        template_header([card for card in facts.cards if card[0] != 'north'], 'north')
