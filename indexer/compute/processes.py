"""Tasks on processes of this machine, each with a time limit that the parent enforces."""

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Final, Generic, NamedTuple, TypeVar

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

BATCH: Final = 4
"""Tasks handed out together while they are short.  A hand-out takes 0.4 ms of CPU time, a thumbnail 2."""

SHORT_S: Final = 0.05
"""Tasks that took no longer are short."""

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
    pending: dict[Future[_Several[_Result]], tuple[_Task, ...]] = {}
    retried: set[int] = set()
    broken = 0
    size = 1
    pool = _Pool(function, workers=workers, timeout_s=timeout_s)

    def hand_out(*several: _Task) -> None:
        pending[pool.schedule(several)] = several

    try:
        while True:
            while room := max(0, workers * IN_FLIGHT - sum(map(len, pending.values()))):
                if not (several := tuple(islice(waiting, min(size, room)))):
                    break
                hand_out(*several)
            if not pending:
                return
            finished, _ = wait(pending, timeout=timeout_s + STUCK_S, return_when=FIRST_COMPLETED)
            anew: list[_Task] = []
            for future in finished:
                several = pending.pop(future)
                try:
                    done = future.result()
                except (TimeoutError, ProcessExpired) as exc:
                    if len(several) > 1:  # alone, each shows whether it was to blame
                        for task in several:
                            hand_out(task)
                    elif isinstance(exc, TimeoutError):
                        yield Done(several[0], Lost.TIMED_OUT)
                    elif id(several[0]) in retried:
                        retried.discard(id(several[0]))
                        yield Done(several[0], Lost.WORKER_DIED)
                    else:
                        retried.add(id(several[0]))
                        hand_out(*several)
                except BrokenProcessPool:
                    anew += several
                else:
                    broken = 0
                    size = BATCH if done.seconds <= SHORT_S * len(several) else 1
                    for task, result in zip(several, done.results, strict=False):
                        retried.discard(id(task))  # which the next task may get
                        yield Done(task, result)
                    for task in several[len(done.results) :]:
                        hand_out(task)
            if anew or not finished:
                for several in pending.values():
                    anew += several
                pending.clear()
                pool.stop()
                broken += 1
                if broken == POOLS:
                    yield from (Done(task, Lost.WORKER_DIED) for task in anew)
                    anew.clear()
                    broken = 0
                pool = _Pool(function, workers=workers, timeout_s=timeout_s)
                for task in anew:
                    hand_out(task)
    finally:
        pool.stop()


class _Several(NamedTuple, Generic[_Result]):
    """What became of tasks that were handed out together: of the first ones, if one of them raised something."""

    results: list[_Result]
    seconds: float


def _carry_out_several(function: Callable[[_Task], _Result], tasks: tuple[_Task, ...]) -> _Several[_Result]:
    started = time.monotonic()
    results: list[_Result] = []
    for task in tasks:
        try:
            results.append(function(task))
        except Exception:  # carried out again alone, it raises that again
            if not results:
                raise
            break
    return _Several(results, time.monotonic() - started)


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

    def schedule(self, several: tuple[_Task, ...]) -> Future[_Several[_Result]]:
        """Hand tasks out; if the pool is broken, their result says so."""
        try:
            return self._pool.schedule(_carry_out_several, args=(self._function, several), timeout=self._timeout_s)
        except RuntimeError:  # what pebble says of a broken pool
            refused: Future[_Several[_Result]] = Future()
            refused.set_exception(BrokenProcessPool("the pool takes no task any more"))
            return refused

    def stop(self) -> None:
        """End the workers, whatever they are at."""
        self._pool.stop()  # type: ignore[no-untyped-call]  # pebble is typed but for this
        self._pool.join()
