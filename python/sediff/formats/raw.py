"""Raw files: a primary header and an extension of pixels (RICE-compressed or plain) a CCD, or a file a CCD."""
from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import fitsio
import numpy as np
from astropy.io.fits import Header

from sediff.cards import header_texts, read_cards
from sediff.errors import BadInput
from sediff.formats.fits import header_of
from sediff.formats.integrity import RAW, check_header, check_sum
from sediff.formats.opening import FitsFile, first_line, open_fits, pixels_of, write_fits
from sediff.formats.planes import write_image
from sediff.instruments.base import Instrument
from sediff.instruments.load import default_instrument
from sediff.instruments.rawfiles import detector_files, file_of
from sediff.instruments.translate import source_of, translated


def read_raw_ccd(path: str | os.PathLike, ccdnum: int, instrument: Instrument | None = None) -> tuple[np.ndarray, Header]:
    """Pixels and cards of one CCD of a raw exposure.

    Parameters
    ----------
    path : path
        The raw file of the exposure; where each CCD has its own, that of any.
    ccdnum : int
    instrument : Instrument, optional
        Default: that of INSTRUMENT's default.

    Returns
    -------
    image : ndarray, (ny, nx) float32
        ADU, overscan and all.
    header : Header
        The cards of the primary header, overridden by those of the extension, in the pipeline's words.

    Raises
    ------
    BadInput
        The file is missing, is no FITS file, is cut short, or has no such CCD (the message lists those it has).
    """
    pixels, header = read_raw_rows(path, ccdnum, instrument=instrument)
    return pixels.astype(np.float32), header


def read_raw_rows(path: str | os.PathLike, ccdnum: int, first: int = 0, last: int | None = None, step: int = 1,
                  instrument: Instrument | None = None) -> tuple[np.ndarray, Header]:
    """Rows `first` to `last` (not in; default all), every `step`th, of a CCD as they are in the file, and its cards.

    Raises
    ------
    BadInput
        As `read_raw_ccd`; or the CCD or the primary header are not what their checksums say.
    """
    instrument = instrument or default_instrument()
    path = file_of(Path(path), ccdnum, instrument)
    with open_fits(path) as handle:
        try:
            hdu = handle[_find_ccd(handle, ccdnum, path, instrument)]
            whole = (first, last, step) in ((0, None, 1), (0, hdu.get_dims()[0], 1))
            check_header(path, handle[0], RAW)
            check_sum(path, hdu, RAW, once=not whole)
            pixels = pixels_of(hdu) if whole else hdu[first:hdu.get_dims()[0] if last is None else last:step, :]
            header = merged_header(handle, hdu, ccdnum, instrument)
        except (OSError, ValueError) as error:
            raise BadInput(f'{path}, CCD {ccdnum}: cannot be read ({first_line(error)}); it may be truncated: '
                           'fetch it again') from error
    return pixels, header


def read_raw_parts(path: str | os.PathLike, ccdnum: int, parts: Sequence[slice],
                   instrument: Instrument | None = None) -> tuple[np.ndarray, Header]:
    """Several runs of rows of a CCD, one behind the other; see `sediff.instruments.amplifiers.sampled`."""
    read = [read_raw_rows(path, ccdnum, part.start, part.stop, part.step or 1, instrument) for part in parts]
    return read[0][0] if len(read) == 1 else np.concatenate([rows for rows, _ in read]), read[0][1]


def merged_header(handle: FitsFile, hdu, ccdnum: int, instrument: Instrument) -> Header:
    """Cards of the primary header, overridden by those of an extension, in the pipeline's words."""
    header = header_of(handle[0])
    header.update(header_of(hdu))
    return translated(header, instrument, instrument.detectors.get(ccdnum))


