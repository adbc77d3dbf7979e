"""Who asked for a job; nobody is known of those that were there before."""

from alembic import op
from sqlalchemy import Column, Text

revision = "state_1_2"
down_revision = "state_1_1"


def upgrade() -> None:
    """Add the column."""
    op.add_column("uplink_jobs", Column("owner", Text))
