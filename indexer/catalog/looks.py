"""What pictures look like, as far as `thumbs` has looked at them.

The difference to the shot before is kept with each shot.  To measure it takes the cells of both, which are kept only as
long as a neighbour is to be compared: for most shots never, because they are recorded beside their neighbours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Connection, Engine, Select, bindparam, delete, func, insert, select, update

from indexer.agora.stamps import MAX_MS, MIN_MS
from indexer.catalog.schema import derivative, grey, shot
from indexer.catalog.selecting import PAGE
from indexer.model import from_ms, to_ms
from indexer.timeline.looks import Look, Sight

Place = tuple[int, int]
"""Stream and capture in ms."""


class Looks:
    """Tells looks; changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(
        self, stream_id: int, since: datetime | None = None, until: datetime | None = None, *, page: int = PAGE
    ) -> Iterator[tuple[datetime, Look]]:
        """The looks of a stream's shots in [since, until), in time order; none of shots that changed since."""
        since_ms = MIN_MS if since is None else to_ms(since)
        until_ms = MAX_MS + 1 if until is None else to_ms(until)
        while True:
            asked = {"stream": stream_id, "since_ms": since_ms, "until_ms": until_ms, "rows": page}
            with self._engine.connect() as connection:
                rows = connection.execute(_OF_STREAM, asked).all()
            # What a second size repeats is passed over, also where a page ends between the two.
            for captured_ms, packed in rows:
                if captured_ms >= since_ms:
                    yield from_ms(captured_ms), Look.unpack(packed)
                    since_ms = captured_ms + 1
            if len(rows) < page:
                return


def _of_stream() -> Select[Any]:
    same = (shot.c.stream_id == derivative.c.stream_id) & (shot.c.captured_ms == derivative.c.captured_ms)
    return (
        select(derivative.c.captured_ms, derivative.c.look)
        .join(shot, same & (shot.c.etag == derivative.c.etag))
        .where(
            derivative.c.stream_id == bindparam("stream"),
            derivative.c.captured_ms >= bindparam("since_ms", type_=BigInteger),
            derivative.c.captured_ms < bindparam("until_ms", type_=BigInteger),
            derivative.c.look.is_not(None),
        )
        .order_by(derivative.c.captured_ms, derivative.c.spec)
        .limit(bindparam("rows"))
    )


_OF_STREAM: Final = _of_stream()


# --- Recording ------------------------------------------------------------------------------------------------------


class _Known(NamedTuple):
    """A shot in the neighbourhood of new ones."""

    captured_ms: int
    look: bytes | None
    cells: bytes | None


def settle(connection: Connection, seen: Mapping[Place, Sight]) -> tuple[dict[Place, bytes], dict[Place, bytes]]:
    """Compare shots that were looked at now with their neighbours, and keep what later neighbours need.

    Returns the looks of these shots, and those that shots behind them have instead of their present ones.
    """
    looks: dict[Place, bytes] = {}
    behind: dict[Place, bytes] = {}
    for stream_id, places in groupby(sorted(seen), key=lambda place: place[0]):
        of_stream = {captured_ms: seen[stream_id, captured_ms] for _, captured_ms in places}
        found = _Neighbourhood(connection, stream_id, of_stream)
        found.keep(connection)
        looks |= {(stream_id, at): found.looks[at].pack() for at in of_stream}
        behind |= {(stream_id, at): found.looks[at].pack() for at in found.amended}
    return looks, behind


def amend(connection: Connection, looks: Mapping[Place, bytes]) -> None:
    """Give shots other looks."""
    if looks:
        this = (derivative.c.stream_id == bindparam("of")) & (derivative.c.captured_ms == bindparam("at"))
        known = this & derivative.c.look.is_not(None)
        values = [{"of": of, "at": at, "new": look} for (of, at), look in looks.items()]
        connection.execute(update(derivative).where(known).values(look=bindparam("new")), values)


