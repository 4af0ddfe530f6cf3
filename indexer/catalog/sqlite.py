"""A catalog in a file of SQLite.

Facts about SQLite here were measured (docs/benchmarks.md) or come from its documentation.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Dialect, Engine, bindparam, create_engine, event, insert, text, update
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry

from indexer.catalog.dialects import WRITE, take_in_turn
from indexer.catalog.rows import Inserted, ShotRow
from indexer.catalog.schema import shot
from indexer.errors import (
    CatalogAccessError,
    CatalogBusyError,
    CatalogError,
    CatalogNotFoundError,
    ConfigError,
    NotACatalogError,
)

BUSY_TIMEOUT_S: Final = 30

SAFE: Final = (3, 51, 3)
"""Older ones have a rare bug (sqlite.org, "WAL-reset") that can damage a database which several programs write."""


def sqlite_path(url: URL, given: str) -> Path:
    """The file of a catalog URL such as `sqlite:///livestills.db`.

    Raises `ConfigError` for anything else.
    """
    if not url.database or url.database == ":memory:" or url.query or url.host:
        raise ConfigError(f"catalog URL {given!r} must name a file, for example sqlite:///livestills.db")
    return Path(url.database)


def version() -> str:
    """SQLite and its version, which comes with Python or the system."""
    return f"SQLite {sqlite3.sqlite_version}"


def doubts() -> Iterator[str]:
    """What of this version may spoil a catalog, a line each."""
    if sqlite3.sqlite_version_info < SAFE:
        safe = ".".join(map(str, SAFE))
        yield f"{safe} repairs a rare damage when several programs write one catalog"


class SQLiteDatabase:
    """A file: whoever can read it has all of it, and it is upgraded where it is used."""

    upgrades_unasked = True

    def __init__(self, path: Path, *, create: bool) -> None:
        self.engine = self.asking = open_sqlite(path, create=create)
        self.name = str(path)
        self._path = path

    def tables(self, connection: Connection) -> set[str]:
        """See `Database`."""
        return set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))

    def has_column(self, connection: Connection, table: str, column: str) -> bool:
        """See `Database`."""
        asked = text("SELECT count(*) FROM pragma_table_info(:table) WHERE name = :column")
        return bool(connection.scalar(asked, {"table": table, "column": column}))

    def require_fit(self, connection: Connection) -> None:
        """See `Database`: any file will do."""

    def copy_aside(self, version: str | None, now: datetime) -> Path | None:
        """See `Database`: a file beside this one."""
        copy = self._path.with_name(f"{self._path.name}.schema-{version}.{now:%Y%m%dT%H%M%SZ}.bak")
        backup(self._path, to=copy)
        return copy

    def made(self) -> None:
        """See `Database`."""
        # Readers then go on while a sync writes.  Only now that it is surely ours, because the mode stays in the file.
        self._pragma("journal_mode = WAL")

    def rest(self) -> None:
        """See `Database`: give the write-ahead log's space back, or leave that to the next run while somebody reads."""
        self._pragma("busy_timeout = 0", "wal_checkpoint(TRUNCATE)", f"busy_timeout = {BUSY_TIMEOUT_S * 1000}")

    def lock(self, source: str, *, wait: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        """See `Database`."""
        return sync_lock(self._path, source, wait=wait)

    def size_bytes(self) -> int:
        """See `Database`."""
        return self._path.stat().st_size

    def damage(self, connection: Connection) -> Iterator[str]:
        """See `Database`."""
        for (finding,) in connection.exec_driver_sql("PRAGMA integrity_check"):
            if finding != "ok":
                yield f"SQLite: {finding}"
        for table, row_id, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
            yield f"row {row_id} of {table} belongs to no {parent}"

    def version(self) -> str:
        """See `Database`."""
        return version()

    def doubts(self) -> Iterator[str]:
        """See `Database`."""
        return doubts()

    def _pragma(self, *pragmas: str) -> None:
        # None works inside a transaction, which every SQLAlchemy connection is in.
        connection = self.engine.raw_connection()
        try:
            for pragma in pragmas:
                connection.cursor().execute(f"PRAGMA {pragma}")
        except sqlite3.Error as exc:
            if error := own_error(exc, self.name):
                raise error from exc
            raise
        finally:
            connection.close()


_ROWS: Final = 200
"""Rows of one statement: half the time of one row at a time (docs/benchmarks.md); SQLite takes 32,766 variables."""


class ManyRows:
    """Rows into `shot`, with statements that are compiled once."""

    def __init__(self, dialect: Dialect) -> None:
        self._one = str(insert(shot).compile(dialect=dialect))
        head, _, values = self._one.rpartition(" VALUES ")
        self._many = f"{head} VALUES {', '.join([values] * _ROWS)}"

    def insert(self, connection: Connection, rows: Sequence[Inserted]) -> None:
        """See `ShotWrites`."""
        whole = len(rows) - len(rows) % _ROWS
        for first in range(0, whole, _ROWS):
            connection.exec_driver_sql(self._many, tuple(chain.from_iterable(rows[first : first + _ROWS])))
        if whole < len(rows):
            connection.exec_driver_sql(self._one, list(rows[whole:]))

    def change(self, connection: Connection, rows: Sequence[Inserted]) -> None:
        """See `ShotWrites`."""
        this = (shot.c.stream_id == bindparam("of")) & (shot.c.captured_ms == bindparam("at"))
        values = [{"of": row[0], "at": row[1], **ShotRow(*row[1:])._asdict()} for row in rows]
        connection.execute(update(shot).where(this), values)


def open_sqlite(path: Path, *, create: bool) -> Engine:
    """Open the database file, making an empty one (mode 0600) only if asked to.

    Nothing in an existing file is changed.  Raises `CatalogNotFoundError`, `CatalogAccessError`; what the database
    itself refuses later is raised as our own errors too.
    """
    if _asked(path.is_dir, path):
        raise NotACatalogError(f"catalog {path} is a folder; name a file in it")
    if not _asked(path.exists, path):
        if not create:
            raise CatalogNotFoundError(f"there is no catalog at {path}; run `livestills sync` to make it")
        if not path.parent.is_dir():
            raise CatalogNotFoundError(
                f"the folder {path.parent} of the catalog does not exist; make it or name another --catalog"
            )
        try:
            # Ours alone: keys name people and rooms.  SQLite gives its -wal and -shm files the mode of this one.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except PermissionError as exc:
            raise CatalogAccessError(f"no permission to make the catalog {path}") from exc
    # mode=rw: SQLite itself must never make a file, or a mistyped path would be an empty catalog.
    uri = f"{path.absolute().as_uri()}?mode=rw"
    engine = create_engine(URL.create("sqlite", database=str(path)), creator=lambda: _connect(uri))
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _translate)
    return engine


