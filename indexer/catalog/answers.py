"""What the catalog answers with: frozen values, times aware UTC."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from indexer.agora.grammar import last_bak
from indexer.catalog.rows import shot_key, unpack_etag
from indexer.model import PackedEtag, Recorder


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One session, all its parts, directories and users together."""

    sid: str
    cname: str
    first_at: datetime
    last_at: datetime
    users: int
    shots: int
    bytes: int
    failovers: int
    """Recorders that took over: distinct `bak` prefixes that are not empty."""
    sources: tuple[str, ...]
    recordings: int
    """Recording files beside the shots."""
    position: str
    """Where a listing of sessions goes on behind this one."""


@dataclass(frozen=True)
class StreamSummary:
    """The shots of one user by one recorder in one directory."""

    id: int
    source: str
    directory: str
    bak_prefix: str
    sid: str
    cname: str
    uid: str
    key_head: str
    shots: int
    bytes: int
    first_at: datetime
    last_at: datetime

    @property
    def bak(self) -> int | None:
        """Number of the last failover prefix, None for the original recorder."""
        return last_bak(self.bak_prefix)

    @cached_property  # each of its shots is asked for it
    def recorder(self) -> Recorder:
        """Who took its shots."""
        return Recorder(self.source, self.directory, self.bak)

    def key_at(self, captured_ms: int) -> str:
        """The key of its shot of that time."""
        return shot_key(self.key_head, captured_ms)

    @staticmethod
    def etag_of(packed: PackedEtag) -> str:
        """The text of an ETag as a row holds it."""
        return unpack_etag(packed)


class UnitState(StrEnum):
    """What a sync thinks of a unit."""

    SETTLED = "settled"
    """Nothing more can arrive: only verification lists it."""
    WATCHED = "watched"
    """It may still get uploads, or something in it was announced: every sync lists it."""
    UNFINISHED = "unfinished"
    """A sync was cut off in the middle of it; the next one takes it up."""


@dataclass(frozen=True, slots=True)
class UnitSummary:
    """What is listed together: all objects of a session by one recorder in one directory."""

    source: str
    prefix: str
    objects: int
    state: UnitState
    newest_at: datetime | None
    """Newest capture or upload in it."""
    listed_at: datetime | None
    """Start of the sync that listed it last."""
    verified_at: datetime | None
    """Start of the sync that last listed all of it, whether or not it looked changed."""


@dataclass(frozen=True, slots=True)
class RecordingSummary:
    """Recording files of one kind in one session; `uid` and `track` are "" where names have none."""

    source: str
    directory: str
    uid: str
    track: str
    extension: str
    files: int
    bytes: int
    first_name: str
    last_name: str


@dataclass(frozen=True, slots=True)
class UserSummary:
    """One uid, in all channels or in one (`cname`): a uid names a person only within a channel."""

    uid: str
    cname: str | None
    channels: int
    sessions: int
    shots: int
    bytes: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class SourceStats:
    """The sums of one source."""

    source: str
    url: str
    shots: int
    bytes: int
    streams: int
    sessions: int
    channels: int
    users: int
    """Distinct pairs of channel and uid."""
    recordings: int
    unrecognised: int
    unfinished_units: int
    """Units that no sync has listed to their end; those in which only announced pictures are missing are none."""
    first_at: datetime | None
    last_at: datetime | None
    synced_at: datetime | None
    """Start of the last sync that reached its end."""
    announced: int
    """Shots among them that callbacks told of and no listing has shown yet."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """Keys of one source that are not recognised for one reason."""

    source: str
    reason: str
    objects: int
    samples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """One sync of one source."""

    source: str
    mode: str
    outcome: str
    """`running`, `done`, `refused`, `interrupted`, `failed`, or `died` (found unfinished by the next run)."""
    message: str | None
    started_at: datetime
    finished_at: datetime | None
    requests: Mapping[str, int]
    counts: Mapping[str, int]
