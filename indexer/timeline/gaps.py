"""A gap of a series and its cause, and what there is to judge it by.  Pure values: `explaining` is who judges."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from indexer.agora.facts import Fact
from indexer.timeline.series import CaptureInterval

WITNESSES: Final = 10
"""So many others who went on are enough to know."""


class ToldBy(StrEnum):
    """Where the evidence is from."""

    NAMES = "names"
    """What the bucket shows."""
    CALLBACKS = "callbacks"
    """What Agora notified of."""


class Cause(StrEnum):
    """Why there are no shots."""

    FAILOVER = "failover"
    """Another recorder took over."""
    CAMERA_OFF = "camera-off"
    """Others of the session went on, or a callback told it."""
    SESSION_SILENT = "session-silent"
    """Nobody of the session has shots, though others did before and after."""
    NOT_JOINED = "not-joined"
    """Before the user's first shot."""
    LEFT = "left"
    """After the user's last shot."""
    PENDING = "pending"
    """Pictures may still come."""
    EXPIRED = "expired"
    """There were shots, and the storage no longer has them."""
    UNKNOWN = "unknown"
    """The evidence does not tell."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without shots, from the last shot before it to the first one behind it."""

    since: datetime
    """Or the beginning of the session, or of the asked period."""
    until: datetime
    """Or the end of the session, or of the asked period."""
    missing: int
    """Shots that one expects in it by the interval; of what has expired, those that were removed."""
    cause: Cause
    evidence: str
    """One short sentence for people."""
    on: bool | None = None
    """Whether the camera was on; None if the evidence does not tell."""
    told_by: ToldBy = ToldBy.NAMES

    @property
    def length(self) -> timedelta:
        """From its beginning to its end."""
        return self.until - self.since


@dataclass(frozen=True, slots=True)
class Removed:
    """Shots of a user that a sync found gone from the storage: when they were captured."""

    first_at: datetime
    last_at: datetime
    shots: int


@dataclass(frozen=True, slots=True)
class Witness:
    """Another user of the session who has shots inside a stretch of time."""

    uid: str
    first_at: datetime
    last_at: datetime


class Testimony(Protocol):
    """What is known of the others in the session, and from callbacks."""

    def others_inside(self, since: datetime, until: datetime) -> Sequence[Witness]:
        """Those with shots in [since, until), at least `WITNESSES` of them where there are so many."""
        ...

    def others_around(self, since: datetime, until: datetime) -> tuple[datetime | None, datetime | None]:
        """When anybody was last seen before `since`, and first from `until` on."""
        ...

    def told(self, since: datetime, until: datetime) -> Sequence[Fact]:
        """What callbacks told of the user and of the session, in time order.

        From `since` to `until`, with `told.TOLERANCE_MS` to each side, and the last of the camera before that.
        """
        ...


@dataclass(frozen=True, slots=True)
class Case:
    """What is known of the user and of the listing."""

    interval: CaptureInterval | None
    listed_at: datetime
    """When the storage was last asked."""
    horizon: timedelta
    """How long after its capture a picture may come."""
    alone: bool
    """Nobody else is in the session."""
    usual_lag: timedelta = timedelta(0)
    """Between capture and upload of most shots.  It is long where a bucket was copied: that is no late upload."""
    removed: Sequence[Removed] = ()
    """In the order of their first shots."""
    told_until: datetime | None = None
    """When the last callback told something of the session; None if none did, and none is asked for."""
    backed_up: bool = False
    """A callback told that files of the session wait in Agora's backup."""


def within(gap: Gap, since: datetime, until: datetime) -> Gap | None:
    """The part of a gap that lies in a period, judged as the whole; None if there is none."""
    part = replace(gap, since=max(gap.since, since), until=min(gap.until, until))
    if part.length <= timedelta(0):
        return None
    if part.length == gap.length:
        return part
    missing = round(gap.missing * (part.length / gap.length))
    told = told_removed(missing) if gap.cause is Cause.EXPIRED else gap.evidence
    return replace(part, missing=missing, evidence=told)


def told_removed(shots: int) -> str:
    """The evidence of what has expired."""
    return f"{shots} {'picture of it was' if shots == 1 else 'pictures of it were'} removed from the storage"
