"""The true depth of a difference, in the table of images."""
import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Float

revision, down_revision = '0004', '0003'


def upgrade() -> None:
    """Add what is missing: databases without a version may have it."""
    known = {each['name'] for each in sa.inspect(op.get_bind()).get_columns('images')}
    for name in ('diffDepth', 'diffDepthErr'):
        if name not in known:
            op.add_column('images', Column(name, Float))
