"""What an emulated recorder sees and takes, in the order of time: from a scenario and a seed, always the same.  Pure.

As Agora documents it: the video of at most 17 users is taken, the first ones to join, an 18th only when one leaves; a
shot of each every `captureInterval`; when a recorder fails, nothing for up to 90 s, then another one under a uid of its
own, whose files begin with `bak0_`, `bak1_`, `bak2_`, and from the fourth failure on none.  Each user's shots have a
phase of their own, which starts anew when video resumes.

SOURCE: Agora's pages "Capture screenshots" and "Set up subscriptions", and its FAQ on high availability.  Nothing says
what a new recorder reports of streams: here it reports all that it receives, and nobody those that ended meanwhile.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from random import Random
from typing import Final

from indexer.model import from_ms, to_ms
from indexer.service.emulator.happening import (
    FailedOver,
    Happening,
    Plan,
    RecorderFailed,
    RecorderLeft,
    RecorderLost,
    RecorderStarted,
    ShotTaken,
    SliceCut,
    StreamChanged,
)
from indexer.service.emulator.scenario import LARGEST_UID, MOST_SWITCHES, Failover, Scenario, User

MOST_VIDEOS: Final = 17
"""Users whose video is taken at a time."""

SLICE: Final = timedelta(seconds=15)
"""The usual length of a recording's slices."""


def happenings(scenario: Scenario, plan: Plan, *, start: datetime, seed: int) -> Iterator[Happening]:
    """What happens from `start` (aware) on, in the order of time; endless if the scenario is.

    The same arguments give the same happenings, and no two shots have the same key.  Only what comes next is held.
    A session that ends by itself ends with `RecorderLeft` or `RecorderLost`.
    """
    return Simulation(scenario, plan, start=start, seed=seed).run()


# What lies on the heap for the same millisecond happens in this order: who stops is not captured any more, who leaves
# makes room for who joins.
_START, _TURN, _FAIL, _TAKE_OVER, _CEASE, _STOP, _LEAVE, _JOIN, _PUBLISH, _IDLE, _END, _SLICE_END, _SHOT = range(13)

_SLICE_MS: Final = SLICE // timedelta(milliseconds=1)
_TRACK_BEGINS_MS: Final = (300, 900)


@dataclass(slots=True)
class _Recorder:
    bak: int | None = None
    silent: bool = False
    gone: bool = False


@dataclass(slots=True)
class _Stream:
    """One user's video, from when a recorder receives it to when it does not."""

    uid: str
    recorder: _Recorder
    chance: Random
    first_ms: int = 0
    shots: int = 0
    over: bool = False


@dataclass(slots=True)
class _Track:
    """One user's recording under way."""

    uid: str
    name: str
    recorder: _Recorder
    since_ms: int
    anew: bool = True
    over: bool = False


@dataclass(slots=True)
class _Guest:
    """A user's state."""

    user: User
    wanted: bool
    """Subscribed to."""
    present: bool = False
    publishing: bool = False
    taken: bool = False
    """One of the 17."""
    received: bool = False
    streams: int = 0
    """So far."""
    live: list[_Stream] = field(default_factory=list)
    tracks: dict[str, _Track] = field(default_factory=dict)


