"""What a catalog needs of its database beyond common SQL.  sqlite.py and postgres.py are the two that there are."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, Engine

from indexer.catalog.rows import Inserted
from indexer.errors import LockedError

WRITE: Final = "livestills_write"
"""Execution option of a connection whose transactions will write: one of them at a time, each seeing what the one
before it wrote.  Transactions without it see one state of the catalog from their first statement on."""


class Database(Protocol):
    """A database that can hold a catalog, opened; what it refuses is raised as our own errors."""

    @property
    def engine(self) -> Engine:
        """Where its connections come from."""
        ...

    @property
    def asking(self) -> Engine:
        """The same for a single question, which needs no transaction around it."""
        ...

    @property
    def name(self) -> str:
        """For people, without secrets."""
        ...

    @property
    def upgrades_unasked(self) -> bool:
        """Whether a sync may bring an older schema up to date: if nobody else can be using it with another version."""
        ...

    def tables(self, connection: Connection) -> set[str]:
        """What is there already, ours or not."""
        ...

    def has_column(self, connection: Connection, table: str, column: str) -> bool:
        """Whether a table is there with this column."""
        ...

    def require_fit(self, connection: Connection) -> None:
        """Refuse to make a catalog where it could not be kept: `CatalogError`."""
        ...

    def copy_aside(self, version: str | None, now: datetime) -> Path | None:
        """Keep the state before an upgrade, if that is ours to do."""
        ...

    def made(self) -> None:
        """A schema was made or upgraded."""
        ...

    def rest(self) -> None:
        """A run has ended: do what the database wants done behind many changes."""
        ...

    def lock(self, source: str, *, wait: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        """Hold the one lock that a sync of this source needs; it is free the moment its holder dies.

        If another run has it: with `wait`, looks again and again, and calls that before each time; it may raise to
        give up.  Among several that wait, any may be next.  Without `wait`, raises `LockedError` at once.
        """
        ...

    def size_bytes(self) -> int:
        """What the catalog takes on disk, its indexes included."""
        ...

    def damage(self, connection: Connection) -> Iterator[str]:
        """What the database finds wrong with itself, a line each."""
        ...

    def version(self) -> str:
        """The database and its version, for people."""
        ...

    def doubts(self) -> Iterator[str]:
        """What of the database or our rights in it may spoil a later command, a line each."""
        ...


class ShotWrites(Protocol):
    """Rows into `shot`, as fast as a database takes them."""

    def insert(self, connection: Connection, rows: Sequence[Inserted]) -> None:
        """Insert rows that are not there yet."""
        ...

    def change(self, connection: Connection, rows: Sequence[Inserted]) -> None:
        """Give rows that are there other values."""
        ...


POLL_S: Final = 0.5
"""Between two looks at a lock.  A database's own waiting would hold back signals for as long as it lasts."""


def take_in_turn(take: Callable[[], bool], source: str, name: str, wait: Callable[[], None] | None) -> None:
    """Take the lock of a sync, as `Database.lock` says."""
    while not take():
        if wait is None:
            raise LockedError(f"another sync of {source!r} is running on {name}; wait for it to end")
        wait()
        time.sleep(POLL_S)
