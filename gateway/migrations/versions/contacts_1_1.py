"""The contacts of pending jobs, as ``create_all`` made them before there were revisions."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, String

revision = "contacts_1_1"
down_revision = None
branch_labels = ("contacts",)


def upgrade() -> None:
    """Make the table where there is none."""
    op.create_table(
        "contacts",
        Column("job", String(64), primary_key=True),
        Column("kept_at", BigInteger, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        if_not_exists=True,
    )
