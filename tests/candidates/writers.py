"""Rows into a database; the processes of their own that write them import no more than these need."""
import numpy as np

from sediff.candidates.database import (
    add_forced,
    associate,
    open_database,
    replace_detections,
    replace_image,
    transaction,
)
from sediff.candidates.database_rows import enter, entered

ARCSEC = 1 / 3600.0


def row(number, ra, dec=-30.0, snr=10.0, nite=20200101, mjd=58849.1, **more):
    return {'number': number, 'ra': ra % 360, 'dec': dec, 'snr': snr, 'reject': 0, 'band': 'i', 'nite': nite,
            'midpointMjdTai': mjd, 'reliability': 0.9, **more}


def store(engine, expnum, ccd, rows, season=33):
    with transaction(engine) as connection:
        replace_detections(connection, expnum, ccd, season, rows)
        return associate(connection, expnum, ccd, season)


def write_eight(url, expnum, barrier):
    engine = open_database(url)
    barrier.wait()
    for ccd in range(1, 9):
        rows = [row(n, 10.0 + 0.01 * ccd + 0.001 * n + (expnum - 1) * 0.2 * ARCSEC, nite=20200100 + expnum)
                for n in range(1, 11)]
        store(engine, expnum, ccd, rows)
    engine.dispose()


def rows_of(expnum, ccd, count):
    """Detections of sources 30" apart, the same for all exposures within errors of 0.1"."""
    rng = np.random.default_rng([expnum, ccd])
    return [row(n + 1, 10.0 + 0.5 * ccd + 30.0 * n * ARCSEC + offset[0] * ARCSEC, -30.0 + offset[1] * ARCSEC,
                nite=20200100 + expnum, raErr=0.1 * ARCSEC, decErr=0.1 * ARCSEC)
            for n, offset in enumerate(rng.normal(0.0, 0.1, (count, 2)))]


def write_exposure(url, expnum, ccds, count, log):
    """As a run that resumes: each CCD that is not in the database, in one transaction; then a line in the log."""
    engine = open_database(url)
    with transaction(engine, writes=False) as connection:
        left = [ccd for ccd in ccds if entered(connection, 33, expnum, ccd, 'RUN25') is None]
    for ccd in left:
        with transaction(engine) as connection:
            replace_image(connection, 33, expnum, ccd, {'nite': 20200100 + expnum, 'band': 'i'})
            replace_detections(connection, expnum, ccd, 33, rows_of(expnum, ccd, count))
            found = associate(connection, expnum, ccd, 33)
            add_forced(connection, expnum, ccd, 33, [
                {'diaObjectId': each['diaObjectId'], 'psfFlux': 1.0, 'psfFluxErr': 0.1} for each in found])
            enter(connection, 33, expnum, ccd, 'RUN25')
        with log.open('a') as handle:
            handle.write(f'{expnum} {ccd}\n')
    engine.dispose()
