"""A catalog, opened: who may use it, and the sources and runs that it knows."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, delete, insert, select, update

from indexer.catalog import schema
from indexer.catalog.announcing import Announced, Announcing
from indexer.catalog.changes import SyncWriter
from indexer.catalog.derivatives import Derivatives
from indexer.catalog.dialects import WRITE, Database
from indexer.catalog.etags import Etags
from indexer.catalog.facts import Facts
from indexer.catalog.looks import Looks
from indexer.catalog.opening import open_database
from indexer.catalog.overview import Overview
from indexer.catalog.planning import Planning
from indexer.catalog.sessions import Sessions
from indexer.catalog.shots import Shots
from indexer.catalog.snapshot import Snapshot
from indexer.catalog.sums import Sums
from indexer.catalog.users import Users
from indexer.catalog.versions import Schema, State, Upgrade, require_current, schema_of, upgrade
from indexer.model import to_ms


@dataclass(frozen=True, slots=True)
class Source:
    """A source as the catalog knows it."""

    id: int
    name: str
    url: str


class Catalog:
    """The database.  Use it as a context manager; several processes may read while one writes."""

    def __init__(self, database: Database) -> None:
        self.name = database.name
        """For people: a file, or an address without its password."""
        self._database = database
        self._engine = engine = database.engine
        self.sessions = Sessions(database.asking)
        self.users = Users(engine)
        self.shots = Shots(database.asking)
        self.overview = Overview(engine)
        self.sums = Sums(engine)
        self.derivatives = Derivatives(engine)
        self.planning = Planning(engine)
        self.etags = Etags(engine)
        self.looks = Looks(engine)
        self.facts = Facts(engine)

    @classmethod
    def open_to_read(cls, url: str) -> Self:
        """Open an existing catalog of the current schema; nothing is made or upgraded.

        Raises `CatalogNotFoundError`, `NotACatalogError`, `CatalogSchemaError`.
        """
        opened = cls.open_any(url)
        try:
            require_current(opened.schema(), opened.name)
        except BaseException:
            opened.close()
            raise
        return opened

    @classmethod
    def open_to_write(cls, url: str, *, now: datetime) -> Self:
        """Open a catalog, making it if there is none.

        An older file is upgraded behind a copy.  A database that others may use with an older version is not: raises
        `CatalogSchemaError`.
        """
        opened = cls.open_any(url, create=True)
        try:
            if opened.schema().state is State.EMPTY or opened.upgrades_unasked:
                opened.upgrade(now=now)
            require_current(opened.schema(), opened.name)
        except BaseException:
            opened.close()
            raise
        return opened

    @classmethod
    def open_any(cls, url: str, *, create: bool = False) -> Self:
        """Open a database whatever its schema is: for `db upgrade`, `db current` and `doctor`."""
        return cls(open_database(url, create=create))

    def close(self) -> None:
        """Give up all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def schema(self) -> Schema:
        """What this database is to us.  Raises `NotACatalogError` if it is somebody else's."""
        with self._engine.connect() as connection:
            return schema_of(connection, self._database)

    def upgrade(self, *, now: datetime) -> Upgrade | None:
        """Bring the schema to the current one; None if it was."""
        if self.schema().state is State.CURRENT:
            return None
        done = upgrade(self._database, now=now)
        self._database.made()
        return done

    # What the database is.

    @property
    def upgrades_unasked(self) -> bool:
        """Whether `open_to_write` upgrades an older schema."""
        return self._database.upgrades_unasked

    def size_bytes(self) -> int:
        """What the catalog takes on disk."""
        return self._database.size_bytes()

    def version(self) -> str:
        """The database and its version, for people."""
        return self._database.version()

    def doubts(self) -> Iterator[str]:
        """What of the database or our rights in it may spoil a later command, a line each."""
        return self._database.doubts()

    def damage(self, connection: Connection) -> Iterator[str]:
        """What the database finds wrong with itself, a line each."""
        return self._database.damage(connection)

    # What a sync records.

    def sync_lock(self, source: str, *, wait: Callable[[], None] | None = None) -> AbstractContextManager[None]:
        """Hold the one lock that a sync of this source needs, as `Database.lock` says."""
        return self._database.lock(source, wait=wait)

    def source(self, name: str) -> Source | None:
        """The source of this name, if the catalog has it."""
        row = schema.source
        with self._engine.connect() as connection:
            known = connection.execute(select(row.c.id, row.c.url).where(row.c.name == name)).one_or_none()
        return None if known is None else Source(known.id, name, known.url)

    def add_source(self, name: str, url: str) -> Source:
        """The source of this name, made or given its new URL where that differs."""
        row = schema.source
        with self._writing() as connection:
            known = connection.execute(select(row.c.id, row.c.url).where(row.c.name == name)).one_or_none()
            if known is None:
                made = connection.execute(insert(row).returning(row.c.id), {"name": name, "url": url})
                return Source(made.scalar_one(), name, url)
            if known.url != url:
                # What was known of another place says nothing of this one: all of it is listed and compared anew.
                anew = {"url": url, "verify_from": "", "verify_share": 0, "md5_etags": None}
                connection.execute(update(row).where(row.c.id == known.id).values(anew))
                connection.execute(delete(schema.listed).where(schema.listed.c.source_id == known.id))
                unlisted = {"listed_ms": None, "digest": None, "awaited_ms": None, "settled": False}
                connection.execute(update(schema.unit).where(schema.unit.c.source_id == known.id).values(unlisted))
            return Source(known.id, name, url)

    def digest_seed(self) -> int:
        """The random number that the digests of this catalog start from."""
        with self._engine.connect() as connection:
            return int(connection.execute(select(schema.catalog.c.digest_seed)).scalar_one())

    def writer(
        self, source: Source, *, dry_run: bool = False, snapshot: Snapshot | None = None, given_up_ms: int = 0
    ) -> SyncWriter:
        """What a sync writes through; a `snapshot` if it takes over a listing of the past.

        What was announced before `given_up_ms` is not waited for any longer.
        """
        return SyncWriter(
            self._engine,
            source.id,
            source.name,
            seed=self.digest_seed(),
            dry_run=dry_run,
            snapshot=snapshot,
            given_up_ms=given_up_ms,
        )

    def announce(self, source: Source, pictures: Iterable[tuple[str, int]]) -> Announced:
        """Take in that callbacks told of pictures: full keys, each with when (ms, not later than now).

        They are shots from then on, without size and ETag, until a sync lists them; one that it never does goes when
        it was announced longer ago than an upload can take.  May be told again, in any order, while a sync is running.
        """
        return Announcing(self._engine, source.id, seed=self.digest_seed()).take_in(pictures)

    def begin_run(self, source: Source, *, mode: str, now: datetime) -> int:
        """Record that a sync of the source has begun; earlier ones that never ended have died.

        Only while holding the source's `sync_lock`: whoever is found running then cannot be alive.
        """
        run = schema.sync_run
        with self._writing() as connection:
            connection.execute(
                update(run).where(run.c.source_id == source.id, run.c.outcome == "running").values(outcome="died")
            )
            begun = {
                "source_id": source.id,
                "mode": mode,
                "outcome": "running",
                "started_ms": to_ms(now),
                "requests": {},
                "counts": {},
            }
            return int(connection.execute(insert(run).returning(run.c.id), begun).scalar_one())

    def end_run(
        self,
        run_id: int,
        *,
        mode: str,
        outcome: str,
        message: str | None,
        requests: Mapping[str, int],
        counts: Mapping[str, int],
        now: datetime,
    ) -> None:
        """Record how a sync ended, and have the database do what it wants done then."""
        run = schema.sync_run
        with self._writing() as connection:
            connection.execute(
                update(run).where(run.c.id == run_id),
                {
                    "mode": mode,
                    "outcome": outcome,
                    "message": message,
                    "requests": dict(requests),
                    "counts": dict(counts),
                    "finished_ms": to_ms(now),
                },
            )
        self._database.rest()

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees one state of the catalog, whatever is written meanwhile."""
        return self._engine.begin()

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._engine.execution_options(**{WRITE: True}).begin()
