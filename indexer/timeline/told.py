"""What callbacks told of a stretch without shots: when the camera was off, and what became of the recorder.  Pure.

Callbacks are lost, come twice and in any order.  So one of the two that begin and end a pause is enough to know it, and
that none came tells something only where others came before and behind.  Shots tell more than callbacks: whoever has
one had the camera on at that moment.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, takewhile
from operator import attrgetter, itemgetter
from typing import Final

from indexer.agora.facts import Fact, FactKind
from indexer.model import from_ms, to_ms

TOLERANCE_MS: Final = 2_000
"""By how much the times of a callback and of a shot may differ: both are Agora's, but of different machines."""

_TOLERANCE: Final = timedelta(milliseconds=TOLERANCE_MS)

CAMERA: Final = frozenset({FactKind.CAMERA_ON, FactKind.CAMERA_OFF})
"""What is told of a user; all else is told of the session."""
_CHANGES: Final = frozenset({FactKind.FAILOVER, FactKind.RECORDER_STARTED, FactKind.RECORDER_LEFT})
_AT: Final = attrgetter("at_ms")


@dataclass(frozen=True, slots=True)
class Edges:
    """A stretch without shots, and what is at its ends."""

    since: datetime
    until: datetime
    begins_seen: bool
    """The user has a shot there, or had one that was removed since."""
    ends_seen: bool
    changed: bool
    """Names show that another recorder went on behind it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a stretch, in which the camera was on, or off, all the time."""

    since: datetime
    until: datetime
    on: bool | None = None
    """None: callbacks do not tell."""
    evidence: str = ""
    changed: bool = False
    """It may be here that the recorder changed, as names show."""
    changes: Sequence[Fact] = ()
    """What became of the recorders meanwhile, or a moment before or behind; not told where the camera was off."""


@dataclass(frozen=True, slots=True)
class Away:
    """Nobody recorded."""

    since: datetime
    until: datetime
    evidence: str


@dataclass(frozen=True, slots=True)
class _Off:
    since: datetime
    until: datetime
    stopped_at: datetime | None
    """None if nothing told of it."""
    began_at: datetime | None

    @property
    def evidence(self) -> str:
        if self.stopped_at is None:
            return f"the user began to send video at {clock(self.began_at or self.until)} (callback)"
        if self.began_at is None:
            return f"the user stopped sending video at {clock(self.stopped_at)} (callback)"
        return f"the user sent no video from {clock(self.stopped_at)} to {clock(self.began_at)} (callbacks)"


def parts(stretch: Edges, facts: Sequence[Fact], *, pause: timedelta, told_until: datetime) -> list[Part]:
    """What the camera did, in parts that tile the stretch.

    `facts` are the user's and the session's around the stretch in time order, and the last one of the camera before it
    is among them.  A part that is no longer than `pause`, the longest one between two shots, is no part, because
    nothing is missing in it; unless nobody has a shot behind it any more.  `told_until` is the time of the last
    callback of the session: what nobody would have told is not known.
    """
    longest = pause + _TOLERANCE
    changes = [fact for fact in facts if fact.kind in _CHANGES]
    was_on, switches = _camera(stretch, facts)
    offs = _joined(stretch, _offs(stretch, switches, changes, is_on=was_on or stretch.begins_seen), longest)
    if not offs:
        is_told = was_on and told_until >= stretch.until and stretch.ends_seen
        on = True if is_told and not stretch.changed and not changes else None
        return [Part(stretch.since, stretch.until, on, changed=stretch.changed, changes=changes)]
    found = []
    begin = stretch.since
    for off in offs:
        is_end = off.until == stretch.until and (off.since == stretch.since or not stretch.ends_seen)
        if off.until - off.since <= longest and not is_end:
            continue
        if off.since > begin:
            found.append(_between(begin, off.since, changes))
        found.append(Part(off.since, off.until, False, off.evidence))
        begin = off.until
    if begin < stretch.until:
        last = _between(begin, stretch.until, changes)
        if not stretch.ends_seen:
            told = f"the user sent video from {clock(offs[-1].until)} on (callback)"
            last = replace(last, on=None, evidence=told)
        if stretch.changed and not _during(stretch.since, begin, changes):
            last = replace(last, on=None, changed=True)
        found.append(last)
    return found


def failed_over(changes: Sequence[Fact]) -> datetime | None:
    """When another recorder took over."""
    return next((from_ms(fact.at_ms) for fact in changes if fact.kind is FactKind.FAILOVER), None)


def away(since: datetime, until: datetime, changes: Sequence[Fact]) -> Away | None:
    """From when to when no recorder was there, as far as that lies in [since, until]; by the changes around it.

    None that left where the stretch ends, or began where it begins: that is the session's end, or its beginning.
    """
    found = _away(since, until, changes)
    return None if found is None or found.until - found.since <= _TOLERANCE else found


