"""The documented routes over HTTP: who may ask, what a body may be, and what is answered.

SOURCE: "Response status codes" and "RESTful authentication" of the Cloud Recording RESTful API.  The gateway in front
comes first: an unknown route, or a method that it does not have, is 404 whoever asks; then the credentials are looked
at, then the body.
"""

import base64
import binascii
import hmac
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from indexer.agora.codes import Call
from indexer.service.emulator.answers import (
    BROKEN,
    NO_CREDENTIALS,
    NO_ROUTE,
    TOO_LONG,
    WRONG_CREDENTIALS,
    Answer,
    RefusedError,
    refusal,
)

_log = logging.getLogger(__name__)

LONGEST_BODY: Final = 256 * 1024
"""Bytes.  A start request has 1 KB, one with all lists full 10."""


class Recordings(Protocol):
    """What the routes do.  Every method raises `RefusedError`, may take seconds, and is called in any thread."""

    def acquire(self, app_id: str, body: object) -> Answer:
        """Give a resource ID."""
        ...

    def start(self, app_id: str, resource_id: str, mode: str, body: object) -> Answer:
        """Begin to capture."""
        ...

    def query(self, app_id: str, resource_id: str, sid: str, mode: str) -> Answer:
        """Tell how it goes."""
        ...

    def update(self, app_id: str, resource_id: str, sid: str, mode: str, body: object) -> Answer:
        """Change storage or subscriptions."""
        ...

    def stop(self, app_id: str, resource_id: str, sid: str, mode: str, body: object) -> Answer:
        """End it."""
        ...


@dataclass(frozen=True, slots=True)
class Access:
    """Who may ask.  None lets any customer ID or secret pass, but not none at all."""

    customer_id: str | None = None
    customer_secret: str | None = field(default=None, repr=False)

    def allows(self, customer_id: str, secret: str) -> bool:
        """Whether it is the right one; takes the same time for every wrong one."""
        return _fits(self.customer_id, customer_id) & _fits(self.customer_secret, secret)


def application(recordings: Recordings, access: Access) -> Starlette:
    """The routes as an ASGI application."""

    def route(call: Call, path: str, method: str, carry_out: Callable[..., Answer]) -> Route:
        async def answer(request: Request) -> Response:
            try:
                _refuse_strangers(request, access)
                given = [] if method == "GET" else [_json(request, await _body(request), call)]
                done = await run_in_threadpool(carry_out, *request.path_params.values(), *given)
            except RefusedError as exc:
                done = exc.answer
            return _response(done)

        found = Route(path, answer, methods=[method])
        found.methods = {method}  # Starlette adds HEAD to GET
        return found

    base = "/v1/apps/{app_id}/cloud_recording"
    resource = f"{base}/resourceid/{{resource_id}}"
    session = f"{resource}/sid/{{sid}}/mode/{{mode}}"
    app = Starlette(
        routes=[
            route(Call.ACQUIRE, f"{base}/acquire", "POST", recordings.acquire),
            route(Call.START, f"{resource}/mode/{{mode}}/start", "POST", recordings.start),
            route(Call.QUERY, f"{session}/query", "GET", recordings.query),
            route(Call.UPDATE, f"{session}/update", "POST", recordings.update),
            route(Call.STOP, f"{session}/stop", "POST", recordings.stop),
        ],
        exception_handlers={404: _no_route, 405: _no_route, 500: _broken},
    )
    app.router.redirect_slashes = False  # with a slash behind it, it is another route: none
    return app


async def _no_route(_request: Request, _error: Exception) -> Response:
    return _response(NO_ROUTE)


async def _broken(request: Request, error: Exception) -> Response:
    call = request.url.path.rpartition("/")[2]
    _log.error("the call of %s is answered 500, by an error of this program", call, exc_info=error)
    return _response(BROKEN)


def _response(answer: Answer) -> Response:
    headers = {"WWW-Authenticate": 'Basic realm="agora"'} if answer.status == NO_CREDENTIALS.status else None
    return JSONResponse(dict(answer.body), answer.status, headers)


def _refuse_strangers(request: Request, access: Access) -> None:
    """Raise `RefusedError` unless the credentials of basic authentication are there and right."""
    said = request.headers.get("authorization")
    if said is None:
        raise RefusedError(NO_CREDENTIALS)
    scheme, _, encoded = said.partition(" ")
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        pair = ""
    customer_id, colon, secret = pair.partition(":")
    if scheme.lower() != "basic" or not colon or not access.allows(customer_id, secret):
        raise RefusedError(WRONG_CREDENTIALS)


def _fits(wanted: str | None, given: str) -> bool:
    return bool(given) if wanted is None else hmac.compare_digest(wanted.encode(), given.encode())


async def _body(request: Request) -> bytes:
    """The body, as far as one may be long.  Raises `RefusedError` for a longer one, without reading it to its end."""
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_BODY:
                raise RefusedError(TOO_LONG)
    except ClientDisconnect as exc:
        raise HTTPException(400) from exc  # nobody reads it
    return bytes(body)


def _json(request: Request, body: bytes, call: Call) -> object:
    """What the body says.  Raises `RefusedError` with code 8, as documented for a wrong header and for no JSON."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise refusal(8, call, f"Content-type must be application/json;charset=utf-8, not {content_type or 'missing'}")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise refusal(8, call, "the request is not valid JSON") from None
