"""The second night over a bucket that hardly changes: what it asks of the storage, and that it writes only news."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from benchmarks.children import CATALOG, Synced, sync_cost, sync_peak
from benchmarks.list_server import Bucket, list_server, statistics
from benchmarks.measuring import Figure, Scale
from benchmarks.sqlite import raw

LISTED_FOR_NEWS: Final = 0.02
"""Share of a full listing's requests that discovery and active sessions may take."""
VERIFIED: Final = 0.034
"""The same for verification, which lists a thirtieth each night."""
A_PAGE: Final = 1000

_NOTE_WRITES: Final = """
CREATE TABLE written (stream_id INTEGER NOT NULL);
CREATE TRIGGER note_insert AFTER INSERT ON shot BEGIN INSERT INTO written VALUES (new.stream_id); END;
CREATE TRIGGER note_update AFTER UPDATE ON shot BEGIN INSERT INTO written VALUES (old.stream_id); END;
CREATE TRIGGER note_delete AFTER DELETE ON shot BEGIN INSERT INTO written VALUES (old.stream_id); END;
"""


def measure(scale: Scale) -> Iterator[Figure]:
    """Requests of the second night by purpose; one session in a hundred goes on."""
    bucket = bucket_of(scale.night_keys, active_share=0.01)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        with list_server(bucket) as endpoint:
            first = sync_cost(folder, endpoint)
        assert first.record["added"] == bucket.size
        with raw(folder / CATALOG) as connection:
            connection.executescript(_NOTE_WRITES)
        second = second_night(folder, bucket)
        with raw(folder / CATALOG) as connection:
            ((writes, streams),) = connection.execute("SELECT count(*), count(DISTINCT stream_id) FROM written")
    # Each new shot was written once, and no row of a stream that did not grow was touched.
    assert (writes, streams) == (bucket.keys - bucket.size, bucket.active * bucket.users)
    yield from requests(f"second night, {bucket.keys:,} keys, {bucket.active} active sessions", bucket, second)
    yield Figure("second night, wall time", "s", second.cost.wall_s, first.cost.wall_s, "our first sync")


def bucket_of(keys: int, *, active_share: float) -> Bucket:
    """Sessions of 1,000 keys, a share of which still lacks 80 shots that come in the next night, night 0."""
    active = max(1, int(keys / A_PAGE * active_share))
    return Bucket(keys, active=active, night=-1, per_night=20, now_ms=int(time.time() * 1000))


def second_night(folder: Path, bucket: Bucket, *, latency_ms: float = 0, watched: bool = False) -> Synced:
    """Sync the bucket in night 0; exactly what came is added, and every request is told."""
    with list_server(replace(bucket, night=0, latency_ms=latency_ms)) as endpoint:
        synced = (sync_peak if watched else sync_cost)(folder, endpoint)
        asked = statistics(endpoint)["requests"]
    changes = {name: synced.record[name] for name in ("added", "changed", "removed")}
    assert changes == {"added": bucket.keys - bucket.size, "changed": 0, "removed": 0}, changes
    assert sum(synced.record["list_requests"].values()) == asked
    return synced


def requests(what: str, bucket: Bucket, night: Synced) -> Iterator[Figure]:
    """Requests by purpose against their bounds, and all of them against a full listing."""
    full = bucket.keys / A_PAGE
    discovery, active, verified = (night.requests_for(name) for name in ("discovery", "active", "verification"))
    yield Figure(f"{what}: discovery", "requests", discovery)
    yield Figure(f"{what}: active sessions", "requests", active)
    bound = f"bound: {LISTED_FOR_NEWS:.1%} of a full listing"
    yield Figure(f"{what}: both", "requests", discovery + active, LISTED_FOR_NEWS * full, bound)
    yield Figure(f"{what}: verification", "requests", verified, VERIFIED * full, f"bound: {VERIFIED:.1%} of it")
    yield Figure(f"{what}: all", "requests", sum(night.record["list_requests"].values()), full, "a full listing")
