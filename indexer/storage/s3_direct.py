"""GET and PUT of one object for a quarter of the CPU time that boto3 takes, which is more than a thumbnail's own.

A request is sent here once, signed by botocore, to where boto3's own last successful request went.  Only an answer
that leaves no question counts: 200, of a known length, all of it there.  With everything else (redirects, errors,
connections that break, answers in chunks) the caller asks boto3, whose retries and errors are the ones that matter; so
a failure costs one request more than boto3 alone would make.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock, local
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from botocore.auth import S3SigV4Auth
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from indexer.storage.base import THROTTLED

LARGEST_PUT: Final = 1024 * 1024
"""Larger bodies boto3 announces first (100-continue), so that a refusal need not wait for all of them."""

IDLE_S: Final = 4.0
"""A connection is not used again after so long: Node closes them after 5 s, nginx after 75, and most in between."""

MISSES: Final = 3
"""After so many in a row it is left to boto3 for good: this storage, or the way to it, is of another kind."""

_HEAD_BYTES: Final = 64 * 1024
_THROTTLING: Final = frozenset({b"429", b"503"})
_REFUSALS: Final = _THROTTLING | {b"404"}
"""Answers that say nothing of the way."""
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*(?=\r\n)")
_SCOPE: Final = re.compile(r"AWS4-HMAC-SHA256 Credential=[^,]+/[0-9]{8}/([^/,]+)/s3/aws4_request")


class _Place(NamedTuple):
    """Where requests go."""

    secure: bool
    host: str
    port: int
    authority: str
    """Of the URL: the host, and the port where it is said."""
    base: str
    """The URL up to the key."""
    region: str


@dataclass(slots=True)
class _Request:
    """What botocore's signer looks at; its own class costs as much as the signature."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    params: dict[str, str] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)  # botocore's notes


@dataclass(frozen=True, slots=True)
class Ways:
    """What a connection needs to know."""

    credentials: Callable[[], Credentials | None]
    user_agent: str
    connect_timeout_s: float
    read_timeout_s: float
    ca_bundle: str | None = None


class _RefusedError(Exception):
    """The storage has said no to this one object or moment, and the way to it is right."""


