"""The tables as version 0.1.0 began with them; databases without a version have some or all of these."""
import sqlalchemy as sa
from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, SmallInteger, String
from sqlalchemy.schema import SchemaItem

revision, down_revision = '0001', None


def _ccd() -> list[Column]:
    return [Column('season', Integer, primary_key=True, autoincrement=False),
            Column('visit', Integer, primary_key=True, autoincrement=False),
            Column('detector', SmallInteger, primary_key=True, autoincrement=False)]


def upgrade() -> None:
    """Make what is missing."""
    known = sa.inspect(op.get_bind())
    tables: dict[str, list[SchemaItem]] = {
        'images': [
            *_ccd(), Column('nite', Integer), Column('band', String(16)), Column('object', String(80)),
            Column('midpointMjdTai', Float(53)), Column('expTime', Float), Column('ra', Float(53)), Column('dec', Float(53)),
            Column('zeroPoint', Float), Column('seeing', Float), Column('depth', Float), Column('tEff', Float),
            Column('skySigma', Float), Column('noiseScale', Float), Column('nDetections', Integer),
            Column('nKept', Integer)],
        'detections': [
            Column('diaSourceId', BigInteger, primary_key=True, autoincrement=False),
            Column('season', Integer, nullable=False), Column('visit', Integer, nullable=False),
            Column('detector', SmallInteger, nullable=False), Column('number', Integer, nullable=False),
            Column('diaObjectId', BigInteger, index=True), Column('nite', Integer), Column('band', String(16)),
            Column('midpointMjdTai', Float(53)), Column('ra', Float(53), nullable=False),
            Column('dec', Float(53), nullable=False), Column('raErr', Float), Column('decErr', Float), Column('x', Float),
            Column('y', Float), Column('xErr', Float), Column('yErr', Float), Column('psfFlux', Float),
            Column('psfFluxErr', Float), Column('psfChi2', Float), Column('apFlux', Float), Column('apFluxErr', Float),
            Column('snr', Float), Column('isNegative', Boolean), Column('isDipole', Boolean), Column('reliability', Float),
            Column('pixelFlags', Integer), Column('pixelFlags_bad', Boolean), Column('pixelFlags_edge', Boolean),
            Column('reject', Integer, nullable=False), Column('fakeId', BigInteger, nullable=False),
            sa.UniqueConstraint('season', 'visit', 'detector', 'number')],
        'candidates': [
            Column('diaObjectId', BigInteger, primary_key=True, autoincrement=False),
            Column('season', Integer, nullable=False), Column('healpix', BigInteger, nullable=False),
            Column('ra', Float(53), nullable=False), Column('dec', Float(53), nullable=False),
            Column('nDiaSources', Integer), Column('nNites', Integer), Column('firstMjd', Float(53)),
            Column('lastMjd', Float(53)), Column('maxReliability', Float), Column('maxSnr', Float),
            Column('fakeId', BigInteger)],
        'forced': [
            Column('diaObjectId', BigInteger, primary_key=True, autoincrement=False), *_ccd(), Column('band', String(16)),
            Column('midpointMjdTai', Float(53)), Column('ra', Float(53)), Column('dec', Float(53)),
            Column('psfFlux', Float(53)), Column('psfFluxErr', Float(53)), Column('psfChi2', Float),
            Column('goodFraction', Float)],
    }
    for name, columns in tables.items():
        if not known.has_table(name):
            op.create_table(name, *columns)
            if name == 'candidates':
                op.create_index('candidates_by_place', name, ['season', 'healpix'])
