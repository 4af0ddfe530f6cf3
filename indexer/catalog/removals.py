"""Which pictures the storage no longer has: a pause in a timeline may be one that was cut into it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, delete, insert, select

from indexer.catalog.schema import removed


class Removal(NamedTuple):
    """Shots of a user that a sync removed because they were gone: the first and the last, and how many."""

    first_ms: int
    last_ms: int
    shots: int


@dataclass(slots=True)
class Removals:
    """What one transaction removes."""

    _found: dict[tuple[int, str, int], Removal] = field(default_factory=dict)

    def add(self, session_id: int, uid: str, first_ms: int, last_ms: int, *, shots: int) -> None:
        """Note a run of shots of one stream.  Two recorders may have begun at the same moment."""
        _, known_last, known_shots = self._found.get((session_id, uid, first_ms), Removal(first_ms, last_ms, 0))
        self._found[session_id, uid, first_ms] = Removal(first_ms, max(known_last, last_ms), known_shots + shots)

    def write(self, connection: Connection) -> None:
        """Keep it.  What is removed for a second time, after it came back, counts once."""
        rows = [{"session": sid, "name": uid, "first": first} for sid, uid, first in self._found]
        if not rows:
            return
        this = (
            (removed.c.session_id == bindparam("session"))
            & (removed.c.uid == bindparam("name"))
            & (removed.c.first_ms == bindparam("first"))
        )
        connection.execute(delete(removed).where(this), rows)
        values = [{"session_id": sid, "uid": uid, **run._asdict()} for (sid, uid, _), run in self._found.items()]
        connection.execute(insert(removed), values)


_REMOVALS: Final = (
    select(removed.c.uid, *(removed.c[name] for name in Removal._fields))
    .where(removed.c.session_id == bindparam("session"), removed.c.uid.in_(bindparam("uids", expanding=True)))
    .order_by(removed.c.first_ms)
)


def removals_of(connection: Connection, session_id: int, uids: Collection[str]) -> Iterator[tuple[str, Removal]]:
    """What was removed of the series of these users, each with its user, by the first shot."""
    found = connection.execute(_REMOVALS, {"session": session_id, "uids": list(uids)})
    return ((uid, Removal(*run)) for uid, *run in found)