def _away(since: datetime, until: datetime, changes: Sequence[Fact]) -> Away | None:
    left: datetime | None = None
    for at, kind in ((from_ms(fact.at_ms), fact.kind) for fact in changes):
        if kind is FactKind.RECORDER_LEFT:
            left = left or at
        elif kind is FactKind.RECORDER_STARTED and left is not None:
            return Away(left, at, f"no recorder was there from {clock(left)} to {clock(at)} (callbacks)")
        elif kind is FactKind.RECORDER_STARTED and at - since > _TOLERANCE:
            return Away(since, at, f"a recorder began at {clock(at)} (callback)")
    return None if left is None else Away(left, until, f"the recorder left at {clock(left)} (callback)")


def clock(moment: datetime) -> str:
    """How evidence tells a time: in UTC, and of the gap's day."""
    return f"{moment:%H:%M:%S}Z"


def _offs(
    stretch: Edges, switches: Sequence[tuple[datetime, bool]], changes: Sequence[Fact], *, is_on: bool
) -> list[_Off]:
    """When the camera was off, in time order."""
    found: list[_Off] = []
    begin, stopped = stretch.since, None
    for now_on, told in groupby(switches, itemgetter(1)):
        moments = [at for at, _ in told]
        at = moments[0]
        moment = min(max(at, stretch.since), stretch.until)
        if not now_on:
            if is_on:
                begin, stopped = moment, at
        elif not is_on:
            found.append(_Off(begin, moment, stopped, at))
        elif not stretch.changed and _is_once(moments, stretch.since, changes):
            found.append(_Off(begin, moment, None, at))
        is_on = now_on
    if not is_on and stopped is not None:
        found.append(_Off(begin, stretch.until, stopped, None))
    return [off for off in found if off.until - off.since > _longest_doubt(off, stretch)]


def _is_once(moments: Sequence[datetime], since: datetime, changes: Sequence[Fact]) -> bool:
    """Whether a camera that was on came on again: it was off before, but not if one hears that it is on all the time.

    What a new recorder says of whom it sees does not count.
    """
    said = list(takewhile(lambda at: not _during(since, at, changes), moments))
    return bool(said) and said[-1] - said[0] <= _TOLERANCE


def _longest_doubt(off: _Off, stretch: Edges) -> timedelta:
    """How long it may be and yet lie beside the stretch: what begins or ends at a shot nobody told of."""
    is_cut = off.stopped_at is None or (off.began_at is None and stretch.ends_seen)
    return _TOLERANCE if is_cut else timedelta(0)


def _joined(stretch: Edges, offs: Sequence[_Off], longest: timedelta) -> list[_Off]:
    """The same without the short times between and beside them."""
    found: list[_Off] = []
    for off in offs:
        last = found[-1].until if found else stretch.since
        if off.since - last > longest:
            found.append(off)
        elif found:
            found[-1] = replace(found[-1], until=off.until, began_at=off.began_at)
        else:
            found.append(replace(off, since=stretch.since))
    if found and stretch.until - found[-1].until <= longest:
        found[-1] = replace(found[-1], until=stretch.until)
    return found


def _between(since: datetime, until: datetime, changes: Sequence[Fact]) -> Part:
    """A part between two moments at which the camera was on; where the recorder changed, nobody saw what it did."""
    meanwhile = _during(since, until, changes)
    return Part(since, until, None if meanwhile else True, changes=meanwhile)


def _camera(stretch: Edges, facts: Sequence[Fact]) -> tuple[bool, list[tuple[datetime, bool]]]:
    """Whether the last that is told up to the beginning is that the camera is on; when it was switched since, and how.

    That it was switched off a moment before the stretch counts, and that it was switched on a moment behind it.
    """
    since_ms, until_ms = to_ms(stretch.since), to_ms(stretch.until)
    was_on, found = False, list[tuple[datetime, bool]]()
    for fact in facts:
        if fact.kind not in CAMERA:
            continue
        is_on = fact.kind is FactKind.CAMERA_ON
        if fact.at_ms >= until_ms + (TOLERANCE_MS if is_on and stretch.ends_seen else 0):
            break
        is_beginning = fact.at_ms <= since_ms + TOLERANCE_MS
        was_on = is_on if is_beginning else was_on
        if is_beginning and is_on:
            found.clear()
        elif fact.at_ms >= since_ms - TOLERANCE_MS:
            found.append((from_ms(fact.at_ms), is_on))
    return was_on, found


def _during(since: datetime, until: datetime, changes: Sequence[Fact]) -> Sequence[Fact]:
    """Those meanwhile, or a moment before or behind."""
    first = bisect_left(changes, to_ms(since) - TOLERANCE_MS, key=_AT)
    return changes[first : bisect_right(changes, to_ms(until) + TOLERANCE_MS, key=_AT)]
