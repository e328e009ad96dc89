"""Files of the sky: binned exposures, components, templates of a CCD; and rows of raw CCDs and calibrations, some only."""
from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.camera.amplifiers import read_amplifiers
from sediff.errors import BadData, BadInput
from sediff.io.cards import header_texts
from sediff.io.checksum import check_sum
from sediff.io.fits import header_of, read_header
from sediff.io.opening import open_fits, write_fits
from sediff.io.planes import write_image
from sediff.isr.focal_plane import BinnedSky
from sediff.isr.sky_pca import SkyComponents


def sampled_ccds(path: str | os.PathLike, step: int) -> Iterator[tuple[int, Header, np.ndarray]]:
    """Every `step`th row of every CCD of a raw exposure, from the first row of its pixels on.

    Yields
    ------
    ccdnum : int
    header : Header
        Primary and CCD header merged.
    rows : ndarray, (n, 2160) uint16, ADU

    Raises
    ------
    BadInput
        The file is missing, no FITS file, or cut short.
    """
    with open_fits(path) as handle:
        primary = header_of(handle[0])
        for number in range(1, len(handle)):
            try:
                header = primary.copy()
                header.update(header_of(handle[number]))
                ccdnum = int(header.get('CCDNUM', 0))
                if not 1 <= ccdnum <= 62:
                    continue
                data = read_amplifiers(header)[0].data[0]
                yield ccdnum, header, handle[number][data.start:data.stop:step, :]
            except BadData:
                continue
            except (OSError, ValueError) as error:
                raise BadInput(f'{path}, extension {number}: cannot be read ({str(error).strip().splitlines()[0]}); '
                               'it may be truncated: fetch it again') from error


def read_rows(path: str | os.PathLike, step: int) -> np.ndarray:
    """Every `step`th row of the first image of a calibration file.

    Raises
    ------
    BadInput
        The file is missing, has no image or is cut short.
    """
    with open_fits(path) as handle:
        for hdu in handle:
            if hdu.get_exttype() == 'IMAGE_HDU' and hdu.has_data():
                try:
                    return hdu[0:hdu.get_dims()[0]:step, :]
                except (OSError, ValueError) as error:
                    raise BadInput(f'{path} cannot be read ({error}); make it again') from error
    raise BadInput(f'{path} has no image')


def write_binned(path: str | os.PathLike, binned: BinnedSky, source: str) -> None:
    """Write the binned sky of an exposure; `source` says what it was made from, see `binned_source`."""
    header = Header()
    header['EXPNUM'], header['BAND'], header['BLOCK'] = binned.expnum, binned.band, (binned.block, '[px]')
    header['SKYSRC'] = (source, 'fingerprint of what it was made from')
    header['SKYLEVEL'] = (binned.level, '[e-] median')
    _write(path, [('SKY', binned.values, header), ('CCDS', np.array(binned.ccds, np.int32), None)])


def read_binned(path: str | os.PathLike) -> BinnedSky:
    """Read a binned sky; raises BadInput when the file is none."""
    (values, ccds), header = _read(path, ('SKY', 'CCDS'))
    return BinnedSky(values, tuple(int(ccd) for ccd in ccds), str(header['BAND']), int(header['EXPNUM']),
                     int(header['BLOCK']))


def binned_source(path: str | os.PathLike) -> str | None:
    """What a binned sky was made from; None where the file is missing or unreadable."""
    try:
        return str(read_header(path, 'SKY').get('SKYSRC', ''))
    except BadInput:
        return None


def write_components(path: str | os.PathLike, components: SkyComponents) -> None:
    """Write the components of a band (`D_n<NITE>_<band>_skypca-binned-fp.fits`)."""
    header = Header()
    header['BAND'], header['BLOCK'] = components.band, (components.block, '[px]')
    header['NEXP'], header['SKYRMS'] = (components.exposures, 'exposures'), (components.rms, 'residual over sky')
    _write(path, [('COMPONENTS', components.values, header), ('CCDS', np.array(components.ccds, np.int32), None)])


