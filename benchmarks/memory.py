"""How much a sync grows: `python -m benchmarks.memory ENDPOINT CATALOG` syncs and prints it, in bytes."""

import resource
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_STATUS: Final = Path("/proc/self/status")


def growth_bytes(endpoint: str, catalog: Path) -> tuple[int, int]:
    """The growth of a process of its own: by a dry run, which writes nothing, and by that and a first sync."""
    command = [sys.executable, "-m", "benchmarks.memory", endpoint, str(catalog)]
    dry, whole = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(dry), int(whole)


def _peak_bytes() -> int:
    # The kernel's figure of getrusage may be that of the process that started this one.
    if _STATUS.exists():
        peak = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(peak.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _grow(endpoint: str, path: str) -> Iterator[int]:
    from benchmarks.listing import store
    from benchmarks.sqlite import sync_into
    from indexer.catalog.catalog import Catalog

    with Catalog.open_to_write(f"sqlite:///{path}", now=datetime.now(UTC)) as catalog:
        bucket = store(endpoint)
        bucket.list_page(limit=1)  # the connection and what it loads
        before = _peak_bytes()
        for dry_run in (True, False):
            sync_into(catalog, bucket, dry_run=dry_run)
            yield _peak_bytes() - before


if __name__ == "__main__":
    print(*_grow(*sys.argv[1:]))
