"""From the pages of a listing to stretches of whole streams: decoding and grouping, once per key of a bucket.

This is the one place where keys are not frozen values: a page costs a millisecond, a dataclass for each key more
than that.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
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
)
from indexer.catalog.listed import ListedStream, ListedUnit, RecordingGroup, RecordingSum, Stretch
from indexer.digest import add, digest
from indexer.model import ListedObject

ROWS: Final = 20_000
"""Shots of one stretch, about 10 MB: enough that a transaction costs little, few enough to lose little on a kill."""

MOST_ROWS: Final = 5 * ROWS
"""A stretch that finds no boundary between two streams is cut inside one here; such a stream is compared row by row."""

SAMPLES: Final = 1_000
"""Keys kept for each reason why something was not recognised."""


@dataclass(slots=True)
class Seen:
    """What a listing held, counted while it is read."""

    objects: int = 0
    shots: int = 0
    recordings: int = 0
    ignored: int = 0
    """Directory markers without content, and our own derivatives."""
    rejected: Counter[Reason] = field(default_factory=Counter)
    samples: dict[Reason, list[str]] = field(default_factory=dict)

    @property
    def unrecognised(self) -> int:
        """Keys that are neither screenshots nor recordings."""
        return self.rejected.total()

    def reject(self, name: Unrecognised) -> None:
        """Count one, and keep it as a sample as long as there are few."""
        self.rejected[name.reason] += 1
        samples = self.samples.setdefault(name.reason, [])
        if len(samples) < SAMPLES:
            samples.append(name.key)


def stretches(
    pages: Iterable[list[ListedObject]], seen: Seen, *, seed: int, start: str = "", rows: int = ROWS
) -> Iterator[Stretch]:
    """Group a listing in key order into consecutive stretches that cover it from `start` to its end.

    At least one is yielded: of an empty listing it says that nothing is there.  Streams are whole within a stretch,
    but for one longer than `MOST_ROWS`, and for names that hold another name, which lie among each other's keys.
    Nothing is yielded behind an error of `pages`, so a stretch is never more than what was listed.
    """
    grouping = _Grouping(seen, seed=seed, start=start, rows=rows)
    for page in pages:
        yield from grouping.take(page)
    yield grouping.cut(None)


class _Grouping:
    """The stretch being collected."""

    def __init__(self, seen: Seen, *, seed: int, start: str, rows: int) -> None:
        self._seen = seen
        self._seed = seed
        self._start = start
        self._rows = rows
        self._most_rows = rows * (MOST_ROWS // ROWS)
        self._streams: dict[str, ListedStream] = {}
        self._units: dict[str, ListedUnit] = {}
        self._outermost = ""
        """Head of the stream that others may lie inside of: it can go on behind them."""
        self._shots = 0
        self._last_key = start

    def take(self, page: list[ListedObject]) -> list[Stretch]:
        """Sort one page into streams; return the stretches that end within it, seldom any."""
        if not page:
            return []
        full = self._shots >= self._most_rows or len(self._units) >= self._rows
        finished = [self.cut(page[0].key)] if full else []
        stem = None
        stream = None
        for index, listed in enumerate(page):
            key_stem, _, tail = listed.key.rpartition("_")
            captured_ms = parse_utc(tail[:17]) if tail[17:] == ".jpg" else None
            if captured_ms is None:
                self._other(listed)
                continue
            if key_stem != stem:
                known = self._streams.get(key_stem)
                if known is None:
                    head = parse_head(key_stem + "_")
                    if head is None:
                        self._other(listed)
                        continue
                    if self._shots >= self._rows and not listed.key.startswith(self._outermost):
                        before = page[index - 1].key if index else self._last_key
                        finished.append(self.cut(_boundary(before, listed.key, head)))
                    known = self._open(head, key_stem)
                stem, stream = key_stem, known
                take_object, take_time = stream.objects.append, stream.captured_ms.append
            take_object(listed)
            take_time(captured_ms)
            self._shots += 1
        self._seen.objects += len(page)
        self._last_key = page[-1].key
        return finished

    def _open(self, head: ShotHead, key_stem: str) -> ListedStream:
        stream = ListedStream(head, head.text)
        if not stream.key_head.startswith(self._outermost) or not self._streams:
            self._outermost = stream.key_head
        self._streams[key_stem] = stream
        self._units.setdefault(head.unit, ListedUnit(head.unit))
        return stream

    def _other(self, listed: ListedObject) -> None:
        """Count what is not a screenshot."""
        name = parse(listed.key)
        if isinstance(name, RecordingName):
            self._seen.recordings += 1
            unit = self._units.setdefault(name.unit, ListedUnit(name.unit))
            group = RecordingGroup(name.cname, name.uid or "", name.track or "", name.extension)
            file_name = listed.key.rpartition("/")[2]
            whole = unit.recordings.get(group)
            if whole is None:
                whole = unit.recordings[group] = RecordingSum(0, 0, file_name, file_name, 0)
            whole.objects += 1
            whole.bytes += listed.size
            whole.last_name = file_name
            whole.digest = add(whole.digest, digest([listed], seed=self._seed))
        elif isinstance(name, Unrecognised):
            is_marker = listed.size == 0 and name.reason is Reason.DIRECTORY_MARKER
            if is_marker or name.reason is Reason.DERIVATIVE:
                self._seen.ignored += 1
            else:
                self._seen.reject(name)
        else:
            raise AssertionError(f"two readings of {listed.key!r}")  # noqa: TRY004  # a mistake of ours, not of a type

    def cut(self, stop: str | None) -> Stretch:
        """End the stretch before `stop` and begin the next there."""
        streams = list(self._streams.values())
        self._seen.shots += self._shots
        going_on = (
            {} if stop is None else {prefix: unit for prefix, unit in self._units.items() if stop.startswith(prefix)}
        )
        closed = [unit for prefix, unit in self._units.items() if prefix not in going_on]
        stretch = Stretch(self._start, stop, streams, closed, frozenset(going_on))
        self._start = stop or ""
        self._streams = {}
        self._units = going_on
        self._shots = 0
        return stretch


def _boundary(before: str, key: str, head: ShotHead) -> str:
    """Where to cut between two neighbours: at the head of the next stream, so that it is whole behind the cut."""
    return key if before.startswith(head.text) else head.text