class SharedReader:
    """Reads CCDs of raw exposures and keeps the last few, 18 MB each, for those that need them as sources of crosstalk.

    Parameters
    ----------
    read : callable
        `read(path, ccdnum)` gives pixels and header; where an instrument is given, `read(path, ccdnum, instrument=...)`.
    most : int
        CCDs kept at most.
    """

    def __init__(self, read: Callable[[Path, int], tuple[np.ndarray, Header]], most: int = 8) -> None:
        self._read, self._most = read, most
        self._kept: OrderedDict[tuple, tuple[np.ndarray, Header]] = OrderedDict()

    def __call__(self, path: str | os.PathLike, ccdnum: int,
                 instrument: Instrument | None = None) -> tuple[np.ndarray, Header]:
        """Pixels and header of a CCD, perhaps those that were read before: do not change them."""
        path = Path(path)
        stat = path.stat() if path.is_file() else None
        file = (str(path), stat.st_mtime_ns if stat else 0, stat.st_size if stat else 0)
        for other in [key for key in self._kept if key[0] != file]:
            del self._kept[other]
        if (file, ccdnum) not in self._kept:
            more = {} if instrument is None else {'instrument': instrument}
            self._kept[file, ccdnum] = self._read(path, ccdnum, **more)
        self._kept.move_to_end((file, ccdnum))
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return self._kept[file, ccdnum]

    def keep_only(self, ccds: Collection[int]) -> None:
        """Drop all CCDs but these."""
        for key in [key for key in self._kept if key[1] not in ccds]:
            del self._kept[key]

    def __len__(self) -> int:
        return len(self._kept)


#: The CCDs that this process has read last.
read_raw_shared = SharedReader(read_raw_rows)


def read_raw_primary(path: str | os.PathLike, instrument: Instrument | None = None) -> tuple[Header, list[int]]:
    """Primary header of a raw exposure, in the pipeline's words, and the numbers of its CCDs.

    Raises
    ------
    BadInput
        The file is missing, no FITS file, or its headers cannot be read.
    """
    instrument = instrument or default_instrument()
    files = detector_files(Path(path), instrument)
    if files:
        return read_raw_cards(path, instrument), list(files)
    with _open_headers(path) as handle:
        check_header(path, handle[0], RAW)
        numbers = [_ccdnum(handle, k, instrument) for k in range(len(handle))]
        return _exposure_header(handle, instrument), [number for number in numbers if number]


def read_raw_header(path: str | os.PathLike, ccdnum: int, instrument: Instrument | None = None) -> Header:
    """The cards of one CCD of a raw exposure as `read_raw_ccd` gives them, without its pixels."""
    instrument = instrument or default_instrument()
    path = file_of(Path(path), ccdnum, instrument)
    with _open_headers(path) as handle:
        return merged_header(handle, handle[_find_ccd(handle, ccdnum, path, instrument)], ccdnum, instrument)


def read_raw_cards(path: str | os.PathLike, instrument: Instrument | None = None) -> Header:
    """Primary header of a raw exposure, in the pipeline's words; the world coordinates of its first CCD stand in for a
    pointing that is missing."""
    instrument = instrument or default_instrument()
    with _open_headers(path) as handle:
        check_header(path, handle[0], RAW)
        header = _exposure_header(handle, instrument)
        if len(handle) > 1:
            header.extend([card for card in header_of(handle[1]).cards
                           if card.keyword in ('CRVAL1', 'CRVAL2') and card.keyword not in header])
    return header


def read_raw_head(path: str | os.PathLike, instrument: Instrument | None = None) -> Header:
    """Primary header of a raw exposure in the pipeline's words."""
    with _open_headers(path) as handle:
        check_header(path, handle[0], RAW)
        return _exposure_header(handle, instrument or default_instrument())


def _exposure_header(handle: FitsFile, instrument: Instrument) -> Header:
    """The primary header; cards that a camera of other words keeps in its extensions are taken from the first."""
    header = header_of(handle[0])
    if instrument.rules and len(handle) > 1:
        header.extend([card for card in header_of(handle[1]).cards if card.keyword not in header])
    return translated(header, instrument)


