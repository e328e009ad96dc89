"""Rows of the steps RUN15 and RUN26 in the season's database, and how they are written again from the products."""
from __future__ import annotations

import numpy as np

from sediff.candidates.database_rows import add_forced, replace_image
from sediff.candidates.forced import FORCED_DTYPE
from sediff.candidates.rows import njy_per_electron
from sediff.candidates.texttable import parse_table
from sediff.engine.context import Context
from sediff.engine.step import NotRefillable
from sediff.flow.exposure.database import season_number

#: Candidates further apart than this (deg) are not at the same place: a step of the last digit of the tables.
SAME_PLACE = 1.5e-7


def store_image(context: Context, values: dict) -> None:
    """Write the row of the CCD's image."""
    exposure = context.exposure
    with context.transaction() as connection:
        replace_image(connection, season_number(exposure), exposure.expnum, exposure.ccd, values)
        context.enter_rows(connection)


def refill_image(context: Context) -> None:
    """RUN15 for a database that has lost the row: as the product has it."""
    context.log('the row of the image as it was')
    store_image(context, context.load('ingest'))


def store_forced(context: Context, identifier: np.ndarray, ra: np.ndarray, dec: np.ndarray,
                 forced: dict[str, np.ndarray] | np.ndarray) -> None:
    """Write the forced measurements at candidates.

    Parameters
    ----------
    identifier, ra, dec : ndarray, (n,)
        Of the candidates; deg.
    forced : columns of `forced_photometry`, (n,) each
    """
    exposure, image = context.exposure, context.load('ingest')
    njy = njy_per_electron(image['zeroPoint'])
    rows = [{'diaObjectId': int(identifier[k]), 'band': exposure.band, 'midpointMjdTai': image['midpointMjdTai'],
             'ra': float(ra[k]), 'dec': float(dec[k]), 'psfFlux': float(njy * forced['FLUX'][k]),
             'psfFluxErr': float(njy * forced['FLUXERR'][k]), 'psfChi2': float(forced['CHI2'][k]),
             'goodFraction': float(forced['GOOD_FRACTION'][k])} for k in range(len(identifier))]
    with context.transaction() as connection:
        add_forced(connection, exposure.expnum, exposure.ccd, season_number(exposure), rows)
        context.enter_rows(connection)


def refill_forced(context: Context) -> None:
    """RUN26 for a database that has lost the rows: the measurements of the product, at candidates of the same places.

    Raises
    ------
    NotRefillable
        A candidate lies where nothing was measured, or has another number: the product must be made again, too.
    """
    candidates, table = parse_table(context.load('makecand')), parse_table(context.load('forced'))
    kept = table['KIND'] == 'candidate'
    identifier = candidates['diaObjectId'].astype(np.int64)
    ra, dec = (candidates[name].astype(float) for name in ('ra', 'dec'))
    if not (np.array_equal(identifier, table['ID'][kept].astype(np.int64))
            and np.allclose(ra, table['RA'][kept].astype(float), rtol=0.0, atol=SAME_PLACE)
            and np.allclose(dec, table['DEC'][kept].astype(float), rtol=0.0, atol=SAME_PLACE)):
        raise NotRefillable
    context.log(f'forced measurements of {len(identifier)} candidates as they were')
    store_forced(context, identifier, ra, dec, {name: table[name][kept].astype(FORCED_DTYPE[name])
                                                for name in ('FLUX', 'FLUXERR', 'CHI2', 'GOOD_FRACTION')})
