"""A time limit for one exchange over HTTP, however slowly its bytes drip."""

import socket
from contextlib import suppress
from threading import Timer
from types import TracebackType
from typing import Any, Final, Self

_CONNECTED: Final = (".connect_tcp.complete", ".start_tls.complete")


class Deadline:
    """While inside, the connections that `trace` is told of are cut once the time is over.

    Timeouts of HTTP clients are those of a single read: a server that sends a byte a second is never too late for them.
    Looking up a host name is the one thing that no limit of ours can end.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._timer = Timer(max(seconds, 0), self._cut)
        self._timer.daemon = True
        self._stream: Any = None  # httpcore.NetworkStream, which its `trace` extension hands out

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """The `trace` extension of a request ("Extensions" in the documentation of httpx)."""
        if name.endswith(_CONNECTED):
            self._stream = info["return_value"]
            if self.is_over:
                self._shut()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()

    def _cut(self) -> None:
        self.is_over = True
        self._shut()

    def _shut(self) -> None:
        if self._stream is None:
            return
        connection = self._stream.get_extra_info("socket")
        if connection is not None:
            with suppress(OSError):  # it is closed by now
                # Not the method of a TLS socket, which would take the ground from under the thread that reads.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
