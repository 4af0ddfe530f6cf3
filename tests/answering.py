"""A server on loopback that gives the answers it was told to, one a connection, and keeps every byte it was sent."""

import json
import socket
import socketserver
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Condition, Event, Thread
from typing import Any

Answering = Callable[[socket.socket, Event], None]
"""Answers a request that was read, on its connection.  Long ones end when the event is set."""


def answer(status: int, body: object = None, /, **headers: str) -> Answering:
    """An answer in JSON, or of these bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join([*lines, "", ""]).encode() + content)


def raw(data: bytes) -> Answering:
    """Exactly these bytes; none to close the connection without an answer."""
    return lambda connection, _: connection.sendall(data)


def drip(data: bytes, *, every_s: float) -> Answering:
    """A byte at a time, slowly, and no end."""

    def dripping(connection: socket.socket, over: Event) -> None:
        for byte in data:
            if over.wait(every_s):
                return
            connection.sendall(bytes([byte]))
        silence(connection, over)

    return dripping


def silence(_: socket.socket, over: Event) -> None:
    """No answer, and the connection stays open."""
    over.wait(60)


class AnsweringServer:
    """What the server was sent, and what it will answer next.  The last answer stays."""

    def __init__(self, *answers: Answering) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.came = Condition()
        self.url = ""

    @property
    def count(self) -> int:
        return len(self.requests)

    def wait_for(self, count: int) -> None:
        """Until so many requests have come."""
        with self.came:
            assert self.came.wait_for(lambda: self.count >= count, timeout=60)

    def lines(self, number: int = -1) -> list[str]:
        """The first line and the headers of a request."""
        return self.requests[number].partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")

    def target(self, number: int = -1) -> str:
        """`POST /v1/apps/…`."""
        return self.lines(number)[0].removesuffix(" HTTP/1.1")

    def headers(self, number: int = -1) -> Mapping[str, str]:
        pairs = (line.partition(": ") for line in self.lines(number)[1:])
        return {name: value for name, _, value in pairs}

    def body(self, number: int = -1) -> bytes:
        return self.requests[number].partition(b"\r\n\r\n")[2]

    def json(self, number: int = -1) -> Any:
        return json.loads(self.body(number))


@contextmanager
def answering(*answers: Answering, tls: ssl.SSLContext | None = None) -> Iterator[AnsweringServer]:
    """A server that runs meanwhile, behind TLS if given its side of it."""
    said = AnsweringServer(*answers)
    over = Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if tls is None:
                self._answer(self.request)
                return
            with suppress(OSError), tls.wrap_socket(self.request, server_side=True) as wrapped:  # unless not trusted
                self._answer(wrapped)

        def _answer(self, connection: socket.socket) -> None:
            request = _read(connection)
            if not request:
                return
            with said.came:
                said.requests.append(request)
                said.came.notify_all()
            answering_now = said.answers[min(len(said.requests), len(said.answers)) - 1]
            with suppress(OSError):  # who asked may be gone
                answering_now(connection, over)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = False
        block_on_close = True

    with Server(("127.0.0.1", 0), Handler) as server:
        said.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield said
        finally:
            over.set()
            server.shutdown()
            thread.join()


def _read(connection: socket.socket) -> bytes:
    """A whole request; what came of it if the other side ends."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return data
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    missing = int(lengths[0]) - len(body) if lengths else 0
    while missing > 0:
        part = connection.recv(65536)
        if not part:
            break
        data += part
        missing -= len(part)
    return data
