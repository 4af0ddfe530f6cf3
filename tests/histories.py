"""Simulated histories of a bucket with the truth about every gap; `python -m tests.histories` prints who told it.

Sessions of one to six people in several channels: they join, leave, switch their cameras off and on; recorders fail
over with a gap or beside each other; everybody falls silent for a while; pictures are late, lost, or have expired.
"""

import hashlib
import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from random import Random
from typing import Final

from indexer.agora.facts import Fact
from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.catalog.catalog import Catalog
from indexer.jobs.lookup import Terms, timelines_of_session
from indexer.jobs.plan import Mode, Wishes
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import from_ms, to_ms
from indexer.storage.memory import MemoryStore
from indexer.timeline.explaining import FEW
from indexer.timeline.figures import Timeline
from indexer.timeline.gaps import Cause, Gap, ToldBy
from tests.callbacks import SILENT_SESSIONS, Stretch, Told, arrived

NOW: Final = datetime(2026, 11, 5, 12, tzinfo=UTC)
HORIZON: Final = timedelta(hours=96)
SEED: Final = 1
SESSIONS: Final = 60
"""Of the history that docs/timelines.md tells of."""
UPLOADS_MS: Final = 20 * 60_000
"""Who left so shortly before the listing may as well have late uploads: nothing tells."""


class Truth(StrEnum):
    """What really happened."""

    FAILOVER = "failover"
    CAMERA_OFF = "camera off"
    SILENT = "session silent"
    NOT_JOINED = "not joined yet"
    LEFT = "left"
    EXPIRED = "expired"
    LATE = "pictures late"
    LOST = "pictures lost"


class Clock(StrEnum):
    """What a recorder's timer does when a camera comes back: nobody has written it down."""

    BEGINS_ANEW = "begins anew"
    GOES_ON = "goes on"


class Verdict(StrEnum):
    """What an answer is worth."""

    RIGHT = "right"
    OPEN = "unknown or pending"
    WRONG = "wrong"


RIGHT: Final[Mapping[Truth, frozenset[Cause]]] = {
    Truth.FAILOVER: frozenset({Cause.FAILOVER}),
    Truth.CAMERA_OFF: frozenset({Cause.CAMERA_OFF}),
    Truth.SILENT: frozenset({Cause.SESSION_SILENT}),
    Truth.NOT_JOINED: frozenset({Cause.NOT_JOINED}),
    Truth.LEFT: frozenset({Cause.LEFT}),
    Truth.EXPIRED: frozenset({Cause.EXPIRED}),
    Truth.LATE: frozenset({Cause.PENDING}),
    # Up to the horizon nobody can tell a lost picture from a late one.
    Truth.LOST: frozenset({Cause.UNKNOWN, Cause.PENDING}),
}
_OPEN: Final = frozenset({Cause.UNKNOWN, Cause.PENDING})


@dataclass(slots=True)
class Seat:
    """One user in one session."""

    uid: str
    cname: str
    sid: str
    interval_ms: int
    session: Stretch
    on: list[Stretch]
    """When there were pictures to take: the camera was on, somebody was there, and a recorder was running."""
    events: list[tuple[Truth, Stretch]]
    others: "list[Seat]" = field(default_factory=list)
    camera: Sequence[Stretch] = ()
    """When it was on, whether a recorder was running or not."""
    told: Sequence[Fact] = ()
    """What callbacks told of the user and of the session."""
    cameras_fell_silent: bool = True
    """Where everybody was silent, all cameras were off; else the recorder was away."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One object."""

    key: str
    captured_ms: int
    uploaded_ms: int
    expired: bool


@dataclass(frozen=True, slots=True)
class History:
    """What was captured, and why there is nothing where there is nothing."""

    seats: Sequence[Seat]
    pictures: Sequence[Picture]
    """Without the lost ones."""

    @property
    def told(self) -> list[Fact]:
        """What callbacks told, as it came: in any order, and some of it twice."""
        return [fact for of_session in {seat.sid: seat.told for seat in self.seats}.values() for fact in of_session]


