"""Real raw headers of both halves of the camera."""
from __future__ import annotations

import re
from pathlib import Path

import pytest
from astropy.io.fits import Header


@pytest.fixture(scope='session')
def north(realdata: Path) -> Header:
    """Raw header (primary and CCD merged) of N25, exposure 411371."""
    text = (realdata / 'raw_headers' / 'decam-c4d_150218_052850-N25.hdr').read_text()
    return Header.fromstring(text, sep='\n')


@pytest.fixture(scope='session')
def south(realdata: Path) -> Header:
    """Raw header of S1, exposure 229388."""
    header = Header()
    pattern = re.compile(r"^- \[([A-Za-z0-9_-]+), (\w+), ('(?:[^']|'')*'|[^,]*)")
    for line in (realdata / 'raw_headers' / 'fitsheader-decam.yaml').read_text().splitlines():
        match = pattern.match(line)
        if match and match[1] != 'time_recorded':
            text = match[3].strip("'")
            kind = {'Int': int, 'Double': float, 'Bool': lambda word: word == 'true'}.get(match[2], str)
            header[match[1].upper()] = kind(text)
    return header
