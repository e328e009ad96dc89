"""Cards of raw exposures: what stands in for what is missing, and all problems at once."""
import numpy as np
import pytest
from astropy.io.fits import Card, Header

from sediff.errors import BadInput
from sediff.instruments.load import default_instrument
from sediff.instruments.rawcards import complete, number_of, read_cards, text_of
from sediff.times import airmass_of_zenith_distance, mjd_of_date, zenith_distance

GOOD = {'EXPTIME': 90.0, 'EXPREQ': 90.0, 'DARKTIME': 91.1, 'MJD-OBS': 57982.001, 'DATE-OBS': '2017-08-17T00:01:26.4',
        'AIRMASS': 1.25, 'ZD': 36.9, 'TELRA': '13:09:48.000', 'TELDEC': '-23:22:48.00', 'EXPNUM': 668443,
        'FILTER': 'i DECam SDSS c0003 7835.0 1470.0', 'OBJECT': 'DESWS hex'}


def header(**changes) -> Header:
    """A good header with cards changed (None: removed, '~': undefined, text after 'raw:' as it stands in the file)."""
    out = Header()
    for name, value in (GOOD | {key.replace('_', '-'): value for key, value in changes.items()}).items():
        if value is None:
            continue
        if isinstance(value, str) and value.startswith('raw:'):
            out.append(Card.fromstring(f'{name:<8}= {value[4:]}'), end=True)
        else:
            out[name] = None if value == '~' else value
    return out


def test_good_cards_need_nothing_and_stay():
    cards = read_cards(header())
    assert (cards.exptime, cards.mjd, cards.airmass, cards.expnum, cards.band, cards.object) == (
        90.0, 57982.001, 1.25, 668443, 'i', 'DESWS hex')
    assert (cards.ra, cards.dec) == (pytest.approx(197.45), pytest.approx(-23.38))
    assert not cards.problems and not cards.notes
    out = complete(header(), cards)
    assert all(out[name] == value for name, value in GOOD.items())
    assert (out['CRVAL1'], out['CRVAL2']) == (pytest.approx(197.45), pytest.approx(-23.38))


UNKNOWN = {'airmass': None}


