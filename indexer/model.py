"""The words of the field as frozen values.  Times are aware UTC; integer times say their unit in their name."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

DERIVATIVES_DIR: Final = ".livestills"
"""Path component under which everything is kept that we make ourselves.  An object below it is never taken for a shot,
also when somebody stores derivatives under the prefix of a source."""


def to_ms(moment: datetime) -> int:
    """Milliseconds from 1970 to `moment` (aware), exact: no float is involved."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_ms(epoch_ms: int) -> datetime:
    """Inverse of `to_ms`."""
    return EPOCH + timedelta(milliseconds=epoch_ms)


def rfc3339(moment: datetime) -> str:
    """The one way times are written for programs: UTC, milliseconds, `Z`."""
    utc = moment.astimezone(UTC)
    # strftime costs three times as much, and every shot of an answer comes through here.
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (*utc.timetuple()[:6], utc.microsecond // 1000)  # noqa: UP031


class ListedObject(NamedTuple):
    """One object as a listing shows it.  A tuple, because a sync makes one for every key of a bucket."""

    key: str
    size: int
    """Bytes."""
    etag: str
    """Without quotes, lower case where it is hexadecimal; opaque, compare for equality only."""
    modified_s: int
    """LastModified, whole seconds from 1970: the time of upload, not of capture."""
    tier: str | None
    """Storage class where it is not the standard one."""


# As S3, OSS, COS and OBS call the classes from which an object must be restored before it can be read.
_ARCHIVES: Final = frozenset({"GLACIER", "DEEP_ARCHIVE", "ARCHIVE", "COLDARCHIVE", "DEEPCOLDARCHIVE", "COLD"})


def is_archived(tier: str | None) -> bool:
    """Whether an object of this storage class cannot be read at once."""
    return tier is not None and tier.upper() in _ARCHIVES


@dataclass(frozen=True, slots=True)
class TimeRange:
    """The half-open period [since, until); None is unbounded."""

    since: datetime | None = None
    until: datetime | None = None

    @property
    def since_ms(self) -> int | None:
        """The first millisecond inside."""
        return None if self.since is None else -((EPOCH - self.since) // timedelta(milliseconds=1))

    @property
    def until_ms(self) -> int | None:
        """The first millisecond behind the end."""
        return None if self.until is None else -((EPOCH - self.until) // timedelta(milliseconds=1))


@dataclass(frozen=True, slots=True)
class Selection:
    """Which shots are meant; None leaves a point open."""

    source: str | None = None
    cname: str | None = None
    sid: str | None = None
    uid: str | None = None
    period: TimeRange = TimeRange()


@dataclass(frozen=True, slots=True)
class Shot:
    """One screenshot object, as the catalog knows it."""

    key: str
    source: str
    directory: str
    bak: int | None
    sid: str
    cname: str
    uid: str
    captured_at: datetime
    size: int
    etag: str
    last_modified: datetime
    tier: str | None = None
