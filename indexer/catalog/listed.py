"""What a listing found, in the form in which the catalog takes it: stretches of the key space, listed to their end.

Everything here adds up: parts of a stream, a unit or a stretch that were listed apart, in any order or by another
process, are the same as if they had been listed at once.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from struct import iter_unpack
from typing import Final, NamedTuple

from indexer.agora.names import Reason, ShotHead
from indexer.catalog.rows import MD5_BYTES, Inserted, ShotRow, pack_etag, pack_etags
from indexer.digest import add, digest
from indexer.model import Interval, ListedObjects

SAMPLES: Final = 1_000
"""Keys kept for each reason why something was not recognised."""


def _numbers() -> "array[int]":
    return array("q")


@dataclass(slots=True)
class ListedStream:
    """Shots of one key head within one stretch, in key order, which is time order.

    Columns of plain numbers and bytes, 40 bytes a shot, because a sync holds many of them and sends them to another
    process.
    """

    head: ShotHead
    key_head: str
    captured_ms: "array[int]" = field(default_factory=_numbers)
    sizes: "array[int]" = field(default_factory=_numbers)
    lags_s: "array[int]" = field(default_factory=_numbers)
    md5s: bytearray = field(default_factory=bytearray)
    """ETags of 32 hexadecimal digits as 16 bytes each; zeros where the ETag is another text."""
    other_etags: dict[int, bytes] = field(default_factory=dict)
    """Those other texts as the catalog stores them, by index."""
    tiers: dict[int, str] = field(default_factory=dict)
    """Storage classes where they are not the standard one, by index."""
    size: int = 0
    """Bytes."""
    digest: int = 0
    newest_s: int = 0
    """The latest upload."""

    def __len__(self) -> int:
        return len(self.captured_ms)

    def extend(self, objects: ListedObjects, captured_ms: list[int], *, seed: int) -> None:
        """Take objects of this head that lie behind those it has."""
        first = len(self.captured_ms)
        sizes, etags, modified_s, tiers = objects.sizes, objects.etags, objects.modified_s, objects.tiers
        self.captured_ms.extend(captured_ms)
        self.sizes.extend(sizes)
        self.lags_s.extend(
            [moment - captured // 1000 for moment, captured in zip(modified_s, captured_ms, strict=True)]
        )
        packed = pack_etags(etags)
        if packed is None:
            for index, etag in enumerate(map(pack_etag, etags), first):
                if len(etag) == MD5_BYTES:
                    self.md5s += etag
                else:
                    self.md5s += bytes(MD5_BYTES)
                    self.other_etags[index] = etag
        else:
            self.md5s += packed
        if any(tiers):
            self.tiers.update((index, tier) for index, tier in enumerate(tiers, first) if tier is not None)
        self.size += sum(sizes)
        self.newest_s = max(self.newest_s, max(modified_s))
        self.digest = add(self.digest, digest(objects.tuples(), seed=seed))

    def inserts(self, stream_id: int) -> Iterator[Inserted]:
        """The rows of `shot`, its stream in front."""
        return zip(repeat(stream_id, len(self)), *self._columns(), strict=True)

    def rows(self) -> list[ShotRow]:
        """The rows of `shot` without their stream."""
        return list(map(ShotRow._make, zip(*self._columns(), strict=True)))

    def _columns(self) -> "tuple[list[int], list[int], list[int], list[bytes], list[str | None]]":
        etags: list[bytes] = [etag for (etag,) in iter_unpack(f"{MD5_BYTES}s", self.md5s)]
        for index, etag in self.other_etags.items():
            etags[index] = etag
        tiers: list[str | None] = [None] * len(etags)
        for index, tier in self.tiers.items():
            tiers[index] = tier
        return self.captured_ms.tolist(), self.sizes.tolist(), self.lags_s.tolist(), etags, tiers


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

    def add(self, other: "RecordingSum") -> None:
        """Take in the files of another part."""
        self.objects += other.objects
        self.bytes += other.bytes
        self.first_name = min(self.first_name, other.first_name)
        self.last_name = max(self.last_name, other.last_name)
        self.digest = add(self.digest, other.digest)


@dataclass(slots=True)
class RejectedSum:
    """Keys that are not recognised for one reason, with some of them."""

    objects: int = 0
    samples: list[str] = field(default_factory=list)

    def add(self, other: "RejectedSum") -> None:
        """Take in the keys of another part."""
        self.objects += other.objects
        self.samples += other.samples[: SAMPLES - len(self.samples)]


@dataclass(slots=True)
class ListedUnit:
    """What was listed of a unit besides shots, which are in the streams; the prefix "" is what lies between units."""

    prefix: str
    recordings: dict[RecordingGroup, RecordingSum] = field(default_factory=dict)
    rejected: dict[Reason, RejectedSum] = field(default_factory=dict)
    newest_s: int = 0
    """The latest upload of anything but a shot."""

    def add(self, other: "ListedUnit") -> None:
        """Take in another part of the unit."""
        for group, total in other.recordings.items():
            known = self.recordings.get(group)
            if known is None:
                self.recordings[group] = RecordingSum(
                    total.objects, total.bytes, total.first_name, total.last_name, total.digest
                )
            else:
                known.add(total)
        for reason, keys in other.rejected.items():
            self.rejected.setdefault(reason, RejectedSum()).add(keys)
        self.newest_s = max(self.newest_s, other.newest_s)


@dataclass(frozen=True, slots=True)
class Stretch(Interval):
    """Everything that a source holds in an interval.

    Whatever the catalog has there and the listing has not is gone.  The streams and units may begin before it or go
    on behind it.
    """

    streams: list[ListedStream] = field(default_factory=list)
    units: list[ListedUnit] = field(default_factory=list)
    """Of recordings and rejected keys only; a unit with shots alone is not here."""
