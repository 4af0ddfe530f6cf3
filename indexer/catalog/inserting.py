"""Rows into `shot`, as fast as the database takes them."""

from collections.abc import Sequence
from itertools import chain
from typing import Final

from sqlalchemy import Connection, Dialect, insert

from indexer.catalog.rows import Inserted
from indexer.catalog.schema import shot

_ROWS: Final = 200
"""Rows of one statement: half the time of one row at a time (docs/benchmarks.md); SQLite takes 32,766 variables."""


class ShotInserts:
    """Statements that are compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        self._one = str(insert(shot).compile(dialect=dialect))
        head, _, values = self._one.rpartition(" VALUES ")
        self._many = f"{head} VALUES {', '.join([values] * _ROWS)}"

    def insert(self, connection: Connection, rows: Sequence[Inserted]) -> None:
        """Insert rows that are not there yet."""
        whole = len(rows) - len(rows) % _ROWS
        for first in range(0, whole, _ROWS):
            connection.exec_driver_sql(self._many, tuple(chain.from_iterable(rows[first : first + _ROWS])))
        if whole < len(rows):
            connection.exec_driver_sql(self._one, list(rows[whole:]))
