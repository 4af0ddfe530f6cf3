"""Receives notification callbacks over HTTP: checks who sent them, and answers when they are in the catalog.

Source: Agora's page "Receive notifications": a callback is to be answered with 200 and JSON within 10 s, or it is sent
again, at most three times.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from indexer.agora import events
from indexer.agora.events import HEADER_V1, HEADER_V2, BadDetailsError, BadNoticeError, Notice, OtherProductError
from indexer.jobs.notice_files import LONGEST
from indexer.service.serving import serving
from indexer.service.writing import FullError, NotTakenError, Writer

_log = logging.getLogger(__name__)

ANSWER_WITHIN_S: Final = 8.0
"""Agora waits 10 s; an answer that says no is better than none, because then the next try comes sooner."""

BODY_WITHIN_S: Final = 8.0
"""For a body to arrive."""

KEEP_ALIVE_S: Final = 75
"""Agora's page asks for 10 s or more, so that it need not connect anew for each callback."""

CONNECTIONS: Final = 512
"""At a time, idle ones and those to /health included; a request on each may hold a megabyte.  More get 503, and come
again.  One that sends nothing keeps its place: that is for the proxy in front to end."""

HEALTH: Final = "/health"

# A longer one is read up to here, and answered; who is cut off while writing does not see the answer.
_READ_AT_MOST: Final = 4 * LONGEST


_SHOWN: Final = 100
"""Characters of a path that are logged."""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose callbacks are taken."""

    secret: str | None = field(repr=False)
    """Of the notification configuration in Agora's console; None takes everybody's."""
    accept_v1: bool = False
    """Whether `Agora-Signature` (SHA-1) will do where there is no `Agora-Signature-V2`."""

    def covers(self, request: Request, body: bytes) -> bool:
        """Whether a request with this raw body may be believed."""
        if self.secret is None:
            return True
        v1 = request.headers.get(HEADER_V1) if self.accept_v1 else None
        return events.is_signed(body, self.secret, v2=request.headers.get(HEADER_V2), v1=v1)


@dataclass(slots=True)
class Answers:
    """How many requests were answered how."""

    taken: int = 0
    """200: in the catalog, or nothing for it."""
    unused: int = 0
    """Of these, notices of other products, and those that tell something else than is documented."""
    unsigned: int = 0
    """401."""
    unreadable: int = 0
    """400."""
    too_long: int = 0
    """413."""
    put_off: int = 0
    """503: Agora sends it again."""
    elsewhere: int = 0
    """404: posted to another path."""


class _TooLongError(Exception):
    """The body is longer than a notice can be."""


def application(
    writer: Writer, trust: Trust, answers: Answers, *, path: str = "/", within_s: float = ANSWER_WITHIN_S
) -> Starlette:
    """An ASGI application that takes callbacks at `path`, and tells at `/health` that it lives.

    Whatever the catalog does, a callback is answered `within_s` behind its last byte.
    """

    async def receive(request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_WITHIN_S):
                body = await _raw_body(request)
        except _TooLongError:
            answers.too_long += 1
            return _refuse(413, f"more than {LONGEST:,} bytes are no notice")
        except TimeoutError:
            answers.unreadable += 1
            return _refuse(408, "the body took too long to arrive")
        # Before anything is made of it: whoever has no secret reaches no parser.
        if not trust.covers(request, body):
            answers.unsigned += 1
            _log.log(
                logging.WARNING if answers.unsigned == 1 else logging.DEBUG,
                "a request without the right signature was refused",
            )
            return _refuse(401, f"{HEADER_V2} is missing or wrong")
        try:
            notice = events.parse(body)
        except (OtherProductError, BadDetailsError) as exc:
            # Agora's, so sending it again would be no use; its console sends such ones to try the address.
            answers.unused += 1
            _log.log(logging.WARNING if answers.unused == 1 else logging.DEBUG, "a notice tells nothing to us: %s", exc)
            return await keep(body, None, {"used": False, "why": str(exc)})
        except BadNoticeError as exc:
            answers.unreadable += 1
            return _refuse(400, str(exc))
        return await keep(body, notice, {})

    async def keep(body: bytes, notice: Notice | None, more: dict[str, object]) -> Response:
        try:
            async with asyncio.timeout(within_s):
                await writer.write(body, notice)
        except (FullError, NotTakenError, TimeoutError) as exc:
            answers.put_off += 1
            why = str(exc) or "the catalog is busy"
            return JSONResponse({"ok": False, "error": why}, 503, headers={"Retry-After": "5"})
        answers.taken += 1
        return JSONResponse({"ok": True, **more})

    async def health(_request: Request) -> Response:
        well = writer.trouble is None and writer.busy_s <= within_s
        told = {"ok": well, "taken": answers.taken, "waiting": writer.waiting}
        return JSONResponse(told, 200 if well else 503)

    async def elsewhere(request: Request, _error: Exception) -> Response:
        if request.method == "POST":
            answers.elsewhere += 1
            _log.log(
                logging.WARNING if answers.elsewhere == 1 else logging.DEBUG,
                "a request was posted to %r, where no callbacks are taken, but at %r",
                *(request.url.path[:_SHOWN], path),
            )
        return _refuse(404, "callbacks are taken at another path")

    async def disconnected(_request: Request, _error: Exception) -> Response:
        return Response(status_code=400)  # nobody reads it

    routes = [Route(path, receive, methods=["POST"])]
    if path != HEALTH:
        routes.append(Route(HEALTH, health, methods=["GET"]))
    app = Starlette(routes=routes, exception_handlers={ClientDisconnect: disconnected, 404: elsewhere})
    # Agora's page does not say that a redirection is followed.
    app.router.redirect_slashes = False
    return app


@contextmanager
def receiving(
    writer: Writer, trust: Trust, answers: Answers, *, host: str, port: int, path: str = "/"
) -> Iterator[str]:
    """Receive callbacks until the block ends.  Gives the base URL, and raises what `serving` raises."""
    app = application(writer, trust, answers, path=path)
    with serving(app, host=host, port=port, keep_alive_s=KEEP_ALIVE_S, connections=CONNECTIONS) as url:
        yield url


async def _raw_body(request: Request) -> bytes:
    """The bytes that were signed."""
    chunks: list[bytes] = []
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > _READ_AT_MOST:
            raise _TooLongError
        if length <= LONGEST:
            chunks.append(chunk)
    if length > LONGEST:
        raise _TooLongError
    return b"".join(chunks)


def _refuse(status: int, why: str) -> Response:
    return JSONResponse({"ok": False, "error": why}, status)
