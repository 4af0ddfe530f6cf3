"""Pictures of emulated users: drawn for their capture, or, where that would take too long, from a stock.

Drawing a frame takes 10 to 15 ms of a core, and the first one of a face ten times as much.  While all sessions together
ask for no more pictures than `DRAWN_PER_S` each is drawn anew, with its user's name and its true time.  Above that they
come from a stock of a small cast: a uid always gets the same face, name and clock on the picture are those of the cast.
Whatever it came from, a comment (JPEG's COM segment) tells session, user and time, so that no two are the same bytes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from threading import Lock
from typing import Final

from indexer.model import EPOCH, rfc3339, to_ms
from indexer.render.frames import Person, Scene, draw_frame
from indexer.service.emulator.scenario import Scenario
from indexer.service.emulator.simulation import MOST_VIDEOS, Plan

DRAWN_PER_S: Final = 20.0
"""So many are drawn a second, which takes a third of a core; for sessions that ask for more there is the stock."""

CAST: Final = 16
"""Faces of the stock."""

TAKES: Final = 3
"""Pictures of each."""

_FACES: Final = 256
_SCENES: Final = tuple(Scene)
_APP0: Final = b"\xff\xe0"


@dataclass(slots=True)
class Used:
    """How many pictures came from where."""

    drawn: int = 0
    from_stock: int = 0


class Studio:
    """Makes the pictures of all sessions.  Threads may share it."""

    def __init__(self, *, drawn_per_s: float = DRAWN_PER_S) -> None:
        self.drawn_per_s: Final = drawn_per_s
        self.used: Final = Used()
        self._asked_per_s = 0.0
        self._lock = Lock()
        self._stock: dict[tuple[int, int, int], tuple[bytes, ...]] = {}
        self._drawing = Lock()

    def open(self, scenario: Scenario, plan: Plan, *, speed: float) -> "Camera":
        """A camera for a session, which counts until it is closed."""
        seen = min(MOST_VIDEOS, len(scenario.users))
        asked = seen * speed / max(plan.interval.total_seconds(), 0.001) if plan.pictures else 0.0
        with self._lock:
            self._asked_per_s += asked
        return Camera(self, scenario, plan, asked)

    def draws(self) -> bool:
        """Whether each picture is drawn now; otherwise they come from the stock."""
        return 0 < self.drawn_per_s >= self._asked_per_s

    def count(self, *, drawn: bool) -> None:
        """Note where a picture came from."""
        with self._lock:
            if drawn:
                self.used.drawn += 1
            else:
                self.used.from_stock += 1

    def leave(self, asked_per_s: float) -> None:
        """A camera is closed."""
        with self._lock:
            self._asked_per_s = max(0.0, self._asked_per_s - asked_per_s)

    def take(self, uid: str, at: datetime, width: int, height: int) -> bytes:
        """A picture of the stock, drawn when it is asked for the first time."""
        face = face_of(uid) % CAST
        part = face, width, height
        found = self._stock.get(part)
        if found is None:
            with self._drawing:  # others wait, instead of drawing the same
                found = self._stock.get(part)
                if found is None:
                    found = self._stock[part] = _takes(*part)
        return found[to_ms(at) % TAKES]


class Camera:
    """The pictures of one session."""

    def __init__(self, studio: Studio, scenario: Scenario, plan: Plan, asked_per_s: float) -> None:
        self._studio, self._plan, self._asked_per_s = studio, plan, asked_per_s
        self._sides = scenario.width, scenario.height
        self._users = {user.uid: user for user in scenario.users}

    def picture(self, uid: str, at: datetime) -> bytes:
        """A JPEG of a user, captured at `at`."""
        user = self._users[uid]
        width, height = self._sides[::-1] if user.phone else self._sides
        face = face_of(uid)
        drawn = self._studio.draws()
        if drawn:
            person = Person(user.name, face, _SCENES[face % len(_SCENES)] if not user.phone else Scene.WINDOW)
            jpeg = draw_frame(person, channel=self._plan.cname, moment=at, width=width, height=height)
        else:
            jpeg = self._studio.take(uid, at, width, height)
        self._studio.count(drawn=drawn)
        how = "drawn" if drawn else "from stock"
        return with_comment(jpeg, f"livestills emulator: {self._plan.sid} {uid} {rfc3339(at)}, {how}")

    def close(self) -> None:
        """Its session asks for no more."""
        self._studio.leave(self._asked_per_s)
        self._asked_per_s = 0.0


@lru_cache(maxsize=4096)
def face_of(uid: str) -> int:
    """The face of a user, always the same."""
    return blake2b(uid.encode(), digest_size=2).digest()[0] % _FACES


def with_comment(jpeg: bytes, comment: str) -> bytes:
    """The same picture with a comment in it.  Readers of JFIF want its own segment to stay the first."""
    place = 2
    if jpeg[2:4] == _APP0:
        place += 2 + int.from_bytes(jpeg[4:6])
    text = comment.encode()
    return b"".join((jpeg[:place], b"\xff\xfe", (len(text) + 2).to_bytes(2), text, jpeg[place:]))


def _takes(face: int, width: int, height: int) -> tuple[bytes, ...]:
    """The stock of one face.  The clocks on its pictures show a day long ago."""
    person = Person(f"Extra {face + 1}", face * 5 + 3, _SCENES[face % len(_SCENES)])
    moments = [EPOCH + timedelta(minutes=face, seconds=7 * take) for take in range(TAKES)]
    return tuple(draw_frame(person, channel="from stock", moment=at, width=width, height=height) for at in moments)
