"""What notification callbacks tell beside pictures: the catalog keeps it, and gaps are explained by it.  Pure."""

from enum import StrEnum
from typing import NamedTuple


class FactKind(StrEnum):
    """What happened.  The texts stand in catalogs: never rename one."""

    CAMERA_ON = "camera-on"
    """The recorder receives the user's video (callback 44, state 0)."""
    CAMERA_OFF = "camera-off"
    """It does not any more: the user stopped publishing, or left (callback 44, state 1)."""
    FAILOVER = "failover"
    """Another recorder took over (callback 12)."""
    RECORDER_STARTED = "recorder-started"
    """A recorder began (callback 40)."""
    RECORDER_LEFT = "recorder-left"
    """The recorder left the channel (callback 41)."""
    UPLOADED = "uploaded"
    """All files are in the bucket (callback 31)."""
    BACKED_UP = "backed-up"
    """Some files are in Agora's backup cloud, and come to the bucket later (callback 32)."""


class Fact(NamedTuple):
    """One thing that a callback told of a session.  Equal facts are one: callbacks come twice, and in any order."""

    sid: str
    cname: str
    uid: str
    """Whom it is about; "" for the session."""
    at_ms: int
    kind: FactKind
