"""Holes cut into what is judged by itself: by what was removed from them, and by what callbacks told of the camera."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from indexer.agora.facts import Fact
from indexer.timeline.gaps import Case, Cause, Gap, Removed, Testimony, told_removed
from indexer.timeline.series import Captured, Hole, longest_pause
from indexer.timeline.told import Edges, Part, parts


@dataclass(frozen=True, slots=True)
class Stretch:
    """A hole, or what removed shots leave of one."""

    since: datetime
    until: datetime
    before: Captured | None
    after: Captured | None
    is_first: bool = False
    """It begins with the session."""
    is_last: bool = False
    """It ends with the session."""
    taken_over: int | None = None
    """See `Hole`."""
    camera: bool | None = None
    """Whether it was on, where callbacks tell."""
    told: str = ""
    """What they tell of it."""
    is_part: bool = False
    """They tell where it begins or ends: no shot is there."""
    changes: Sequence[Fact] = ()
    """What they told of recorders meanwhile."""


def cut(hole: Hole, case: Case, testimony: Testimony) -> Iterator[Gap | Stretch]:
    """The parts of a hole, which tile it in time order; gaps are those that have expired."""
    for each in _split(hole, case):
        if isinstance(each, Gap):
            yield each
        else:
            yield from _parts(each, case, testimony)


def _split(hole: Hole, case: Case) -> Iterator[Gap | Stretch]:
    begin, before = hole.since, hole.before
    # Whose pictures before it or behind it were removed had joined, or came back.
    first = hole.before is None and all(each.first_at > hole.since for each in case.removed)
    last = hole.after is None and all(each.last_at < hole.until for each in case.removed)
    for gap in _expired(hole, case.removed, case.interval.length if case.interval else None):
        if gap.since > begin:
            yield Stretch(begin, gap.since, before, None, is_first=first and begin == hole.since)
        yield gap
        begin, before = gap.until, None
    if begin == hole.since:
        yield Stretch(hole.since, hole.until, hole.before, hole.after, first, last, hole.taken_over)
    elif begin < hole.until:
        yield Stretch(begin, hole.until, None, hole.after, is_last=last, taken_over=hole.taken_over)


def _parts(stretch: Stretch, case: Case, testimony: Testimony) -> Iterator[Stretch]:
    """The stretch by what callbacks told of the camera."""
    if case.told_until is None:
        yield stretch
        return
    before, after = stretch.before, stretch.after
    changed = before is not None and after is not None and before.recorder.bak != after.recorder.bak
    edges = Edges(
        stretch.since,
        stretch.until,
        begins_seen=not stretch.is_first,
        ends_seen=not stretch.is_last,
        changed=changed or stretch.taken_over is not None,
    )
    facts = testimony.told(stretch.since, stretch.until)
    pause = longest_pause(case.interval.length) if case.interval else timedelta(0)
    for part in parts(edges, facts, pause=pause, told_until=case.told_until):
        yield _part(stretch, part)


def _part(stretch: Stretch, part: Part) -> Stretch:
    begins, ends = part.since == stretch.since, part.until == stretch.until
    return Stretch(
        part.since,
        part.until,
        stretch.before if begins else None,
        stretch.after if ends else None,
        is_first=stretch.is_first and begins,
        is_last=stretch.is_last and ends,
        taken_over=stretch.taken_over if part.changed else None,
        camera=part.on,
        told=part.evidence,
        is_part=not (begins and ends),
        changes=part.changes,
    )


def _expired(hole: Hole, removed: Sequence[Removed], interval: timedelta | None) -> Iterator[Gap]:
    """What was removed in a hole, in time order: what lies no further apart than a pause together."""
    pause = longest_pause(interval) if interval else timedelta(0)
    found: Gap | None = None
    for each in removed:
        if each.last_at <= hole.since or each.first_at >= hole.until:
            continue
        since, until = max(each.first_at, hole.since), min(each.last_at, hole.until)
        length = each.last_at - each.first_at
        shots = max(1, round(each.shots * ((until - since) / length))) if length else each.shots
        if found is not None and since - found.until > pause:
            yield _counting_once(found, hole, interval)
            found = None
        if found is None:
            begin = hole.since if since - hole.since <= pause else since
            found = Gap(begin, until, shots, Cause.EXPIRED, "", on=True)
            continue
        # Of what overlaps, another recorder took the same moments: it adds what it has behind the rest.
        behind = shots
        if interval and since <= found.until:
            behind = min(shots, max(0, round((until - found.until) / interval)))
        found = replace(found, until=max(found.until, until), missing=max(found.missing + behind, shots))
    if found is not None:
        if hole.until - found.until <= pause:
            found = replace(found, until=hole.until)
        yield _counting_once(found, hole, interval)


def _counting_once(gap: Gap, hole: Hole, interval: timedelta | None) -> Gap:
    """What has expired with no more shots than its time holds, beside those that are still there."""
    missing = gap.missing
    if interval:
        beside = (hole.before is not None and gap.since == hole.since) + (
            hole.after is not None and gap.until == hole.until
        )
        missing = max(1, min(missing, round(gap.length / interval) + 1 - beside))
    return replace(gap, missing=missing, evidence=told_removed(missing))
