"""FITS_LDAC catalogues: the image's header as one character field, then the objects (HDU 2)."""
from __future__ import annotations

import os

import numpy as np
from astropy.io.fits import Header

from sediff.errors import BadData, BadInput
from sediff.formats.integrity import check_all
from sediff.formats.opening import open_fits, write_fits

FIELD = 'Field Header Card'
CARD = 80


def write_ldac(path: str | os.PathLike, catalogue: np.ndarray, image_header: Header,
               units: dict[str, str] | None = None) -> None:
    """Write a catalogue as SExtractor's FITS_LDAC, atomically.

    Parameters
    ----------
    catalogue : structured ndarray
    image_header : astropy Header
        Of the image; kept card by card in LDAC_IMHEAD.
    units : dict, optional
        Unit of a column by its name (TUNIT), e.g. `sediff.catalog.columns.UNITS`.

    Raises
    ------
    BadData
        `catalogue` is no structured array.
    """
    if not isinstance(catalogue, np.ndarray) or catalogue.dtype.names is None:
        raise BadData('an LDAC catalogue must be a structured numpy array')
    lines = _lines(image_header)
    head = np.zeros(1, dtype=[(FIELD, f'S{CARD}', (len(lines),))])
    head[FIELD][0] = lines
    names = [(units or {}).get(name, '') for name in catalogue.dtype.names]
    with write_fits(path) as handle:
        handle.write(None)
        handle.write_table(head, extname='LDAC_IMHEAD')
        handle.write_table(catalogue, extname='LDAC_OBJECTS', units=names)


def read_ldac(path: str | os.PathLike) -> tuple[np.ndarray, Header]:
    """Read the catalogue and the image header of a FITS_LDAC file.

    Returns
    -------
    catalogue : structured ndarray
        In native byte order.
    image_header : astropy Header

    Raises
    ------
    BadInput
        File missing, no FITS, or without the two LDAC tables.
    """
    with open_fits(path) as handle:
        names = [hdu.get_extname() for hdu in handle]
        if 'LDAC_IMHEAD' not in names or 'LDAC_OBJECTS' not in names:
            raise BadInput(f'{path} is no FITS_LDAC catalogue; its HDUs are {names}')
        try:
            check_all(path, handle)
            text = handle['LDAC_IMHEAD'].read()[0][0]
            objects = handle['LDAC_OBJECTS']
            table = objects.read() if objects.get_nrows() else np.zeros(0, objects.get_rec_dtype()[0])
        except (OSError, ValueError, IndexError) as error:
            raise BadInput(f'{path} cannot be read ({error}); it may be truncated: make it again') from error
    return table.astype(table.dtype.newbyteorder('='), copy=False), _header(text)


def _lines(header: Header) -> list[bytes]:
    text = header.tostring(sep='', endcard=True, padding=False)
    return [text[i:i + CARD].ljust(CARD).encode('ascii', 'replace') for i in range(0, len(text), CARD)]


def _header(field: np.ndarray) -> Header:
    """Header of an LDAC_IMHEAD row, which other writers store as one long string."""
    cards = [card if isinstance(card, str) else card.decode('ascii', 'replace') for card in np.atleast_1d(field)]
    if len(cards) > 1:
        cards = [card.ljust(CARD) for card in cards]
    return Header.fromstring(''.join(cards).split('END' + ' ' * 77)[0])