def sampled_ccds(path: str | os.PathLike, instrument: Instrument | None = None) -> Iterator[tuple[int, Header, Callable]]:
    """Every CCD of a raw exposure, one after the other.

    Yields
    ------
    ccdnum : int
    header : Header
        Primary and CCD header merged, in the pipeline's words.
    rows : callable
        Slices of rows -> those rows, one slice behind the other.

    Raises
    ------
    BadInput
        The file is missing, no FITS file, or cut short.
    """
    instrument = instrument or default_instrument()
    for one in list(detector_files(Path(path), instrument).values()) or [Path(path)]:
        with open_fits(one) as handle:
            check_header(one, handle[0], RAW)
            for number in range(len(handle)):
                try:
                    ccdnum = _ccdnum(handle, number, instrument)
                    if ccdnum in instrument.detectors and handle[number].has_data():
                        hdu = handle[number]
                        check_sum(one, hdu, RAW)
                        yield (ccdnum, merged_header(handle, hdu, ccdnum, instrument),
                               lambda parts, hdu=hdu, one=one, number=number: _rows(hdu, parts, one, number))
                except (OSError, ValueError) as error:
                    raise _truncated(one, number, error) from error


def _rows(hdu, parts: Sequence[slice], path: Path, number: int) -> np.ndarray:
    try:
        read = [hdu[part.start:part.stop:part.step, :] for part in parts]
    except (OSError, ValueError) as error:
        raise _truncated(path, number, error) from error
    return read[0] if len(read) == 1 else np.concatenate(read)


def _truncated(path: Path, number: int, error: Exception) -> BadInput:
    return BadInput(f'{path}, extension {number}: cannot be read ({first_line(error)}); it may be truncated: fetch it again')


@contextmanager
def _open_headers(path: str | os.PathLike) -> Iterator[FitsFile]:
    """A raw file whose headers are read; what fails is BadInput that says so."""
    with open_fits(path) as handle:
        try:
            yield handle
        except (OSError, ValueError) as error:
            raise BadInput(f'{path}: its headers cannot be read ({first_line(error)}); it may be truncated: '
                           'fetch it again') from error


def write_raw(path: str | os.PathLike, primary: Header, ccds: Sequence[tuple[str, np.ndarray, Header]]) -> None:
    """Write a raw exposure atomically.

    Parameters
    ----------
    path : path
        A name that ends in `.fz` is RICE-compressed row by row, as real files are.
    primary : Header
        Cards of the exposure.
    ccds : sequence of (extension name, ndarray (ny, nx) uint16, Header)

    Raises
    ------
    BadInput
        An image is not uint16.
    """
    options = {'compress': 'RICE', 'tile_dims': (1, ccds[0][1].shape[1])} if ccds and str(path).endswith('.fz') else {}
    with write_fits(path) as handle:
        write_image(handle, None, None, header_texts(primary))
        for name, pixels, header in ccds:
            if pixels.dtype != np.uint16:
                raise BadInput(f'{path}[{name}]: raw pixels are unsigned 16-bit, not {pixels.dtype}')
            write_image(handle, pixels, name, header_texts(header), **options)


def _find_ccd(handle: fitsio.FITS, ccdnum: int, path: Path, instrument: Instrument) -> int:
    """Index of a CCD's extension: by its name, or else by its number."""
    names = [hdu.get_extname().strip() for hdu in handle]
    wanted = instrument.detector(ccdnum).name
    if wanted in names and _ccdnum(handle, names.index(wanted), instrument) in (0, ccdnum):
        return names.index(wanted)
    numbers = [_ccdnum(handle, k, instrument) for k in range(len(handle))]
    if ccdnum in numbers:
        return numbers.index(ccdnum)
    if detector_files(path, instrument):
        return next((k for k, hdu in enumerate(handle) if hdu.get_exttype() == 'IMAGE_HDU' and hdu.has_data()), 0)
    there = ', '.join(f'{name or k} (CCD {number})' for k, (name, number) in enumerate(zip(names, numbers)) if number)
    raise BadInput(f'{path} has no CCD {ccdnum} ({wanted}); it has: {there or "no CCD at all"}')


def _ccdnum(handle: fitsio.FITS, index: int, instrument: Instrument) -> int:
    """Number of the CCD that an extension holds; 0 where none."""
    hdu = handle[index]
    if instrument.rules:
        name = hdu.get_extname().strip()
        named = [ccd for ccd, one in instrument.detectors.items() if one.name == name]
        if named:
            return named[0]
    card = source_of('CCDNUM', instrument)
    return int(read_cards(hdu.get_filename(), hdu.get_offsets()['header_start']).number(card) or 0) if card else 0
