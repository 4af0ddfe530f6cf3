"""A proxy in front of a real server that hurts some answers, as networks, gateways and busy storages do."""

import socket
import socketserver
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from typing import Final
from urllib.parse import urlsplit


class Fault(StrEnum):
    """What can become of an answer.  `LATENCY` is the only one that leaves it whole."""

    SLOW_DOWN = "503 SlowDown"
    INTERNAL_ERROR = "500 InternalError"
    BAD_GATEWAY = "502 with a page for people"
    OK_WITH_ERROR = "200 with <Error> in it"
    EMPTY = "200 with nothing in it"
    SHORTENED = "a part of the body, and a Content-Length that fits it"
    CUT = "a part of the body, a Content-Length that promises more, and the end"
    CUT_BETWEEN_CHUNKS = "a part of the body in whole chunks, and the end"
    RESET_BEFORE = "a reset instead of an answer"
    RESET_INSIDE = "a reset in the middle of the body"
    LATENCY = "the answer, late"


LOUD: Final = tuple(fault for fault in Fault if fault is not Fault.LATENCY)
"""Those that must be noticed."""

IN_THE_BODY: Final = frozenset(
    {Fault.OK_WITH_ERROR, Fault.EMPTY, Fault.SHORTENED, Fault.CUT, Fault.CUT_BETWEEN_CHUNKS, Fault.RESET_INSIDE}
)
"""Those that only befall an answer that is fine and has a body; any other passes on as it is."""

LATE_S: Final = 0.05
MOST_HEAD_BYTES: Final = 1 << 16


def _error(code: str, message: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>fault</RequestId></Error>"
    ).encode()


SLOW_DOWN: Final = _error("SlowDown", "Please reduce your request rate.")
INTERNAL_ERROR: Final = _error("InternalError", "We encountered an internal error. Please try again.")

_RESETTING: Final = struct.pack("ii", 1, 0)  # SO_LINGER for no time at all: closing sends RST


@dataclass
class Faulty:
    """The proxy at work.  What stands here may be changed while it runs; the next answer is treated accordingly."""

    address: str
    """Its own URL, to be used instead of the server's."""
    rates: Mapping[Fault, float]
    """The share of answers that each fault befalls; together at most 1, the rest passes on as it is."""
    most: int | None = None
    """Faults that are still to come before it is calm for good.  None: no end."""
    keep: int | None = None
    """Bytes of a body that `SHORTENED`, `CUT` and their like leave; one that is no longer passes on.  None: drawn."""
    answers: int = 0
    injected: Counter[Fault] = field(default_factory=Counter)

    def calm(self) -> None:
        """Let everything pass from now on."""
        self.rates = {}


@contextmanager
def faulty(address: str, *, seed: int, rates: Mapping[Fault, float], most: int | None = None) -> Iterator[Faulty]:
    """Stand in front of the HTTP server at `address` (a URL) until the block ends, on a free port of this machine.

    Requests pass on byte for byte, also their Host, so that their signatures stay what they were.  The server must say
    how long its answers are, or send them in chunks.  The nth answer draws the nth number of the seed; which request
    that is, is up to whoever asks.
    """
    target = urlsplit(address)
    assert target.hostname is not None
    assert target.port is not None
    with _Proxy((target.hostname, target.port), Random(seed)) as proxy:
        faults = proxy.faults = Faulty(f"http://127.0.0.1:{proxy.server_address[1]}", rates, most)
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield faults
        finally:
            proxy.shutdown()
            thread.join()
            proxy.hang_up()


