"""Pictures of emulated users: drawn for their capture or, where that would take too long, from a stock.

Drawing a frame takes 10 to 15 ms of a core, and the first one of a face ten times as much.  While all sessions together
ask for no more than `DRAWN_PER_S` pictures a second, each is drawn anew, with its user's name and its true time.  Above
that they come from a stock that has three pictures of each face: faces and scenes stay those of the users, but names
and clocks on the pictures say that they are from the stock.

Wherever it came from, a comment in the file (JPEG's COM segment) tells session, user and time, so that no two pictures
are the same bytes.  The same scenario always has the same faces.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from threading import Lock
from typing import Final

from indexer.model import EPOCH, rfc3339, to_ms
from indexer.render.frames import Person, Scene, draw_frame
from indexer.service.emulator.happening import Plan
from indexer.service.emulator.scenario import Scenario, User
from indexer.service.emulator.simulation import MOST_VIDEOS

DRAWN_PER_S: Final = 20.0
"""So many are drawn a second, which takes a third of a core; for sessions that ask for more there is the stock."""

FACES: Final = 24
"""Everybody in a session has another one, up to so many.  The drawing keeps what never moves of 64 faces."""

TAKES: Final = 3
"""Pictures of a face in the stock."""

_SCENES: Final = (Scene.WINDOW, Scene.BOOKSHELF, Scene.OFFICE, Scene.EVENING)
_APP0: Final = b"\xff\xe0"
_COMMENT: Final = b"\xff\xfe"


@dataclass(slots=True)
class Used:
    """How many pictures came from where."""

    drawn: int = 0
    from_stock: int = 0


class Studio:
    """Makes the pictures of all sessions.  Threads may share it."""

    def __init__(self, *, drawn_per_s: float = DRAWN_PER_S) -> None:
        """With 0 nothing is drawn anew."""
        self.used: Final = Used()
        self._drawn_per_s = drawn_per_s
        self._asked_per_s = 0.0
        self._stock: dict[tuple[int, int, int], tuple[bytes, ...]] = {}
        self._lock, self._drawing = Lock(), Lock()

    def open(self, scenario: Scenario, plan: Plan, *, speed: float) -> "Camera":
        """A camera for a session, whose pictures count as asked for until it is closed."""
        seen = min(MOST_VIDEOS, len(scenario.users)) if plan.pictures else 0
        asked_per_s = seen * speed / plan.interval.total_seconds() if seen else 0.0
        with self._lock:
            self._asked_per_s += asked_per_s
        return Camera(self, scenario, plan, asked_per_s)

    def leave(self, asked_per_s: float) -> None:
        """A camera is closed."""
        with self._lock:
            self._asked_per_s = max(0.0, self._asked_per_s - asked_per_s)

    def draws(self) -> bool:
        """Whether pictures are drawn now; otherwise they come from the stock."""
        return 0 < self._drawn_per_s >= self._asked_per_s

    def count(self, *, drawn: bool) -> None:
        """Note where a picture came from."""
        with self._lock:
            self.used.drawn += drawn
            self.used.from_stock += not drawn

    def from_stock(self, face: int, at: datetime, width: int, height: int) -> bytes:
        """A picture of the stock, drawn when its face is asked for the first time."""
        part = face, width, height
        found = self._stock.get(part)
        if found is None:
            with self._drawing:  # others wait, instead of drawing the same
                found = self._stock.get(part)
                if found is None:
                    found = self._stock[part] = _takes(*part)
        return found[to_ms(at) % TAKES]


class Camera:
    """Takes the pictures of one session.  Threads may share it."""

    def __init__(self, studio: Studio, scenario: Scenario, plan: Plan, asked_per_s: float) -> None:
        self._studio, self._plan, self._asked_per_s = studio, plan, asked_per_s
        self._sides = scenario.width, scenario.height
        self._users = {user.uid: (user, face) for user, face in zip(scenario.users, faces(scenario), strict=True)}

    def picture(self, uid: str, at: datetime) -> bytes:
        """A JPEG of a user, captured at `at`."""
        user, face = self._users[uid]
        width, height = self._sides[::-1] if user.phone else self._sides
        drawn = self._studio.draws()
        if drawn:
            jpeg = draw_frame(_person(user.name, face), channel=self._plan.cname, moment=at, width=width, height=height)
        else:
            jpeg = self._studio.from_stock(face, at, width, height)
        self._studio.count(drawn=drawn)
        how = "drawn" if drawn else "from stock"
        return with_comment(jpeg, f"livestills emulator: {self._plan.sid} {uid} {rfc3339(at)}, {how}")

    def close(self) -> None:
        """Its session asks for no more."""
        self._studio.leave(self._asked_per_s)
        self._asked_per_s = 0.0


def faces(scenario: Scenario) -> list[int]:
    """The faces of a scenario's users, in their order: by their uids, but as different as possible."""
    found: list[int] = []
    free: set[int] = set()
    for user in scenario.users:
        free = free or set(range(FACES))
        wanted = _wanted_face(user)
        face = min(free, key=lambda each: (each - wanted) % FACES)
        free.discard(face)
        found.append(face)
    return found


def with_comment(jpeg: bytes, comment: str) -> bytes:
    """The same picture with a comment in it, behind the segment that readers of JFIF want to be the first."""
    place = 2
    if jpeg[2:4] == _APP0:
        place += 2 + int.from_bytes(jpeg[4:6])
    text = comment.encode()
    return b"".join((jpeg[:place], _COMMENT, (len(text) + 2).to_bytes(2), text, jpeg[place:]))


def _wanted_face(user: User) -> int:
    return blake2b(user.uid.encode(), digest_size=1).digest()[0] % FACES


def _person(name: str, face: int) -> Person:
    return Person(name, face, _SCENES[face % len(_SCENES)])


def _takes(face: int, width: int, height: int) -> tuple[bytes, ...]:
    """The stock of one face.  The clocks on its pictures show the beginning of all times."""
    person = _person("from the stock", face)
    moments = [EPOCH + timedelta(seconds=7 * take) for take in range(TAKES)]
    return tuple(draw_frame(person, channel="emulated", moment=at, width=width, height=height) for at in moments)
