"""What callbacks told of a session, read for many timelines at once."""

from bisect import bisect_left
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Final

from sqlalchemy import Connection

from indexer.agora.facts import Fact
from indexer.catalog.facts import facts_of
from indexer.model import TimeRange
from indexer.timeline.told import TOLERANCE_MS

_AT: Final = attrgetter("at_ms")


class Told:
    """What callbacks told of some users of a session: of a period, and of gaps that reach over its ends."""

    def __init__(self, connection: Connection, sid: str, cname: str, uids: Collection[str], period: TimeRange) -> None:
        self._connection = connection
        self._sid, self._cname = sid, cname
        self._since_ms = None if period.since_ms is None else period.since_ms - TOLERANCE_MS
        self._until_ms = None if period.until_ms is None else period.until_ms + TOLERANCE_MS
        self._of_user: dict[str, list[Fact]] = {"": []}
        for each in self._read(uids, self._since_ms, self._until_ms):
            self._of_user.setdefault(each.uid, []).append(each)

    def of(self, uid: str, since_ms: int, until_ms: int) -> list[Fact]:
        """Of one user and of the session within [since, until), in time order, and the last one of the user before."""
        is_read = self._since_ms is None or since_ms >= self._since_ms
        if is_read and (self._until_ms is None or until_ms <= self._until_ms):
            of_session = _within(self._of_user[""], since_ms, until_ms, before=0)
            of_user = _within(self._of_user.get(uid, []), since_ms, until_ms, before=1)
            return sorted([*of_session, *of_user], key=_AT)
        return self._read([uid], since_ms, until_ms)

    def _read(self, uids: Collection[str], since_ms: int | None, until_ms: int | None) -> list[Fact]:
        return facts_of(self._connection, self._sid, self._cname, uids, since_ms=since_ms, until_ms=until_ms)


def _within(facts: Sequence[Fact], since_ms: int, until_ms: int, *, before: int) -> Sequence[Fact]:
    """Those in [since, until), and so many before them; in time order, as they are given."""
    first = bisect_left(facts, since_ms, key=_AT)
    return facts[max(0, first - before) : bisect_left(facts, until_ms, key=_AT)]