@pytest.mark.parametrize('changes, wanted, note', [
    ({'AIRMASS': 0.0}, {'airmass': 1.25}, 'AIRMASS is 0.0: 1.250 from ZD'),
    ({'AIRMASS': -1.0}, {'airmass': 1.25}, 'from ZD'), ({'AIRMASS': None}, {'airmass': 1.25}, 'AIRMASS is missing'),
    ({'AIRMASS': '~'}, {'airmass': 1.25}, 'AIRMASS is undefined'), ({'AIRMASS': 'raw:NaN'}, {'airmass': 1.25}, "'NaN'"),
    ({'AIRMASS': 'raw:-Infinity'}, {'airmass': 1.25}, 'from ZD'), ({'AIRMASS': 'high'}, {'airmass': 1.25}, "'high'"),
    ({'AIRMASS': '1.25'}, {'airmass': 1.25}, ''), ({'AIRMASS': 99.0}, {'airmass': 1.25}, 'AIRMASS is 99.0'),
    ({'AIRMASS': None, 'ZD': None}, {}, 'from pointing, date and site'),
    ({'AIRMASS': None, 'ZD': 95.0, 'MJD_OBS': 57983.35}, UNKNOWN, 't_eff will be unknown'),
    ({'AIRMASS': True}, {'airmass': 1.25}, 'AIRMASS is True'),
    ({'EXPTIME': None}, {'exptime': 90.0}, 'EXPTIME is missing: EXPREQ 90 s taken'),
    ({'EXPTIME': '~'}, {'exptime': 90.0}, 'EXPTIME is undefined'), ({'EXPTIME': '90'}, {'exptime': 90.0}, ''),
    ({'EXPTIME': 'raw:NaN'}, {'exptime': 90.0}, 'EXPREQ'), ({'EXPTIME': 'long'}, {'exptime': 90.0}, "'long'"),
    ({'EXPTIME': None, 'EXPREQ': None}, {'exptime': 90.0}, 'DARKTIME 91.1 s less 1.1 s'),
    ({'EXPTIME': None, 'DARKTIME': 31.1}, {'exptime': 30.0}, 'DARKTIME'),
    ({'MJD_OBS': None}, {'mjd': 57982.001}, 'MJD-OBS is missing: DATE-OBS 2017-08-17T00:01:26.4 taken'),
    ({'MJD_OBS': 'raw:NaN'}, {'mjd': 57982.001}, 'DATE-OBS'), ({'MJD_OBS': 2457983.5}, {'mjd': 57982.001}, 'DATE-OBS'),
    ({'MJD_OBS': None, 'DATE_OBS': '2016-12-31T23:59:60.4'}, {'mjd': 57754 + 0.4 / 86400}, '23:59:60.4'),
    ({'MJD_OBS': 57980.5}, {'mjd': 57980.5}, 'MJD-OBS 57980.50000 taken, DATE-OBS 2017-08-17T00:01:26.4 (MJD 57982.00100)'),
    ({'MJD_OBS': 57981.8}, {'mjd': 57981.8}, ''), ({'DATE_OBS': 'yesterday'}, {'mjd': 57982.001}, ''),
    ({'MJD_OBS': None, 'DATE_OBS': '2017-08-17', 'TIME_OBS': '00:01:26.4'}, {'mjd': 57982.001}, 'DATE-OBS'),
    ({'MJD_OBS': None, 'DATE_OBS': None, 'OPENSHUT': '2017-08-17T00:01:26.4'}, {'mjd': 57982.001}, 'OPENSHUT'),
    ({'TELRA': None, 'TELDEC': None}, {'ra': 197.0, 'dec': -23.0}, 'TELRA is missing, TELDEC is missing: the pointing of'),
    ({'TELRA': 'lost', 'RA': '13:09:48', 'DEC': '-23:22:48'}, {'ra': 197.45}, "TELRA is 'lost'"),
    ({'TELDEC': '~', 'CRVAL1': 197.45, 'CRVAL2': -23.38}, {'dec': -23.38}, 'CRVAL1 and CRVAL2 taken'),
    ({'TELRA': '25:00:00'}, {'ra': 197.0}, 'list of exposures'), ({'TELDEC': '-91:00:00'}, {'ra': 197.0}, 'list'),
    ({'TELRA': 197.45}, {'ra': 197.45}, ''), ({'TELRA': 13.1}, {'ra': 197.0}, 'TELRA is 13.1'),
    ({'EXPNUM': None}, {'expnum': 7}, 'EXPNUM is missing: 7'), ({'EXPNUM': 'x'}, {'expnum': 7}, "EXPNUM is 'x'"),
    ({'EXPNUM': '668443'}, {'expnum': 668443}, ''), ({'EXPNUM': 1.5}, {'expnum': 7}, '1.5'),
    ({'OBJECT': '~', 'DTNSANAM': 'c4d_170818'}, {'object': 'c4d_170818'}, ''), ({'OBJECT': None}, {'object': ''}, ''),
    ({'OBJECT': 42}, {'object': '42'}, '')])
def test_what_stands_in_for_a_card(changes, wanted, note):
    raw = header(**changes)
    cards = read_cards(raw, 7, (197.0, -23.0))
    assert not cards.problems
    for name, value in wanted.items():
        assert getattr(cards, name) == (pytest.approx(value, abs=5e-3 if name == 'airmass' else 1e-7)
                                        if isinstance(value, float) else value)
    assert note in '; '.join(cards.notes) if note else not cards.notes
    out = complete(raw, cards)
    assert out['EXPTIME'] == cards.exptime and out['MJD-OBS'] == cards.mjd and out['EXPNUM'] == cards.expnum
    assert out['AIRMASS'] in (cards.airmass or 'unknown', '1.25')
    out.tostring()                                          # every card can be written again


