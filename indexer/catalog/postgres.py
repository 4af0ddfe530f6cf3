"""A catalog in a database of PostgreSQL, which several people share."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from sqlalchemy import URL, Connection, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.pool import ConnectionPoolEntry

from indexer.catalog.dialects import WRITE, take_in_turn
from indexer.catalog.schema import metadata
from indexer.errors import (
    CatalogAccessError,
    CatalogBusyError,
    CatalogError,
    CatalogLostError,
    CatalogNotFoundError,
    ConfigError,
    LivestillsError,
    NotACatalogError,
)

OLDEST: Final = 140_000
"""Server versions before 14 get no repairs any more (postgresql.org/support/versioning)."""

_LOCK_TIMEOUT: Final = "30s"
"""As long as we wait for a file of SQLite."""

_DEFAULTS: Final = {
    "client_encoding": "utf8",
    "fallback_application_name": "livestills",
    "connect_timeout": "30",
    # Firewalls forget a connection that says nothing for some minutes, as that with the lock of a long sync does.
    "keepalives_idle": "60",
}

# Of this catalog, not of the whole database: one may hold several, each in a schema of its own.
_KEY: Final = "hashtextextended('livestills ' || current_schema(), 0)"
_WRITE_LOCK: Final = f"SELECT set_config('lock_timeout', '{_LOCK_TIMEOUT}', true), pg_advisory_xact_lock({_KEY})"
_SYNC_UNLOCK: Final = text("SELECT pg_advisory_unlock_all()")
_SYNC_LOCK: Final = text("SELECT pg_try_advisory_lock(hashtextextended(:source, hashtext(current_schema())))")


class PostgresDatabase:
    """A database on a server, or a schema in one (that of the search path).

    Others may use it with another version of livestills, so its schema is never upgraded unasked.
    """

    upgrades_unasked = False

    def __init__(self, url: URL) -> None:
        self.name = printable(url)
        defaults = {name: value for name, value in _DEFAULTS.items() if name not in url.query}
        self.engine = create_engine(
            url.set(drivername="postgresql+psycopg"), connect_args=defaults, use_native_hstore=False
        )
        # A transaction would be two trips to the server more, for its begin and its end.
        self.asking = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        event.listen(self.engine, "connect", _prepare)
        event.listen(self.engine, "begin", self._begin)
        event.listen(self.engine, "handle_error", self._translate)
        self._holding: list[Connection] = []

    def _begin(self, connection: Connection) -> None:
        driver: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]  # psycopg's
        if driver.autocommit:
            return
        # What a page of answers takes several statements for is of one moment.  Costs nothing: it goes with BEGIN.
        writes = connection.get_execution_options().get(WRITE, False)
        driver.isolation_level = None if writes else psycopg.IsolationLevel.REPEATABLE_READ
        driver.read_only = not writes
        if writes:
            # As in a file of SQLite, one writes at a time: sums over what two syncs share would else miss one of them.
            connection.exec_driver_sql(_WRITE_LOCK)
            for lock in self._holding:
                lock.exec_driver_sql("SELECT 1")  # a lock that was lost with its connection is somebody else's by now

    def _translate(self, context: ExceptionContext) -> None:
        if error := own_error(context.original_exception, self.name):
            raise error from context.original_exception

    def tables(self, connection: Connection) -> set[str]:
        """See `Database`: those of our schema, which need not be the only one."""
        found = set(connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")))
        if not found and connection.scalar(text("SELECT current_schema()")) is None:
            # Whoever reads would else be told to sync first.
            raise CatalogAccessError(
                f"the database {self.name} has no schema for us: set search_path to one that exists"
            )
        return found

    def has_column(self, connection: Connection, table: str, column: str) -> bool:
        """See `Database`."""
        asked = text("SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass(:table) AND attname = :column")
        return bool(connection.scalar(asked, {"table": table, "column": column}))

    def require_fit(self, connection: Connection) -> None:
        """See `Database`: keys are Unicode."""
        encoding = connection.scalar(text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise CatalogError(
                f"the database {self.name} has the encoding {encoding}; make one with ENCODING 'UTF8' for the catalog"
            )

    def copy_aside(self, version: str | None, now: datetime) -> Path | None:  # noqa: ARG002
        """See `Database`: backups of a server are its administrator's, and the upgrade is one transaction."""
        return None

    def made(self) -> None:
        """See `Database`."""

    def rest(self) -> None:
        """See `Database`: have the planner know what a large sync has changed, before autovacuum comes to it."""
        stale = text(
            "SELECT relname FROM pg_stat_user_tables WHERE schemaname = current_schema() "
            "AND n_mod_since_analyze > 1000 + n_live_tup / 10"
        )
        with self.engine.connect() as connection:
            names = metadata.tables.keys() & set(connection.scalars(stale))
        if names:
            with self.engine.execution_options(**{WRITE: True}).begin() as connection:
                connection.exec_driver_sql(f"ANALYZE {', '.join(sorted(names))}")

    @contextmanager
    def lock(self, source: str, *, wait: Callable[[], None] | None = None) -> Iterator[None]:
        """See `Database`: a lock of a session, which ends with its connection."""
        connection = self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        try:

            def take() -> bool:
                return bool(connection.scalar(_SYNC_LOCK, {"source": f"livestills sync {source}"}))

            take_in_turn(take, source, self.name, wait)
            self._holding.append(connection)
            try:
                yield
            finally:
                self._holding.remove(connection)
                # A server notices only later that a connection has ended, and the next sync may come at once.
                if not connection.invalidated:
                    with suppress(LivestillsError):
                        connection.execute(_SYNC_UNLOCK)
        finally:
            connection.invalidate()  # not back to the pool, with the lock
            connection.close()

    def size_bytes(self) -> int:
        """See `Database`."""
        ours = text(
            "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c "
            "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname = ANY(:names)"
        )
        with self.engine.connect() as connection:
            return int(connection.execute(ours, {"names": list(metadata.tables)}).scalar_one())

    def damage(self, connection: Connection) -> Iterator[str]:  # noqa: ARG002
        """See `Database`: the server keeps its own constraints, and checks its pages as it reads them."""
        return iter(())

    def version(self) -> str:
        """See `Database`."""
        with self.engine.connect() as connection:
            return f"PostgreSQL {connection.scalar(text('SHOW server_version'))}"

    def doubts(self) -> Iterator[str]:
        """See `Database`: rights that only a sync needs are none of a command that reads."""
        with self.engine.connect() as connection:
            if int(connection.execute(text("SHOW server_version_num")).scalar_one()) < OLDEST:
                yield f"this PostgreSQL gets no repairs any more; {OLDEST // 10_000} and later are tried"
            if (encoding := connection.scalar(text("SHOW server_encoding"))) != "UTF8":
                yield f"the encoding of the database is {encoding}, not UTF8"
            if connection.scalar(text("SELECT pg_is_in_recovery()")):
                yield "this server is a copy that is only read; a sync needs the original"
            missing = connection.scalars(_MISSING_RIGHTS, {"names": list(metadata.tables)}).all()
            if missing:
                yield f"a sync would lack rights: {', '.join(missing)}"


