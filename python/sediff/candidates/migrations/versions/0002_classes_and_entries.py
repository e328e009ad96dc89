"""Classes of detections and candidates; the database's id and the marks of the steps that have written rows."""
import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Integer, SmallInteger, String

revision, down_revision = '0002', '0001'


def upgrade() -> None:
    """Add what is missing: databases without a version may have it."""
    known = sa.inspect(op.get_bind())
    for name in ('detections', 'candidates'):
        if 'sourceClass' not in {each['name'] for each in known.get_columns(name)}:
            op.add_column(name, Column('sourceClass', String(20)))
    if not known.has_table('database'):
        op.create_table('database', Column('id', String(32), primary_key=True), Column('created', String(20)))
    if not known.has_table('entries'):
        op.create_table('entries', Column('season', Integer, primary_key=True, autoincrement=False),
                        Column('visit', Integer, primary_key=True, autoincrement=False),
                        Column('detector', SmallInteger, primary_key=True, autoincrement=False),
                        Column('step', String(8), primary_key=True), Column('mark', String(32), nullable=False))
