"""What every executor promises, on processes of this machine and on the workers of a Dask cluster."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from indexer.compute.base import Done, Executor, Lost
from indexer.compute.dask import Cluster
from indexer.compute.processes import Processes
from indexer.errors import StorageUnavailableError
from tests.clusters import dask_cluster


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    # No death is allowed, because to start a worker anew takes seconds; runs of thumbnails have Dask's own number.
    with dask_cluster(tmp_path_factory.mktemp("dask"), workers=2, nanny=True, allowed_failures=0) as cluster:
        yield Cluster(cluster.address)


@pytest.fixture(scope="module")
def processes() -> Executor:
    return Processes(2)


@pytest.fixture(params=["processes", "dask"])
def executor(request: pytest.FixtureRequest) -> Executor:
    made: Executor = request.getfixturevalue(request.param)
    return made


def double(number: int) -> int:
    return 2 * number


def hang_at_three(number: int) -> int:
    if number == 3:
        time.sleep(30)
    return number


def die_once(mark: str) -> str:
    """Kill the worker, but for the second time."""
    if not Path(mark).exists():
        Path(mark).touch()
        os._exit(9)
    return "alive"


def die_at_three(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise StorageUnavailableError("the storage is gone for a while")
    return number


def test_every_task_is_done_once(executor: Executor) -> None:
    done = list(executor.carry_out(double, range(500), timeout_s=30))
    assert sorted(done) == [Done(number, 2 * number) for number in range(500)]


def test_nothing_to_do_is_nothing(executor: Executor) -> None:
    assert list(executor.carry_out(double, [], timeout_s=30)) == []


def test_tasks_are_read_as_far_as_workers_get(executor: Executor) -> None:
    read = 0

    def tasks() -> Iterator[int]:
        nonlocal read
        for number in range(10_000):
            read += 1
            yield number

    running = executor.carry_out(double, tasks(), timeout_s=30)
    next(running)
    assert read <= 20
    del running  # closes it


def test_a_task_that_takes_too_long_is_lost_and_the_others_are_done(executor: Executor) -> None:
    results = {done.task: done.result for done in executor.carry_out(hang_at_three, range(6), timeout_s=2)}
    assert results == {**{number: number for number in range(6)}, 3: Lost.TIMED_OUT}


def test_a_task_whose_worker_died_is_tried_once_more(executor: Executor, tmp_path: Path) -> None:
    (done,) = executor.carry_out(die_once, [str(tmp_path / "mark")], timeout_s=30)
    assert done.result == "alive"


def test_a_task_that_kills_its_workers_is_lost_and_the_others_are_done(executor: Executor) -> None:
    done = list(executor.carry_out(die_at_three, [*range(6)], timeout_s=30))
    assert len(done) == 6
    results = {each.task: each.result for each in done}
    assert results == {**{number: number for number in range(6)}, 3: Lost.WORKER_DIED}


def test_what_a_task_raises_ends_the_run(executor: Executor) -> None:
    with pytest.raises(StorageUnavailableError, match="the storage is gone for a while"):
        list(executor.carry_out(fail_at_three, range(100), timeout_s=30))
