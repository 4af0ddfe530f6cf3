"""What is particular to worker processes of this machine; tests/contracts/test_executor.py has the rest."""

import os
import signal
import time
from collections.abc import Callable
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


def slow_once(number: int) -> int:
    if number == 20:
        time.sleep(60)
    return number


def dying_once(number: int) -> int:
    if number == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize(("function", "lost"), [(slow_once, Lost.TIMED_OUT), (dying_once, Lost.WORKER_DIED)])
def test_those_handed_out_together_are_not_lost_with_one_of_them(
    function: Callable[[int], int], lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STUCK_S", 2.0)
    done = {each.task: each.result for each in carry_out(function, range(40), workers=2, timeout_s=2)}
    assert done == {number: lost if number == 20 else number for number in range(40)}
