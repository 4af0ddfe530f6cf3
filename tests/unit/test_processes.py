"""What is particular to worker processes of this machine; tests/contracts/test_executor.py has the rest."""

import os
import signal
from pathlib import Path

import pytest

from indexer.compute import processes
from indexer.compute.base import Lost
from indexer.compute.processes import carry_out


def payload(number: int) -> tuple[int, bytes]:
    return number, bytes(20_000)  # fills the pipe, so that workers are often found writing to it


def children() -> list[int]:
    tasks = Path(f"/proc/{os.getpid()}/task").glob("*/children")
    pids = [int(pid) for task in tasks for pid in task.read_text().split()]
    return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_workers_killed_from_outside_cost_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "STUCK_S", 2.0)  # where the killed one held the lock of the pipe
    for _ in range(3):
        results = []
        for done in carry_out(payload, range(300), workers=2, timeout_s=2):
            assert not isinstance(done.result, Lost)
            results.append(done.result[0])
            if len(results) == 60:
                os.kill(children()[0], signal.SIGKILL)
        assert sorted(results) == list(range(300))
