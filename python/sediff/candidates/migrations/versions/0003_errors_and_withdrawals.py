"""Errors of candidates' positions; when and why an exposure was withdrawn."""
import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Float, String

revision, down_revision = '0003', '0002'


def upgrade() -> None:
    """Add what is missing. Candidates get their errors when a detection of theirs is next written."""
    known = sa.inspect(op.get_bind())
    new: dict[str, list[Column]] = {
        'candidates': [Column('raErr', Float), Column('decErr', Float)],
        'images': [Column('timeWithdrawnMjdTai', Float(53)), Column('whyWithdrawn', String(200))],
        'detections': [Column('timeWithdrawnMjdTai', Float(53))], 'forced': [Column('timeWithdrawnMjdTai', Float(53))]}
    for table, columns in new.items():
        there = {each['name'] for each in known.get_columns(table)}
        for column in columns:
            if column.name not in there:
                op.add_column(table, column)
