"""What every executor promises, and the words for it."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


class Lost(StrEnum):
    """How a task ended without a result."""

    TIMED_OUT = "timed-out"
    WORKER_DIED = "worker-died"


class Done(NamedTuple, Generic[_Task, _Result]):
    """A task and what became of it."""

    task: _Task
    result: _Result | Lost


class Executor(Protocol):
    """Carries out tasks somewhere else, and holds nothing between two calls."""

    def carry_out(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task], *, timeout_s: float
    ) -> Iterator[Done[_Task, _Result]]:
        """Yield each task with its result, in the order of their ends; `tasks` is read as far as workers get.

        `function` and tasks are pickled.  A task may be carried out more than once, but is yielded once.  One that
        takes longer than `timeout_s` is lost; one whose worker dies is given to another, because it may have died of
        something else, and is lost when that happens again and again.  What `function` raises is raised here.  Nothing
        more is begun once the iterator is closed.
        """
        ...
