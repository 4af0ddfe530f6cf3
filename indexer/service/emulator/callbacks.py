"""Where notification callbacks go: into a file, and wherever else; spoiled on request as networks spoil them.

SOURCE: "Receive notifications" of Agora's Notification Center Service: notices may be lost, come twice or in another
order.
"""

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import BinaryIO, Final, Protocol

from indexer.agora import events
from indexer.agora.events import Notice
from indexer.service import notice_log

_log = logging.getLogger(__name__)

_HELD: Final = 5  # a notice that comes late lets at most so many others pass


class Taker(Protocol):
    """Where notices go.  `take` returns at once, in whatever thread it is called."""

    def take(self, notice: Notice) -> None:
        """Send a notice on its way."""
        ...

    def close(self, *, within_s: float) -> None:
        """Send what is under way, for so long at most.  Nothing may be taken behind it."""
        ...


def appending(path: Path) -> BinaryIO:
    """A file of notices to write behind what is in it.  Raises `ConfigError`."""
    return notice_log.appending(path, named=f"notices cannot be written to {path}")


class Journal:
    """Writes notices to a file, one a line, as `livestills events ingest` reads them."""

    def __init__(self, path: Path) -> None:
        """Raises `ConfigError`.  What was in the file stays before."""
        self.path, self.written = path, 0
        self._lock = threading.Lock()
        self._broken = False
        self._file = appending(path)

    def take(self, notice: Notice) -> None:
        """See `Taker`.  What cannot be written is left out, and logged once: capturing goes on."""
        with self._lock:
            if self._broken or self._file.closed:
                return
            try:
                self._file.write(events.format(notice) + b"\n")
                self._file.flush()  # somebody may be reading it
            except OSError as exc:
                self._broken = True
                _log.warning("no more notices are written to %s: %s", self.path, exc.strerror)
            else:
                self.written += 1

    def close(self, *, within_s: float) -> None:  # noqa: ARG002  # nothing is under way
        """See `Taker`."""
        with self._lock, suppress(OSError):  # what the disk did not take has been told
            self._file.close()


@dataclass(frozen=True, slots=True)
class Spoiling:
    """Which shares of the notices do not arrive as they should, each from 0 to 1."""

    lost: float = 0
    repeated: float = 0
    late: float = 0
    """Arrive behind up to five others."""


@dataclass(slots=True)
class _Held:
    notice: Notice
    others: int
    """So many have yet to pass."""


@dataclass(slots=True)
class Spoiler:
    """Hands notices on to all `takers`, some of them not at all, twice or late.  The same seed spoils the same ones."""

    takers: Sequence[Taker]
    spoiling: Spoiling
    seed: int
    told: int = 0
    lost: int = 0
    repeated: int = 0
    late: int = 0
    _held: list[_Held] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _random: Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = Random(f"notices {self.seed}")  # noqa: S311  # a game that can be played again, no secret

    def take(self, notice: Notice) -> None:
        """See `Taker`."""
        with self._lock:
            self.told += 1
            # All three are drawn each time: one share does not change whom another one hits.
            lost, repeated, late = (self._random.random() for _ in range(3))
            others = self._random.randint(1, _HELD)
            if lost < self.spoiling.lost:
                self.lost += 1
                return
            if late < self.spoiling.late:
                self.late += 1
                self._held.append(_Held(notice, others))
                return
            self._hand_on(notice)
            if repeated < self.spoiling.repeated:
                self.repeated += 1
                self._hand_on(notice)
            self._release()

    def close(self, *, within_s: float) -> None:
        """See `Taker`."""
        with self._lock:
            for held in self._held:
                self._hand_on(held.notice)
            self._held.clear()
        for taker in self.takers:
            taker.close(within_s=within_s)

    def _release(self) -> None:
        """Let one more pass those that are held."""
        for held in self._held:
            held.others -= 1
        for held in [held for held in self._held if held.others <= 0]:
            self._held.remove(held)
            self._hand_on(held.notice)

    def _hand_on(self, notice: Notice) -> None:
        for taker in self.takers:
            taker.take(notice)