def _asked(question: Callable[[], bool], path: Path) -> bool:
    try:
        return question()
    except PermissionError as exc:
        raise CatalogAccessError(f"catalog {path} cannot be reached: check the permissions of its folders") from exc
    except OSError as exc:
        raise ConfigError(f"catalog {path} cannot be a file: {exc.strerror}") from exc


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)


def _prepare(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
    # The driver would start transactions by itself, and not those that hold DDL; _begin does it for all.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA cache_size = -16384")


def _begin(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another wrote in between, without waiting.
    writes = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_CODES: Final = {
    sqlite3.SQLITE_BUSY: (CatalogBusyError, "stayed locked by another program; try again later"),
    sqlite3.SQLITE_LOCKED: (CatalogBusyError, "stayed locked by another program; try again later"),
    sqlite3.SQLITE_NOTADB: (NotACatalogError, "is not a livestills catalog; name another file with --catalog"),
    sqlite3.SQLITE_CORRUPT: (CatalogError, "is damaged; restore a backup, or move it away and sync again"),
    sqlite3.SQLITE_READONLY: (CatalogAccessError, "cannot be written: check the permissions of file and folder"),
    sqlite3.SQLITE_CANTOPEN: (CatalogAccessError, "cannot be opened: check the permissions of file and folder"),
    sqlite3.SQLITE_PERM: (CatalogAccessError, "cannot be opened: check the permissions of file and folder"),
    sqlite3.SQLITE_FULL: (CatalogError, "cannot grow: the disk is full; what was written before is kept"),
    sqlite3.SQLITE_IOERR: (CatalogError, "cannot be read or written: the disk or file system failed"),
}


def own_error(error: BaseException, name: str) -> CatalogError | None:
    """What SQLite says of the file as our own error; None for mistakes of our own statements."""
    code = getattr(error, "sqlite_errorcode", None)
    if not isinstance(code, int) or (code & 0xFF) not in _CODES:
        return None
    kind, text = _CODES[code & 0xFF]  # the low byte is the primary result code, the rest details it
    return kind(f"catalog {name} {text}")


def _translate(context: ExceptionContext) -> None:
    if error := own_error(context.original_exception, _file(context)):
        raise error from context.original_exception


def _file(context: ExceptionContext) -> str:
    engine = context.engine
    return str(engine.url.database) if engine is not None else "file"


@contextmanager
def sync_lock(catalog: Path, source: str, *, wait: Callable[[], None] | None = None) -> Iterator[None]:
    """What `Database.lock` promises: a transaction in a file beside the catalog, which ends with its process."""
    lock = catalog.with_name(f"{catalog.name}.{source}.lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as exc:
        raise CatalogAccessError(f"the lock of a sync, {lock}, cannot be made: {exc.strerror}") from exc
    connection = sqlite3.connect(lock, timeout=0, isolation_level=None)
    try:
        take_in_turn(lambda: _lock(connection, lock), source, str(catalog), wait)
        yield
    finally:
        connection.close()


def _lock(connection: sqlite3.Connection, lock: Path) -> bool:
    """Take the lock if it is free."""
    try:
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as exc:
        code = exc.sqlite_errorcode & 0xFF
        if code == sqlite3.SQLITE_BUSY:
            return False
        kind, _ = _CODES.get(code, (CatalogError, ""))
        raise kind(f"the lock of a sync, {lock}, cannot be used ({exc}): check its permissions, or remove it") from exc
    return True


def backup(path: Path, *, to: Path) -> None:
    """Copy a database that may be in use to a new file (mode 0600), as one consistent state."""
    os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    origin, copy = sqlite3.connect(path), sqlite3.connect(to)
    try:
        origin.backup(copy)
    finally:
        copy.close()
        origin.close()