class _Proxy(socketserver.ThreadingTCPServer):
    """Gives each connection a thread.  Its end waits for them, behind `hang_up`."""

    request_queue_size = 128  # as many connections may come at once as a sync has requests in flight

    faults: Faulty

    def __init__(self, target: tuple[str, int], rng: Random) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.target = target
        self.lock = threading.Lock()
        self._rng = rng
        self._open: set[socket.socket] = set()
        self._hung_up = False

    def draw(self, body_bytes: int) -> "_Plan":
        """Decide what becomes of the next answer, and count it."""
        with self.lock:
            faults = self.faults
            faults.answers += 1
            number, share, behind_a_tag = self._rng.random(), self._rng.random(), self._rng.random() < 0.5
            plan = _Plan(None, share, behind_a_tag, faults.keep)
            if faults.most == 0:
                return plan
            for fault, rate in faults.rates.items():
                number -= rate
                if number < 0:
                    if fault in IN_THE_BODY and body_bytes <= (faults.keep or 1):
                        return plan
                    faults.injected[fault] += 1
                    faults.most = None if faults.most is None else faults.most - 1
                    return replace(plan, fault=fault)
            return plan

    def register(self, *connections: socket.socket) -> None:
        """Remember what `hang_up` is to end."""
        with self.lock:
            if self._hung_up:
                raise _HungUpError
            self._open |= {*connections}

    def forget(self, *connections: socket.socket) -> None:
        with self.lock:
            self._open -= {*connections}

    def hang_up(self) -> None:
        """End all connections, so that nobody waits for their next request."""
        with self.lock:
            self._hung_up = True
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class _Plan:
    fault: Fault | None
    share: float
    behind_a_tag: bool
    """Half of the cuts are where a lenient reader of XML would notice least."""
    keep: int | None

    def part_of(self, body: bytes) -> bytes:
        """Some of the body, but never all."""
        if self.keep is not None:
            return body[: self.keep]
        cut = 1 + int(self.share * (len(body) - 1))
        if self.behind_a_tag:
            cut = body.rfind(b">", 0, cut - 1) + 1 or cut
        return body[: min(cut, len(body) - 1)]


class _HungUpError(Exception):
    """One side has gone, or the fault was to go."""


class _Connection(socketserver.BaseRequestHandler):
    """Carries the requests of one client connection over one of its own to the server."""

    server: _Proxy
    request: socket.socket

    def handle(self) -> None:
        with suppress(_HungUpError, OSError), socket.create_connection(self.server.target) as upstream:
            for each in (self.request, upstream):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.server.register(self.request, upstream)
            try:
                client, server = _Reader(self.request), _Reader(upstream)
                while True:
                    self._exchange(client, server, upstream)
            finally:
                self.server.forget(self.request, upstream)

    def _exchange(self, client: "_Reader", server: "_Reader", upstream: socket.socket) -> None:
        head = client.head()
        if b"100-continue" in head.get(b"expect"):
            self.request.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        upstream.sendall(head.raw + client.body(head).raw)
        answer = server.head()
        while answer.status < 200:  # the server's own "100 Continue"
            answer = server.head()
        bodiless = head.raw.startswith(b"HEAD ") or answer.status in {204, 304}
        body = _Body(b"", b"") if bodiless else server.body(answer)
        plan = self.server.draw(len(body.content) if answer.status == 200 else 0)
        if plan.fault is Fault.LATENCY:
            time.sleep(LATE_S * (0.5 + plan.share))
        if plan.fault in {None, Fault.LATENCY}:
            self.request.sendall(answer.raw + body.raw)
        elif plan.fault in IN_THE_BODY:
            self._hurt_body(plan, answer, body.content)
        else:
            self._replace(plan, bodiless=bodiless)
        if b"close" in answer.get(b"connection").lower():
            raise _HungUpError

    def _hurt_body(self, plan: "_Plan", answer: "_Head", content: bytes) -> None:
        part = plan.part_of(content)
        match plan.fault:
            case Fault.OK_WITH_ERROR:
                self.request.sendall(answer.reframed(len(INTERNAL_ERROR)) + INTERNAL_ERROR)
            case Fault.EMPTY:
                self.request.sendall(answer.reframed(0))
            case Fault.SHORTENED:
                self.request.sendall(answer.reframed(len(part)) + part)
            case Fault.CUT:
                self.request.sendall(answer.reframed(len(content)) + part)
                raise _HungUpError
            case Fault.CUT_BETWEEN_CHUNKS:
                self.request.sendall(answer.reframed(None) + b"%x\r\n%b\r\n" % (len(part), part))
                raise _HungUpError
            case Fault.RESET_INSIDE:
                self.request.sendall(answer.reframed(len(content)) + part)
                time.sleep(0.005)  # a reset overtakes what was sent, and would be one before the answer
                self._reset()
            case _:
                raise AssertionError(plan)

    def _replace(self, plan: "_Plan", *, bodiless: bool) -> None:
        match plan.fault:
            case Fault.SLOW_DOWN:
                self._say(b"503 Slow Down", SLOW_DOWN, bodiless=bodiless)
            case Fault.INTERNAL_ERROR:
                self._say(b"500 Internal Server Error", INTERNAL_ERROR, bodiless=bodiless)
            case Fault.BAD_GATEWAY:
                self._say(b"502 Bad Gateway", b"<html><body>Bad Gateway</body></html>", bodiless=bodiless)
            case Fault.RESET_BEFORE:
                self._reset()
            case _:
                raise AssertionError(plan)

    def _say(self, status: bytes, body: bytes, *, bodiless: bool) -> None:
        length = b"Content-Length: %d\r\nContent-Type: application/xml\r\n" % len(body)
        self.request.sendall(b"HTTP/1.1 " + status + b"\r\n" + length + b"\r\n" + (b"" if bodiless else body))

    def _reset(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESETTING)
        # The socket server says goodbye before it closes, and a reset is what only a close sends.
        self.request.close()
        raise _HungUpError


