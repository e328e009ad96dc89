"""Headers and files of other programs, made card by card."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits as afits


def with_card(path: Path, keyword: str, field: str) -> Path:
    """Put a value field into the card of a file as it stands there, letter for letter (latin-1)."""
    data = bytearray(path.read_bytes())
    at = data.index(keyword.ljust(8).encode() + b'=')
    data[at:at + 80] = f'{keyword:8s}={field}'.encode('latin-1').ljust(80)[:80]
    path.write_bytes(data)
    return path


def tan_cards(ra=40.0, dec=-30.0, scale=0.263, shape=(96, 80)) -> afits.Header:
    """A TAN header in the middle of an image."""
    d = scale / 3600
    return afits.Header({'CTYPE1': 'RA---TAN', 'CTYPE2': 'DEC--TAN', 'CRVAL1': ra, 'CRVAL2': dec,
                         'CRPIX1': (shape[1] + 1) / 2,
                         'CRPIX2': (shape[0] + 1) / 2, 'CD1_1': -d, 'CD1_2': 0.0, 'CD2_1': 0.0, 'CD2_2': d})


def sky(shape=(96, 80), level=200.0, gain=4.0, seed=1) -> np.ndarray:
    """A sky of photons: (ny, nx) float32, ADU."""
    return (np.random.default_rng(seed).poisson(level * gain, shape) / gain).astype(np.float32)


def write_planes(path: Path, *planes, primary: dict | None = None, header: afits.Header | None = None) -> Path:
    """A primary header without pixels, and image extensions (name, pixels[, cards]); the first gets the header."""
    hdus = [afits.PrimaryHDU(header=afits.Header(primary or {}))]
    for number, (name, pixels, *cards) in enumerate(planes):
        hdu = afits.ImageHDU(pixels, header if number == 0 else None, name=name)
        hdu.header.update(cards[0] if cards else {})
        hdus.append(hdu)
    afits.HDUList(hdus).writeto(path, overwrite=True)
    return path
