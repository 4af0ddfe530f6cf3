"""Tasks on processes of this machine, each with a time limit that the parent enforces."""

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from enum import StrEnum
from itertools import islice
from typing import Final, Generic, NamedTuple, TypeVar

from pebble import ProcessExpired, ProcessPool

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

IN_FLIGHT: Final = 8
"""Tasks handed out for each worker: enough that none waits, few enough to lose little."""


class Lost(StrEnum):
    """How a task ended without a result."""

    TIMED_OUT = "timed-out"
    WORKER_DIED = "worker-died"


class Done(NamedTuple, Generic[_Task, _Result]):
    """A task and what became of it."""

    task: _Task
    result: _Result | Lost


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
    # Not forked: the parent has threads.  Deaf to Ctrl-C, which reaches the whole group: the parent decides.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPool(
        max_workers=workers, context=context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
    )
    try:
        while True:
            for task in islice(waiting, workers * IN_FLIGHT - len(pending)):
                pending[pool.schedule(function, args=(task,), timeout=timeout_s)] = task
            if not pending:
                return
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                task = pending.pop(future)
                try:
                    yield Done(task, future.result())
                except TimeoutError:
                    yield Done(task, Lost.TIMED_OUT)
                except ProcessExpired:
                    if id(task) in retried:
                        yield Done(task, Lost.WORKER_DIED)
                    else:
                        retried.add(id(task))
                        pending[pool.schedule(function, args=(task,), timeout=timeout_s)] = task
    finally:
        pool.stop()  # type: ignore[no-untyped-call]  # pebble is typed but for this
        pool.join()
