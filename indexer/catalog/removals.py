"""Which pictures the storage no longer has: a pause in a timeline may be one that was cut into it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from indexer.catalog.schema import removed


class Removal(NamedTuple):
    """Shots of a user that a sync removed because they were gone: the first and the last, and how many."""

    first_ms: int
    last_ms: int
    shots: int

    def joined(self, other: Self) -> Self:
        """What two that begin at the same moment come to: they are of the same moments."""
        return self._replace(last_ms=max(self.last_ms, other.last_ms), shots=max(self.shots, other.shots))


@dataclass(slots=True)
class Removals:
    """What one transaction removes."""

    _found: dict[tuple[int, str, int], Removal] = field(default_factory=dict)

    def add(self, session_id: int, uid: str, first_ms: int, last_ms: int, *, shots: int) -> None:
        """Note a run of shots of one stream.  Of two recorders that began at the same moment the longer one counts."""
        run = Removal(first_ms, last_ms, shots)
        known = self._found.get((session_id, uid, first_ms))
        self._found[session_id, uid, first_ms] = run if known is None else run.joined(known)

    def write(self, connection: Connection) -> None:
        """Keep it.  What is removed for a second time, after it came back, counts once: as the longer of the two."""
        rows = [{"session": sid, "name": uid, "first": first} for sid, uid, first in self._found]
        if not rows:
            return
        this = (
            (removed.c.session_id == bindparam("session"))
            & (removed.c.uid == bindparam("name"))
            & (removed.c.first_ms == bindparam("first"))
        )
        of_series: dict[tuple[int, str], list[int]] = {}
        for session_id, uid, first_ms in self._found:
            of_series.setdefault((session_id, uid), []).append(first_ms)
        for (session_id, uid), firsts in of_series.items():
            asked = {"session": session_id, "uid": uid, "firsts": firsts}
            for first_ms, last_ms, shots in connection.execute(_KNOWN, asked).all():
                self.add(session_id, uid, first_ms, last_ms, shots=shots)
        connection.execute(delete(removed).where(this), rows)
        values = [{"session_id": sid, "uid": uid, **run._asdict()} for (sid, uid, _), run in self._found.items()]
        connection.execute(insert(removed), values)


_KNOWN: Final = select(*(removed.c[name] for name in Removal._fields)).where(
    removed.c.session_id == bindparam("session"),
    removed.c.uid == bindparam("uid"),
    removed.c.first_ms.in_(bindparam("firsts", expanding=True)),
)
_REMOVALS: Final = (
    select(removed.c.uid, *(removed.c[name] for name in Removal._fields))
    .where(removed.c.session_id == bindparam("session"), removed.c.uid.in_(bindparam("uids", expanding=True)))
    .order_by(removed.c.first_ms)
)


_UIDS: Final = (
    select(removed.c.uid, func.min(removed.c.first_ms).label("first_ms"))
    .where(removed.c.session_id == bindparam("session"))
    .group_by(removed.c.uid)
)


def removed_users(connection: Connection, session_id: int) -> dict[str, int]:
    """The users of a session of whom something was removed, each with when the first of it was captured."""
    return {row.uid: row.first_ms for row in connection.execute(_UIDS, {"session": session_id})}


def removals_of(connection: Connection, session_id: int, uids: Collection[str]) -> Iterator[tuple[str, Removal]]:
    """What was removed of the series of these users, each with its user, by the first shot."""
    found = connection.execute(_REMOVALS, {"session": session_id, "uids": list(uids)})
    return ((uid, Removal(*run)) for uid, *run in found)
