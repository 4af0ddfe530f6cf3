"""A Dask cluster of real processes on loopback ports of this machine."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any, Final

from tests.servers import START_TIMEOUT_S, leashed

ROOT: Final = Path(__file__).parents[1]


@dataclass(frozen=True)
class DaskCluster:
    """A scheduler, and where to find it."""

    address: str
    file: Path
    stop_scheduler: Callable[[], None]
    """Kill it."""


@contextmanager
def dask_cluster(
    folder: Path, *, workers: int, nanny: bool = False, allowed_failures: int = 3
) -> Iterator[DaskCluster]:
    """Run a scheduler and workers of one thread until the block ends.

    A nanny starts a worker anew that has died.  A task may see one worker die more than there are allowed failures.
    """
    file = folder / "scheduler.json"
    with ExitStack() as stack, ExitStack() as own:
        scheduler = _run(folder, "scheduler", file, "--port", "0", failures=allowed_failures)
        own.enter_context(scheduler)
        cluster = DaskCluster(_address(file, folder), file, own.close)
        for number in range(workers):
            (folder / f"{number}").mkdir()
            stack.enter_context(started_worker(cluster, folder / f"{number}", nanny=nanny))
        yield cluster


def started_worker(
    cluster: DaskCluster, folder: Path, *options: str, nanny: bool = False
) -> AbstractContextManager["Popen[bytes]"]:
    """Run one more worker until the block ends."""
    places = ("--local-directory", str(folder), "--memory-limit", "0", "--nthreads", "1")
    return _run(folder, "worker", cluster.file, *places, "--nanny" if nanny else "--no-nanny", *options)


def _run(
    folder: Path, what: str, file: Path, *options: str, failures: int = 3
) -> AbstractContextManager["Popen[bytes]"]:
    settings = [f"PYTHONPATH={ROOT}", f"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES={failures}"]
    program = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--no-dashboard", "--host", "127.0.0.1"]
    command = ["env", *settings, *program, "--scheduler-file", str(file), *options]
    return leashed(command, folder / f"{what}.log")  # the worker of a nanny that is killed ends by itself


def _address(file: Path, folder: Path) -> str:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text()):
            return str(json.loads(text)["address"])
        time.sleep(0.05)
    raise RuntimeError(f"the scheduler did not start; it said:\n{(folder / 'scheduler.log').read_text()}")


def worker_pids(address: str, *, at_least: int = 0) -> list[int]:
    """The processes of the workers, once there are so many."""
    from distributed import Client

    untyped: Any = Client
    with untyped(address, set_as_default=False) as client:
        client.wait_for_workers(at_least or 1, timeout=START_TIMEOUT_S)
        return list(client.run(os.getpid).values())
