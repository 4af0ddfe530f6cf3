"""The peers of a sync: what one would do with the driver alone, and catalogs to do it in."""

import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from benchmarks.list_server import BUCKET
from benchmarks.world import PREFIX
from indexer.catalog.catalog import Catalog
from indexer.jobs.plan import Mode, Wishes
from indexer.jobs.stretches import ROWS
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import EPOCH
from indexer.storage.base import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SOURCE: Final = "bench"
NOW: Final = datetime(2026, 11, 5, tzinfo=UTC)

_TABLES: Final = ("session", "unit", "stream", "shot")
_SHOTS: Final = "INSERT INTO shot VALUES (?, ?, ?, ?, ?, ?)"
_STREAM: Final = (
    "INSERT INTO stream (id, source_id, unit_id, session_id, directory, bak, uid, key_head, shots, bytes, first_ms, "
    "last_ms, digest) VALUES (?, 1, 1, 1, ?, '', ?, ?, 0, 0, 0, 0, 0)"
)
_KEY: Final = re.compile(r"(.*/)?(?:bak\d+_)*([0-9a-zA-Z]+)_(.+)__uid_s_(.+)__uid_e_video_(\d{17})\.jpg")


def empty_catalog(folder: Path) -> Path:
    """A catalog with nothing in it, to be copied: making one takes half a second."""
    path = folder / "empty.db"
    Catalog.open_to_write(f"sqlite:///{path}", now=NOW).close()
    return path


def copied(origin: Path, to: Path) -> Path:
    """A copy of a closed database, replacing an older one."""
    for suffix in ("-wal", "-shm"):
        to.with_name(to.name + suffix).unlink(missing_ok=True)
    shutil.copy(origin, to)
    return to


def sync_into(catalog: Catalog, store: ObjectStore, *, dry_run: bool = False) -> None:
    """What `livestills sync --full` does with an opened store and catalog."""
    report = sync(
        Access(store, PREFIX),
        catalog,
        SOURCE,
        watch=Watch(now=lambda: datetime.now(UTC)),
        wishes=Wishes(mode=Mode.FULL),
        dry_run=dry_run,
    )
    assert report.outcome == "done"


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file in the driver's hands, set up as the catalog sets it up."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA cache_size = -65536")
        yield connection


_Row = TypeVar("_Row", bound=tuple[Any, ...])

Rows = dict[str, list[tuple[Any, ...]]]
"""Rows by table."""


def rows_of(path: Path) -> Rows:
    """What a sync wrote."""
    with raw(path) as connection:
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in _TABLES}  # noqa: S608


def insert_rows(path: Path, rows: Rows) -> None:
    """Write the same rows into the same tables, in transactions as large as those of a sync."""
    with raw(path) as connection:
        for table, values in rows.items():
            places = ", ".join("?" * len(values[0]))
            for batch in batches(values):
                with transaction(connection):
                    connection.executemany(f"INSERT INTO {table} VALUES ({places})", batch)  # noqa: S608
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def insert_or_ignore(path: Path, rows: Rows) -> None:
    """Find nothing new, the quick way to write: hand every row to the database and let it refuse what it knows."""
    with raw(path) as connection:
        for batch in batches(rows["shot"]):
            with transaction(connection):
                connection.executemany(_SHOTS.replace("INSERT", "INSERT OR IGNORE"), batch)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def add_generation(path: Path) -> None:
    """Make the table of `stamp_generation`: rows that say when they were seen last."""
    with raw(path) as connection, transaction(connection):
        connection.execute(
            "CREATE TABLE seen (stream_id INTEGER NOT NULL, captured_ms INTEGER NOT NULL, size INTEGER NOT NULL,"
            " modified_lag_s INTEGER NOT NULL, etag BLOB NOT NULL, tier TEXT, generation INTEGER NOT NULL,"
            " PRIMARY KEY (stream_id, captured_ms)) WITHOUT ROWID"
        )
        connection.execute("INSERT INTO seen SELECT *, 1 FROM shot")


def stamp_generation(path: Path, rows: Sequence[tuple[Any, ...]]) -> None:
    """Find what is new and gone with the database alone: upsert every row with a new stamp, delete older ones."""
    upsert = (
        "INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?, 2) ON CONFLICT DO UPDATE SET size = excluded.size,"
        " modified_lag_s = excluded.modified_lag_s, etag = excluded.etag, tier = excluded.tier, generation = 2"
    )
    with raw(path) as connection:
        for batch in batches(rows):
            with transaction(connection):
                connection.executemany(upsert, batch)
        with transaction(connection):
            connection.execute("DELETE FROM seen WHERE generation < 2")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def plain_sync(path: Path, client: "S3Client", keys: int) -> None:
    """From a storage into the tables as one would write it first: boto3's paginator, a pattern, executemany."""
    streams: dict[str, int] = {}
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=PREFIX)
    with raw(path) as connection:
        connection.execute("INSERT INTO source (id, name, url) VALUES (1, 'bench', '')")
        connection.execute("INSERT INTO session (id, sid, cname) VALUES (1, '', '')")
        connection.execute("INSERT INTO unit (id, source_id, prefix) VALUES (1, 1, '')")
        for page in islice(pages, keys // 1000):
            rows = []
            with transaction(connection):
                for found in page["Contents"]:
                    match = _KEY.fullmatch(found["Key"])
                    assert match is not None
                    directory, _, _, uid, utc = match.groups()
                    moment = datetime.strptime(utc + "000", "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
                    captured_ms = (moment - EPOCH) // timedelta(milliseconds=1)
                    head = found["Key"][:-21]
                    if head not in streams:
                        streams[head] = len(streams) + 1
                        values = (streams[head], directory, uid, head)
                        connection.execute(_STREAM, values)
                    lag_s = (found["LastModified"] - moment) // timedelta(seconds=1)
                    etag = bytes.fromhex(found["ETag"].strip('"'))
                    rows.append((streams[head], captured_ms, found["Size"], lag_s, etag, None))
                connection.executemany(_SHOTS, rows)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything in the block, or nothing if the process dies there."""
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("COMMIT")


def batches(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """The rows in batches as large as the stretches of a sync."""
    iterator = iter(rows)
    while batch := list(islice(iterator, ROWS)):
        yield batch
