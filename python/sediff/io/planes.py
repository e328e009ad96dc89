"""Images as plain arrays with a fitsio header: quick to start, for commands that read and write a few planes."""
from __future__ import annotations

import os
from pathlib import Path

import fitsio
import numpy as np

from sediff.errors import BadInput
from sediff.io.atomic import atomic_path

#: Cards that say how an image was scaled or named; the writer sets its own.
OWN_CARDS = ('BZERO', 'BSCALE', 'BLANK', 'CHECKSUM', 'DATASUM', 'INHERIT', 'EXTNAME')


def read_planes(path: str | os.PathLike, most: int = 3) -> tuple[list[np.ndarray], fitsio.FITSHDR]:
    """Pixels of the first images of a file (native byte order), and the header of the first.

    Raises
    ------
    BadInput
        The file is missing, is no FITS file, has no image, or is cut short.
    """
    if not Path(path).is_file():
        raise BadInput(f'no such file: {path}')
    try:
        with fitsio.FITS(str(path)) as handle:
            images = [hdu for hdu in handle if hdu.get_exttype() == 'IMAGE_HDU' and hdu.has_data()][:most]
            if not images:
                raise BadInput(f'{path} has no image')
            return [hdu.read() for hdu in images], images[0].read_header()
    except (OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ['?'])[0]
        raise BadInput(f'{path} cannot be read as FITS ({reason}); fetch it again') from error


def write_plane(path: str | os.PathLike, name: str, pixels: np.ndarray, header: fitsio.FITSHDR,
                cards: dict[str, tuple]) -> None:
    """Write one image atomically: the cards of a header, and others {keyword: (value, comment)} that go over them."""
    out = fitsio.FITSHDR([record for record in header.records() if record['name'] not in OWN_CARDS])
    out.clean()
    for keyword, (value, comment) in cards.items():
        out.delete(keyword)
        out.add_record({'name': keyword, 'value': value, 'comment': comment})
    with atomic_path(path) as temporary, fitsio.FITS(str(temporary), 'rw', clobber=True) as handle:
        handle.write(np.ascontiguousarray(pixels), extname=name, header=out)