class _Neighbourhood:
    """The shots of a stream from the last two before some that were looked at to the first two behind them."""

    def __init__(self, connection: Connection, stream_id: int, seen: Mapping[int, Sight]) -> None:
        self._stream_id = stream_id
        first, last = min(seen), max(seen)
        known: dict[int, _Known] = {}
        for row in connection.execute(_AROUND, {"stream": stream_id, "first": first, "last": last}):
            known.setdefault(row.captured_ms, _Known._make(row))
        self._times = list(known)
        # Of a second size, the look is that of the first: what it was compared with is not here any more.
        self._new = {at: sight for at, sight in seen.items() if known[at].look is None}
        self._had = {at for at, each in known.items() if each.cells is not None}
        self._cells = {at: each.cells for at, each in known.items() if each.cells is not None}
        self._cells |= {at: sight.cells for at, sight in self._new.items()}
        self.looks = {at: Look.unpack(each.look) for at, each in known.items() if each.look is not None}
        self.looks |= {at: sight.look for at, sight in self._new.items()}
        self.amended: list[int] = []
        """Those behind new ones that are not new, and look different beside them."""
        for before, at in pairwise(self._times):
            if at in self.looks and not {before, at}.isdisjoint(self._new):
                self._compare(before, at)
        # Beyond these there may be neighbours that are not known here.
        self._outermost = {self._times[0]} if sum(at < first for at in self._times) == _BESIDE else set()
        if sum(at > last for at in self._times) == _BESIDE:
            self._outermost.add(self._times[-1])

    def _compare(self, before: int, at: int) -> None:
        look = self.looks[at]
        if before in self._cells and at in self._cells:
            look = look.compared(self._cells[at], self._cells[before], after_ms=at - before)
        elif look.change is not None and look.change.after_ms == at - before:
            look = replace(look, change=None)  # that was another picture of the same moment
        if at not in self._new and look != self.looks[at]:
            self.amended.append(at)
        self.looks[at] = look

    def _was_compared(self, before: int, at: int) -> bool:
        look = self.looks.get(at)
        return look is not None and look.change is not None and look.change.after_ms == at - before

    def keep(self, connection: Connection) -> None:
        """Keep the cells of shots that a neighbour is to be compared with, the last one of the stream among them."""
        open_: set[int] = set()
        for index, at in enumerate(self._times):
            if at in self._outermost or at not in self._cells:
                continue
            is_last = index == len(self._times) - 1
            to_next = is_last or not self._was_compared(at, self._times[index + 1])
            if to_next or (index > 0 and not self._was_compared(self._times[index - 1], at)):
                open_.add(at)
        open_ |= self._outermost & self._had
        stale = [{"of": self._stream_id, "at": at} for at in self._had if at not in open_ or at in self._new]
        if stale:
            this = (grey.c.stream_id == bindparam("of")) & (grey.c.captured_ms == bindparam("at"))
            connection.execute(delete(grey).where(this), stale)
        rows = [
            {"stream_id": self._stream_id, "captured_ms": at, "cells": self._cells[at]}
            for at in sorted(open_)
            if at not in self._had or at in self._new
        ]
        if rows:
            connection.execute(insert(grey), rows)


_BESIDE: Final = 2
"""Shots on each side: the neighbour, and what the neighbour has been compared with."""


def _around() -> Select[Any]:
    first, last = bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
    in_stream = shot.c.stream_id == bindparam("stream")
    times = select(shot.c.captured_ms).where(in_stream)
    before = times.where(shot.c.captured_ms < first).order_by(shot.c.captured_ms.desc()).limit(_BESIDE).subquery()
    behind = times.where(shot.c.captured_ms > last).order_by(shot.c.captured_ms).limit(_BESIDE).subquery()
    since = func.coalesce(select(func.min(before.c.captured_ms)).scalar_subquery(), first)
    until = func.coalesce(select(func.max(behind.c.captured_ms)).scalar_subquery(), last)
    made = (derivative.c.stream_id == shot.c.stream_id) & (derivative.c.captured_ms == shot.c.captured_ms)
    made &= derivative.c.etag == shot.c.etag
    kept = (grey.c.stream_id == shot.c.stream_id) & (grey.c.captured_ms == shot.c.captured_ms)
    return (
        select(shot.c.captured_ms, derivative.c.look, grey.c.cells)
        .outerjoin(derivative, made & derivative.c.look.is_not(None))
        .outerjoin(grey, kept)
        .where(in_stream, shot.c.captured_ms >= since, shot.c.captured_ms <= until)
        .order_by(shot.c.captured_ms, derivative.c.spec)
    )


_AROUND: Final = _around()
