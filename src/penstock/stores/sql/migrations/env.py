"""What alembic runs: the steps that a database lacks, in the transaction that migrate.py has begun."""

from alembic import context

from penstock.stores.sql.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
