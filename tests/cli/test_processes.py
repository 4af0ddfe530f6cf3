"""What only a process of its own shows: signals, pipes, terminals, streams that are closed."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.running import PROGRAM, Answer, done, livestills, process
from tests.cli.worlds import configure, folder, memory, series

SHOTS = 50_000
SLOW = f"""
import signal, sys, time
from datetime import UTC, datetime
from cli.livestills import main
from indexer.storage import memory
from tests.cli.worlds import NOON, put, series


class Slow(memory.MemoryStore):
    def list_page(self, *args, **options):
        sys.stderr.write("page\\n")
        sys.stderr.flush()
        time.sleep(PAUSE)
        return super().list_page(*args, **options)


signal.signal(signal.SIGINT, signal.default_int_handler)
store = memory._SHARED["slow"] = Slow("slow")
for session in range(10):
    for key in series(shots={SHOTS // 10}, session=session):
        store.put(key, b"x", content_type="", modified=NOON)
main()
"""


@contextmanager
def _slow_sync(*arguments: str, pause_s: float = 0.02, **options: object) -> Iterator[subprocess.Popen[str]]:
    program = SLOW.replace("PAUSE", str(pause_s))
    running = subprocess.Popen(  # type: ignore[call-overload]
        [sys.executable, "-c", program, *arguments, "sync"],
        stdout=subprocess.PIPE,
        **{"stderr": subprocess.PIPE, **options},
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()