@dataclass(frozen=True, slots=True)
class Answer:
    """A gap, why it is there, and whether that could be known."""

    gap: Gap
    truth: Truth | None
    """None if two things came together."""
    evident: bool
    cameras_fell_silent: bool = True
    """See `Seat`."""

    @property
    def verdict(self) -> Verdict:
        """Of a gap with one truth."""
        assert self.truth is not None
        is_told_off = self.gap.cause is Cause.CAMERA_OFF and self.gap.told_by is ToldBy.CALLBACKS
        if self.truth is Truth.SILENT and self.cameras_fell_silent and is_told_off:
            return Verdict.RIGHT
        if self.gap.cause in RIGHT[self.truth]:
            return Verdict.RIGHT
        return Verdict.OPEN if self.gap.cause in _OPEN else Verdict.WRONG


# What happens.


def history(seed: int, *, sessions: int, clock: Clock = Clock.BEGINS_ANEW) -> History:
    """The same seed gives the same history."""
    chance = Random(seed)
    seats: list[Seat] = []
    pictures: list[Picture] = []
    for number in range(sessions):
        sid = hashlib.md5(f"{seed}/{number}".encode(), usedforsecurity=False).hexdigest()
        _Session(chance, sid, f"room-{number % 7}", clock).fill(seats, pictures)
    return History(seats, pictures)


