"""Which way rows get into tables, where databases differ."""

from sqlalchemy import Dialect, Insert, Table
from sqlalchemy.dialects import postgresql, sqlite

from indexer.catalog.dialects import ShotWrites


def shot_writes(dialect: Dialect) -> ShotWrites:
    """The fast way of a database."""
    if dialect.name == "postgresql":
        from indexer.catalog.postgres_rows import CopiedRows

        return CopiedRows()
    from indexer.catalog.sqlite import ManyRows

    return ManyRows(dialect)


def insert_new(table: Table, dialect: Dialect) -> Insert:
    """A statement that inserts rows but for those whose key is there already."""
    if dialect.name == "postgresql":
        return postgresql.insert(table).on_conflict_do_nothing()
    return sqlite.insert(table).on_conflict_do_nothing()
