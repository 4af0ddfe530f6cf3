"""A night over 100 million keys in 100,000 sessions, of which 300 go on: requests, time and memory.

Listing them all once would take half an hour, so the catalog is seeded.  What this night looks at is really synced
before: the active sessions, and the start of the key space, where its verification begins.  All other sessions get
rows of the right number, size and names of units, but with digests that nothing looks at, and no shots.
"""

import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.children import CATALOG, sync_cost
from benchmarks.list_server import Bucket, list_server
from benchmarks.listing import store
from benchmarks.measuring import Figure, Scale
from benchmarks.nightly import bucket_of, requests, second_night
from benchmarks.race import LATENCY_MS
from benchmarks.sqlite import raw, transaction
from benchmarks.world import PREFIX

SYNCED_SHARE: Final = 0.04
"""More than the thirtieth that is verified in a night."""
MEMORY_MB: Final = 250

_MB: Final = 1_000_000
_SESSION: Final = "INSERT INTO session (id, sid, cname, shots, bytes, first_ms, last_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"


def measure(scale: Scale) -> Iterator[Figure]:
    """The night after the seeding, with latency."""
    bucket = bucket_of(scale.vast_keys, active_share=0.003)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with list_server(replace(bucket, visible_share=SYNCED_SHARE)) as endpoint:
            sync_cost(folder, endpoint)
        with list_server(bucket) as endpoint, raw(folder / CATALOG) as connection:
            _seed(connection, bucket, _units(endpoint))
        night = second_night(folder, bucket, latency_ms=LATENCY_MS, watched=True)
    what = f"a night, {bucket.keys:,} keys, {bucket.active} active sessions"
    yield from requests(what, bucket, night)
    waiting_s = bucket.keys / 1000 * LATENCY_MS / 1000
    yield Figure(f"{what}, {LATENCY_MS} ms a request", "s", night.cost.wall_s, waiting_s, "latency of a full listing")
    yield Figure(f"{what}, CPU", "CPU-s", night.cost.cpu_s)
    yield Figure(f"{what}, peak memory", "MB", night.peak_bytes / _MB, MEMORY_MB, "bound")


def _units(endpoint: str) -> Iterator[str]:
    """The prefixes of all sessions."""
    bucket = store(endpoint)
    page = bucket.list_page(PREFIX, delimiter="_")
    yield from page.prefixes
    while page.next_token is not None:
        page = bucket.list_page(PREFIX, delimiter="_", token=page.next_token)
        yield from page.prefixes


def _seed(connection: sqlite3.Connection, bucket: Bucket, prefixes: Iterator[str]) -> None:
    """Give each unit that the catalog lacks the rows that a settled one has."""
    (source,) = connection.execute("SELECT id FROM source").fetchone()
    known = {prefix for (prefix,) in connection.execute("SELECT prefix FROM unit")}
    (numbers,) = connection.execute("SELECT max(max(unit.id), max(session.id)) FROM unit, session").fetchone()
    listed_ms, length_ms = bucket.now_ms, bucket.per_session // bucket.users * bucket.interval_ms
    newest_ms = listed_ms - 20 * 86_400_000
    first_ms, shots, size = newest_ms - length_ms, bucket.per_session, 200_000 * bucket.per_session
    with transaction(connection):
        for number, prefix in enumerate((each for each in prefixes if each not in known), numbers + 1):
            sid = prefix.removeprefix(PREFIX).removesuffix("_")
            connection.execute(_SESSION, (number, sid, "ride", shots, size, first_ms, newest_ms))
            unit = {
                "id": number,
                "source_id": source,
                "prefix": prefix,
                "sid": sid,
                "objects": shots,
                "digest": number,
                "newest_ms": newest_ms,
                "listed_ms": listed_ms,
                "verified_ms": listed_ms,
                "settled": 1,
            }
            _insert(connection, "unit", unit)
            for user in range(bucket.users):
                stream = {
                    "source_id": source,
                    "unit_id": number,
                    "session_id": number,
                    "directory": PREFIX,
                    "bak": "",
                    "uid": str(1_000_000_000 + user),
                    "key_head": f"{prefix}ride__uid_s_{1_000_000_000 + user}__uid_e_video_",
                    "shots": shots // bucket.users,
                    "bytes": size // bucket.users,
                    "first_ms": first_ms,
                    "last_ms": newest_ms,
                    "digest": number,
                }
                _insert(connection, "stream", stream)
        connection.execute("UPDATE source SET verify_from = '', verify_share = 0")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608
