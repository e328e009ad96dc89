"""Small files with the headers of raw exposures and of Community Pipeline products."""
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.io.fits import Header

from sediff.formats.fits import write_images

CARDS = {'PROCTYPE': 'RAW', 'PRODTYPE': 'image', 'INSTRUME': 'DECam', 'EXPNUM': 668443, 'OBSTYPE': 'object', 'EXPTIME': 90.0,
         'MJD-OBS': 57983.1, 'DATE-OBS': '2017-08-18T02:24:00.0', 'FILTER': 'i DECam SDSS c0003 7835.0 1470.0',
         'TELRA': '13:09:48.0', 'TELDEC': '-23:22:48.0', 'AIRMASS': 1.2, 'OBJECT': 'DESWS hex', 'PROPID': '2017B-0110'}
ZERO = {'OBSTYPE': 'zero', 'EXPTIME': 0.0, 'FILTER': 'solid plate 0.0 0.0', 'TELRA': None, 'TELDEC': None}


def write_raw(path: Path, ccds=(1, 3), value: int = 0, **changes) -> Path:
    """Write a file; a card that is None is left out, `_` in a name stands for `-`."""
    cards = {**CARDS, **{name.replace('_', '-'): card for name, card in changes.items()}}
    primary = fits.Header({name: card for name, card in cards.items() if card is not None})
    hdus = [fits.PrimaryHDU(header=primary)]
    hdus += [fits.ImageHDU(np.full((4, 4), value, 'i2'), fits.Header({'CCDNUM': ccd, 'BIASSECA': '[1:2,1:4]'}), f'C{ccd}')
             for ccd in ccds]
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.HDUList(hdus).writeto(path, overwrite=True, checksum=True)
    return path


def write_triple(folder: Path, stem: str = 'c4d_170818_022400', band: str = 'i', ccds=(1, 3), **changes) -> list[Path]:
    """ooi, oow and ood of an exposure."""
    kinds = {'ooi': 'image', 'oow': 'wtmap', 'ood': 'dqmask'}
    return [write_raw(folder / f'{stem}_{kind}_{band}_v1.fits', ccds, PROCTYPE='InstCal', PRODTYPE=product, **changes)
            for kind, product in kinds.items()]


def write_product(path: Path) -> Path:
    """A reduced image, which is no exposure to be taken in."""
    header = Header({'EXPNUM': 668443, 'CCDNUM': 3, 'FILTER': CARDS['FILTER'], 'MJD-OBS': 57983.1})
    write_images(path, [('SCI', np.zeros((4, 4), np.float32), header)])
    return path