_MISSING_RIGHTS: Final = text(
    "SELECT privilege || ' on ' || c.relname FROM pg_class c, "
    "unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) privilege "
    "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND c.relname = ANY(:names) "
    "AND NOT has_table_privilege(c.oid, privilege) "
    "UNION ALL SELECT 'TEMPORARY on the database' WHERE NOT has_database_privilege(current_database(), 'TEMPORARY') "
    "ORDER BY 1"
)


def printable(url: URL) -> str:
    """The URL for people: whose database where, and no password."""
    shown = {name: value for name, value in url.query.items() if name in {"host", "port", "service", "dbname", "user"}}
    return URL.create("postgresql", url.username, None, url.host, url.port, url.database, shown).render_as_string()


class _WholeLoader(Loader):
    """Sums of 64-bit numbers come as `numeric`; ours fit into 64 bits."""

    def load(self, data: Buffer) -> int | float:
        shown = bytes(data)
        return float(shown) if b"." in shown else int(shown)


def _prepare(connection: "psycopg.Connection[Any]", _record: ConnectionPoolEntry) -> None:
    connection.adapters.register_loader("numeric", _WholeLoader)


_GONE: Final = (CatalogLostError, "cannot be reached, or the connection was lost ({said}); try again later")
_BUSY: Final = (CatalogBusyError, "is busy ({said}); try again later")
_DENIED: Final = (CatalogAccessError, "refuses us: {said}")
_MISSING: Final = (CatalogNotFoundError, "does not exist ({said}); make it with `createdb`, or name another --catalog")
_FULL: Final = (CatalogError, "cannot grow: {said}; what was written before is kept")
_DAMAGED: Final = (CatalogError, "is damaged: {said}; restore a backup")
_FOREIGN: Final = (NotACatalogError, "is not a livestills catalog, or not all of one: {said}")

