"""The grammar of --id: values, ranges, products, sums, and everything that is no data ID."""
import tracemalloc

import pytest

from sediff.errors import BadUsage
from sediff.repository.dataid import KEYS, key_of, parse_id


def combinations(*ids):
    return [each for words in ids for each in parse_id(words).combinations()]


def test_keys_multiply_and_several_ids_add_up():
    four = combinations(['visit=1^2', 'ccdnum=3^4'])
    assert four == [{'visit': visit, 'ccdnum': ccd} for visit in (1, 2) for ccd in (3, 4)]
    assert combinations(['visit=1', 'ccd=3'], ['visit=2', 'ccd=4']) == [{'visit': 1, 'ccdnum': 3}, {'visit': 2, 'ccdnum': 4}]


@pytest.mark.parametrize(('word', 'values'), [
    ('ccdnum=3^6..12', [3, 6, 7, 8, 9, 10, 11, 12]), ('visit=903334..903338:2', [903334, 903336, 903338]),
    ('visit=5..5', [5]), ('visit=1..4:9', [1]), ('visit=3^3^1..3', [3, 1, 2]), ('visit=007', [7]),
    ('filter=g^VR', ['g', 'VR']),
    ('patch=1,1^0,2', ['1,1', '0,2']), ('nite=20170817..20170819', ['20170817', '20170818', '20170819']),
    ('nite=2017-08-17', ['20170817']), ('expTime=30^90.5', [30.0, 90.5]), ('ra=-1.5e1', [-15.0]),
    ('object=field 3=b', ['field 3=b']), ('date=2017-08-17', ['2017-08-17']),
])
def test_values(word, values):
    (found,) = parse_id([word]).values.values()
    assert list(found) == values
    assert all(value in found for value in values)


def test_names_of_keys_in_any_case():
    assert [key_of(name).name for name in ('EXPNUM', 'exposure', 'detector', 'Band', 'exposure.day_obs', 'exptime')] == [
        'visit', 'visit', 'ccdnum', 'filter', 'nite', 'expTime']
    assert key_of('visti') is None
    names = [name.lower() for key in KEYS for name in (key.name, *key.others)]
    assert len(names) == len(set(names))


def test_an_unknown_key_is_taken_as_text_and_names_nothing():
    found = parse_id(['visit=1', 'hdu=7..8'])
    assert found.unknown == ('hdu',) and list(found.values['hdu']) == ['7', '8']
    assert not found.names({'visit': 1})


def test_an_item_that_lacks_a_key_is_not_settled_by_it():
    found = parse_id(['visit=1..10', 'ccdnum=3'])
    assert found.names({'visit': 4}) and found.names({'visit': 4, 'ccdnum': 3})
    assert not found.names({'visit': 11}) and not found.names({'visit': 4, 'ccdnum': 4})
    assert found.count() == 10


@pytest.mark.parametrize(('words', 'said'), [
    (['visit'], 'must be KEY=VALUES'), (['=3'], 'must be KEY=VALUES'), (['vi sit=3'], 'must be KEY=VALUES'),
    ([''], 'must be KEY=VALUES'), (['visit='], 'visit: an empty value'), (['visit=1^'], 'visit: an empty value'),
    (['filter=^g'], 'filter: an empty value'), (['visit=a'], "visit: 'a' is not an integer"),
    (['visit=1.5'], 'visit'), (['ccd=3-5'], "ccdnum: '3-5' is not an integer"), (['visit=1..x'], 'visit'),
    (['visit=..4'], 'is no range'), (['visit=4..1'], '4 is above 1'), (['visit=1..4:0'], 'a step of 0'),
    (['visit=1..4:-1'], 'is no range'), (['visit=1', 'visit=2'], 'visit is given twice'),
    (['visit=1', 'expnum=2'], 'visit is given twice'), (['expTime=long'], "expTime: 'long' is not a number"),
    (['expTime=nan'], 'expTime'), (['ra=1..4'], 'ra'), (['visit=' + '9' * 30], 'visit'),
    (['visit=1..1000000000000'], 'names 1000000000000 values'), (['ccdnum=1..600000^1..600000'], 'names 1200000 values'),
])
def test_what_is_no_data_id(words, said):
    with pytest.raises(BadUsage) as failure:
        parse_id(words)
    assert said in str(failure.value) and len(str(failure.value)) < 300


def test_long_ranges_take_no_memory():
    tracemalloc.start()
    found = parse_id(['visit=1..1000000'])
    assert 777_777 in found.values['visit'] and len(found.values['visit']) == 1_000_000
    with pytest.raises(BadUsage):
        parse_id(['visit=1..999999999999999999'])
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
