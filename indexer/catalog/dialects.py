"""What a database does in its own way: opening, locking, and the words of its errors.  SQLite so far.

Facts about SQLite here were measured (docs/benchmarks.md) or come from its documentation.
"""

import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from indexer.errors import (
    CatalogAccessError,
    CatalogBusyError,
    CatalogError,
    CatalogNotFoundError,
    ConfigError,
    LockedError,
    NotACatalogError,
)

BUSY_TIMEOUT_S: Final = 30
WRITE: Final = "livestills_write"
"""Execution option of a connection whose transactions will write."""


def sqlite_path(url: str) -> Path:
    """The file of a catalog URL such as `sqlite:///livestills.db`.

    Raises `ConfigError` for anything else.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as exc:
        shown = re.sub("//[^/@]*@", "//***@", url)  # it may hold a password
        raise ConfigError(f"catalog URL {shown!r} is not valid; write for example sqlite:///livestills.db") from exc
    if parsed.get_backend_name() != "sqlite":
        shown = parsed.render_as_string(hide_password=True)
        raise ConfigError(f"catalog URL {shown!r}: only SQLite is supported, for example sqlite:///livestills.db")
    if not parsed.database or parsed.database == ":memory:" or parsed.query or parsed.host:
        raise ConfigError(f"catalog URL {url!r} must name a file, for example sqlite:///livestills.db")
    return Path(parsed.database)


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


POLL_S: Final = 0.5
"""Between two looks at a lock.  SQLite's own waiting would hold back signals for as long as it lasts."""


@contextmanager
def sync_lock(catalog: Path, source: str, *, wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the one lock that a sync of this source needs; it is free the moment its holder dies.

    If another run has it: with `wait`, looks again and again, and calls that before each time; it may raise to give
    up.  Among several that wait, any may be next.  Without `wait`, raises `LockedError` at once.
    """
    lock = catalog.with_name(f"{catalog.name}.{source}.lock")
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as exc:
        raise CatalogAccessError(f"the lock of a sync, {lock}, cannot be made: {exc.strerror}") from exc
    connection = sqlite3.connect(lock, timeout=0, isolation_level=None)
    try:
        while not _lock(connection, lock):
            if wait is None:
                raise LockedError(f"another sync of {source!r} is running on {catalog}; wait for it to end")
            wait()
            time.sleep(POLL_S)
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
