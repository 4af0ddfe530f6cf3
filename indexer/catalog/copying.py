"""A whole catalog into another database, which knows until the end that it is not all of one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_hex
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, update

from indexer.catalog.catalog import Catalog
from indexer.catalog.dialects import WRITE, Database
from indexer.catalog.inserting import shot_writes
from indexer.catalog.opening import open_database
from indexer.catalog.schema import APPLICATION, metadata, shot
from indexer.catalog.schema import catalog as mark
from indexer.catalog.verification import problems
from indexer.catalog.versions import State, require_current, schema_of, upgrade
from indexer.errors import CatalogError, ConfigError

_ROWS: Final = 20_000
"""Rows held and written at once, some MB."""


@dataclass(slots=True)
class Copied:
    """What was copied, and what is wrong with it."""

    name: str
    """Of the copy, for people."""
    rows: dict[str, int] = field(default_factory=dict)
    """By table."""
    problems: list[str] = field(default_factory=list)

    @property
    def shots(self) -> int:
        """The most of it."""
        return self.rows.get(shot.name, 0)


def copy(
    origin: Catalog,
    url: str,
    *,
    now: datetime,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    check: Callable[[], None] = lambda: None,
) -> Copied:
    """Copy one state of a catalog to the database of a URL, then read all of the copy and compare.

    Calls `progress` with shots done and in all, and `check`, which may raise to end it, between batches.  What is cut
    off, or does not add up, is refused as a catalog by everything but another copy, which begins anew.  Raises
    `ConfigError` or `NotACatalogError` for a database that holds a catalog, or anything else, already.
    """
    database = open_database(url, create=True)
    try:
        copied = _Copy(origin, database, check).carry_out(now=now, progress=progress)
    finally:
        database.engine.dispose()
    return copied


class _Copy:
    def __init__(self, origin: Catalog, database: Database, check: Callable[[], None]) -> None:
        self._origin = origin
        self._database = database
        self._check = check
        self._mine = f"{APPLICATION}: unfinished copy {token_hex(8)}"

    def carry_out(self, *, now: datetime, progress: Callable[[int, int], None]) -> Copied:
        self._begin(now)
        copied = Copied(self._database.name)
        with self._origin.reading() as connection:
            total = connection.scalar(select(func.count()).select_from(shot)) or 0
            head = connection.execute(select(mark.c.digest_seed, mark.c.created_ms)).one()
            with self._writing() as target:
                target.execute(update(mark).values(head._asdict()))
            for table in metadata.sorted_tables:
                if table is mark:
                    continue
                copied.rows[table.name] = 0
                for rows in _batches(connection, table):
                    self._check()
                    with self._writing() as target:
                        self._insert(target, table, rows)
                    copied.rows[table.name] += len(rows)
                    progress(copied.shots, total)
        with self._writing() as target:
            number_on(target)
        copied.problems = list(self._compare(copied))
        if not copied.problems:
            with self._writing() as target:
                target.execute(update(mark).values(application=APPLICATION))
            self._database.rest()
        return copied

    def _begin(self, now: datetime) -> None:
        """Make the tables, or empty those of a copy that was cut off."""
        with self._database.engine.connect() as connection:
            is_new = schema_of(connection, self._database).state is State.EMPTY
        if is_new:
            upgrade(self._database, now=now)
        with self._database.engine.execution_options(**{WRITE: True}).begin() as target:
            schema = schema_of(target, self._database)
            if schema.state is not State.UNFINISHED:
                require_current(schema, self._database.name)
                if target.scalar(select(func.count()).select_from(metadata.tables["source"])):
                    raise ConfigError(
                        f"{self._database.name} holds a catalog already; name an empty database or a new file"
                    )
            for table in reversed(metadata.sorted_tables):
                if table is not mark:
                    target.execute(delete(table))
            target.execute(update(mark).values(application=self._mine))
        self._database.made()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction of this copy, and of no other that has begun anew since."""
        with self._database.engine.execution_options(**{WRITE: True}).begin() as target:
            if target.scalar(select(mark.c.application)) != self._mine:
                raise CatalogError(f"another copy to {self._database.name} has begun, so this one ends")
            yield target

    def _insert(self, target: Connection, table: Table, rows: Sequence[Row[Any]]) -> None:
        if table is shot:
            shot_writes(target.dialect).insert(target, [tuple(row) for row in rows])
        else:
            target.execute(insert(table), [row._asdict() for row in rows])

    def _compare(self, copied: Copied) -> Iterator[str]:
        catalog = Catalog(self._database)
        with catalog.reading() as connection:
            for name, rows in copied.rows.items():
                there = connection.scalar(select(func.count()).select_from(metadata.tables[name]))
                if there != rows:
                    yield f"{name} has {there:,} rows where {rows:,} were copied"
        yield from problems(catalog)


def _batches(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """The rows of a table in the order of its key."""
    query = select(table).order_by(*table.primary_key.columns)
    yield from connection.execute(query, execution_options={"yield_per": _ROWS}).partitions()


def number_on(connection: Connection) -> None:
    """Have the next new rows get numbers behind those that came with theirs."""
    if connection.dialect.name == "postgresql":  # SQLite looks for the highest by itself
        for table in metadata.sorted_tables:
            if "id" in table.c:
                highest = connection.scalar(select(func.max(table.c.id)))
                name = func.pg_get_serial_sequence(table.name, "id")
                connection.execute(select(func.setval(name, highest or 1, highest is not None)))
