"""From the pages of a listing to stretches of streams: decoding and grouping, once per key of a bucket.

This is the one place where keys are not frozen values, and not even handled one by one: the keys of a page are sorted,
so the shots of a stream are a slice of it, which is checked and decoded as a whole.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from indexer.agora.names import (
    Reason,
    RecordingName,
    ShotHead,
    Unrecognised,
    parse,
    parse_head,
    parse_utc,
    parse_utcs,
    unit_of,
)
from indexer.catalog.listed import (
    SAMPLES,
    ListedStream,
    ListedUnit,
    RecordingGroup,
    RecordingSum,
    RejectedSum,
    Stretch,
)
from indexer.digest import digest
from indexer.model import ListedObject, ListedObjects

ROWS: Final = 20_000
"""Shots of one stretch, about 1 MB: enough that a transaction costs little, few enough to lose little on a kill."""

MOST_ROWS: Final = 5 * ROWS
"""A stretch that finds no boundary between two streams is cut inside one here; such a stream is compared row by row."""

_TAIL: Final = 17 + len(".jpg")


@dataclass(slots=True)
class Seen:
    """What a listing held, counted while it is read."""

    objects: int = 0
    shots: int = 0
    recordings: int = 0
    ignored: int = 0
    """Directory markers without content, and our own derivatives."""
    rejected: Counter[Reason] = field(default_factory=Counter)

    @property
    def unrecognised(self) -> int:
        """Keys that are neither screenshots nor recordings."""
        return self.rejected.total()

    def add(self, other: "Seen") -> None:
        """Count what another part of the listing held."""
        self.objects += other.objects
        self.shots += other.shots
        self.recordings += other.recordings
        self.ignored += other.ignored
        self.rejected.update(other.rejected)


def stretches(
    pages: Iterable[Sequence[ListedObject]], seen: Seen, *, seed: int, start: str = "", rows: int = ROWS
) -> Iterator[Stretch]:
    """Group a listing in key order into consecutive stretches that cover it from `start` to its end.

    At least one is yielded: of an empty listing it says that nothing is there.  Streams are whole within a stretch,
    but for one longer than `MOST_ROWS`, and for names that hold another name, which lie among each other's keys.
    Nothing is yielded behind an error of `pages`, so a stretch is never more than what was listed.
    """
    grouping = Grouping(seed=seed, start=start, rows=rows)
    for page in pages:
        yield from grouping.take(page)
    yield grouping.cut(None)
    seen.add(grouping.seen)


class Grouping:
    """The stretch that is being collected from consecutive pages of a listing."""

    def __init__(self, *, seed: int, start: str, rows: int = ROWS) -> None:
        self.seen = Seen()
        """All that was taken so far."""
        self._seed = seed
        self._start = start
        self._rows = rows
        self._most_rows = rows * (MOST_ROWS // ROWS)
        self._streams: dict[str, ListedStream] = {}
        self._units: dict[str, ListedUnit] = {}
        self._samples: Counter[Reason] = Counter()
        self._outermost = ""
        """Head of the stream that others may lie inside of: it can go on behind them."""
        self._shots = 0
        self._last_key = start

    def take(self, page: Sequence[ListedObject]) -> list[Stretch]:
        """Sort one page into streams; return the stretches that end within it, seldom any."""
        if not page:
            return []
        full = self._shots >= self._most_rows or len(self._units) >= self._rows
        finished = [self.cut(page[0].key)] if full else []
        columns = ListedObjects.of(page)
        keys = columns.keys
        index = 0
        while index < len(keys):
            key = keys[index]
            stem, _, tail = key.rpartition("_")
            stream = self._streams.get(stem)
            if stream is None:
                head = parse_head(stem + "_") if len(tail) == _TAIL and parse_utc(tail[:17]) is not None else None
                if head is None or not tail.endswith(".jpg"):
                    self._other(page[index])
                    index += 1
                    continue
                if self._shots >= self._rows and not key.startswith(self._outermost):
                    finished.append(self.cut(_boundary(self._last_key, key, head)))
                stream = self._open(head, stem)
            end = self._end_of(stream.key_head, keys, index)
            self._take_run(stream, columns[index:end])
            self._last_key = keys[end - 1]
            index = end
        self.seen.objects += len(page)
        self._last_key = keys[-1]
        return finished

    @staticmethod
    def _end_of(key_head: str, keys: Sequence[str], index: int) -> int:
        """Behind the last of the sorted keys with this head."""
        if keys[-1].startswith(key_head):
            return len(keys)
        return bisect_left(keys, key_head[:-1] + "`", index)  # the successor of the "_" that a head ends with

    def _take_run(self, stream: ListedStream, run: ListedObjects) -> None:
        """Take objects whose keys all begin with the head of `stream`; nearly always they all are its shots."""
        cut = len(stream.key_head)
        captured_ms = parse_utcs([key[cut:] for key in run.keys], ending=".jpg")
        if captured_ms is not None:
            self._add(stream, run, captured_ms)
            return
        for listed in run:
            tail = listed.key[cut:]
            moment = parse_utc(tail[:17]) if tail[17:] == ".jpg" else None
            if moment is not None:
                self._add(stream, ListedObjects.of([listed]), [moment])
            else:
                self._single(listed)

    def _single(self, listed: ListedObject) -> None:
        """Take one object that lies among the shots of a stream and is none of them."""
        stem, _, tail = listed.key.rpartition("_")
        moment = parse_utc(tail[:17]) if tail[17:] == ".jpg" else None
        head = None if moment is None else parse_head(stem + "_")
        if moment is None or head is None:
            self._other(listed)
        else:
            self._add(self._streams.get(stem) or self._open(head, stem), ListedObjects.of([listed]), [moment])

    def _add(self, stream: ListedStream, objects: ListedObjects, captured_ms: list[int]) -> None:
        stream.extend(objects, captured_ms, seed=self._seed)
        self._shots += len(objects)

    def _open(self, head: ShotHead, key_stem: str) -> ListedStream:
        stream = ListedStream(head, head.text)
        if not stream.key_head.startswith(self._outermost) or not self._streams:
            self._outermost = stream.key_head
        self._streams[key_stem] = stream
        return stream

    def _other(self, listed: ListedObject) -> None:
        """Count what is not a screenshot."""
        name = parse(listed.key)
        if isinstance(name, RecordingName):
            self.seen.recordings += 1
            group = RecordingGroup(name.cname, name.uid or "", name.track or "", name.extension)
            file_name = listed.key.rpartition("/")[2]
            unit = self._unit(name.unit, listed)
            part = RecordingSum(1, listed.size, file_name, file_name, digest([listed], seed=self._seed))
            if group in unit.recordings:
                unit.recordings[group].add(part)
            else:
                unit.recordings[group] = part
        elif isinstance(name, Unrecognised):
            is_marker = listed.size == 0 and name.reason is Reason.DIRECTORY_MARKER
            if is_marker or name.reason is Reason.DERIVATIVE:
                self.seen.ignored += 1
                return
            self.seen.rejected[name.reason] += 1
            self._samples[name.reason] += 1
            samples = [name.key] if self._samples[name.reason] <= SAMPLES else []
            unit = self._unit(unit_of(name.key), listed)
            unit.rejected.setdefault(name.reason, RejectedSum()).add(RejectedSum(1, samples))
        else:
            raise AssertionError(f"two readings of {listed.key!r}")  # noqa: TRY004  # a mistake of ours, not of a type

    def _unit(self, prefix: str, listed: ListedObject) -> ListedUnit:
        unit = self._units.setdefault(prefix, ListedUnit(prefix))
        unit.newest_s = max(unit.newest_s, listed.modified_s)
        return unit

    def cut(self, stop: str | None) -> Stretch:
        """End the stretch before `stop` and begin the next there."""
        self.seen.shots += self._shots
        stretch = Stretch(self._start, stop, list(self._streams.values()), list(self._units.values()))
        self._start = stop or ""
        self._streams = {}
        self._units = {}
        self._shots = 0
        return stretch


def _boundary(before: str, key: str, head: ShotHead) -> str:
    """Where to cut between two neighbours: at the head of the next stream, so that it is whole behind the cut."""
    return key if before.startswith(head.text) else head.text
