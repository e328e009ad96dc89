"""Tables of the candidates' database; columns are named as in Rubin's alert schema (lsst.v11) where it has them.

Fluxes are nJy (AB magnitude 31.4 - 2.5 log10 nJy), positions ICRS degrees, times MJD TAI, pixels 0-based.
"""
from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
)

from sediff.errors import BadUsage

METADATA = MetaData()

#: One row a processed CCD.
IMAGES = Table(
    'images', METADATA,
    Column('season', Integer, primary_key=True, autoincrement=False),
    Column('visit', Integer, primary_key=True, autoincrement=False),        # EXPNUM
    Column('detector', SmallInteger, primary_key=True, autoincrement=False),   # CCDNUM
    Column('nite', Integer), Column('band', String(16)), Column('object', String(80)),
    Column('midpointMjdTai', Float(53)), Column('expTime', Float),
    Column('ra', Float(53)), Column('dec', Float(53)),                      # centre of the CCD
    Column('zeroPoint', Float), Column('seeing', Float),                    # mag per electron and exposure; FWHM arcsec
    Column('depth', Float), Column('tEff', Float),                          # 5 sigma AB mag, search image; t_eff factor
    Column('skySigma', Float), Column('noiseScale', Float),                 # electrons; of the score, 1 = as propagated
    Column('nDetections', Integer), Column('nKept', Integer),               # both signs; those of reject 0
    Column('timeWithdrawnMjdTai', Float(53)), Column('whyWithdrawn', String(200)),    # NULL where the exposure counts
    Column('diffDepth', Float), Column('diffDepthErr', Float))              # 5 sigma AB mag, difference, from fakes and sky

#: One row a detection (diaSource).
DETECTIONS = Table(
    'detections', METADATA,
    Column('diaSourceId', BigInteger, primary_key=True, autoincrement=False),
    Column('season', Integer, nullable=False), Column('visit', Integer, nullable=False),
    Column('detector', SmallInteger, nullable=False), Column('number', Integer, nullable=False),
    Column('diaObjectId', BigInteger, index=True),
    Column('nite', Integer), Column('band', String(16)), Column('midpointMjdTai', Float(53)),
    Column('ra', Float(53), nullable=False), Column('dec', Float(53), nullable=False),
    Column('raErr', Float), Column('decErr', Float),                        # deg, raErr times cos(dec)
    Column('x', Float), Column('y', Float), Column('xErr', Float), Column('yErr', Float),
    Column('psfFlux', Float), Column('psfFluxErr', Float), Column('psfChi2', Float),
    Column('apFlux', Float), Column('apFluxErr', Float), Column('snr', Float),
    Column('isNegative', Boolean), Column('isDipole', Boolean), Column('reliability', Float),
    Column('pixelFlags', Integer), Column('pixelFlags_bad', Boolean), Column('pixelFlags_edge', Boolean),
    Column('reject', Integer, nullable=False), Column('fakeId', BigInteger, nullable=False, default=0),
    Column('sourceClass', String(20)),                                      # variable_star, or NULL
    Column('timeWithdrawnMjdTai', Float(53)),                               # of its exposure; NULL where it counts
    UniqueConstraint('season', 'visit', 'detector', 'number'))

#: One row a candidate (diaObject).
CANDIDATES = Table(
    'candidates', METADATA,
    Column('diaObjectId', BigInteger, primary_key=True, autoincrement=False),
    Column('season', Integer, nullable=False), Column('healpix', BigInteger, nullable=False),   # nside 2^15 NESTED
    Column('ra', Float(53), nullable=False), Column('dec', Float(53), nullable=False),
    Column('nDiaSources', Integer), Column('nNites', Integer),
    Column('firstMjd', Float(53)), Column('lastMjd', Float(53)),
    Column('maxReliability', Float), Column('maxSnr', Float), Column('fakeId', BigInteger),
    Column('sourceClass', String(20)),                                      # of its most significant detection
    Column('raErr', Float), Column('decErr', Float),                        # deg, raErr times cos(dec)
    Index('candidates_by_place', 'season', 'healpix'))

#: One row a forced measurement (diaForcedSource).
FORCED = Table(
    'forced', METADATA,
    Column('diaObjectId', BigInteger, primary_key=True, autoincrement=False),
    Column('season', Integer, primary_key=True, autoincrement=False),
    Column('visit', Integer, primary_key=True, autoincrement=False),
    Column('detector', SmallInteger, primary_key=True, autoincrement=False),
    Column('band', String(16)), Column('midpointMjdTai', Float(53)),
    Column('ra', Float(53)), Column('dec', Float(53)),
    Column('psfFlux', Float(53)), Column('psfFluxErr', Float(53)), Column('psfChi2', Float),
    Column('goodFraction', Float), Column('timeWithdrawnMjdTai', Float(53)))

#: The one row that tells a database from all others.
DATABASE = Table('database', METADATA, Column('id', String(32), primary_key=True), Column('created', String(20)))

#: One row a step that has written rows of a CCD; the mark is new each time and stands in the step's stamp, too.
ENTRIES = Table(
    'entries', METADATA,
    Column('season', Integer, primary_key=True, autoincrement=False),
    Column('visit', Integer, primary_key=True, autoincrement=False),
    Column('detector', SmallInteger, primary_key=True, autoincrement=False),
    Column('step', String(8), primary_key=True), Column('mark', String(32), nullable=False))


def _limits(ccd_bits: int) -> tuple[tuple[str, int], ...]:
    return ('season', 13), ('exposure', 27), ('ccd', ccd_bits), ('number', number_bits(ccd_bits))


def number_bits(ccd_bits: int) -> int:
    """Bits that are left for the number of a detection on its CCD."""
    return 23 - ccd_bits


def source_id(season: int, exposure: int, ccd: int, number: int, ccd_bits: int = 6) -> int:
    """A 63-bit positive id: season (13 bits), exposure (27), CCD (6, or what the instrument needs), number (the rest, 17).

    Raises
    ------
    BadUsage
        A part is negative or does not fit.
    """
    out = 0
    for (name, bits), value in zip(_limits(ccd_bits), (season, exposure, ccd, number)):
        if not 0 <= int(value) < 1 << bits:
            raise BadUsage(f'{name} {value} does not fit an id: it must lie in [0, {1 << bits})')
        out = out << bits | int(value)
    return out


def source_parts(identifier: int, ccd_bits: int = 6) -> tuple[int, int, int, int]:
    """season, exposure, CCD and number of an id made by `source_id`."""
    parts = []
    for _, bits in reversed(_limits(ccd_bits)):
        parts.append(identifier & (1 << bits) - 1)
        identifier >>= bits
    number, ccd, exposure, season = parts
    return season, exposure, ccd, number
