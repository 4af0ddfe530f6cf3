"""One exchange with Agora's RESTful API over HTTP: a request as bytes, its answer, and what may go wrong between."""

import json
import logging
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from indexer.agora import addresses, routes
from indexer.agora.codes import Again, Call
from indexer.agora.deadline import Deadline
from indexer.agora.failures import AgoraError, AgoraRefusedError, AgoraUnavailableError
from indexer.agora.routes import Request
from indexer.agora.secrecy import HIDDEN, redacted
from indexer.errors import ConfigError

_log = logging.getLogger(__name__)

_LARGEST_ANSWER: Final = 1 << 20
"""Agora's answers have some hundred bytes."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Of the RESTful API, from Agora's console.  Raises `ConfigError` where HTTP could not carry them."""

    app_id: str
    customer_id: str
    customer_secret: str = field(repr=False)

    def __post_init__(self) -> None:
        for what, text in (("customer ID", self.customer_id), ("customer secret", self.customer_secret)):
            if not text or text != text.strip() or not text.isprintable():
                raise ConfigError(f"the {what} is empty, or has spaces around it or control characters in it")
        if ":" in self.customer_id:
            raise ConfigError("the customer ID holds a colon, which basic authentication cannot carry")

    @property
    def authorization(self) -> str:
        """The header, which is as secret as the customer secret."""
        return f"Basic {self._encoded}"

    @property
    def secrets(self) -> frozenset[str]:
        """The texts that must not be shown."""
        return frozenset({self.customer_secret, self._encoded})

    @property
    def _encoded(self) -> str:
        return b64encode(f"{self.customer_id}:{self.customer_secret}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Preview:
    """A request exactly as it would be sent, but for `***` where it is secret."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    """In the order and spelling in which they are sent."""
    body: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: a status, and a JSON object, which is {} if there was none, as from a proxy."""

    http_status: int
    body: Mapping[str, object]
    retry_after_s: float | None


class Exchange:
    """Sends requests, each over a connection of its own.  `bases` are the addresses of the attempts; the last stays."""

    def __init__(self, bases: Sequence[str], credentials: Credentials, *, user_agent: str) -> None:
        self._bases = bases
        self._credentials = credentials
        # Without any address to encrypt for, no certificate has to be trusted, and none is read.
        is_plain = all(addresses.is_plain(url) for url in bases)
        self._client = httpx.Client(
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if is_plain else True,
            headers={
                "User-Agent": user_agent,
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # a small answer cannot become a large one
                "Connection": "close",  # `Deadline` is told of new connections only
            },
            follow_redirects=False,  # credentials go nowhere but where they were sent to
            # Proxies and certificates of the environment; to a proxy, http:// would show what it carries.
            trust_env=not any(addresses.is_plain(url) for url in bases),
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def preview(self, request: Request) -> Preview:
        """What the first attempt would send.  Nothing is sent."""
        built = self._built(request, 1)
        headers = [(name.decode("ascii"), value.decode("ascii")) for name, value in built.headers.raw]
        return Preview(
            built.method,
            str(built.url),
            tuple((name, f"Basic {HIDDEN}" if name == "Authorization" else value) for name, value in headers),
            "" if request.body is None else routes.content(redacted(request.body)).decode("ascii"),
        )

    def attempt(self, request: Request, number: int, *, limit_s: float) -> Reply:
        """Send a request for the `number`th time (from 1 on), and read its answer, whatever it is.

        Raises `AgoraError` if none comes within the limit, none at all, or a huge one.
        """
        built = self._built(request, number)
        began = time.monotonic()
        with Deadline(limit_s) as deadline:
            timeouts = httpx.Timeout(limit_s).as_dict()
            built.extensions = {**built.extensions, "timeout": timeouts, "trace": deadline.trace}
            try:
                response = self._client.send(built, stream=True)
                try:
                    content = _content(response, request.call, deadline)
                finally:
                    response.close()
            except httpx.ProtocolError as exc:
                # Its text repeats what the server sent, in which a secret may be: a trace must not have it either.
                raise _unanswered(request.call, exc, built, limit_s, is_over=deadline.is_over) from None
            except httpx.HTTPError as exc:
                raise _unanswered(request.call, exc, built, limit_s, is_over=deadline.is_over) from exc
        took_ms = (time.monotonic() - began) * 1000
        _log.info("%s %s: HTTP %d in %.0f ms", built.method, built.url, response.status_code, took_ms)
        return Reply(response.status_code, _object(content), _seconds(response.headers.get("Retry-After")))

    def _built(self, request: Request, number: int) -> httpx.Request:
        url = self._bases[min(number, len(self._bases)) - 1] + request.path
        headers = {"Authorization": self._credentials.authorization, "Content-Type": routes.CONTENT_TYPE}
        content = None if request.body is None else routes.content(request.body)
        return self._client.build_request(request.method, url, headers=headers, content=content)


def _content(response: httpx.Response, call: Call, deadline: Deadline) -> bytes:
    found = bytearray()
    for part in response.iter_raw():
        found += part
        if len(found) > _LARGEST_ANSWER:
            raise AgoraError(
                f"{call}: HTTP {response.status_code}, and an answer of more than {_LARGEST_ANSWER:,} bytes: this is "
                "not Agora's API; check the base URL",
                call=call,
                http_status=response.status_code,
                lost=True,
            )
    if deadline.is_over:  # without a Content-Length, a connection that was cut looks like the end
        raise httpx.ReadTimeout("cut", request=response.request)
    return bytes(found)


def _object(content: bytes) -> dict[str, object]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _seconds(text: str | None) -> float | None:
    """`Retry-After` in seconds; its other form, a date, is left alone."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 6 else None


_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def _unanswered(
    call: Call, error: httpx.HTTPError, built: httpx.Request, limit_s: float, *, is_over: bool
) -> AgoraError:
    where = f"{built.url.scheme}://{built.url.netloc.decode('ascii')}"
    distrust = _distrust(error)
    if distrust is not None:
        return AgoraRefusedError(
            f"{call}: {where} has no certificate that proves its name ({distrust.verify_message}), and was sent "
            "nothing; check the base URL, or name the certificates of your network in SSL_CERT_FILE",
            call=call,
        )
    lost = not isinstance(error, _NOT_SENT)
    why = (not isinstance(error, httpx.ProtocolError) and str(error)) or type(error).__name__
    if is_over or isinstance(error, httpx.TimeoutException):
        text = f"{call}: {where} did not {'answer' if lost else 'accept a connection'} within {limit_s:.3g} s"
    elif lost:
        text = f"{call}: {where} ended the connection without a whole answer ({why})"
    else:
        text = f"{call}: {where} cannot be reached ({why})"
    return AgoraUnavailableError(text, call=call, again=Again.SAME, lost=lost)


def _distrust(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """What is behind an error, if it is a certificate: trying again is of no use then."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None