@pytest.mark.parametrize('changes, words', [
    ({'EXPTIME': 0.0}, ['EXPTIME is 0.0', 'seconds']), ({'EXPTIME': -5}, ['EXPTIME is -5']),
    ({'EXPTIME': None, 'EXPREQ': None, 'DARKTIME': None}, ['EXPTIME is missing', 'EXPREQ or DARKTIME']),
    ({'EXPTIME': 1e9}, ['EXPTIME is 1000000000.0']),
    ({'MJD_OBS': None, 'DATE_OBS': None}, ['MJD-OBS is missing and DATE-OBS is missing', 'ISO date']),
    ({'MJD_OBS': 12.0, 'DATE_OBS': 'yesterday'}, ['MJD-OBS is 12.0', "DATE-OBS is 'yesterday'"]),
    ({'MJD_OBS': None, 'DATE_OBS': '2016-12-30T11:59:60.4'}, ['MJD-OBS']),
    ({'MJD_OBS': None, 'DATE_OBS': '2016-13-30'}, ['MJD-OBS']),
    ({'TELRA': None}, ['TELRA, TELDEC is missing', 'exposures.list']),
    ({'FILTER': None}, ['FILTER is missing', 'u, g, r']), ({'FILTER': '~'}, ['FILTER is undefined']),
    ({'FILTER': 'N964 DECam'}, ["FILTER is 'N964 DECam'"]), ({'EXPNUM': None}, ['EXPNUM is missing']),
    ({'EXPTIME': 0, 'MJD_OBS': None, 'DATE_OBS': None, 'TELRA': '~', 'FILTER': 7},
     ['EXPTIME is 0', 'MJD-OBS is missing', 'TELRA', 'FILTER is 7'])])
def test_all_problems_are_said_together(changes, words):
    with pytest.raises(BadInput) as caught:
        complete(header(**changes), read_cards(header(**changes)))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_an_undefined_card_stays_undefined_and_reads_as_nothing():
    raw = header(HUMIDITY='~')
    assert text_of(raw, 'HUMIDITY') == '' and number_of(raw, 'HUMIDITY') is None
    assert 'HUMIDITY' in complete(raw, read_cards(raw))


def test_dates_and_leap_seconds():
    assert mjd_of_date('2000-01-01T12:00:00') == 51544.5
    assert mjd_of_date('2016-12-31T23:59:60.5Z') == pytest.approx(57754 + 0.5 / 86400, abs=1e-9)
    for text in ('2016-12-31T23:59:61', '2016-12-31T22:59:60', '2016-02-30', '31/12/16', ''):
        with pytest.raises(ValueError):
            mjd_of_date(text)


def test_airmass_and_zenith_distance():
    assert airmass_of_zenith_distance(0.0) == pytest.approx(1.0, abs=1e-3)
    assert airmass_of_zenith_distance(60.0) == pytest.approx(2.0, rel=5e-3)
    assert airmass_of_zenith_distance(89.99) == pytest.approx(38.0, abs=1.0)
    from astropy.coordinates import AltAz, EarthLocation, SkyCoord
    from astropy.time import Time
    place = EarthLocation.from_geodetic(-70.80652778, -30.16966111, 2200.0)
    for mjd in (57982.98, 58002.1, 60263.25):
        frame = AltAz(obstime=Time(mjd, format='mjd'), location=place)
        for ra, dec in ((197.45, -23.38), (52.5, -28.0)):
            truth = 90.0 - SkyCoord(ra, dec, unit='deg').transform_to(frame).alt.deg
            assert zenith_distance(ra, dec, mjd, default_instrument().site) == pytest.approx(truth, abs=0.4)
    assert np.isfinite(zenith_distance(10.0, -90.0, 58000.0, default_instrument().site))
