"""HOTPANTS' flags for the subtraction, so that its users' command lines go on working."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from sediff.cli.subtraction import Request
from sediff.errors import BadUsage
from sediff.formats.image_source import ImageSource
from sediff.values import finite, shown

#: Flag -> type of its value. Defaults below are HOTPANTS' own (version 5.1.11).
TEXT = ('-inim', '-tmplim', '-outim', '-oni', '-omi', '-ini', '-tni', '-imi', '-tmi')
NUMBERS = ('-iu', '-il', '-ig', '-ir', '-tu', '-tl', '-tg', '-tr', '-fi', '-fin')
COUNTS = ('-r', '-rss', '-nsx', '-nsy', '-ko', '-bgo', '-nrx', '-nry')
CHOICES = {'-c': {'t': 'template', 'i': 'science'}, '-n': {'t': 'template', 'i': 'science'}}
DEFAULTS = {'-iu': 25000.0, '-il': 0.0, '-ig': 1.0, '-ir': 0.0, '-tu': 25000.0, '-tl': 0.0, '-tg': 1.0, '-tr': 0.0,
            '-fi': 0.0, '-fin': 0.0}
#: Flags of HOTPANTS that are accepted and ignored, and how many values each takes: the stars decide what they tune.
IGNORED = dict.fromkeys(('-tuk', '-iuk', '-tp', '-ip', '-kcs', '-ft', '-sft', '-nft', '-mins', '-mous', '-nss', '-fom',
                             '-ssig', '-ks', '-kfm', '-afssc', '-v'), 1)
IGNORED |= dict.fromkeys(('-sconv', '-okn', '-convvar', '-nc', '-hki'), 0)
#: HOTPANTS' value of a pixel without data, and what counts as zero there.
FILL, ZERO = 1e-30, 1e-10
REQUIRED = ('-inim', '-tmplim', '-outim')
#: Fewest stars asked for however few stamps are named.
LEAST_STAR_COUNT = 50


def is_hotpants(argv: list[str]) -> bool:
    """True when the command line is HOTPANTS'."""
    return '-inim' in argv


def parse(argv: list[str]) -> Request:
    """Translate a HOTPANTS command line.

    Values up to -il (-tl), from -iu (-tu) on, or equal to -fi are bad, as there. Masked pixels of the difference are 0, or
    -fi where that is given; those of its noise -fin. --scale-weights is understood too.

    -nrx and -nry are accepted, but one fit with smooth spatial terms serves all regions; -ng and the flags of
    `IGNORED` are accepted and change nothing. -nsx and -nsy bound the number of stars (their product times the
    regions). Without -ko the order follows the number of stars, and without -bgo the residual sky is a mesh.

    Raises
    ------
    BadUsage
        Unknown flag, missing or wrong value, or a required flag left out.
    """
    values: dict[str, Any] = dict(DEFAULTS)
    words = iter(argv)
    for flag in words:
        if flag == '--scale-weights':
            continue
        if flag == '-ng' or flag in IGNORED:
            _ignore(flag, words)
        else:
            values[flag] = _value(flag, next(words, None))
    missing = [flag for flag in REQUIRED if flag not in values]
    if missing:
        raise BadUsage(f'{missing[0]} is required')
    fill = values['-fi'], values['-fin']
    empty = FILL if abs(fill[0]) < ZERO else fill[0]
    science = ImageSource(values['-inim'], None, values.get('-ini'), values.get('-imi'), values['-ig'], values['-ir'],
                          values['-iu'], values['-il'], empty, scale_weights='--scale-weights' in argv)
    template = ImageSource(values['-tmplim'], None, values.get('-tni'), values.get('-tmi'), values['-tg'],
                           values['-tr'], values['-tu'], values['-tl'], empty,
                           scale_weights='--scale-weights' in argv)
    options = {'convolve': values.get('-c', 'auto'), 'order': values.get('-ko'), 'half_width': values.get('-r'),
               'background_order': values.get('-bgo'), 'stamp_radius': values.get('-rss')}
    if '-nsx' in values or '-nsy' in values:
        regions = values.get('-nrx', 1) * values.get('-nry', 1)
        options['star_count'] = max(LEAST_STAR_COUNT, values.get('-nsx', 10) * values.get('-nsy', 10) * regions)
    return Request(science, template, values['-outim'], values.get('-oni'), values.get('-omi'),
                   normalize=values.get('-n', 'template'), fill=None if max(map(abs, fill)) < ZERO else fill,
                   options=options)


def _ignore(flag: str, words: Iterator[str]) -> None:
    """Take the values of a flag that changes nothing; -ng is followed by a number of Gaussians and two values for each."""
    count = IGNORED.get(flag, 1)
    taken = list(islice(words, count))
    if flag == '-ng' and taken and taken[0].isdigit():
        count += 2 * int(taken[0])
        taken += islice(words, count - 1)
    if len(taken) < count:
        raise BadUsage(f'{flag} needs {count} values')


def _value(flag: str, text: str | None):
    if flag not in (*TEXT, *NUMBERS, *COUNTS, *CHOICES):
        raise BadUsage(f'unknown flag {flag}; known: ' + ' '.join((*TEXT, *NUMBERS, *COUNTS, *CHOICES, '-ng', *IGNORED)))
    if text is None:
        raise BadUsage(f'{flag} needs a value')
    if flag in TEXT:
        return text
    if flag in CHOICES:
        if text not in CHOICES[flag]:
            raise BadUsage(f'{flag} must be t or i, got {text!r}')
        return CHOICES[flag][text]
    try:
        return finite(text) if flag in NUMBERS else int(text)
    except ValueError as error:
        raise BadUsage(f'{flag} needs a number, got {shown(text)}') from error
