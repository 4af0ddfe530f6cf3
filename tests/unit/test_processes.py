"""Tasks on real worker processes."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.compute import processes
from indexer.compute.processes import Done, Lost, carry_out
from indexer.errors import StorageUnavailableError


def double(number: int) -> int:
    return 2 * number


def hang_at_three(number: int) -> int:
    if number == 3:
        time.sleep(60)
    return number


def die_once(mark: str) -> str:
    """Kill the worker, but for the second time."""
    if not Path(mark).exists():
        Path(mark).touch()
        os._exit(9)
    return "alive"


def die(_: int) -> None:
    os._exit(9)


def fail_at_three(number: int) -> int:
    if number == 3:
        raise StorageUnavailableError("the storage is gone for a while")
    return number


def test_every_task_is_done_once() -> None:
    done = list(carry_out(double, range(50), workers=2, timeout_s=30))
    assert sorted(done) == [Done(number, 2 * number) for number in range(50)]


def test_nothing_to_do_is_nothing() -> None:
    assert list(carry_out(double, [], workers=2, timeout_s=30)) == []


def test_tasks_are_read_as_far_as_workers_get() -> None:
    read = 0

    def tasks() -> Iterator[int]:
        nonlocal read
        for number in range(10_000):
            read += 1
            yield number

    running = carry_out(double, tasks(), workers=1, timeout_s=30)
    next(running)
    assert read <= 20
    del running  # closes it, and so its workers


def test_a_task_that_takes_too_long_is_lost_and_the_others_are_done() -> None:
    began = time.monotonic()
    results = {done.task: done.result for done in carry_out(hang_at_three, range(6), workers=2, timeout_s=3)}
    assert results == {**{number: number for number in range(6)}, 3: Lost.TIMED_OUT}
    assert time.monotonic() - began < 40


def test_a_task_whose_worker_died_is_tried_once_more(tmp_path: Path) -> None:
    (done,) = carry_out(die_once, [str(tmp_path / "mark")], workers=1, timeout_s=30)
    assert done.result == "alive"


def test_a_task_that_kills_its_workers_is_lost() -> None:
    (done,) = carry_out(die, [1], workers=1, timeout_s=30)
    assert done.result is Lost.WORKER_DIED


def test_what_a_task_raises_ends_the_run() -> None:
    with pytest.raises(StorageUnavailableError, match="for a while"):
        list(carry_out(fail_at_three, range(100), workers=2, timeout_s=30))


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
