"""Which way rows get into `shot`."""

from sqlalchemy import Dialect

from indexer.catalog.dialects import ShotWrites


def shot_writes(dialect: Dialect) -> ShotWrites:
    """The fast way of a database."""
    if dialect.name == "postgresql":
        from indexer.catalog.postgres_rows import CopiedRows

        return CopiedRows()
    from indexer.catalog.sqlite import ManyRows

    return ManyRows(dialect)
