"""Results of generators that run in other processes, as they come."""

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Lock
from typing import Any, Final, TypeVar, cast

from indexer.errors import LivestillsError

_CHECK_S: Final = 0.2
_GRACE_S: Final = 2.0

_T = TypeVar("_T")
_Task = TypeVar("_Task")


class _Wish:
    """A child wants its next task."""


class _End:
    """A child has done all its tasks."""


@dataclass(frozen=True, slots=True)
class _Failure:
    error: LivestillsError | None
    trace: str


class ChildError(LivestillsError):
    """A process that worked for this one ended without saying how it went."""


def from_children(
    generate: Callable[..., Iterator[_T]],
    tasks: Iterable[_Task],
    *arguments: object,
    processes: int = 1,
    check: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, _T]]:
    """Yield what `generate(tasks, *arguments)` yields in each of some processes, with the number of the process.

    Each gets its tasks one at a time, when it asks for them, and waits while nobody takes its results.  Function,
    arguments, tasks and results are pickled.  Our own errors arrive as they are, others as `ChildError`.  `check` is
    called several times a second; when it raises, or the iterator is closed, all processes end.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks and the database's handles
    children: dict[Connection, BaseProcess] = {}
    for _ in range(processes):
        ours, theirs = context.Pipe()
        child = context.Process(target=_run, args=(theirs, generate, arguments), daemon=True)
        child.start()
        theirs.close()
        children[ours] = child
    numbers = {connection: number for number, connection in enumerate(children)}
    to_do = iter(tasks)
    working = set(children)
    try:
        while working:
            check()
            for ready in wait(list(working), _CHECK_S):
                connection = cast("Connection", ready)  # there is nothing else to be ready
                message = _received(connection, children[connection], check)
                if isinstance(message, _Wish):
                    _answer(connection, next(to_do, None))
                elif isinstance(message, _End):
                    working.discard(connection)
                else:
                    yield numbers[connection], message
    finally:
        for connection, process in children.items():
            connection.close()
            _end(process, at_once=connection in working)


def _received(
    connection: Connection, child: BaseProcess, check: Callable[[], None]
) -> Any:  # whatever the generator yields
    try:
        message = connection.recv()
    except (EOFError, ConnectionResetError):
        child.join(_GRACE_S)
        check()  # whoever stops a group of processes stops this one too
        raise ChildError(f"a process that lists ended early (status {child.exitcode}): run it again") from None
    if isinstance(message, _Failure):
        last_line = message.trace.strip().rpartition("\n")[2]
        raise message.error or ChildError(f"a process that lists failed: {last_line}")
    return message


def _answer(connection: Connection, task: object) -> None:
    with suppress(BrokenPipeError):  # that it is gone shows when the next message is read
        connection.send(task)


def _end(child: BaseProcess, *, at_once: bool) -> None:
    child.join(0 if at_once else _GRACE_S)
    if child.is_alive():
        child.terminate()
        child.join(_GRACE_S)
    if child.is_alive():
        child.kill()
        child.join()
    child.close()


def _run(connection: Connection, generate: Callable[..., Iterator[Any]], arguments: tuple[object, ...]) -> None:
    # Ctrl-C reaches all processes of a terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sending = Lock()

    def send(message: object) -> None:
        with sending:
            connection.send(message)

    def tasks() -> Iterator[Any]:
        while True:
            send(_Wish())
            task = connection.recv()
            if task is None:
                return
            yield task

    with suppress(BrokenPipeError, ConnectionResetError):  # nobody takes it any more
        try:
            for result in generate(tasks(), *arguments):
                send(result)
        except LivestillsError as exc:
            send(_Failure(exc, ""))
        except (EOFError, BrokenPipeError, ConnectionResetError):  # the parent is gone
            return
        except Exception:  # noqa: BLE001  # whatever it is, the parent must hear of it
            send(_Failure(None, traceback.format_exc()))
        else:
            send(_End())
    connection.close()
