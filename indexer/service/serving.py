"""A server on a port of this machine for as long as a block lasts."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

from indexer.errors import ConfigError, LivestillsError

STARTS_WITHIN_S: Final = 30.0

ENDS_WITHIN_S: Final = 2
"""For requests that are being answered when the service ends."""


@contextmanager
def serving(
    application: Any,  # any ASGI application
    *,
    host: str,
    port: int,
    keep_alive_s: int = 5,
    connections: int | None = None,
) -> Iterator[str]:
    """Answer requests in the background until the block ends.  Gives the base URL; port 0 is any free one.

    A connection on which nothing is asked for `keep_alive_s` is closed, and one more than `connections` gets 503.

    Raises `ConfigError` if there can be no server at that address, and `LivestillsError` if none comes up.
    """
    with _listening(host, port) as listener:
        config = uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            log_level=logging.CRITICAL,  # a line of ours says where it is; requests are counted, not listed
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=ENDS_WITHIN_S,
            timeout_keep_alive=keep_alive_s,
            limit_concurrency=connections,
        )
        server = uvicorn.Server(config)
        # Not in the main thread: there uvicorn would take the signals, and raise them once more at the end.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
        thread.start()
        try:
            _await_start(server, thread)
            yield _base_url(host, listener.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join(ENDS_WITHIN_S + 3)


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to the address.  Bound here, because a server of uvicorn's would end the process instead."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as exc:
        raise ConfigError(f"{host!r} is no address of this machine: {exc.strerror}") from exc
    with socket.socket(family, kind, protocol) as listener:
        # A service that ended a moment ago would keep its port busy for a minute otherwise.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as exc:
            hint = "; --port 0 takes a free one" if port else ""
            raise ConfigError(f"cannot listen at {host}:{port}: {exc.strerror}{hint}") from exc
        yield listener


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise LivestillsError("the HTTP server did not start")
        time.sleep(0.01)


def _base_url(host: str, port: int) -> str:
    name = "127.0.0.1" if host in {"", "0.0.0.0"} else host  # noqa: S104  # compared, not bound
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
