"""A history of sessions from a seed, the latest first: a longer one is the same one with older sessions behind it.

There are so many shots a day, however many there are, so what is asked of the last days has one answer in all lengths.
"""

import random
from array import array
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final, NamedTuple

from benchmarks.world import DAY_MS, PREFIX
from indexer.agora.names import ShotHead
from indexer.catalog.listed import ListedStream, Stretch
from indexer.catalog.rows import MD5_BYTES
from indexer.jobs.stretches import ROWS

EVERYWHERE: Final = "1"
"""A uid that is in every session, as that of a teacher or a watching program is."""
END_MS: Final = 1_793_404_800_000
"""2026-10-31, when the last session has ended."""
SHOTS_A_DAY: Final = 10_000_000 // 365
INTERVAL_MS: Final = 5_000

_FEWEST, _MOST = 250, 500  # shots of a user in a session: 20 to 40 minutes
_LARGE: Final = 17  # users of one session in twenty; the others have two to six
_USERS: Final = 300
_CHANNELS: Final = 200
_FAILOVERS: Final = 0.05  # sessions that a second recorder finished
_OUTAGE: Final = 6  # shots that nobody took then


class Seat(NamedTuple):
    """The shots of one user by one recorder in one session."""

    number: int
    head: ShotHead
    key_head: str
    first_ms: int
    shots: int


class History:
    """At least so many shots, in whole sessions."""

    def __init__(self, shots: int, *, seed: int = 1) -> None:
        chance = random.Random(seed)
        uids = [str(chance.randrange(10**8, 2**32)) for _ in range(_USERS)]
        frequencies = list(accumulate(1 / (rank + 10) for rank in range(_USERS)))
        self.seats: list[Seat] = []
        """The latest session first."""
        self.sessions = self.shots = 0
        while self.shots < shots:
            sid, cname = chance.randbytes(16).hex(), f"ride_{int(_CHANNELS * chance.random() ** 2)}"
            users = _LARGE if chance.random() < 0.05 else chance.randint(2, 6)
            present = {EVERYWHERE, *chance.choices(uids, cum_weights=frequencies, k=users - 1)}
            fails_over = chance.random() < _FAILOVERS
            start_ms = END_MS - _MOST * INTERVAL_MS - self.shots * DAY_MS // SHOTS_A_DAY
            for uid in sorted(present):
                self._add(sid, cname, uid, start_ms - chance.randrange(600_000), chance, fails_over=fails_over)
            self.sessions += 1

    def _add(self, sid: str, cname: str, uid: str, first_ms: int, chance: random.Random, *, fails_over: bool) -> None:
        shots = chance.randint(_FEWEST, _MOST)
        cut = chance.randrange(1, shots) if fails_over else shots
        for bak, first, count in (("", 0, cut), ("bak0_", cut + _OUTAGE, shots - cut)):
            if count:
                head = ShotHead(PREFIX, bak, sid, cname, uid)
                self.seats.append(
                    Seat(len(self.seats), head, head.text, first_ms + first * INTERVAL_MS, count),
                )
        self.shots += shots


def listed(seat: Seat) -> ListedStream:
    """The shots of a seat as a listing found them; the digest is any number, but always the same."""
    chance = random.Random(seat.number)
    count = seat.shots
    times = range(seat.first_ms, seat.first_ms + count * INTERVAL_MS, INTERVAL_MS)
    captured_ms = [time + late for time, late in zip(times, chance.randbytes(count), strict=True)]
    sizes = [20_000 + 4 * size for size in array("H", chance.randbytes(2 * count))]
    lags_s = [2 + lag % 30 for lag in chance.randbytes(count)]
    return ListedStream(
        seat.head,
        seat.key_head,
        array("q", captured_ms),
        array("q", sizes),
        array("q", lags_s),
        bytearray(chance.randbytes(MD5_BYTES * count)),
        size=sum(sizes),
        digest=chance.getrandbits(62),
        newest_s=captured_ms[-1] // 1000 + max(lags_s),
    )


def stretches(seats: Iterable[Seat]) -> Iterator[Stretch]:
    """A whole listing of these, in stretches as long as those of a sync."""
    start, streams, rows = "", list[ListedStream](), 0
    for seat in sorted(seats, key=lambda seat: seat.key_head):
        if rows >= ROWS:
            yield Stretch(start, seat.key_head, streams)
            start, streams, rows = seat.key_head, [], 0
        streams.append(listed(seat))
        rows += seat.shots
    yield Stretch(start, None, streams)
