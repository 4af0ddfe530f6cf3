"""Results of a generator that runs in another process, as they come."""

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final, TypeVar

from indexer.errors import LivestillsError

_CHECK_S: Final = 0.2
_GRACE_S: Final = 2.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Failed:
    error: LivestillsError | None
    trace: str


@dataclass(frozen=True, slots=True)
class _Ended:
    pass


class ChildError(LivestillsError):
    """A process that worked for this one ended without saying how it went."""


def from_child(
    generate: Callable[..., Iterator[_T]], *arguments: object, check: Callable[[], None] = lambda: None
) -> Iterator[_T]:
    """Yield what `generate(*arguments)` yields in a process of its own, which waits while nobody takes it.

    Function, arguments and results are pickled.  Our own errors arrive as they are, others as `ChildError`; `check` is
    called several times a second and ends the child by raising.  So does closing the iterator.
    """
    context = multiprocessing.get_context("spawn")  # a fork would copy threads' locks and the database's handles
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=_run, args=(sending, generate, arguments), daemon=True)
    child.start()
    sending.close()
    try:
        while True:
            check()
            if not receiving.poll(_CHECK_S):
                continue
            try:
                message = receiving.recv()
            except EOFError:
                child.join(_GRACE_S)
                raise ChildError(
                    f"the process that lists ended early (status {child.exitcode}): run it again"
                ) from None
            if isinstance(message, _Ended):
                return
            if isinstance(message, _Failed):
                last_line = message.trace.strip().rpartition("\n")[2]
                raise message.error or ChildError(f"the process that lists failed: {last_line}")
            yield message
    finally:
        receiving.close()
        child.join(0 if child.exitcode is None else _GRACE_S)
        if child.is_alive():
            child.terminate()
            child.join(_GRACE_S)
        if child.is_alive():
            child.kill()
            child.join()
        child.close()


def _run(sending: Connection, generate: Callable[..., Iterator[Any]], arguments: tuple[object, ...]) -> None:
    # Ctrl-C reaches all processes of a terminal; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BrokenPipeError, ConnectionResetError):  # nobody takes it any more
        try:
            for result in generate(*arguments):
                sending.send(result)
        except LivestillsError as exc:
            sending.send(_Failed(exc, ""))
        except Exception:  # noqa: BLE001  # whatever it is, the parent must hear of it
            sending.send(_Failed(None, traceback.format_exc()))
        else:
            sending.send(_Ended())
    sending.close()
