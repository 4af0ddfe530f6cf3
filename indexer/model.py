"""The words of the field as frozen values.  Times are aware UTC; integer times say their unit in their name."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, Protocol, overload

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

DERIVATIVES_DIR: Final = ".livestills"
"""Path component under which everything is kept that we make ourselves.  An object below it is never taken for a shot,
also when somebody stores derivatives under the prefix of a source."""


def to_ms(moment: datetime) -> int:
    """Milliseconds from 1970 to `moment` (aware), exact: no float is involved."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_ms(epoch_ms: int) -> datetime:
    """Inverse of `to_ms`."""
    return EPOCH + timedelta(0, 0, epoch_ms * 1000)  # by its name, milliseconds take half as long again


def rfc3339(moment: datetime) -> str:
    """The one way times are written for programs: UTC, milliseconds, `Z`."""
    utc = moment.astimezone(UTC)
    # strftime costs three times as much, and every shot of an answer comes through here.
    return "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ" % (*utc.timetuple()[:6], utc.microsecond // 1000)  # noqa: UP031


def successor(prefix: str) -> str | None:
    """The first text behind all that begin with `prefix`, in the order of keys; None if there is none."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1]) + 1
        if code == _FIRST_SURROGATE:  # no key holds these
            code = _BEHIND_SURROGATES
        if code <= sys.maxunicode:
            return prefix[: end - 1] + chr(code)
    return None


_FIRST_SURROGATE: Final = 0xD800
_BEHIND_SURROGATES: Final = 0xE000


def all_of(prefix: str) -> "Interval":
    """The interval of all keys with this prefix."""
    return Interval(prefix, successor(prefix))


@dataclass(frozen=True, slots=True)
class Interval:
    """The keys from `start` on up to and without `stop` (None: to the end)."""

    start: str = ""
    stop: str | None = None

    def begins_inside(self, prefix: str) -> bool:
        """Whether keys with this prefix could lie before the interval."""
        return self.start != prefix and self.start.startswith(prefix)

    def ends_inside(self, prefix: str) -> bool:
        """Whether keys with this prefix could lie behind the interval, and in it."""
        return self.stop is not None and self.stop.startswith(prefix)

    def holds(self, prefix: str) -> bool:
        """Whether all keys with this prefix lie in the interval."""
        behind = successor(prefix)
        return self.start <= prefix and (self.stop is None or (behind is not None and behind <= self.stop))


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


class ListedObjects(Sequence[ListedObject]):
    """Objects in columns: what reads, decodes and hashes pages works on these, and makes values only of a few."""

    __slots__ = ("etags", "keys", "modified_s", "sizes", "tiers")

    def __init__(
        self,
        keys: Sequence[str] = (),
        sizes: Sequence[int] = (),
        etags: Sequence[str] = (),
        modified_s: Sequence[int] = (),
        tiers: Sequence[str | None] = (),
    ) -> None:
        self.keys, self.sizes, self.etags, self.modified_s, self.tiers = keys, sizes, etags, modified_s, tiers

    @classmethod
    def of(cls, objects: Sequence[ListedObject]) -> "ListedObjects":
        """The same objects, in columns."""
        if isinstance(objects, ListedObjects):
            return objects
        return cls(*map(list, zip(*objects, strict=True)))

    def tuples(self) -> "Iterator[tuple[str, int, str, int, str | None]]":
        """The fields of each, in the order of `ListedObject`."""
        return zip(self.keys, self.sizes, self.etags, self.modified_s, self.tiers, strict=True)

    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> ListedObject: ...
    @overload
    def __getitem__(self, index: slice) -> "ListedObjects": ...
    def __getitem__(self, index: int | slice) -> "ListedObject | ListedObjects":
        columns = (self.keys[index], self.sizes[index], self.etags[index], self.modified_s[index], self.tiers[index])
        return ListedObjects(*columns) if isinstance(index, slice) else ListedObject(*columns)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[ListedObject]:
        return map(ListedObject._make, self.tuples())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # as of a list


def keys_of(objects: Sequence[ListedObject]) -> Sequence[str]:
    """Their keys, for nothing where they stand in columns."""
    return objects.keys if isinstance(objects, ListedObjects) else [listed.key for listed in objects]


# As S3, OSS, COS and OBS call the classes from which an object must be restored before it can be read.
_ARCHIVES: Final = frozenset({"GLACIER", "DEEP_ARCHIVE", "ARCHIVE", "COLDARCHIVE", "DEEPCOLDARCHIVE", "COLD"})


def is_archived(tier: str | None) -> bool:
    """Whether an object of this storage class cannot be read at once."""
    return tier is not None and tier.upper() in _ARCHIVES


ANNOUNCED: Final = "announced"
"""Instead of a storage class: a callback told of the picture, and no listing has shown its object yet.  So its size
and ETag are not known (0 and ""), and its LastModified is the time that it was told of."""


def is_announced(tier: str | None) -> bool:
    """Whether a shot is known from a callback only."""
    return tier == ANNOUNCED


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


PackedEtag = bytes
"""An ETag as the catalog keeps it."""

ShotFacts = tuple[int, int, int, int, PackedEtag, str | None]
"""Capture in ms, number of the stream, size, seconds from capture to upload, ETag, tier: a row, which sorts by time."""


class Recorder(NamedTuple):
    """Who took a shot, and where it is; what was copied to another place is as good as taken by another one."""

    source: str
    directory: str
    bak: int | None
    """Number of the failover recorder; None for the original one."""


class ShotStream(Protocol):
    """What the shots of a stream share, and how it writes what they do not."""

    @property
    def recorder(self) -> Recorder: ...  # noqa: D102
    @property
    def sid(self) -> str: ...  # noqa: D102
    @property
    def cname(self) -> str: ...  # noqa: D102
    @property
    def uid(self) -> str: ...  # noqa: D102

    def key_at(self, captured_ms: int) -> str:
        """The key of its shot of that time."""
        ...

    def etag_of(self, packed: PackedEtag) -> str:
        """The text of an ETag."""
        ...


class Shot:
    """One screenshot object, as the catalog knows it.  Never changes; equal to what tells the same in all points.

    A lookup makes very many and reads few points of each, so texts and times are made when they are asked for.
    """

    __slots__ = ("_facts", "_stream", "captured_ms", "recorder")

    def __init__(self, stream: ShotStream, facts: ShotFacts) -> None:
        self._stream = stream
        self._facts = facts
        # Every shot of a timeline is asked for these two, and again.
        self.captured_ms: Final = facts[0]
        self.recorder: Final = stream.recorder

    @property
    def key(self) -> str:
        """Of its object, byte for byte."""
        return self._stream.key_at(self.captured_ms)

    @property
    def source(self) -> str:
        """The name of its source."""
        return self.recorder.source

    @property
    def directory(self) -> str:
        """Everything before the object name."""
        return self.recorder.directory

    @property
    def bak(self) -> int | None:
        """Number of the failover recorder that took it; None for the original one."""
        return self.recorder.bak

    @property
    def sid(self) -> str:
        """Of its session."""
        return self._stream.sid

    @property
    def cname(self) -> str:
        """Its channel."""
        return self._stream.cname

    @property
    def uid(self) -> str:
        """Its user."""
        return self._stream.uid

    @property
    def captured_at(self) -> datetime:
        """When it was taken, to the millisecond."""
        return from_ms(self.captured_ms)

    @property
    def size(self) -> int:
        """Bytes; 0 where it is only announced."""
        return self._facts[2]

    @property
    def etag(self) -> str:
        """Opaque: compare for equality only.  "" where it is not known, which is equal to none."""
        return self._stream.etag_of(self._facts[4])

    @property
    def last_modified(self) -> datetime:
        """When it was uploaded, to the second; where it is only announced, when that was said."""
        return from_ms((self.captured_ms // 1000 + self._facts[3]) * 1000)

    @property
    def lag_ms(self) -> int:
        """From its capture to its upload; of that only the second is known."""
        return self._facts[3] * 1000 - self.captured_ms % 1000

    @property
    def tier(self) -> str | None:
        """Storage class where it is not the standard one; `ANNOUNCED` where only a callback told of it."""
        return self._facts[5]

    def _told(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in SHOT_POINTS)

    def __eq__(self, other: object) -> bool:
        return self._told() == other._told() if isinstance(other, Shot) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.key, self._facts[2:]))

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in zip(SHOT_POINTS, self._told(), strict=True))
        return f"Shot({told})"


SHOT_POINTS: Final = (
    *("key", "source", "directory", "bak", "sid", "cname", "uid"),
    *("captured_at", "size", "etag", "last_modified", "tier"),
)
"""What a shot tells."""
