"""Databases to measure in, as the catalog and the plain driver use them: files of SQLite, a server of PostgreSQL."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

import psycopg

from benchmarks.compiling import MissingToolError
from benchmarks.sqlite import raw
from tests.postgres import PostgresServer, binaries, postgres_server

Row = tuple[Any, ...]

_NAIVE: Final = (
    """CREATE TABLE shot (key TEXT PRIMARY KEY, sid TEXT NOT NULL, cname TEXT NOT NULL, uid TEXT NOT NULL,
    captured_ms BIGINT NOT NULL, size BIGINT NOT NULL, etag TEXT NOT NULL, modified_s BIGINT NOT NULL)""",
    "CREATE INDEX by_uid ON shot (uid, captured_ms)",
    "CREATE INDEX by_sid ON shot (sid)",
    "CREATE INDEX by_cname ON shot (cname, captured_ms)",
)
"""One row a shot with its key, and the usual indexes."""


class Driver(Protocol):
    """A connection without SQLAlchemy.  Parameters are written `?`."""

    def ask(self, query: str, parameters: Sequence[object]) -> list[Row]:
        """All rows as the driver gives them, in a transaction of their own."""
        ...

    def insert(self, rows: list[Row]) -> None:
        """Rows of the naive table, the fast way, in one transaction."""
        ...


class Place(Protocol):
    """Where catalogs and their naive counterparts are made."""

    name: str
    bound: int
    """Bytes a shot that a catalog may take there."""

    def url(self, name: str) -> str:
        """Of a catalog, which is made by opening it."""
        ...

    def make_naive(self) -> None:
        """Make the naive table, empty."""
        ...

    def naive_bytes(self) -> int:
        """What it takes on disk with its indexes."""
        ...

    def settle(self, name: str) -> None:
        """Do what the database does by itself some minutes after much was written."""
        ...

    def driver(self, name: str) -> AbstractContextManager[Driver]:
        """A connection to a catalog, or to the naive table."""
        ...


NAIVE: Final = "naive"


class Files:
    """SQLite."""

    name = "SQLite"
    bound = 50

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, name: str) -> str:
        return f"sqlite:///{self._path(name)}"

    def make_naive(self) -> None:
        with raw(self._path(NAIVE)) as connection:
            for statement in _NAIVE:
                connection.execute(statement.replace("TEXT PRIMARY KEY", "TEXT NOT NULL UNIQUE"))

    def naive_bytes(self) -> int:
        return self._path(NAIVE).stat().st_size

    def settle(self, name: str) -> None:
        with raw(self._path(name)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextmanager
    def driver(self, name: str) -> Iterator[Driver]:
        with raw(self._path(name)) as connection:
            yield _SQLite(connection)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.db"


class _SQLite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def ask(self, query: str, parameters: Sequence[object]) -> list[Row]:
        return self._connection.execute(query, parameters).fetchall()

    def insert(self, rows: list[Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO shot VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")


class Server:
    """PostgreSQL as it comes: what is committed is on the disk."""

    name = "PostgreSQL"
    bound = 110

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._names: dict[str, str] = {}

    def url(self, name: str) -> str:
        if name not in self._names:
            self._names[name] = self._server.new_database()
        return self._server.url(self._names[name])

    def make_naive(self) -> None:
        self.url(NAIVE)
        self._server.execute(*_NAIVE, database=self._names[NAIVE])

    def naive_bytes(self) -> int:
        ((size,),) = self._server.execute("SELECT pg_total_relation_size('shot')", database=self._names[NAIVE])
        return int(size)

    def settle(self, name: str) -> None:
        self._server.execute("VACUUM ANALYZE", "CHECKPOINT", database=self._names[name])

    @contextmanager
    def driver(self, name: str) -> Iterator[Driver]:
        with closing(psycopg.connect(self.url(name), autocommit=True)) as connection:
            yield _Postgres(connection)


class _Postgres:
    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def ask(self, query: str, parameters: Sequence[object]) -> list[Row]:
        return self._connection.execute(query.replace("?", "%s").encode(), parameters).fetchall()

    def insert(self, rows: list[Row]) -> None:
        with (
            self._connection.transaction(),
            self._connection.cursor() as cursor,
            cursor.copy("COPY shot FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)


@contextmanager
def server_place() -> Iterator[Place]:
    """A server, until the block ends."""
    if binaries() is None:
        raise MissingToolError("there is no PostgreSQL; `make setup` installs one")
    with postgres_server(settings={"listen_addresses": ""}) as server:
        yield Server(server)
