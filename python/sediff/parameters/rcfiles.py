"""The shipped rc files, made from the table of parameters."""
from __future__ import annotations

import re
import textwrap
from pathlib import Path

from sediff.errors import BadInput, BadUsage
from sediff.parameters.model import Bands, Parameter, Parameters, expanded, rc_name
from sediff.parameters.table import DAGMAKER_HEAD, TABLE

FILES = ('dagmaker', 'se', 'diffimg', 'qc', 'site')
#: Width of the comments.
WIDTH = 119


def rc_text(file: str, bands: Bands) -> str:
    """A shipped rc file: every key with its default, what it means above it.

    Parameters
    ----------
    file : str
        dagmaker, whose values are live, or se, diffimg, qc or site, whose values are commented out.
    bands : mapping
        Of the instrument, for parameters of a band.
    """
    live = file == 'dagmaker'
    lines = _head(file)
    for parameter in (one for one in TABLE if one.file == file):
        if parameter.heading:
            lines += ['', f'# --- {parameter.heading}']
        note = _sentence(parameter.comment) if parameter.note is None else parameter.note
        lines += _comment(note if live else parameter.comment)
        lines += [('' if live else '#') + line for line in _settings(parameter, bands)]
    return '\n'.join(lines) + '\n'


def own_values(path: Path, file: str, bands: Bands) -> str:
    """What an rc file sets that is not the default, or why it cannot be read; '' where there is nothing to lose."""
    if not path.exists():
        return ''
    parameters = Parameters(expanded(TABLE, bands))
    try:
        parameters.read_rc(path, file)
    except (BadInput, BadUsage) as error:
        return str(error)
    changed = [name for name, parameter in parameters.table.items() if parameters[name] != parameter.default]
    return f'it sets {", ".join(changed)}' if changed else ''


def _head(file: str) -> list[str]:
    if file == 'dagmaker':
        return _comment(DAGMAKER_HEAD)
    return [f'# {rc_name(file)}: KEY=value, parsed and never executed; an unknown key is an error.',
            '# The values shown are the defaults; take the # off a line to change one.', '']


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent='# ', subsequent_indent='# ', break_on_hyphens=False,
                         break_long_words=False)


def _sentence(text: str) -> str:
    """The meaning as a sentence: with a capital, unless it starts with a name or a figure, and a full stop."""
    first = text.split(maxsplit=1)[0]
    return (text[0].upper() + text[1:] if first.isalpha() and first.islower() else text) + '.'


def _settings(parameter: Parameter, bands: Bands) -> list[str]:
    """KEY=value; of a parameter of a band one for each, the band as it is spelt."""
    spelt = [parameter.name.format(band=band) for band in bands] if '{band}' in parameter.name else [parameter.name]
    return [f'{name}={_quoted(one.default)}' for name, one in zip(spelt, parameter.of_bands(bands), strict=True)]


def _quoted(value: bool | int | float | str) -> str:
    """A value as a person writes it; in quotes where a shell would split or interpret it."""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value).removesuffix('.0') if isinstance(value, float) else str(value)
    return text if re.fullmatch(r'[\w.,:/+-]*', text) and not text.startswith('--') else f'"{text}"'
