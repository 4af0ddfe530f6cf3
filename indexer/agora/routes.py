"""The requests of Agora's RESTful API as values: method, path and body.  Pure.

SOURCE: the pages "Acquire a resource ID", "Start", "Query status", "Update" and "Stop a cloud recording task" of the
Cloud Recording RESTful API.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from indexer.agora.codes import Call
from indexer.errors import ConfigError

CONTENT_TYPE: Final = "application/json;charset=utf-8"
"""In exactly this spelling: "Common errors" tells that a space more ends in code 8 or HTTP 401."""

INDIVIDUAL: Final = "individual"
"""The mode of the screenshots that livestills recognises."""

Body = Mapping[str, object]


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One request.  The body may hold secrets: there is no way from here into a repr."""

    call: Call
    method: str
    path: str
    body: Body | None = None


def acquire(app_id: str, body: Body) -> Request:
    """Ask for a resource ID.  Raises `ConfigError` for an App ID that cannot stand in a path."""
    return Request(Call.ACQUIRE, "POST", f"{_app(app_id)}/acquire", body)


def start(app_id: str, resource_id: str, body: Body, *, mode: str = INDIVIDUAL) -> Request:
    """Start a recording with a resource ID.  Raises `ConfigError`."""
    return Request(Call.START, "POST", f"{_resource(app_id, resource_id)}/mode/{_part('mode', mode)}/start", body)


def query(app_id: str, resource_id: str, sid: str, *, mode: str = INDIVIDUAL) -> Request:
    """Ask how a recording is.  Raises `ConfigError`."""
    return Request(Call.QUERY, "GET", _session(app_id, resource_id, sid, mode, "query"))


def update(app_id: str, resource_id: str, sid: str, body: Body, *, mode: str = INDIVIDUAL) -> Request:
    """Change a recording that runs.  Raises `ConfigError`."""
    return Request(Call.UPDATE, "POST", _session(app_id, resource_id, sid, mode, "update"), body)


def stop(
    app_id: str, resource_id: str, sid: str, *, cname: str, uid: str, async_stop: bool, mode: str = INDIVIDUAL
) -> Request:
    """Stop a recording.  Raises `ConfigError`."""
    body = {"cname": cname, "uid": uid, "clientRequest": {"async_stop": async_stop}}
    return Request(Call.STOP, "POST", _session(app_id, resource_id, sid, mode, "stop"), body)


def acquire_body(start_body: Body, *, resource_expired_hour: int) -> Body:
    """The acquire body that goes with a start body.

    `startParameter` equals the `clientRequest` of the start, as Agora advises for finding the best server.
    """
    return {
        "cname": start_body.get("cname"),
        "uid": start_body.get("uid"),
        "clientRequest": {
            "scene": 0,
            "resourceExpiredHour": resource_expired_hour,
            "startParameter": start_body.get("clientRequest"),
        },
    }


def content(body: object) -> bytes:
    """The bytes of a JSON body, as they are sent: indented, so that what is sent can be shown and read.  All ASCII.

    Raises `ConfigError` for what JSON cannot say.
    """
    try:
        return json.dumps(body, indent=2, allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as exc:
        raise ConfigError(f"the body cannot be written as JSON: {exc}") from exc


def _app(app_id: str) -> str:
    return f"/v1/apps/{_part('App ID', app_id)}/cloud_recording"


def _resource(app_id: str, resource_id: str) -> str:
    return f"{_app(app_id)}/resourceid/{_part('resource ID', resource_id)}"


def _session(app_id: str, resource_id: str, sid: str, mode: str, verb: str) -> str:
    return f"{_resource(app_id, resource_id)}/sid/{_part('sid', sid)}/mode/{_part('mode', mode)}/{verb}"


def _part(what: str, text: str) -> str:
    if not text.strip():
        raise ConfigError(f"the {what} is empty")
    if text in {".", ".."} or any(not " " < char <= "~" for char in text):
        raise ConfigError(f"the {what} {text!r} is none: it holds printable ASCII characters and no spaces")
    return quote(text, safe="")
