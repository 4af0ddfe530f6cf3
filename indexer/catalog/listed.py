"""What a listing found, in the form in which the catalog takes it: stretches of the key space, listed to their end."""

from dataclasses import dataclass, field
from typing import NamedTuple

from indexer.agora.names import ShotHead
from indexer.model import ListedObject


@dataclass(frozen=True, slots=True)
class ListedStream:
    """Shots of one key head within one stretch, in key order, which is time order."""

    head: ShotHead
    key_head: str
    objects: list[ListedObject] = field(default_factory=list)
    captured_ms: list[int] = field(default_factory=list)


class RecordingGroup(NamedTuple):
    """What recording files are summed up by; `uid` and `track` are "" where a name has none."""

    cname: str
    uid: str
    track: str
    extension: str


@dataclass(slots=True)
class RecordingSum:
    """Recording files of one group.  A sum, because a long session has millions of them."""

    objects: int
    bytes: int
    first_name: str
    last_name: str
    digest: int


@dataclass(frozen=True, slots=True)
class ListedUnit:
    """A unit and its recording files; its shots are in the streams."""

    prefix: str
    recordings: dict[RecordingGroup, RecordingSum] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Everything that a source holds from key `start` on up to and without `stop` (None: to the end).

    Whatever the catalog has in between and the listing has not is gone.  The streams may begin before `start` or go
    on behind `stop`; `closed` are the units whose last key is in this stretch (their recordings are complete, also
    those listed in earlier stretches), `open` the prefixes of those that go on.
    """

    start: str
    stop: str | None
    streams: list[ListedStream]
    closed: list[ListedUnit]
    open: frozenset[str]

    def begins_before(self, prefix: str) -> bool:
        """Whether keys with this prefix could lie before the stretch."""
        return self.start != prefix and self.start.startswith(prefix)

    def ends_before(self, prefix: str) -> bool:
        """Whether keys with this prefix could lie behind the stretch."""
        return self.stop is not None and self.stop.startswith(prefix)
