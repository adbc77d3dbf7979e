"""A keyed digest of who asked for a job; NULL: from a shell, or from before this column."""

from alembic import op
from sqlalchemy import Column, LargeBinary

revision = "state_1_2"
down_revision = "state_1_1"


def upgrade() -> None:
    """Add the column."""
    op.add_column("uplink_jobs", Column("owner", LargeBinary))