def read_components(path: str | os.PathLike) -> SkyComponents:
    """Read the components of a band; raises BadInput when the file has none."""
    (values, ccds), header = _read(path, ('COMPONENTS', 'CCDS'))
    return SkyComponents(values, tuple(int(ccd) for ccd in ccds), str(header['BAND']), int(header['BLOCK']),
                         int(header['NEXP']), float(header['SKYRMS']))


def write_templates(path: str | os.PathLike, templates: np.ndarray, ccd: int, band: str,
                    fringe: np.ndarray | None = None) -> None:
    """Write a CCD's full-resolution templates (n, ny, nx) and its fringe pattern (ny, nx) where there is one."""
    header = Header()
    header['CCDNUM'], header['BAND'] = ccd, band
    planes = [('TEMPLATES', templates.astype(np.float32), header)]
    _write(path, planes if fringe is None else [*planes, ('FRINGE', fringe.astype(np.float32), header)])


def read_templates(path: str | os.PathLike, ccd: int, band: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Templates (n, ny, nx) of a CCD and its fringe pattern or None.

    Raises
    ------
    BadInput
        The file has none.
    BadData
        It belongs to another CCD or band.
    """
    (templates,), header = _read(path, ('TEMPLATES',))
    _check_owner(path, header, ccd, band)
    with open_fits(path) as handle:
        return templates, handle['FRINGE'].read() if 'FRINGE' in handle else None


def read_template_sum(path: str | os.PathLike, ccd: int, band: str,
                      coefficients: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Templates of a CCD times coefficients (n,), summed, (ny, nx) float32, and the fringe pattern; a plane at a time.

    Raises
    ------
    BadInput, BadData
        As `read_templates`; or there are not as many templates as coefficients.
    """
    with open_fits(path) as handle:
        if 'TEMPLATES' not in handle:
            raise BadInput(f'{path} has no extension TEMPLATES; it is no file of the sky: build it again')
        header = header_of(handle['TEMPLATES'])
        _check_owner(path, header, ccd, band)
        count = int(handle['TEMPLATES'].get_dims()[0])
        if count != len(coefficients):
            raise BadData(f'{path}: {count} templates for {len(coefficients)} sky components; build them together')
        try:
            total = 0
            for number, factor in enumerate(coefficients):
                total = total + np.float32(factor) * handle['TEMPLATES'][number:number + 1, :, :][0]
            return total, handle['FRINGE'].read() if 'FRINGE' in handle else None
        except (OSError, ValueError) as error:
            raise BadInput(f'{path} cannot be read ({error}); it may be truncated: build it again') from error


def _check_owner(path: str | os.PathLike, header: Header, ccd: int, band: str) -> None:
    if (int(header['CCDNUM']), str(header['BAND'])) != (ccd, band):
        raise BadData(f'{path} holds sky templates of CCD {header["CCDNUM"]} in {header["BAND"]}, '
                      f'not of CCD {ccd} in {band}')


def _write(path: str | os.PathLike, planes: list[tuple[str, np.ndarray, Header | None]]) -> None:
    with write_fits(path) as handle:
        for name, values, header in planes:
            write_image(handle, values, name, header_texts(header))


def _read(path: str | os.PathLike, names: tuple[str, ...]) -> tuple[list[np.ndarray], Header]:
    with open_fits(Path(path)) as handle:
        missing = [name for name in names if name not in handle]
        if missing:
            raise BadInput(f'{path} has no extension {", ".join(missing)}; it is no file of the sky: build it again')
        try:
            for name in names:
                check_sum(path, handle[name], name)
            return [handle[name].read() for name in names], header_of(handle[names[0]])
        except (OSError, ValueError) as error:
            raise BadInput(f'{path} cannot be read ({error}); it may be truncated: build it again') from error
