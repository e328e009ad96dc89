"""The shipped rc file."""
import re

from sediff.instruments.load import default_instrument
from sediff.instruments.settings import declared
from sediff.parameters.model import parse_rc

PATH = 'rc/dagmaker.rc'


def test_shipped_rc_names_every_key_with_its_default(repository):
    """Keys that are commented out show their default, too."""
    text = re.sub(r'^#(?=[A-Z_]+=)', '', (repository / PATH).read_text(), flags=re.MULTILINE)
    table = {parameter.name: parameter for parameter in declared(default_instrument()) if parameter.file == 'dagmaker'}
    found = {key.upper(): value for _, key, value in parse_rc(text.splitlines(), repository / PATH)}
    assert found.keys() == table.keys()
    for name, value in found.items():
        assert table[name].parse(value) == table[name].default, name


def test_shipped_rc_names_no_site(repository):
    assert not re.search(r'/\w+/|@|\.gov|\.edu', (repository / PATH).read_text().replace('DESTCACHE/SCHEMA/exp/NITE', ''))
