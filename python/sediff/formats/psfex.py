"""PSFEx files (.psf): one PSF_DATA table with the polynomial planes."""
from __future__ import annotations

import os

import numpy as np

from sediff.errors import BadData, BadInput
from sediff.formats.integrity import check_all
from sediff.formats.opening import open_fits, write_fits
from sediff.psf.model import PsfModel
from sediff.psf.zoned import ZonedPsf

#: Image extension with the zone of each cell, in a file with one PSF_DATA table a zone.
ZONES = 'PSF_ZONES'


def read_psf(path: str | os.PathLike) -> PsfModel | ZonedPsf:
    """Read a PSFEx file; one that `write_psf` wrote of a `ZonedPsf` gives that again.

    Raises
    ------
    BadInput
        File missing, no FITS, no PSF_DATA table, or a PSF that varies with something else than x and y.
    """
    with open_fits(path) as handle:
        tables = [hdu for hdu in handle if hdu.get_exttype() == 'BINARY_TBL' and 'PSF_MASK' in hdu.get_colnames()]
        if not tables:
            raise BadInput(f'{path} is no PSFEx file: it has no table with the column PSF_MASK')
        zones = [hdu for hdu in handle if hdu.get_extname() == ZONES]
        try:
            for hdu in tables:
                _check_axes(hdu.read_header(), path)
            check_all(path, handle)
            models = [_model(hdu) for hdu in (tables if zones else tables[:1])]
            if zones:
                return ZonedPsf(tuple(models), zones[0].read().astype(np.uint8), int(zones[0].read_header()['CELL']))
            return models[0]
        except (KeyError, OSError, ValueError, IndexError, BadData) as error:
            raise BadInput(f'{path} is not a usable PSFEx file ({error}); make it again') from error


def write_psf(path: str | os.PathLike, model: PsfModel | ZonedPsf) -> None:
    """Write `model` as PSFEx does, atomically; of zones one table each, the largest first, and an image of the zones."""
    with write_fits(path) as handle:
        handle.write(None)
        for each in model.models if isinstance(model, ZonedPsf) else (model,):
            count, n = each.mask.shape[0], each.mask.shape[1]
            table = np.zeros(1, dtype=[('PSF_MASK', '>f4', (count, n, n))])
            table['PSF_MASK'][0] = each.mask
            handle.write_table(table, extname='PSF_DATA', header=_cards(each))
        if isinstance(model, ZonedPsf):
            cell = {'name': 'CELL', 'value': model.cell, 'comment': 'side of a cell, px'}
            handle.write(model.labels, extname=ZONES, header=[cell])


def _model(hdu) -> PsfModel:
    return _model_of(hdu.read_header(), np.asarray(hdu['PSF_MASK'].read()[0], np.float32))


def _check_axes(header, path) -> None:
    names = [str(header[f'POLNAME{i + 1}']).strip() for i in range(int(header['POLNAXIS']))]
    if int(header['POLNAXIS']) != 2 or int(header['POLNGRP']) != 1 or names[0][0] != 'X' or names[1][0] != 'Y':
        raise BadInput(f'{path}: the PSF varies with {names}; only X_IMAGE and Y_IMAGE in one group are understood')


def _model_of(header, planes: np.ndarray) -> PsfModel:
    return PsfModel(mask=planes, degree=int(header['POLDEG1']),
                    pol_zero=(float(header['POLZERO1']), float(header['POLZERO2'])),
                    pol_scale=(float(header['POLSCAL1']), float(header['POLSCAL2'])),
                    samp=float(header['PSF_SAMP']), fwhm=float(header['PSF_FWHM']), chi2=float(header['CHI2']),
                    n_loaded=int(header['LOADED']), n_accepted=int(header['ACCEPTED']))


def _cards(model: PsfModel) -> list[dict]:
    count, n = model.mask.shape[0], model.mask.shape[1]
    rows: list[tuple] = [('LOADED', model.n_loaded, 'Number of loaded sources'),
                         ('ACCEPTED', model.n_accepted, 'Number of accepted sources'),
                         ('CHI2', float(model.chi2), 'Final reduced chi2'),
                         ('POLNAXIS', 2, 'Number of context parameters')]
    for axis, name in ((1, 'X_IMAGE'), (2, 'Y_IMAGE')):
        rows += [(f'POLGRP{axis}', 1, 'Polynom group for this context parameter'),
                 (f'POLNAME{axis}', name, 'Name of this context parameter'),
                 (f'POLZERO{axis}', float(model.pol_zero[axis - 1]), 'Offset value for this context parameter'),
                 (f'POLSCAL{axis}', float(model.pol_scale[axis - 1]), 'Scale value for this context parameter')]
    rows += [('POLNGRP', 1, 'Number of context groups'), ('POLDEG1', model.degree, 'Polynom degree of the group'),
             ('PSF_FWHM', float(model.fwhm), 'PSF FWHM (pixels)'),
             ('PSF_SAMP', float(model.samp), 'Sampling step of the PSF data (pixels)'),
             ('PSFNAXIS', 3, 'Dimensionality of the PSF data'), ('PSFAXIS1', n, 'Number of elements along this axis'),
             ('PSFAXIS2', n, 'Number of elements along this axis'),
             ('PSFAXIS3', count, 'Number of elements along this axis')]
    return [{'name': name, 'value': value, 'comment': comment} for name, value, comment in rows]
