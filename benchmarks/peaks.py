"""The most memory that a first sync takes, start-up and SQLite's cache included: of many sessions, and of one."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.children import sync_peak
from benchmarks.list_server import Bucket, list_server
from benchmarks.measuring import Figure, Scale
from benchmarks.vast import MEMORY_MB

_MB: Final = 1_000_000


def measure(scale: Scale) -> Iterator[Figure]:
    """Megabytes, of all processes together."""
    unit = scale.peak_unit_keys
    for what, bucket in (
        (f"a first sync of {scale.peak_keys:,} keys", Bucket(scale.peak_keys)),
        (f"a first sync of one unit of {unit:,} keys, settled", Bucket(unit, per_session=unit, users=17)),
        (f"a first sync of one unit of {unit:,} keys, active", Bucket(unit, per_session=unit, users=17, active=1)),
    ):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, list_server(bucket) as endpoint:
            synced = sync_peak(Path(folder), endpoint)
        assert synced.record["added"] == bucket.keys
        yield Figure(f"{what}, peak memory", "MB", synced.peak_bytes / _MB, MEMORY_MB, "bound")
        yield Figure(what, "keys/s", bucket.keys / synced.cost.wall_s)
