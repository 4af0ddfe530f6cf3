"""What callbacks would have told of a simulated session, and how much of it arrived.

As Agora documents it, each recorder tells whom it begins to receive and whom it does not receive any more; when
another one takes over, it tells of all that it receives.  What happens while no recorder is there nobody tells.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from indexer.agora.facts import Fact, FactKind

Stretch = tuple[int, int]
"""Milliseconds from 1970, half open."""

SILENT_SESSIONS: Final = 0.15
"""Share of the sessions of which no callback arrives: nobody had asked for them."""
LOST: Final = 0.05
TWICE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Told:
    """Everything that there was to tell of a session."""

    sid: str
    cname: str
    recorders: Sequence[Stretch]
    """When each was there; a pause of one counts as two."""
    failovers: Sequence[int]
    """Which of them another one began after: a failover, and no recorder that came back."""
    cameras: Mapping[str, Sequence[Stretch]]
    """When they were on, by uid."""
    backed_up: bool

    def facts(self, chance: Random) -> Iterator[Fact]:
        """In no order."""
        for number, (begin, end) in enumerate(self.recorders):
            if number in self.failovers:
                yield self._of_session(begin - chance.randint(0, 3_000), FactKind.FAILOVER)
            else:
                yield self._of_session(begin, FactKind.RECORDER_STARTED)
            if number + 1 not in self.failovers:
                yield self._of_session(end, FactKind.RECORDER_LEFT)
            for uid, stretches in self.cameras.items():
                for since, until in stretches:
                    if since < end and begin < until:
                        at = max(since, begin) + chance.randint(0, 200)
                        yield Fact(self.sid, self.cname, uid, at, FactKind.CAMERA_ON)
                    if begin <= until < end:
                        at = until + chance.randint(-300, 500)
                        yield Fact(self.sid, self.cname, uid, at, FactKind.CAMERA_OFF)
        end = self.recorders[-1][1]
        uploaded = FactKind.BACKED_UP if self.backed_up else FactKind.UPLOADED
        yield self._of_session(end + chance.randint(2_000, 900_000), uploaded)

    def _of_session(self, at_ms: int, kind: FactKind) -> Fact:
        return Fact(self.sid, self.cname, "", at_ms, kind)


def arrived(facts: Iterable[Fact], chance: Random, *, now_ms: int) -> list[Fact]:
    """What came up to now: some get lost, some come twice, and all in any order."""
    there = [fact for fact in facts if fact.at_ms <= now_ms and chance.random() >= LOST]
    there += [fact for fact in there if chance.random() < TWICE]
    chance.shuffle(there)
    return there