class Direct:
    """One try at an object.  Threads may share it.

    `count` is told the kind of each request that is sent, and `THROTTLED` where the storage asked to be asked less.
    """

    def __init__(self, ways: Ways, count: Callable[[str], None]) -> None:
        self._ways = ways
        self._count = count
        self._seen = local()  # each thread's own: a key may end like that of another thread's request
        self._place: _Place | None = None
        self._tls: ssl.SSLContext | None = None
        self._misses = 0
        self._idle: list[tuple[float, _Place, socket.socket]] = []
        self._lock = Lock()
        self._closed = False

    # --- Learning ---------------------------------------------------------------------------------------------------

    def see(self, request: Any, **_: object) -> None:
        """A handler of botocore's: remember what it is about to send."""
        if self._place is None:
            authorization = request.headers.get("Authorization", b"")
            if isinstance(authorization, bytes):
                authorization = authorization.decode("latin-1")
            self._seen.last = request.url, authorization

    def learn(self, key: str) -> None:
        """What boto3 sent last was for this key, and it went well."""
        seen: tuple[str, str] | None = getattr(self._seen, "last", None)
        if self._place is not None or seen is None or self._misses >= MISSES:
            return
        url, authorization = seen
        path, scope = _quoted(key), _SCOPE.match(authorization)
        if not scope or not url.endswith(f"/{path}"):  # another kind of signature, or of address
            return
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or parts.hostname is None or get_environ_proxies(url):
            self._misses = MISSES
            return
        secure = parts.scheme == "https"
        if secure and self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._ways.ca_bundle or get_cert_path(verify=True))
        port = parts.port or (443 if secure else 80)
        base = url.removesuffix(path)
        self._place = _Place(secure, parts.hostname, port, parts.netloc, base, scope[1])

    # --- Asking -----------------------------------------------------------------------------------------------------

    def get(self, key: str) -> bytes | None:
        """The whole object, or None if boto3 is to be asked."""
        return self._asked("get", key, {}, b"")

    def put(self, key: str, data: bytes, *, content_type: str) -> bool:
        """Write an object; False if boto3 is to do so, whether or not it happened."""
        if len(data) > LARGEST_PUT:
            return False
        headers = {"Content-Type": content_type, "Content-Length": str(len(data))}
        return self._asked("put", key, headers, data) == b""  # anything else would be an error with status 200

    def _asked(self, kind: str, key: str, headers: Mapping[str, str], body: bytes) -> bytes | None:
        place = self._place
        if place is None:
            return None
        answer: bytes | None = None
        with suppress(OSError, BotoCoreError):  # boto3 asks again, and says what is wrong
            head = self._head(place, kind.upper(), key, headers, body)
            try:
                answer = self._answer(place, kind, head + body)
            except _RefusedError:
                return None
        if answer is not None:
            self._misses = 0
            return answer
        self._misses += 1
        # What boto3 does next may be redirected, or signed for another region: learn from that.
        self._place = None
        return None

    def _head(self, place: _Place, method: str, key: str, headers: Mapping[str, str], body: bytes) -> bytes:
        credentials = self._ways.credentials()
        frozen = None if credentials is None else credentials.get_frozen_credentials()
        # Host is given, because the signer takes as long to find it as for a third of the signature.
        named = {"Host": place.authority, "User-Agent": self._ways.user_agent, **headers}
        request = _Request(method, place.base + _quoted(key), named, body)
        S3SigV4Auth(frozen, "s3", place.region).add_auth(request)  # type: ignore[arg-type]  # see _Request
        target = request.url[request.url.index("/", len("https://")) :]
        lines = (f"{name}: {text}" for name, text in request.headers.items())
        return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1")

    def _answer(self, place: _Place, kind: str, request: bytes) -> bytes | None:
        """The body of an answer that leaves no question, or None; the connection is kept or closed.

        Raises `_RefusedError`.
        """
        connection = self._connection(place)
        keep = False
        try:
            self._count(kind)
            connection.sendall(request)
            head, body = _received_head(connection)
            if head[9:12] in _THROTTLING:
                self._count(THROTTLED)
            if head[9:12] in _REFUSALS:
                raise _RefusedError
            lengths = _LENGTH.findall(head)
            if not head.startswith(b"http/1.1 200") or len(lengths) != 1 or b"\r\ntransfer-encoding:" in head:
                return None
            answer = _whole(connection, body, int(lengths[0]))
            keep = answer is not None and b"\r\nconnection: close" not in head
            return answer
        finally:
            with self._lock:
                keep = keep and not self._closed
                if keep:
                    self._idle.append((time.monotonic(), place, connection))
            if not keep:
                connection.close()

    # --- Connections ------------------------------------------------------------------------------------------------

    def _connection(self, place: _Place) -> socket.socket:
        oldest = time.monotonic() - IDLE_S
        while True:
            with self._lock:
                if not self._idle:
                    break
                since, where, connection = self._idle.pop()
            if where == place and since >= oldest:
                return connection
            connection.close()
        connection = socket.create_connection((place.host, place.port), self._ways.connect_timeout_s)
        try:
            connection.settimeout(self._ways.read_timeout_s)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None and place.secure:
                return self._tls.wrap_socket(connection, server_hostname=place.host)
        except BaseException:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the connections that wait."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, _, connection in idle:
            with suppress(OSError):
                connection.close()


def _quoted(key: str) -> str:
    return quote(key, safe="/~")  # as botocore does


def _received_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """The head of an answer in small letters, each line with its end, and what came with it; empty if there is none."""
    data = b""
    while _HEAD_END not in data:
        more = connection.recv(_HEAD_BYTES)
        if not more or len(data) > _HEAD_BYTES:
            return b"", b""
        data += more
    head, _, body = data.partition(_HEAD_END)
    return head.lower() + b"\r\n", body


def _whole(connection: socket.socket, begun: bytes, length: int) -> bytes | None:
    """A body of which the beginning is there, or None if it has another length than was said."""
    parts, left = [begun], length - len(begun)
    while left > 0:
        more = connection.recv(left)
        if not more:
            return None
        parts.append(more)
        left -= len(more)
    return b"".join(parts) if left == 0 else None
