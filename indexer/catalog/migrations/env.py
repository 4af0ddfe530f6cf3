"""Run by alembic for every upgrade: uses the connection, and so the transaction, that it is given."""

from alembic import context

from indexer.catalog.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # Off by default for SQLite, which would leave half a schema behind a migration that fails.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
