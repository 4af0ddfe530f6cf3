"""The catalog of a million shots: its size, its lookups, and how much a sync grows.

The peers are the naive table, one row a shot with its key and the usual indexes, and the driver asked directly.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.list_server import list_server
from benchmarks.measuring import Figure, Scale, percentile
from benchmarks.memory import growth_bytes
from benchmarks.sqlite import NOW, batches, copied, empty_catalog, raw, sync_into, transaction
from benchmarks.world import DAY_MS, World, made_pages
from indexer.agora.names import parse_head, parse_utc
from indexer.catalog.catalog import Catalog
from indexer.jobs.lookup import shots_of_user
from indexer.model import ListedObject, Selection, TimeRange, from_ms

BOUND: Final = 50
"""Bytes a shot, at a million shots in streams of 250."""

_NAIVE: Final = """
CREATE TABLE shot (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, sid TEXT NOT NULL, cname TEXT NOT NULL, uid TEXT NOT NULL,
    captured_ms INTEGER NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, modified_s INTEGER NOT NULL
);
CREATE INDEX by_uid ON shot (uid, captured_ms);
CREATE INDEX by_sid ON shot (sid);
CREATE INDEX by_cname ON shot (cname, captured_ms);
"""
_DAY_OF_NAIVE: Final = "SELECT * FROM shot WHERE uid = ? AND captured_ms >= ? AND captured_ms < ? ORDER BY captured_ms"
_DAY: Final = """
SELECT stream.key_head, stream.directory, session.sid, session.cname, shot.* FROM stream
JOIN session ON session.id = stream.session_id JOIN shot ON shot.stream_id = stream.id
WHERE stream.uid = ?1 AND stream.last_ms >= ?2 AND stream.last_ms < ?3 + ?4 AND stream.first_ms < ?3
AND shot.captured_ms >= ?2 AND shot.captured_ms < ?3 ORDER BY shot.captured_ms
"""
_LONGEST: Final = "SELECT last_ms - first_ms FROM stream WHERE uid = ? ORDER BY last_ms - first_ms DESC LIMIT 1"
_MIB: Final = 1024 * 1024


def measure(scale: Scale) -> Iterator[Figure]:
    """Bytes a shot, milliseconds a lookup, MiB a sync."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        world = World(scale.catalog_shots)
        path, naive = copied(empty_catalog(folder), folder / "catalog.db"), folder / "naive.db"
        with Catalog.open_to_write(f"sqlite:///{path}", now=NOW) as catalog:
            sync_into(catalog, made_pages(world))
        _fill_naive(naive, world.objects())
        count = len(world)
        ours, theirs = path.stat().st_size / count, naive.stat().st_size / count
        what = f"catalog of {count:,} shots in streams of 250, on disk"
        yield Figure(what, "B/shot", ours, theirs, "one row a shot with its key, 4 indexes")
        yield Figure(what, "B/shot", ours, BOUND, "bound")
        yield from _lookups(path, naive, world, scale.lookups)
        yield from _memory(folder, scale)


def _fill_naive(path: Path, objects: Iterator[ListedObject]) -> None:
    with raw(path) as connection:
        connection.executescript(_NAIVE)
        for batch in batches(objects):
            with transaction(connection):
                connection.executemany("INSERT INTO shot VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", map(_naively, batch))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _naively(listed: ListedObject) -> tuple[Any, ...]:
    head, captured_ms = parse_head(listed.key[:-21]), parse_utc(listed.key[-21:-4])
    assert head is not None
    return (listed.key, head.sid, head.cname, head.uid, captured_ms, listed.size, listed.etag, listed.modified_s)


def _lookups(path: Path, naive: Path, world: World, count: int) -> Iterator[Figure]:
    """One user over one day, warm, each in turn."""
    found = random.Random(3).choices(world.streams, k=count)
    days = [(stream.uid, stream.start_ms // DAY_MS * DAY_MS) for stream in found]
    with Catalog.open_to_read(f"sqlite:///{path}") as catalog, raw(path) as driver, raw(naive) as naive_driver:

        def ask_catalog(uid: str, since_ms: int) -> int:
            day = Selection(uid=uid, period=TimeRange(from_ms(since_ms), from_ms(since_ms + DAY_MS)))
            return len(list(shots_of_user(catalog, uid, day)))

        def ask_driver(uid: str, since_ms: int) -> int:
            (longest,) = driver.execute(_LONGEST, (uid,)).fetchone() or (0,)
            return len(driver.execute(_DAY, (uid, since_ms, since_ms + DAY_MS, longest)).fetchall())

        def ask_naive(uid: str, since_ms: int) -> int:
            return len(naive_driver.execute(_DAY_OF_NAIVE, (uid, since_ms, since_ms + DAY_MS)).fetchall())

        ways = (ask_catalog, ask_driver, ask_naive)
        took: tuple[list[float], ...] = tuple([] for _ in ways)
        rows = 0
        for uid, since_ms in days:
            answers = set()
            for way, into in zip(ways, took, strict=True):
                start = time.perf_counter()
                answers.add(way(uid, since_ms))
                into.append((time.perf_counter() - start) * 1000)
            assert len(answers) == 1
            rows += answers.pop()
    what = f"one user, one day ({rows // count} shots)"
    for share, name in ((0.5, "p50"), (0.95, "p95")):
        ours, direct, of_naive = (percentile(each, share) for each in took)
        yield Figure(f"{what}, {name}", "ms", ours, direct, "raw query, same tables, tuples")
        yield Figure(f"{what}, {name}", "ms", ours, of_naive, "raw query, naive table, tuples")


def _memory(folder: Path, scale: Scale) -> Iterator[Figure]:
    """The growth of syncs over S3: without SQLite's cache, which fills up to 64 MiB, and with it."""
    grown = []
    for keys in scale.memory_keys:
        with list_server(keys) as endpoint:
            grown.append(growth_bytes(endpoint, copied(folder / "empty.db", folder / f"grown_{keys}.db")))
    few, many = scale.memory_keys
    for what, of_few, of_many in zip(("a dry run", "a first sync, with SQLite's cache,"), *grown, strict=True):
        yield Figure(
            f"{what} over {many:,} keys grows by", "MiB", of_many / _MIB, of_few / _MIB, f"ours over {few:,} keys"
        )
