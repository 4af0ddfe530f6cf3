"""The command line as a child process on a bucket of the LIST server, and what it cost."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.compiling import MissingToolError
from benchmarks.list_server import BUCKET
from benchmarks.measuring import Cost, child_cost
from benchmarks.world import PREFIX

ROOT: Final = Path(__file__).parents[1]
OURS: Final = (sys.executable, "-c", "from cli.livestills import main; main()")
CATALOG: Final = "catalog.db"

_CONFIG: Final = """
[catalog]
url = "sqlite:///{catalog}"
[sources.bench]
url = "s3://{bucket}/{prefix}"
endpoint_url = "{endpoint}"
region = "us-east-1"
"""
_EVERY_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Synced:
    """One `livestills sync`."""

    cost: Cost
    peak_bytes: int
    """Of the process and its children together; 0 if it was not looked for."""
    record: Mapping[str, Any]
    """What it printed as ndjson."""

    def requests_for(self, purpose: str) -> int:
        """LIST requests that it says it made for this."""
        return int(self.record["list_requests"].get(purpose, 0))


def sync_cost(folder: Path, endpoint: str, *options: str) -> Synced:
    """Sync the server's bucket into the catalog of this folder, which is made if there is none."""
    with _sync(folder, endpoint, options) as child:
        return _told(child, peak_bytes=lambda: 0)


def sync_peak(folder: Path, endpoint: str, *options: str) -> Synced:
    """The same while watching its memory, which takes a little of its time."""
    if not Path("/proc/self/smaps_rollup").exists():
        raise MissingToolError("memory is read from /proc/<pid>/smaps_rollup, which this system lacks")
    with _sync(folder, endpoint, options) as child:
        watch = _Watch(child.pid)
        watch.start()
        return _told(child, peak_bytes=watch.stop)


def environment() -> dict[str, str]:
    """The variables of this process, with credentials that a LIST server does not look at and no others."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("AWS_", "LIVESTILLS_"))}
    return kept | {
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _sync(folder: Path, endpoint: str, options: tuple[str, ...]) -> "subprocess.Popen[str]":
    config = folder / "livestills.toml"
    config.write_text(_CONFIG.format(catalog=folder / CATALOG, bucket=BUCKET, prefix=PREFIX, endpoint=endpoint))
    command = [*OURS, "--config", str(config), "--output", "ndjson", "--progress", "off", "sync", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=pipe, stderr=pipe, text=True)


def _told(child: "subprocess.Popen[str]", *, peak_bytes: Callable[[], int]) -> Synced:
    told: list[str] = []
    cost = child_cost(lambda: told.extend(child.communicate()))
    peak = peak_bytes()
    if child.returncode:
        raise RuntimeError(f"livestills sync ended with {child.returncode}: {told[1].strip()[-1000:]}")
    return Synced(cost, peak, json.loads(told[0]))


class _Watch(threading.Thread):
    """Looks at the memory of a process and its children now and then.

    Pages that they share count once (PSS); of a single process the kernel keeps the peak itself.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._peak_bytes = 0
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(_EVERY_S):
            pids = tree(self._pid)
            alone = max((_kilobytes(pid, "status", "VmHWM:") for pid in pids), default=0)
            together = sum(_kilobytes(pid, "smaps_rollup", "Pss:") for pid in pids)
            self._peak_bytes = max(self._peak_bytes, 1024 * max(alone, together))

    def stop(self) -> int:
        """The peak."""
        self._stopped.set()
        self.join()
        return self._peak_bytes


def tree(pid: int) -> list[int]:
    """A process and all that it started, as far as they live."""
    found = [pid]
    for each in found:
        try:
            for task in Path(f"/proc/{each}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except OSError:  # it has just ended
            continue
    return found


def _kilobytes(pid: int, file: str, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), 0)
