"""Why a series has a gap, told from evidence.  docs/timelines.md has the rules and their order.

Pure: what others did, and what was removed, is asked of a `Testimony`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Cause(StrEnum):
    """Why there are no shots."""

    FAILOVER = "failover"
    """Another recorder took over."""
    CAMERA_OFF = "camera-off"
    """Others of the session went on."""
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

    @property
    def length(self) -> timedelta:
        """From its beginning to its end."""
        return self.until - self.since


@dataclass(frozen=True, slots=True)
class Removed:
    """Shots that a sync found gone from the storage: when they were captured."""

    first_at: datetime
    last_at: datetime
    shots: int


@dataclass(frozen=True, slots=True)
class Witness:
    """Another user of the session who has shots inside a stretch of time."""

    uid: str
    first_at: datetime
    last_at: datetime


__all__ = ["Cause", "Gap", "Removed", "Sequence", "Witness"]
