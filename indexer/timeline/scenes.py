"""Runs of pictures that look alike, folded.  Pure: sights of a series in time order in, scenes out.

Nothing is held but a scene and the few pictures that may become one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Generic, NamedTuple, TypeVar

from indexer.timeline.looks import Kind, Look, Step, Thresholds

LEAST: Final = 3
"""So many pictures that look alike are a still scene, as so many equal ones are frozen; fewer are movement."""

_MILLISECOND: Final = timedelta(milliseconds=1)

_Shot = TypeVar("_Shot")


class Seen(NamedTuple, Generic[_Shot]):
    """A shot and what is known of how it looks."""

    shot: _Shot
    captured_at: datetime
    look: Look | None
    """None if nobody looked."""
    equal: bool = False
    """It is known to be the picture before it, byte for byte."""
    recorder: int = 0
    """By whose picture before it it was compared."""


@dataclass(frozen=True, slots=True)
class Scene(Generic[_Shot]):
    """A stretch of a run in which the pictures are of one kind; a still one shows one thing."""

    kind: Kind
    since: datetime
    """When its first shot was taken."""
    until: datetime
    """When the next scene begins; at the end of a run when its last shot was taken."""
    shots: int
    first: _Shot

    @property
    def length(self) -> timedelta:
        """Of time."""
        return self.until - self.since


def scenes(run: Iterable[Seen[_Shot]], thresholds: Thresholds) -> Iterator[Scene[_Shot]]:
    """Fold one run without gaps.  The scenes tile it: each ends where the next one begins."""
    scene: Scene[_Shot] | None = None
    for next_ in _merged(_takes(run, thresholds)):
        if scene is not None:
            yield replace(scene, until=next_.since)
        scene = next_
    if scene is not None:
        yield scene


class _Take(Generic[_Shot]):
    """Pictures that stay as they are, however few."""

    def __init__(self, seen: Seen[_Shot], kind: Kind | None) -> None:
        self.first = seen
        self.last = seen
        self.kind = kind
        """Of each of its pictures by itself."""
        self.looked_at = seen.look
        """The first look that there is."""
        self.shots = 1

    def add(self, seen: Seen[_Shot]) -> None:
        self.last = seen
        self.looked_at = self.looked_at or seen.look
        self.shots += 1

    def scene(self) -> Scene[_Shot]:
        if self.kind is not None:
            kind = self.kind
        elif self.shots >= LEAST:
            kind = Kind.STILL
        else:
            kind = Kind.UNKNOWN if self.looked_at is None else Kind.MOVING
        return Scene(kind, self.first.captured_at, self.last.captured_at, self.shots, self.first.shot)


def _takes(run: Iterable[Seen[_Shot]], thresholds: Thresholds) -> Iterator[_Take[_Shot]]:
    take: _Take[_Shot] | None = None
    for seen in run:
        if take is not None and seen.equal and seen.look is None:
            take.add(seen)  # whatever it shows, it is what was shown before
            continue
        kind = None if seen.look is None else thresholds.kind(seen.look)
        if take is not None and _goes_on(take, seen, kind, thresholds):
            take.add(seen)
            continue
        if take is not None:
            yield take
        take = _Take(seen, kind)
    if take is not None:
        yield take


def _goes_on(take: _Take[_Shot], seen: Seen[_Shot], kind: Kind | None, thresholds: Thresholds) -> bool:
    if seen.equal:
        return True
    if seen.look is None or take.looked_at is None or kind != take.kind:
        return False
    if kind in {Kind.BLACK, Kind.COVERED}:
        return True
    if thresholds.drifted(take.looked_at, seen.look):
        return False
    step = _step(take, seen, seen.look, thresholds)
    # What is uncertain goes on as it was.  Of two recorders at once, the one that began the take judges.
    goes_on = take.shots >= LEAST or kind is not None or seen.recorder != take.first.recorder
    return step is Step.ALIKE or (step is Step.UNCERTAIN and goes_on)


def _step(take: _Take[_Shot], seen: Seen[_Shot], look: Look, thresholds: Thresholds) -> Step:
    """Another recorder may have taken the picture before it: the one that it was compared with must be in the take."""
    change = look.change
    if change is not None and seen.captured_at - change.after_ms * _MILLISECOND >= take.first.captured_at:
        return thresholds.step(change)
    last = take.last.look or take.looked_at
    return Step.UNCERTAIN if last is None else thresholds.guess(last, look)


def _merged(takes: Iterable[_Take[_Shot]]) -> Iterator[Scene[_Shot]]:
    """Neighbours of which none stays are one scene."""
    open_: Scene[_Shot] | None = None
    for scene in (take.scene() for take in takes):
        if open_ is not None and open_.kind is scene.kind and scene.kind in {Kind.MOVING, Kind.UNKNOWN}:
            open_ = replace(open_, until=scene.until, shots=open_.shots + scene.shots)
            continue
        if open_ is not None:
            yield open_
        open_ = scene
    if open_ is not None:
        yield open_
