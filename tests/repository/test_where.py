"""The expression of --where: what holds, what is not known, and everything that is no condition."""
import pytest

from sediff.errors import BadUsage
from sediff.repository.where import parse_where

ITEM = {'visit': 668443, 'ccdnum': 33, 'filter': 'i', 'nite': '20170817', 'date': '2017-08-18', 'mjd': 57983.1,
        'taiObs': '2017-08-18T02:24:37.000', 'expTime': 90.0, 'obstype': 'object', 'object': "O'Neill hex", 'ra': 197.45}


@pytest.mark.parametrize(('text', 'holds'), [
    ('visit = 668443', True), ('visit == 668443', True), ('visit != 668443', False), ('visit <> 1', True),
    ('visit<668443', False), ('visit <=668443', True), ('visit>= 668443', True), ('visit > 1', True),
    ("filter='i'", True), ('filter="i"', True), ('band=i', True), ("band = 'I'", False), ('expTime = 9e1', True),
    ('exptime > 89.5', True), ('ra > -3', True), ("object = 'O''Neill hex'", True),
    ('visit IN (1, 668443)', True), ('visit IN (668441..668445:2)', True), ('visit in (668442..668446:2)', False),
    ('visit IN (1, 2, 3..10) or detector in (33)', True), ('visit NOT IN (1, 2)', True), ("filter IN ('g', i)", True),
    ('visit IN (1..999999999999999999)', True), ('nite IN (20170801..20170831)', True),
    ("instrument='HSC'", None), ("instrument='HSC' AND visit=1", False), ("instrument='HSC' OR visit=668443", True),
    ("NOT instrument='HSC'", None), ('NOT visit=1', True), ('NOT NOT visit=1', False),
    ('visit=1 OR visit=668443 AND ccd=33', True), ('(visit=1 OR visit=668443) AND ccd=34', False),
    ('NOT visit=1 AND ccd=34', False), ('NOT (visit=1 AND ccd=34)', True), ('not(visit=1)and(ccd=33)', True),
    ('exposure.day_obs=20170817 AND exposure.observation_type=object', True),
    ("nite > '20170801' AND nite<'20170901'", True),
    ("mjd > T'2017-08-18'", True), ("mjd < T'2017-08-18T02:00:00'", False), ("date = T'2017-08-18'", True),
    ("nite = T'2017-08-17'", True), ("taiObs > '2017-08-18T02:24'", True),
])
def test_conditions(text, holds):
    assert parse_where(text)(ITEM) is holds


@pytest.mark.parametrize('text', [
    '', ' ', 'visit', 'visit =', '= 3', '3', 'visit 3', 'visit = = 3', 'visti = 3', 'visit = abc', "visit = '3x'",
    'visit = 1.5',
    'visit IN', 'visit IN ()', 'visit IN 3', 'visit IN (3', 'visit IN (3,)', 'visit IN (3 4)', 'visit IN (5..3)',
    'visit IN (1..4:0)', 'ra IN (1..3)', 'visit = 1..4', 'visit NOT = 3', 'NOT', 'visit=3 AND', 'OR visit=3',
    'visit=3 visit=4',
    '(visit=3', 'visit=3)', '()', "filter='i", 'filter="i', 'visit=3; DROP TABLE exposure', '__import__("os")',
    'visit=(1)', 'visit=0x10', 'visit=1+1', 'visit & 3', '(' * 100 + 'visit=3' + ')' * 100, 'NOT ' * 100 + 'visit=3',
    "visit = T'2017-08-17'", "mjd > T'yesterday'", 'AND = 3', 'visit = AND', 'x' * 200_000, 'visit=3\x00', '(visit)=3',
    'visit IN (1..' + '9' * 100 + ')', 'exptime = nan',
])
def test_what_is_no_condition(text):
    with pytest.raises(BadUsage) as failure:
        parse_where(text)
    assert str(failure.value).startswith('--where') and len(str(failure.value)) < 400


def test_a_message_has_the_place():
    with pytest.raises(BadUsage, match=r"at character 13, 'visti > 3': no such key; did you mean visit\?"):
        parse_where('visit=3 AND visti > 3')


def test_a_thousand_terms():
    assert parse_where(' OR '.join(f'visit={number}' for number in range(668000, 669000)))(ITEM)