@dataclass(frozen=True)
class _Head:
    """The head of a request or an answer, with the empty line behind it."""

    raw: bytes

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.raw.split(b" ", 2)[1])

    def get(self, name: bytes) -> bytes:
        for line in self.raw.split(b"\r\n")[1:]:
            found, _, value = line.partition(b":")
            if found.lower() == name:
                return value.strip()
        return b""

    def reframed(self, length: int | None) -> bytes:
        """The same with another length of the body, or in chunks if that is None."""
        lines = self.raw.removesuffix(b"\r\n\r\n").split(b"\r\n")
        framing = (b"content-length:", b"transfer-encoding:")
        kept = [line for line in lines if not line.lower().startswith(framing)]
        kept.append(b"Transfer-Encoding: chunked" if length is None else b"Content-Length: %d" % length)
        return b"\r\n".join(kept) + b"\r\n\r\n"


@dataclass(frozen=True)
class _Body:
    raw: bytes
    """As it was sent."""
    content: bytes
    """Without the marks between chunks."""


class _Reader:
    """Reads messages off a connection.  Raises `_HungUpError` where it ends."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def head(self) -> _Head:
        return _Head(self._until(b"\r\n\r\n"))

    def body(self, head: _Head) -> _Body:
        if head.get(b"transfer-encoding").lower() == b"chunked":
            return self._chunks()
        content = self._exactly(int(head.get(b"content-length") or 0))
        return _Body(content, content)

    def _chunks(self) -> _Body:
        raw, content = [], []
        while True:
            line = self._until(b"\r\n")
            size = int(line.split(b";")[0], 16)
            chunk = self._exactly(size + 2)  # the last one, of size 0, ends in an empty line too: nobody sends trailers
            raw += [line, chunk]
            content.append(chunk[:-2])
            if not size:
                return _Body(b"".join(raw), b"".join(content))

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            assert len(self._buffer) < MOST_HEAD_BYTES
            self._receive()
        found, _, self._buffer = self._buffer.partition(mark)
        return found + mark

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._receive()
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def _receive(self) -> None:
        received = self._connection.recv(1 << 16)
        if not received:
            raise _HungUpError
        self._buffer += received
