"""Files of the sky: binned exposures, components, templates of a CCD; and rows of calibrations, some only."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from astropy.io.fits import Header

from sediff.cards import header_texts
from sediff.errors import BadData, BadInput
from sediff.formats.fits import header_of
from sediff.formats.integrity import check_all, check_sum
from sediff.formats.opening import open_fits, write_fits
from sediff.formats.planes import write_image
from sediff.isr.focal_plane import BinnedSky
from sediff.isr.sky_bins import BIN
from sediff.isr.sky_pca import SkyComponents
from sediff.isr.sky_templates import SkyTemplates


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
                    check_sum(path, hdu)
                    return hdu[0:hdu.get_dims()[0]:step, :]
                except (OSError, ValueError) as error:
                    raise BadInput(f'{path} cannot be read ({error}); make it again') from error
    raise BadInput(f'{path} has no image')


def write_binned(path: str | os.PathLike, binned: BinnedSky, source: str) -> None:
    """Write the binned sky of an exposure; `source` says what it was made from."""
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


def write_components(path: str | os.PathLike, components: SkyComponents) -> None:
    """Write the components of a band (`D_n<NITE>_<band>_skypca-binned-fp.fits`)."""
    header = Header()
    header['BAND'], header['BLOCK'] = components.band, (components.block, '[px]')
    header['NEXP'], header['SKYRMS'] = (components.exposures, 'exposures'), (components.rms, 'residual over sky')
    planes = [('COMPONENTS', components.values, header), ('CCDS', np.array(components.ccds, np.int32), None)]
    if components.expnums:
        planes.append(('EXPNUMS', np.array(components.expnums, np.int64), None))
    _write(path, planes)


def read_components(path: str | os.PathLike) -> SkyComponents:
    """Read the components of a band; raises BadInput when the file has none."""
    (values, ccds), header = _read(path, ('COMPONENTS', 'CCDS'))
    with open_fits(path) as handle:
        expnums = tuple(int(number) for number in handle['EXPNUMS'].read()) if 'EXPNUMS' in handle else ()
    return SkyComponents(values, tuple(int(ccd) for ccd in ccds), str(header['BAND']), int(header['BLOCK']),
                         int(header['NEXP']), float(header['SKYRMS']), expnums)


def write_templates(path: str | os.PathLike, templates: SkyTemplates, ccd: int, band: str) -> None:
    """Write a CCD's templates and its fringe pattern where there is one, and of each exposure that they were made from its
    number, the noise of a pixel and the rms of its fringes (extension EXPOSURES)."""
    header = Header()
    header['CCDNUM'], header['BAND'], header['BIN'] = ccd, band, (BIN, '[px]')
    planes = [('TEMPLATES', templates.planes.astype(np.float32), header)]
    if templates.fringe is not None:
        planes.append(('FRINGE', templates.fringe.astype(np.float32), header))
    if templates.expnums:
        table = np.zeros(len(templates.expnums), [('EXPNUM', 'i8'), ('NOISE', 'f4'), ('FRINGES', 'f4')])
        table['EXPNUM'], table['NOISE'], table['FRINGES'] = templates.expnums, templates.noises, templates.strengths
        planes.append(('EXPOSURES', table, None))
    _write(path, planes)


def read_templates(path: str | os.PathLike, ccd: int, band: str) -> SkyTemplates:
    """Templates of a CCD with its fringe pattern.

    Raises
    ------
    BadInput
        The file has none.
    BadData
        It belongs to another CCD or band, or has another size of bins.
    """
    (planes,), header = _read(path, ('TEMPLATES',))
    _check_owner(path, header, ccd, band)
    if int(header.get('BIN', 1)) != BIN:
        raise BadData(f'{path} has templates in bins of {header.get("BIN", 1)} px, {BIN} are needed; build it again with '
                      '`sediff calib build-skypca`')
    with open_fits(path) as handle:
        fringe = handle['FRINGE'].read() if 'FRINGE' in handle else None
        made_from = handle['EXPOSURES'].read() if 'EXPOSURES' in handle else np.zeros(0, [('EXPNUM', 'i8'), ('NOISE', 'f4'),
                                                                                           ('FRINGES', 'f4')])
    return SkyTemplates(planes, fringe, *(tuple(made_from[name].tolist()) for name in ('EXPNUM', 'NOISE', 'FRINGES')))


def has_fringe(path: str | os.PathLike) -> bool:
    """Whether a CCD's file of templates holds a fringe pattern, too."""
    with open_fits(path) as handle:
        check_all(path, handle, data=False)
        return 'FRINGE' in handle


def _check_owner(path: str | os.PathLike, header: Header, ccd: int, band: str) -> None:
    if (int(header['CCDNUM']), str(header['BAND'])) != (ccd, band):
        raise BadData(f'{path} holds sky templates of CCD {header["CCDNUM"]} in {header["BAND"]}, '
                      f'not of CCD {ccd} in {band}')


def _write(path: str | os.PathLike, planes: list[tuple[str, np.ndarray, Header | None]]) -> None:
    with write_fits(path) as handle:
        for name, values, header in planes:
            if values.dtype.fields:
                handle.write_table(values, extname=name)
            else:
                write_image(handle, values, name, header_texts(header))


def _read(path: str | os.PathLike, names: tuple[str, ...]) -> tuple[list[np.ndarray], Header]:
    with open_fits(Path(path)) as handle:
        missing = [name for name in names if name not in handle]
        if missing:
            raise BadInput(f'{path} has no extension {", ".join(missing)}; it is not a file of the sky: build it again')
        try:
            check_all(path, handle)
            return [handle[name].read() for name in names], header_of(handle[names[0]])
        except (OSError, ValueError) as error:
            raise BadInput(f'{path} cannot be read ({error}); it may be truncated: build it again') from error
