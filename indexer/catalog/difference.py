"""What tells a listed stream from the stream that the catalog knows.  Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from indexer.agora.stamps import MAX_MS, MIN_MS
from indexer.catalog.rows import ShotRow, came_before, shot_key
from indexer.catalog.snapshot import Snapshot, with_what_is_said
from indexer.model import ANNOUNCED, Interval


@dataclass(slots=True)
class Difference:
    """What one stream must learn.  Times rise in all lists."""

    added: list[ShotRow] = field(default_factory=list)
    changed: list[tuple[ShotRow, ShotRow]] = field(default_factory=list)
    """Before and after."""
    confirmed: list[tuple[ShotRow, ShotRow]] = field(default_factory=list)
    """Before and after of shots that were announced, and are listed now."""
    gone: list[tuple[int, int]] = field(default_factory=list)
    """First and last time of runs of shots that are gone; whatever the catalog has in between is gone too, but for
    what is announced and kept."""
    gone_shots: int = 0
    """Without those that were only announced."""
    missing: int = 0
    """Announced and not listed: those that are kept, because their upload can still come."""
    dropped: int = 0
    """Announced, not listed, and gone, because it cannot."""
    unchanged: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.confirmed or self.gone)

    @property
    def replaced(self) -> list[tuple[ShotRow, ShotRow]]:
        """Before and after of every row that becomes another one."""
        return self.changed + self.confirmed


def difference(
    listed: Sequence[ShotRow], known: Iterable[ShotRow], *, snapshot: Snapshot | None = None, given_up_ms: int = 0
) -> Difference:
    """Compare two series of rows, both in time order.  `known` is read once and not kept: it may be long.

    What is listed is a `snapshot` of the past if there is one: what the catalog knows from later stays as it is.
    What was announced before `given_up_ms` is gone if it is not listed; what was later is waited for.
    """
    result = Difference()
    position = 0
    run_open = False
    for row in known:
        while position < len(listed) and listed[position].captured_ms < row.captured_ms:
            result.added.append(listed[position])
            position += 1
            run_open = False
        if position < len(listed) and listed[position].captured_ms == row.captured_ms:
            after = listed[position] if snapshot is None else snapshot.outcome(listed[position], row)
            if after == row:
                result.unchanged += 1
            else:
                _note(result, row, after)
            position += 1
            run_open = False
            continue
        if snapshot is not None and not snapshot.must_have(row):
            result.unchanged += 1
            run_open = False
            continue
        if row.tier == ANNOUNCED:
            if not came_before(row, given_up_ms):
                result.missing += 1
                run_open = False
                continue
            result.dropped += 1
        else:
            result.gone_shots += 1
        first_ms = result.gone.pop()[0] if run_open else row.captured_ms
        result.gone.append((first_ms, row.captured_ms))
        run_open = True
    result.added.extend(listed[position:])
    return result


def additions(listed: Sequence[ShotRow], known: Iterable[ShotRow]) -> Difference:
    """What a series of rows, which need not be whole, tells that another one has not; both in time order."""
    result = Difference()
    position = 0
    for row in known:
        while position < len(listed) and listed[position].captured_ms < row.captured_ms:
            result.added.append(listed[position])
            position += 1
        if position < len(listed) and listed[position].captured_ms == row.captured_ms:
            after = with_what_is_said(listed[position], row)
            if after == row:
                result.unchanged += 1
            else:
                _note(result, row, after)
            position += 1
    result.added.extend(listed[position:])
    return result


def _note(result: Difference, before: ShotRow, after: ShotRow) -> None:
    if before.tier == ANNOUNCED != after.tier:
        result.confirmed.append((before, after))
    else:
        result.changed.append((before, after))


def times_within(interval: Interval, key_head: str) -> range:
    """The capture times, in ms, whose keys of this stream lie within the interval."""
    first_ms = _first_key_from(interval.start, key_head) if interval.begins_inside(key_head) else MIN_MS
    stop_ms = (
        _first_key_from(interval.stop, key_head) if interval.ends_inside(key_head) and interval.stop else MAX_MS + 1
    )
    return range(first_ms, stop_ms)


def _first_key_from(key: str, key_head: str) -> int:
    """The earliest time whose key is `key` or sorts behind it.  Digits of fixed width sort as their times do."""
    return MIN_MS + bisect_left(range(MIN_MS, MAX_MS + 1), key, key=lambda ms: shot_key(key_head, ms))
