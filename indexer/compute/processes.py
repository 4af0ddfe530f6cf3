"""Tasks on processes of this machine, each with a time limit that the parent enforces."""

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, TypeVar

from pebble import ProcessExpired, ProcessPool

from indexer.compute.base import Done, Lost

__all__ = ["Done", "Lost", "Processes", "carry_out"]

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

IN_FLIGHT: Final = 8
"""Tasks handed out for each worker: enough that none waits, few enough to lose little."""


STUCK_S: Final = 15.0
"""Without any result for so long beyond the time limit of a task, a pool is stuck: a worker that is killed while it
holds the lock of the pool's pipe, as the system does when memory is short, leaves it to nobody."""

POOLS: Final = 3
"""Pools that may break one after the other without a single result."""


@dataclass(frozen=True, slots=True)
class Processes:
    """So many processes of this machine as an `Executor`."""

    workers: int

    def carry_out(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task], *, timeout_s: float
    ) -> Iterator[Done[_Task, _Result]]:
        """See `Executor.carry_out`, and `carry_out`."""
        return carry_out(function, tasks, workers=self.workers, timeout_s=timeout_s)


def carry_out(
    function: Callable[[_Task], _Result], tasks: Iterable[_Task], *, workers: int, timeout_s: float
) -> Iterator[Done[_Task, _Result]]:
    """Yield each task with its result, in the order of their ends; `tasks` is read as far as workers get.

    `function` and tasks are pickled.  A task that takes longer than `timeout_s` is lost and its worker replaced; one
    whose worker dies is given to another worker once, because it may have died of something else.  What `function`
    raises is raised here, and everything still at work is stopped then.
    """
    waiting = iter(tasks)
    pending: dict[Future[_Result], _Task] = {}
    retried: set[int] = set()
    broken = 0
    pool = _Pool(function, workers=workers, timeout_s=timeout_s)
    try:
        while True:
            for task in islice(waiting, workers * IN_FLIGHT - len(pending)):
                pending[pool.schedule(task)] = task
            if not pending:
                return
            finished, _ = wait(pending, timeout=timeout_s + STUCK_S, return_when=FIRST_COMPLETED)
            anew: list[_Task] = []
            for future in finished:
                task = pending.pop(future)
                try:
                    result = future.result()
                except TimeoutError:
                    yield Done(task, Lost.TIMED_OUT)
                except BrokenProcessPool:
                    anew.append(task)
                except ProcessExpired:
                    if id(task) in retried:
                        yield Done(task, Lost.WORKER_DIED)
                    else:
                        retried.add(id(task))
                        pending[pool.schedule(task)] = task
                else:
                    broken = 0
                    yield Done(task, result)
            if anew or not finished:
                anew += pending.values()
                pending.clear()
                pool.stop()
                broken += 1
                if broken == POOLS:
                    yield from (Done(task, Lost.WORKER_DIED) for task in anew)
                    anew.clear()
                    broken = 0
                pool = _Pool(function, workers=workers, timeout_s=timeout_s)
                pending = {pool.schedule(task): task for task in anew}
    finally:
        pool.stop()


class _Pool(Generic[_Task, _Result]):
    """Worker processes, each deaf to Ctrl-C: that reaches the whole group, and the parent decides."""

    def __init__(self, function: Callable[[_Task], _Result], *, workers: int, timeout_s: float) -> None:
        self._function = function
        self._timeout_s = timeout_s
        self._pool = ProcessPool(
            max_workers=workers,
            context=multiprocessing.get_context("spawn"),  # not forked: the parent has threads
            initializer=signal.signal,
            initargs=(signal.SIGINT, signal.SIG_IGN),
        )

    def schedule(self, task: _Task) -> Future[_Result]:
        """Hand a task out; if the pool is broken, its result says so."""
        try:
            return self._pool.schedule(self._function, args=(task,), timeout=self._timeout_s)
        except RuntimeError:  # what pebble says of a broken pool
            refused: Future[_Result] = Future()
            refused.set_exception(BrokenProcessPool("the pool takes no task any more"))
            return refused

    def stop(self) -> None:
        """End the workers, whatever they are at."""
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble is typed but for this
        self._pool.join()