class Simulation:
    """A session as it goes.  What comes next lies on a heap, each as what is to be done then."""

    def __init__(self, scenario: Scenario, plan: Plan, *, start: datetime, seed: int) -> None:
        self._scenario, self._plan, self._start_ms = scenario, plan, to_ms(start)
        self._seed = f"{seed}/{plan.sid}"
        self._interval_ms = max(1, _ms(plan.interval))
        self._jitter_ms = min(_ms(scenario.jitter), self._interval_ms - 1)  # more would exchange shots of a stream
        self._late_ms = _ms(scenario.late.by)
        self._uids = _chance(f"{self._seed}/recorders")
        self._guests = [_Guest(user, plan.subscribed is None or user.uid in plan.subscribed) for user in scenario.users]
        self._queue: list[_Guest] = []
        self._taken = 0
        self._present = 0
        self._idle_turn = 0
        self._recorder = _Recorder()
        self.over = False
        """The session has ended by itself, or was cut."""
        self._heap: list[tuple[int, int, int, Callable[[int], Iterable[Happening]]]] = []
        self._order = count()

        self._push(self._start_ms, _START, self._start)
        self._push(self._start_ms, _TURN, self._turn)
        for number, failover in enumerate(scenario.failovers):
            self._push(self._start_ms + _ms(failover.at), _FAIL, partial(self._fail, number, failover))
        if scenario.length is not None:
            self._push(self._start_ms + _ms(scenario.length), _END, self._leave_for_good)
        self._expect_somebody(self._start_ms)

    def run(self) -> Iterator[Happening]:
        """See `happenings`."""
        while self.due is not None:
            yield from self.step()

    @property
    def due(self) -> datetime | None:
        """When something may happen next; None if nothing ever will."""
        return None if self.over or not self._heap else from_ms(self._heap[0][0])

    def step(self) -> Iterable[Happening]:
        """What happens then: often nothing.  To be taken whole before anything else is asked."""
        at_ms, _, _, act = heapq.heappop(self._heap)
        return act(at_ms)

    def subscribe(self, uids: frozenset[str] | None, at: datetime) -> Iterator[Happening]:
        """Take the video of these users from now on, which is not behind what is due; None is everybody's."""
        at_ms = to_ms(at)
        for guest in self._guests:
            wanted = uids is None or guest.user.uid in uids
            if wanted != guest.wanted:
                guest.wanted = wanted
                if guest.present:
                    yield from (self._arrive if wanted else self._depart)(guest, at_ms)
        yield from self._settle(at_ms)

    def cut(self, at: datetime) -> list[SliceCut]:
        """The last slices of all recordings, if the session is stopped at `at`.  Nothing happens after that."""
        self.over = True
        at_ms = to_ms(at)
        tracks = [track for guest in self._guests for track in guest.tracks.values()]
        return [cut for track in tracks for cut in self._ended(track, at_ms)]

    def _push(self, at_ms: int, rank: int, act: Callable[[int], Iterable[Happening]]) -> None:
        heapq.heappush(self._heap, (at_ms, rank, next(self._order), act))

    def _start(self, at_ms: int) -> Iterable[Happening]:
        return (RecorderStarted(from_ms(at_ms)),)

    # --- Users ------------------------------------------------------------------------------------------------------

    def _turn(self, at_ms: int) -> Iterable[Happening]:
        """Put on the heap what users do, until it begins again."""
        repeats = self._scenario.repeats
        for guest in self._guests:
            user = guest.user
            joins = at_ms + _ms(user.joins)
            self._push(joins, _JOIN, partial(self._join, guest))
            if user.leaves is not None:
                self._push(at_ms + _ms(user.leaves), _LEAVE, partial(self._leave, guest))
            for period in user.publishing:
                until = None if period.until is None else at_ms + _ms(period.until)
                if until is None or until > joins:
                    since = max(joins, at_ms + _ms(period.since))
                    self._push(since, _PUBLISH, partial(self._publish, guest))
                if until is not None:
                    self._push(until, _STOP, partial(self._stop, guest))
        if repeats is not None:
            self._push(at_ms + _ms(repeats), _TURN, self._turn)
        return ()

    def _join(self, guest: _Guest, at_ms: int) -> Iterator[Happening]:
        if guest.present:
            return
        guest.present = True
        self._present += 1
        if guest.wanted:
            yield from self._arrive(guest, at_ms)
        yield from self._settle(at_ms)

    def _leave(self, guest: _Guest, at_ms: int) -> Iterator[Happening]:
        if not guest.present:
            return
        guest.present = guest.publishing = False
        self._present -= 1
        if guest.wanted:
            yield from self._depart(guest, at_ms)
        yield from self._settle(at_ms)
        if not self._present:
            self._expect_somebody(at_ms)

    def _publish(self, guest: _Guest, at_ms: int) -> Iterator[Happening]:
        if guest.present:
            guest.publishing = True
            yield from self._see(guest, at_ms)

    def _stop(self, guest: _Guest, at_ms: int) -> Iterator[Happening]:
        guest.publishing = False
        yield from self._see(guest, at_ms)

    def _arrive(self, guest: _Guest, at_ms: int) -> Iterable[Happening]:
        """Somebody is there now of whom the recorder shall take what it can."""
        self._queue.append(guest)
        self._track(guest, "audio", at_ms)
        return ()

    def _depart(self, guest: _Guest, at_ms: int) -> Iterator[Happening]:
        """And now not any more."""
        if guest.taken:
            guest.taken = False
            self._taken -= 1
        else:
            self._queue.remove(guest)
        if "audio" in guest.tracks:
            yield from self._ended(guest.tracks["audio"], at_ms)
        yield from self._see(guest, at_ms)

    def _settle(self, at_ms: int) -> Iterator[Happening]:
        """Take those who have waited longest, as far as there is room."""
        while self._queue and self._taken < MOST_VIDEOS:
            guest = self._queue.pop(0)
            guest.taken = True
            self._taken += 1
            yield from self._see(guest, at_ms)

    def _expect_somebody(self, at_ms: int) -> None:
        self._idle_turn += 1
        if self._plan.max_idle is not None:
            turn = self._idle_turn
            self._push(at_ms + _ms(self._plan.max_idle), _IDLE, partial(self._leave_if_idle, turn))

    # --- Recorders --------------------------------------------------------------------------------------------------

    def _see(self, guest: _Guest, at_ms: int) -> Iterator[Happening]:
        """Begin or end a user's video, if that has changed."""
        received = guest.taken and guest.publishing and "video" in self._plan.tracks
        if received == guest.received:
            return
        guest.received = received
        if not received:
            for stream in guest.live:
                stream.over = True
            guest.live.clear()
            if "video" in guest.tracks:
                yield from self._ended(guest.tracks["video"], at_ms)
        if not self._recorder.silent:
            yield StreamChanged(from_ms(at_ms), guest.user.uid, received)
            if received:
                self._stream(guest, at_ms)

    def _stream(self, guest: _Guest, at_ms: int) -> None:
        """Let the recorder take shots of a user from now on."""
        if self._plan.pictures:
            chance = _chance(f"{self._seed}/{guest.user.uid}/{guest.streams}")
            guest.streams += 1
            stream = _Stream(guest.user.uid, self._recorder, chance)
            stream.first_ms = at_ms + 1 + chance.randrange(self._interval_ms)
            guest.live.append(stream)
            self._push_shot(stream)
        self._track(guest, "video", at_ms)

    def _push_shot(self, stream: _Stream) -> None:
        late_ms = stream.chance.randint(0, self._jitter_ms)
        at_ms = stream.first_ms + stream.shots * self._interval_ms + late_ms
        self._push(at_ms, _SHOT, partial(self._shot, stream))

    def _shot(self, stream: _Stream, at_ms: int) -> Iterable[Happening]:
        if stream.over or stream.recorder.gone:
            return ()
        stream.shots += 1
        self._push_shot(stream)
        if stream.recorder.silent:
            return ()
        # Both are drawn for each shot, so that shares change nothing but what they are about.
        at, luck, delay = from_ms(at_ms), stream.chance.random(), stream.chance.random()
        uploaded_at: datetime | None = at
        if luck < self._scenario.lost:
            uploaded_at = None
        elif luck > 1 - self._scenario.late.share:
            least_ms = min(1000, self._late_ms)
            uploaded_at = from_ms(at_ms + least_ms + int(delay * (self._late_ms - least_ms)))
        return (ShotTaken(at, stream.uid, stream.recorder.bak, uploaded_at),)

    def _fail(self, number: int, failover: Failover, at_ms: int) -> Iterable[Happening]:
        self._recorder.silent = True
        for guest in self._guests:  # what was under way is lost
            for track in guest.tracks.values():
                track.over = True
            guest.tracks.clear()
        failed = RecorderFailed(from_ms(at_ms), self._recorder.bak)
        if number >= MOST_SWITCHES:
            self.over = True
            return (failed, RecorderLost(failed.at))
        taken_over = at_ms + _ms(failover.takes)
        self._push(taken_over, _TAKE_OVER, partial(self._take_over, number, failover, at_ms))
        return (failed,)

    def _take_over(self, number: int, failover: Failover, failed_ms: int, at_ms: int) -> Iterator[Happening]:
        old, self._recorder = self._recorder, _Recorder(number)
        old.silent, old.gone = False, not failover.overlap
        if failover.overlap:
            self._push(at_ms + _ms(failover.overlap), _CEASE, partial(self._cease, old))
        yield FailedOver(from_ms(at_ms), str(self._uids.randint(1, LARGEST_UID)), number, from_ms(failed_ms))
        for guest in self._guests:
            if guest.present and guest.wanted:
                self._track(guest, "audio", at_ms)
            if guest.received:
                yield StreamChanged(from_ms(at_ms), guest.user.uid, receiving=True)
                self._stream(guest, at_ms)

    def _cease(self, recorder: _Recorder, _: int) -> Iterable[Happening]:
        recorder.gone = True
        return ()

    def _leave_if_idle(self, turn: int, at_ms: int) -> Iterable[Happening]:
        if self._present or turn != self._idle_turn:
            return ()
        return [*self.cut(from_ms(at_ms)), RecorderLeft(from_ms(at_ms), idle=True)]

    def _leave_for_good(self, at_ms: int) -> Iterable[Happening]:
        return [*self.cut(from_ms(at_ms)), RecorderLeft(from_ms(at_ms))]

    # --- Recordings -------------------------------------------------------------------------------------------------

    def _track(self, guest: _Guest, name: str, at_ms: int) -> None:
        """Record a track of a user from now on."""
        if self._plan.records and name in self._plan.tracks and not self._recorder.silent:
            chance = _chance(f"{self._seed}/{guest.user.uid}/{name}/{at_ms}")
            track = _Track(guest.user.uid, name, self._recorder, at_ms + chance.randint(*_TRACK_BEGINS_MS))
            guest.tracks[name] = track
            self._push(track.since_ms + _SLICE_MS, _SLICE_END, partial(self._slice_end, track))

    def _slice_end(self, track: _Track, at_ms: int) -> Iterable[Happening]:
        if track.over:
            return ()
        self._push(at_ms + _SLICE_MS, _SLICE_END, partial(self._slice_end, track))
        return (_sliced(track, at_ms),)

    def _ended(self, track: _Track, at_ms: int) -> Iterator[SliceCut]:
        if not track.over:
            track.over = True
            if at_ms > track.since_ms:
                yield _sliced(track, at_ms)


def _sliced(track: _Track, at_ms: int) -> SliceCut:
    """The slice that ends now; the next one goes on behind it."""
    began, anew = from_ms(track.since_ms), track.anew
    track.since_ms, track.anew = at_ms, False
    return SliceCut(from_ms(at_ms), track.uid, track.name, track.recorder.bak, began, anew)


def _ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)


def _chance(seed: str) -> Random:
    return Random(seed)  # noqa: S311 - a world to look at, not a secret
