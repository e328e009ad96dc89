"""constraints.txt has one version of everything that setup.cfg asks for, and an allowed one."""
import configparser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TOP = Path(__file__).resolve().parents[2]


def pins() -> dict[str, str]:
    lines = (TOP / 'constraints.txt').read_text(encoding='utf-8').splitlines()
    pairs = [line.split('==') for line in lines if line and not line.startswith('#')]
    found = {canonicalize_name(name): version for name, version in pairs}
    assert len(found) == len(pairs)
    return found


def requirements() -> list[Requirement]:
    config = configparser.ConfigParser(interpolation=None)
    config.read(TOP / 'setup.cfg', encoding='utf-8')
    text = '\n'.join([config['options']['install_requires'], *(config['options.extras_require'][name]
                                                               for name in ('dev', 'bench'))])
    return [Requirement(line) for line in text.splitlines() if line.strip()]


@pytest.mark.parametrize('wanted', requirements(), ids=lambda wanted: wanted.name)
def test_the_version_is_allowed(wanted):
    assert wanted.specifier.contains(pins()[canonicalize_name(wanted.name)])