class _Session:
    def __init__(self, chance: Random, sid: str, cname: str, clock: Clock) -> None:
        self._chance = chance
        self._clock = clock
        self._sid = sid
        self._cname = cname
        self._interval_ms = 1000 * chance.choice([1, 2, 5, 10, 10, 10, 15, 30, 60])
        now = to_ms(NOW)
        length = max(300_000, self._interval_ms * chance.randint(60, 160))
        hours = chance.choice([chance.uniform(0, 3), chance.uniform(3, 90), chance.uniform(100, 700)])
        begin = now - length - int(hours * 3_600_000) + (length // 3 if chance.random() < 0.1 else 0)
        self._begin, self._end = begin, min(begin + length, now - 1000)
        self._age_ms = now - self._end
        self._recorders = self._choose_recorders()
        self._silence = self._choose_silence()

    def _choose_recorders(self) -> list[tuple[str, Stretch]]:
        if self._chance.random() > 0.4:
            return [("", (self._begin, self._end))]
        switch = self._within(0.2, 0.8)
        if self._chance.random() < 0.3:
            return [("", (self._begin, switch + self._chance.randint(5_000, 40_000))), ("bak0_", (switch, self._end))]
        return [("", (self._begin, switch)), ("bak0_", (switch + self._chance.randint(20_000, 86_000), self._end))]

    def _choose_silence(self) -> Stretch | None:
        if self._chance.random() > 0.25:
            return None
        begin = self._within(0.1, 0.8)
        return begin, begin + max(30_000, int(self._interval_ms * self._chance.uniform(4, 20)))

    def _within(self, low: float, high: float) -> int:
        return self._begin + int((self._end - self._begin) * self._chance.uniform(low, high))

    def fill(self, seats: list[Seat], pictures: list[Picture]) -> None:
        """Add everybody and all pictures of it."""
        uids = self._chance.sample(range(1, 20), self._chance.choice([1, 2, 2, 3, 4, 5, 6]))
        here = [self._seat(str(uid), pictures) for uid in uids]
        if len(self._recorders) == 1 and self._silence is None and int(self._sid, 16) % 2:
            here.append(self._visitor(pictures))
        begin, end = min(seat.on[0][0] for seat in here), max(seat.on[-1][1] for seat in here)
        for seat in here:
            seat.session = (begin, end)
            seat.events += [(Truth.NOT_JOINED, (begin, seat.on[0][0])), (Truth.LEFT, (seat.on[-1][1], end))]
            seat.others = [other for other in here if other is not seat]
        self._tell(here)
        seats += here

    def _tell(self, here: Sequence[Seat]) -> None:
        """What callbacks told, by chances of its own: the history is the same with it and without."""
        chance = Random(f"{self._sid} callbacks")
        by_cameras = chance.random() < 0.5
        recorders = [stretch for _, stretch in self._recorders]
        failovers = list(range(1, len(recorders)))
        if self._silence is not None and not by_cameras:
            recorders = _without(recorders, [self._silence])
            begins = [stretch[0] for _, stretch in self._recorders[1:]]
            failovers = [number for number, (begin, _) in enumerate(recorders) if begin in begins]
        for seat in here:
            if not by_cameras:
                silences = [stretch for truth, stretch in seat.events if truth is Truth.SILENT]
                seat.camera = _union([*seat.camera, *silences])
            seat.cameras_fell_silent = by_cameras
        late = any(truth is Truth.LATE for seat in here for truth, _ in seat.events)
        told = Told(self._sid, self._cname, recorders, failovers, {seat.uid: seat.camera for seat in here}, late)
        if chance.random() >= SILENT_SESSIONS:
            came = arrived(told.facts(chance), chance, now_ms=to_ms(NOW))
            for seat in here:
                seat.told = came

    def _seat(self, uid: str, pictures: list[Picture]) -> Seat:
        chance, interval = self._chance, self._interval_ms
        joins = self._begin + chance.randint(0, 5_000) if chance.random() < 0.6 else self._within(0, 0.4)
        leaves = self._end - chance.randint(0, 5_000) if chance.random() < 0.6 else self._within(0.6, 1)
        events: list[tuple[Truth, Stretch]] = []
        for _ in range(chance.choice([0, 0, 1, 1, 2])):
            begin = chance.randint(joins, leaves)
            end = begin + int(interval * chance.uniform(2.2, 40))
            if joins + interval < begin and end < leaves - interval:
                events.append((Truth.CAMERA_OFF, (begin, end)))
        if self._silence is not None:
            begin, end = self._silence[0] + chance.randint(0, 1500), self._silence[1] + chance.randint(0, 3000)
            if joins < end and begin < leaves:
                events.append((Truth.SILENT, (begin, end)))
        stretches = _without([(joins, leaves)], [stretch for _, stretch in events])
        for (_, one), (_, other) in pairwise(self._recorders):
            if one[1] < other[0] and joins < one[1] < leaves:
                events.append((Truth.FAILOVER, (one[1], other[0])))
        recorded = _without(stretches, [stretch for truth, stretch in events if truth is Truth.FAILOVER])
        seat = Seat(uid, self._cname, self._sid, interval, (0, 0), recorded, events, camera=stretches)
        self._take(seat, stretches, pictures)
        return seat

    def _visitor(self, pictures: list[Picture]) -> Seat:
        """Somebody whose camera is on for a picture or two now and then: their own shots do not tell an interval."""
        # Chances of its own, so that the others' history is the same with it and without.
        others, self._chance = self._chance, Random(self._sid)
        chance, interval = self._chance, self._interval_ms
        moments = sorted(
            chance.sample(range(self._begin, self._end - 5 * interval, 12 * interval), chance.randint(2, 4))
        )
        on = [(moment, moment + interval + 4_000) for moment in moments]
        events = [(Truth.CAMERA_OFF, (end, begin)) for (_, end), (begin, _) in pairwise(on)]
        seat = Seat("visitor", self._cname, self._sid, interval, (0, 0), on, events, camera=on)
        self._take(seat, on, pictures)
        self._chance = others
        return seat

    def _take(self, seat: Seat, stretches: Sequence[Stretch], pictures: list[Picture]) -> None:
        chance, interval = self._chance, self._interval_ms
        taken: list[tuple[int, str]] = []
        for bak, recording in self._recorders:
            for begin, end in stretches:
                tick = max(begin, recording[0])
                delay = chance.randint(200, min(interval, 4_000))
                tick += delay if self._clock is Clock.BEGINS_ANEW else (recording[0] - tick) % interval
                while tick < min(end, recording[1]):
                    taken.append((tick + chance.randint(0, 80), bak))
                    tick += interval
        taken.sort()
        moments = [moment for moment, _ in taken]
        lost = self._some(len(taken), chance.choice([0, 0, 0.004]), chance.choice([0, 0, 0, 1]), 5)
        late = set()
        if self._age_ms < 72 * 3_600_000:
            late = self._some(len(taken), 0, chance.choice([0, 0, 1]), 6)
        if self._age_ms < UPLOADS_MS and chance.random() < 0.3:
            late |= set(range(bisect_left(moments, to_ms(NOW) - chance.randint(0, UPLOADS_MS)), len(taken)))
        seat.events += [(Truth.LOST, self._around(moments[index])) for index in lost]
        seat.events += [(Truth.LATE, self._around(moments[index])) for index in late - lost]
        expired = self._expired(seat) if self._age_ms > HORIZON / timedelta(milliseconds=1) else None
        for index, (moment, bak) in enumerate(taken):
            if index in lost:
                continue
            lag = 500 + int(chance.expovariate(1 / 2000)) + (300_000 if chance.random() < 0.002 else 0)
            uploaded = to_ms(NOW) + 3_600_000 if index in late else moment + lag
            head = ShotHead("shots/", bak, self._sid, self._cname, seat.uid)
            is_expired = expired is not None and expired[0] <= moment < expired[1]
            pictures.append(Picture(key_of(ScreenshotName(head, from_ms(moment))), moment, uploaded, is_expired))

    def _some(self, count: int, share: float, bursts: int, longest: int) -> set[int]:
        """Single ones, and some in a row."""
        found = {index for index in range(2, count - 2) if self._chance.random() < share}
        for _ in range(bursts if count > 20 else 0):
            first = self._chance.randint(3, count - longest - 3)
            found |= set(range(first, first + self._chance.randint(1, longest)))
        return found

    def _around(self, moment: int) -> Stretch:
        return moment - self._interval_ms // 2, moment + self._interval_ms // 2

    def _expired(self, seat: Seat) -> Stretch | None:
        """Not of everybody, and never all: the catalog remembers what has gone as long as the session has others."""
        if self._chance.random() > 0.3 or seat.on[-1][1] - seat.on[0][0] < 60 * self._interval_ms:
            return None
        begin = seat.on[0][0] if self._chance.random() < 0.5 else self._chance.randint(*seat.on[0])
        end = begin + int(self._interval_ms * self._chance.uniform(5, 40))
        seat.events.append((Truth.EXPIRED, (begin, end)))
        return begin, end


def _without(stretches: Iterable[Stretch], holes: Iterable[Stretch]) -> list[Stretch]:
    left = list(stretches)
    for since, until in holes:
        left = [
            part
            for begin, end in left
            for part in ((begin, min(end, since)), (max(begin, until), end))
            if part[0] < part[1]
        ]
    return sorted(left)


# What the catalog makes of it.


def in_catalog(past: History, catalog: Catalog) -> None:
    """Let two syncs see it: before anything had expired, and now."""
    store = MemoryStore()
    for picture in past.pictures:
        if picture.uploaded_ms <= to_ms(NOW):
            store.put(
                picture.key, picture.key.encode(), content_type="image/jpeg", modified=from_ms(picture.uploaded_ms)
            )
    wishes = Wishes(Mode.FULL, horizon=HORIZON)
    access = Access(store, "")
    sync(access, catalog, "prod", watch=Watch(lambda: NOW), wishes=wishes)
    for picture in past.pictures:
        if picture.expired:
            store.delete(picture.key)
    sync(access, catalog, "prod", watch=Watch(lambda: NOW), wishes=wishes, allow_removal=True)


def told(past: History, catalog: Catalog) -> Iterator[tuple[Seat, Timeline]]:
    """Everybody's timeline."""
    seats = {(seat.sid, seat.uid): seat for seat in past.seats}
    terms = Terms({}, HORIZON, NOW)
    for sid, cname in dict.fromkeys((seat.sid, seat.cname) for seat in past.seats):
        for timeline in timelines_of_session(catalog, sid, cname, terms=terms):
            yield seats[timeline.sid, timeline.uid], timeline


def answers(seat: Seat, timeline: Timeline, *, callbacks: bool = False) -> Iterator[Answer]:
    """Every gap with its truth; whether evidence exists depends on whether callbacks came."""
    for gap in timeline.gaps:
        truth = _truth(seat, gap)
        evident = truth is not None and (_is_evident(seat, gap, truth) or (callbacks and _is_told(seat, gap, truth)))
        yield Answer(gap, truth, evident, seat.cameras_fell_silent)


def _truth(seat: Seat, gap: Gap) -> Truth | None:
    """What explains most of a gap; None if something else explains much of it too."""
    found: Counter[Truth] = Counter()
    for truth, stretch in seat.events:
        found[truth] += _common([stretch], gap)
    (first, most), *rest = found.most_common()
    return first if most and most >= 0.7 * (most + sum(length for _, length in rest)) else None


def _is_evident(seat: Seat, gap: Gap, truth: Truth) -> bool:
    """Whether anything in the bucket can tell."""
    length = (gap.until - gap.since) // timedelta(milliseconds=1)
    around = timedelta(milliseconds=2 * seat.interval_ms)
    # Lost pictures, and late ones, differ from a camera that was off for a moment by the clock only, which cannot be
    # read where jitter is much of an interval, nor across recorders.
    is_clocked = seat.interval_ms >= 2_000 and not any(
        _common([stretch], gap) for what, stretch in seat.events if what in {Truth.FAILOVER, Truth.EXPIRED}
    )
    is_clocked = is_clocked or gap.missing > FEW
    if truth is Truth.CAMERA_OFF:
        everybody = _union(stretch for other in seat.others for stretch in other.on)
        return is_clocked and 2 * _common(everybody, gap) >= length
    if truth is Truth.LATE:
        return is_clocked
    if truth is Truth.SILENT:
        before = Gap(gap.since - around, gap.since, 0, gap.cause, "")
        behind = Gap(gap.until, gap.until + around, 0, gap.cause, "")
        return all(any(_common(other.on, side) for other in seat.others) for side in (before, behind))
    if truth is Truth.LEFT:
        return to_ms(gap.since) < to_ms(NOW) - UPLOADS_MS
    return True


def _is_told(seat: Seat, gap: Gap, truth: Truth) -> bool:
    """Whether a callback that came can tell."""
    moments = [fact.at_ms for fact in seat.told if fact.uid in ("", seat.uid)]
    ends = [end for what, stretch in seat.events if what is truth and _common([stretch], gap) for end in stretch]
    return (truth in {Truth.LATE, Truth.LOST} and bool(moments)) or any(
        abs(at - end) < 3_500 for at in moments for end in ends
    )


def _union(stretches: Iterable[Stretch]) -> list[Stretch]:
    found: list[Stretch] = []
    for begin, end in sorted(stretches):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found


def _common(stretches: Iterable[Stretch], gap: Gap) -> int:
    since, until = to_ms(gap.since), to_ms(gap.until)
    return sum(max(0, min(end, until) - max(begin, since)) for begin, end in stretches)


# Who told the truth.


def table(found: Sequence[Answer]) -> str:
    """The table of docs/timelines.md."""
    lines = [
        "| what happened | gaps | " + " | ".join(Cause) + " | evidence exists | right | open | wrong |",
        "|---|" + "---:|" * (len(Cause) + 5),
    ]
    for truth in Truth:
        of_truth = [answer for answer in found if answer.truth is truth]
        evident = [answer for answer in of_truth if answer.evident]
        causes = Counter(answer.gap.cause for answer in of_truth)
        verdicts = Counter(answer.verdict for answer in evident)
        numbers = [
            len(of_truth),
            *(causes[cause] for cause in Cause),
            len(evident),
            *(verdicts[each] for each in Verdict),
        ]
        lines.append(f"| {truth} | " + " | ".join(str(number or "") for number in numbers) + " |")
    mixed = Counter(answer.gap.cause for answer in found if answer.truth is None)
    numbers = [mixed.total(), *(mixed[cause] for cause in Cause)]
    lines.append("| two things at once | " + " | ".join(str(number or "") for number in numbers) + " | | | | |")
    return "\n".join(lines)


def share(found: Iterable[Answer], verdict: Verdict) -> float:
    """Of the answers where evidence exists."""
    evident = [answer for answer in found if answer.evident]
    return sum(answer.verdict is verdict for answer in evident) / len(evident)


def survey(seed: int, *, sessions: int, clock: Clock = Clock.BEGINS_ANEW) -> tuple[list[Answer], list[Answer]]:
    """All answers about one history: from names alone, and with callbacks."""
    past = history(seed, sessions=sessions, clock=clock)
    with (
        tempfile.TemporaryDirectory() as folder,
        Catalog.open_to_write(f"sqlite:///{folder}/catalog.db", now=NOW) as catalog,
    ):
        in_catalog(past, catalog)
        from_names = [answer for seat, timeline in told(past, catalog) for answer in answers(seat, timeline)]
        catalog.facts.record(past.told)
        with_callbacks = [
            answer for seat, timeline in told(past, catalog) for answer in answers(seat, timeline, callbacks=True)
        ]
        return from_names, with_callbacks


if __name__ == "__main__":
    for each in survey(SEED, sessions=SESSIONS):
        print(table(each), end="\n\n")  # noqa: T201 - it is what it is for
