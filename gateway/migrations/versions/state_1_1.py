"""Releases, shares and jobs, as ``create_all`` made them before there were revisions."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, String, UniqueConstraint

revision = "state_1_1"
down_revision = None
branch_labels = ("state",)


def upgrade() -> None:
    """Make the tables that are missing; a database from before revisions keeps its own."""
    op.create_table(
        "releases",
        Column("domain", String(64), primary_key=True),
        Column("kind", String(16), primary_key=True),
        Column("released", String(64), primary_key=True),
        Column("sealed", LargeBinary, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "shares",
        Column("id", String(64), primary_key=True),
        Column("digest", LargeBinary, nullable=False, unique=True),
        Column("uplink", String(64), nullable=False),
        Column("expires", BigInteger, nullable=False),
        Column("views_left", Integer),
        Column("pin", LargeBinary),
        Column("failures", Integer, nullable=False),
        Column("retry_at", BigInteger, nullable=False),
        Column("sealed", LargeBinary, nullable=False),
        if_not_exists=True,
    )
    _make_jobs()


def _make_jobs() -> None:
    op.create_table(
        "uplink_jobs",
        Column("id", String(64), primary_key=True),
        Column("uplink", String(64), nullable=False),
        Column("domain", String(64), nullable=False),
        Column("created", Float, nullable=False),
        Column("begun", Float, nullable=False),
        Column("state", String(16), nullable=False),
        Column("total", Integer, nullable=False),
        Column("stored", Integer, nullable=False),
        Column("refused", Integer, nullable=False),
        Column("discarded", Integer, nullable=False),
        Column("failed", Integer, nullable=False),
        Column("reason", String(256), nullable=False),
        Column("is_cancelled", Boolean, nullable=False),
        Column("shares", Boolean, nullable=False),
        Column("notified", String(16), nullable=False),
        Column("base", String(512), nullable=False),
        Column("link", LargeBinary),
        Column("expires", BigInteger),
        Column("is_revoked", Boolean, nullable=False),
        Column("asked", LargeBinary),
        Column("told_key", LargeBinary),
        Column("told_whole", LargeBinary),
        Column("told_rest", LargeBinary),
        UniqueConstraint("uplink", "told_key"),
        if_not_exists=True,
    )
    op.create_table(
        "uplink_instances",
        Column("job", String(64), primary_key=True),
        Column("released", String(64), primary_key=True),
        Column("fate", String(16), nullable=False),
        if_not_exists=True,
    )
