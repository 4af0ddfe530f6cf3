"""What callbacks told beside pictures: who stopped sending video, which recorder took over."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlalchemy import ColumnElement, Connection, Engine, delete, func, select

from indexer.agora.facts import Fact, FactKind
from indexer.catalog.dialects import WRITE
from indexer.catalog.inserting import insert_new
from indexer.catalog.owners import batches
from indexer.catalog.schema import fact, session
from indexer.model import TimeRange

_ALWAYS: Final = TimeRange()


class Facts:
    """Records them, in any order and as often as they come."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, facts: Iterable[Fact]) -> int:
        """Keep facts, a transaction for some thousand of them; return how many were new."""
        new = 0
        for batch in batches(dict.fromkeys(facts)):
            with self._engine.execution_options(**{WRITE: True}).begin() as connection:
                rows = [{**each._asdict(), "kind": str(each.kind)} for each in batch]
                # Not `rowcount`: of many rows, drivers do not tell it.
                kept = insert_new(fact, connection.dialect).returning(fact.c.at_ms)
                new += len(connection.scalars(kept, rows).all())
        return new

    def forget_strays(self, *, before_ms: int) -> None:
        """Forget what is older of sessions that have no shot; of others the facts go with the last one."""
        has_shots = select(session.c.id).where(session.c.sid == fact.c.sid, session.c.cname == fact.c.cname).exists()
        with self._engine.execution_options(**{WRITE: True}).begin() as connection:
            connection.execute(delete(fact).where(fact.c.at_ms < before_ms, ~has_shots))

    def of(self, sid: str, cname: str, uids: Collection[str], period: TimeRange = _ALWAYS) -> list[Fact]:
        """As `facts_of`, in a transaction of its own."""
        with self._engine.connect() as connection:
            return facts_of(connection, sid, cname, uids, since_ms=period.since_ms, until_ms=period.until_ms)


_FIELDS: Final = [fact.c[name] for name in Fact._fields]


def facts_of(
    connection: Connection,
    sid: str,
    cname: str,
    uids: Collection[str],
    *,
    since_ms: int | None = None,
    until_ms: int | None = None,
) -> list[Fact]:
    """The facts of some users of a session and of the session itself, in order of time.

    Those within [since, until), and of each user and of the session the last one before that (all of them, if several
    are of the same moment): what was true when the period began.
    """
    of_these = _of_these(sid, cname, uids)
    within = list(of_these)
    if until_ms is not None:
        within.append(fact.c.at_ms < until_ms)
    if since_ms is not None:
        last = (
            select(fact.c.uid, func.max(fact.c.at_ms).label("at_ms"))
            .where(*of_these, fact.c.at_ms < since_ms)
            .group_by(fact.c.uid)
            .subquery()
        )
        before = select(*_FIELDS).join(last, (last.c.uid == fact.c.uid) & (last.c.at_ms == fact.c.at_ms))
        rows = list(connection.execute(before.where(*of_these)))
        within.append(fact.c.at_ms >= since_ms)
    else:
        rows = []
    rows += connection.execute(select(*_FIELDS).where(*within))
    facts = (Fact(row.sid, row.cname, row.uid, row.at_ms, FactKind(row.kind)) for row in rows)
    return sorted(facts, key=_by_time)


def _of_these(sid: str, cname: str, uids: Collection[str]) -> list[ColumnElement[bool]]:
    return [fact.c.sid == sid, fact.c.cname == cname, fact.c.uid.in_({*uids, ""})]


def _by_time(found: Fact) -> tuple[int, str, str]:
    return found.at_ms, found.uid, found.kind
