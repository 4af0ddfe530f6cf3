"""What was made of shots, and what is still to be made."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, delete, insert, select, tuple_

from indexer.catalog.answers import StreamSummary
from indexer.catalog.dialects import WRITE
from indexer.catalog.looks import amend, settle
from indexer.catalog.owners import batches
from indexer.catalog.rows import ShotRow, pack_etag, shot_key, unpack_etag
from indexer.catalog.schema import derivative, orphan, shot, source, stream
from indexer.catalog.selecting import PAGE, select_streams, stream_filter, to_stream
from indexer.derived import thumbnail_key
from indexer.model import Selection, Shot, is_announced, is_archived, to_ms
from indexer.timeline.looks import Sight


class Made(NamedTuple):
    """A thumbnail that is stored: its size in bytes and pixels."""

    spec: str
    size: int
    width: int
    height: int


class Wanted(NamedTuple):
    """A shot that lacks thumbnails."""

    stream_id: int
    captured_ms: int
    source: str
    key: str
    size: int
    etag: str
    archived: bool
    specs: tuple[str, ...]
    """Those that it lacks."""
    announced: bool = False
    """Whether no listing has shown it yet."""


class Result(NamedTuple):
    """What became of a shot: thumbnails that are stored, or why there are none."""

    wanted: Wanted
    made: Sequence[Made]
    reason: str | None = None
    sight: Sight | None = None
    """What the picture looks like; without it, the shot stays wanted."""


def _stream_of(result: Result) -> int:
    return result.wanted.stream_id


def _place(wanted: Wanted) -> tuple[int, int]:
    return wanted.stream_id, wanted.captured_ms


def _keys(wanted: Wanted) -> set[str]:
    return {thumbnail_key(wanted.source, wanted.key, spec) for spec in wanted.specs}


class Derivatives:
    """Plans and records derivatives."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def wanted(self, selection: Selection, specs: Sequence[str], *, retry_failed: bool) -> Iterator[Wanted]:
        """Shots of the selection that lack one of the thumbnails, stream by stream.

        One of another ETag is lacking too, and one whose picture was not looked at; one that failed is wanted again
        only with `retry_failed`.  Reads a page at a time, and sees what is recorded meanwhile only in later pages.
        """
        period = selection.period
        for part in self._streams(selection):
            first_ms = period.since_ms
            while True:
                query = select(*(shot.c[name] for name in ShotRow._fields)).where(shot.c.stream_id == part.id)
                if first_ms is not None:
                    query = query.where(shot.c.captured_ms >= first_ms)
                if period.until_ms is not None:
                    query = query.where(shot.c.captured_ms < period.until_ms)
                with self._engine.connect() as connection:
                    rows = connection.execute(query.order_by(shot.c.captured_ms).limit(PAGE)).all()
                    there = (
                        self._there(connection, part.id, rows[0][0], rows[-1][0], specs, retry_failed) if rows else {}
                    )
                for row in map(ShotRow._make, rows):
                    lacking = tuple(spec for spec in specs if there.get((row.captured_ms, spec)) != row.etag)
                    if lacking:
                        yield Wanted(
                            part.id,
                            row.captured_ms,
                            part.source,
                            shot_key(part.key_head, row.captured_ms),
                            row.size,
                            unpack_etag(row.etag),
                            is_archived(row.tier),
                            lacking,
                            is_announced(row.tier),
                        )
                if len(rows) < PAGE:
                    break
                first_ms = rows[-1][0] + 1

    def count(self, selection: Selection, specs: Sequence[str], *, retry_failed: bool) -> int:
        """How many shots `wanted` would yield now that can be read, as far as is known."""
        return sum(
            not (each.archived or each.announced) for each in self.wanted(selection, specs, retry_failed=retry_failed)
        )

    def of_shot(self, found: Shot, spec: str) -> Iterator[str | None]:
        """Nothing if this was never made of the shot as it is now; else why it failed, or None if it is there."""
        head, _, _ = found.key.rpartition("_")
        query = (
            select(derivative.c.reason)
            .join(stream, stream.c.id == derivative.c.stream_id)
            .join(source, source.c.id == stream.c.source_id)
            .where(
                source.c.name == found.source,
                stream.c.key_head == f"{head}_",
                derivative.c.captured_ms == to_ms(found.captured_at),
                derivative.c.spec == spec,
                derivative.c.etag == pack_etag(found.etag),
            )
        )
        with self._engine.connect() as connection:
            yield from connection.scalars(query).all()

    def record(self, outcomes: Sequence[Result]) -> None:
        """Keep what became of these shots, in one transaction.

        Their looks are compared with those of their neighbours, in whatever order these are recorded.
        """
        rows: list[dict[str, Any]] = []  # as SQLAlchemy takes them
        for wanted, made, reason, _ in outcomes:
            sizes = {each.spec: each for each in made}
            for spec in wanted.specs:
                each = sizes.get(spec)
                rows.append(
                    {
                        "stream_id": wanted.stream_id,
                        "captured_ms": wanted.captured_ms,
                        "spec": spec,
                        "etag": pack_etag(wanted.etag),
                        "size": each and each.size,
                        "width": each and each.width,
                        "height": each and each.height,
                        "reason": reason,
                    }
                )
        if not rows:
            return
        with self._engine.execution_options(**{WRITE: True}).begin() as connection:
            rows = self._of_present_shots(connection, outcomes, rows)
            there = {(row["stream_id"], row["captured_ms"]) for row in rows}
            seen = {
                place: sight
                for wanted, _, _, sight in outcomes
                if sight is not None and (place := _place(wanted)) in there
            }
            looks, behind = settle(connection, seen)
            for row in rows:
                row["look"] = looks.get((row["stream_id"], row["captured_ms"]))
            keys = tuple_(derivative.c.stream_id, derivative.c.captured_ms, derivative.c.spec)
            for start in range(0, len(rows), PAGE):
                part = rows[start : start + PAGE]
                old = [(row["stream_id"], row["captured_ms"], row["spec"]) for row in part]
                connection.execute(delete(derivative).where(keys.in_(old)))
                connection.execute(insert(derivative), part)
            amend(connection, behind)

    @staticmethod
    def _of_present_shots(
        connection: Connection,
        outcomes: Sequence[Result],
        rows: list[dict[str, Any]],
    ) -> list[dict[str, Any]]:
        """The rows of shots that a sync has not removed meanwhile; what was made of the others is orphaned."""
        heads: dict[int, str | None] = {}
        taken: set[tuple[int, int]] = set()
        for stream_id, results in groupby(sorted(outcomes, key=_stream_of), key=_stream_of):
            heads[stream_id] = connection.scalar(select(stream.c.key_head).where(stream.c.id == stream_id))
            times = [result.wanted.captured_ms for result in results]
            known = select(shot.c.captured_ms).where(shot.c.stream_id == stream_id, shot.c.captured_ms.in_(times))
            taken.update((stream_id, at) for at in connection.scalars(known))
        there: set[tuple[int, int]] = set()
        for wanted, _, _, _ in outcomes:
            place = _place(wanted)
            # Numbers of streams are used again.
            if place in taken and heads[wanted.stream_id] == f"{wanted.key.rpartition('_')[0]}_":
                there.add(place)
                continue
            for key in _keys(wanted):
                connection.execute(delete(orphan).where(orphan.c.key == key))
                connection.execute(insert(orphan), {"key": key})
        # A shot may have been gone for a while: what was orphaned then has just been made again.
        if connection.scalar(select(orphan.c.key).limit(1)) is not None:
            kept = (key for wanted, made, *_ in outcomes if made and _place(wanted) in there for key in _keys(wanted))
            for batch in batches(kept):
                connection.execute(delete(orphan).where(orphan.c.key.in_(batch)))
        return [row for row in rows if (row["stream_id"], row["captured_ms"]) in there]

    def orphans(self) -> Iterator[str]:
        """Keys of derivatives whose shot is gone; forget them once they are removed."""
        after = ""
        while True:
            query = select(orphan.c.key).where(orphan.c.key > after).order_by(orphan.c.key).limit(PAGE)
            with self._engine.connect() as connection:
                keys = connection.scalars(query).all()
            yield from keys
            if len(keys) < PAGE:
                return
            after = keys[-1]

    def forget(self, keys: Sequence[str]) -> None:
        """These derivatives are removed."""
        with self._engine.execution_options(**{WRITE: True}).begin() as connection:
            connection.execute(delete(orphan).where(orphan.c.key.in_(keys)))

    def _streams(self, selection: Selection) -> Iterator[StreamSummary]:
        """The streams of a selection, a page at a time."""
        query = select_streams().where(*stream_filter(selection)).order_by(stream.c.id).limit(PAGE)
        if selection.period.since_ms is not None:
            query = query.where(stream.c.last_ms >= selection.period.since_ms)
        if selection.period.until_ms is not None:
            query = query.where(stream.c.first_ms < selection.period.until_ms)
        after = 0
        while True:
            with self._engine.connect() as connection:
                rows = connection.execute(query.where(stream.c.id > after)).all()
            yield from map(to_stream, rows)
            if len(rows) < PAGE:
                return
            after = rows[-1].id

    @staticmethod
    def _there(
        connection: Connection, stream_id: int, first_ms: int, last_ms: int, specs: Sequence[str], retry_failed: bool
    ) -> dict[tuple[int, str], bytes]:
        """The ETags of what is there, by time and spec."""
        query = select(derivative.c.captured_ms, derivative.c.spec, derivative.c.etag).where(
            derivative.c.stream_id == stream_id,
            derivative.c.captured_ms.between(first_ms, last_ms),
            derivative.c.spec.in_(specs),
        )
        looked_at = derivative.c.look.is_not(None)
        query = query.where(looked_at if retry_failed else looked_at | derivative.c.reason.is_not(None))
        return {(row.captured_ms, row.spec): row.etag for row in connection.execute(query)}
