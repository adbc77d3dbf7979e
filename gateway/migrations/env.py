"""Alembic runs this; the connection, with its transaction, is that of ``gateway.migrations.upgrade``."""

from alembic import context

_given = context.config.attributes
context.configure(connection=_given["connection"], version_table=_given["version_table"])
with context.begin_transaction():
    context.run_migrations()