# https://www.postgresql.org/docs/current/errcodes-appendix.html; the class, two characters, stands for the rest of it.
_CODES: Final = {
    "08": _GONE,
    "57P01": _GONE,
    "57P02": _GONE,
    "57P03": _GONE,
    "57P05": _GONE,
    "25P03": _GONE,
    "25P04": _GONE,
    "40": _BUSY,
    "53": _BUSY,
    "53100": _FULL,
    "55P03": _BUSY,
    "57014": _BUSY,
    "58": _FULL,
    "28": _DENIED,
    "42501": _DENIED,
    "25006": _DENIED,
    "3D000": _MISSING,
    "42P01": _FOREIGN,
    "42703": _FOREIGN,
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}

# Refusing a connection, a server has no code for libpq, only words.
_WORDS: Final = (
    (re.compile(r'database ".*" does not exist'), _MISSING),
    (re.compile(r"authentication failed|no password supplied|pg_hba\.conf|role \".*\" |permission denied"), _DENIED),
    (re.compile(r"too many|connection slots|starting up|shutting down"), _BUSY),
)
_MISTAKEN: Final = re.compile(r"invalid (?:connection option|[a-z_]+ value|integer value|port number|URI)|conninfo")


def own_error(error: BaseException, name: str) -> LivestillsError | None:
    """What PostgreSQL says as our own error; None for mistakes of our own statements."""
    if not isinstance(error, psycopg.Error):
        return None
    code = error.sqlstate
    said = _one_line(error)
    if code is not None:
        found = _CODES.get(code) or _CODES.get(code[:2])
    elif _MISTAKEN.search(said):
        return ConfigError(f"catalog URL {name!r}: {said}")
    elif isinstance(error, psycopg.OperationalError):
        found = next((kind for words, kind in _WORDS if words.search(said)), _GONE)
    else:
        found = None
    if found is None:
        return None
    kind, sentence = found
    return kind(f"catalog {name} {sentence.format(said=said)}")


@contextmanager
def own_errors(connection: Connection) -> Iterator[None]:
    """For what is asked of the driver itself: SQLAlchemy does not see what becomes of it."""
    try:
        yield
    except psycopg.Error as exc:
        if error := own_error(exc, printable(connection.engine.url)):
            raise error from exc
        raise


def _one_line(error: psycopg.Error) -> str:
    """Of several attempts the last; without hints, and without what every one of them begins with."""
    told = error.diag.message_primary or str(error).strip()
    lines = [line.strip() for line in told.splitlines() if line.strip() and not line.startswith(("\t", " "))]
    last = lines[-1] if lines else "no reason given"
    return last.rpartition(" failed: ")[2].removeprefix("connection is bad: ").removeprefix("FATAL:").strip()
