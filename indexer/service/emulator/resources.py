"""Resource IDs: what `acquire` gives, and for how long it is good.

A resource ID can be started for five minutes, and answers calls for `resourceExpiredHour` hours: both by the caller's
clock, however fast the emulated one runs.  SOURCE: the page "acquire" of the Cloud Recording RESTful API, and "Common
errors" for the codes.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from indexer.agora.codes import Call
from indexer.service.emulator.answers import refusal

START_WITHIN_S: Final = 300.0
"""How long one can be started (Agora's)."""

MOST: Final = 10_000
"""So many that were not started are remembered; the oldest is forgotten first."""

_BYTES: Final = 120
"""Agora's are random text, about as long as that in Base64."""

_HOUR_S: Final = 3600


@dataclass(slots=True)
class Resource:
    """What was asked for."""

    app_id: str
    cname: str
    uid: str
    """Of the recorder."""
    acquired_s: float
    expires_s: float
    in_vain: bool = False
    """What is started with it captures nothing."""
    started: bool = False
    """A recording was started with it: a second one never is."""

    @property
    def who(self) -> tuple[str, str, str]:
        """Which recorder in which channel."""
        return self.app_id, self.cname, self.uid


class Resources:
    """All of them.  One thread at a time."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """`monotonic` is the caller's clock, in seconds."""
        self._monotonic = monotonic
        self._known: dict[str, Resource] = {}

    def acquire(self, app_id: str, cname: str, uid: str, *, hours: int, in_vain: bool) -> str:
        """A new ID, which answers calls for so many hours."""
        while len(self._known) >= MOST:
            del self._known[next(iter(self._known))]
        now_s = self._monotonic()
        resource_id = secrets.token_urlsafe(_BYTES)
        self._known[resource_id] = Resource(app_id, cname, uid, now_s, now_s + hours * _HOUR_S, in_vain)
        return resource_id

    def to_start(self, resource_id: str, app_id: str, cname: str, uid: str) -> Resource:
        """The one that a recording may be started with.  Raises `RefusedError`."""
        resource = self._known.get(resource_id)
        if resource is None:
            raise refusal(1001, Call.START)
        if resource.app_id != app_id:
            raise refusal(1003, Call.START)
        if (resource.cname, resource.uid) != (cname, uid):
            raise refusal(432, Call.START)
        if resource.started:
            raise refusal(7, Call.START)
        if self._monotonic() > resource.acquired_s + START_WITHIN_S:
            raise refusal(433, Call.START)
        return resource

    def refuse_expired(self, resource: Resource, call: Call) -> None:
        """Raise `RefusedError` if it does not answer calls any more."""
        if self._monotonic() > resource.expires_s:
            raise refusal(433, call)
