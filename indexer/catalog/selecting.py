"""What the questions share: which streams are meant, and where a page goes on."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, select

from indexer.agora.channels import spellings
from indexer.catalog.answers import StreamSummary
from indexer.catalog.schema import session, source, stream
from indexer.errors import ConfigError
from indexer.model import Selection, from_ms

_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")  # within the 64 bits of a column

PAGE: Final = 1_000
"""Rows read at once: a page is all that a question holds in memory."""


def position_numbers(text: str, count: int) -> tuple[int, ...]:
    """The numbers of a position "n.n".  Raises `ConfigError` if it is none."""
    parts = text.split(".")
    if len(parts) != count or not all(map(_NUMBER.fullmatch, parts)):
        raise ConfigError(f"--after {text!r} is not a position; use the one that the page before ended with")
    return tuple(map(int, parts))


def optional_time(epoch_ms: int | None) -> datetime | None:
    """`from_ms`, where there is one."""
    return None if epoch_ms is None else from_ms(epoch_ms)


def select_streams() -> Select[Any]:
    """Streams with what `to_stream` needs of their sessions and sources."""
    return (
        select(
            stream,
            source.c.name.label("source_name"),
            session.c.sid,
            session.c.cname,
            session.c.first_ms.label("session_first_ms"),
        )
        .join(source, source.c.id == stream.c.source_id)
        .join(session, session.c.id == stream.c.session_id)
    )


def to_stream(row: Row[Any]) -> StreamSummary:
    """A row of `select_streams` as a value."""
    return StreamSummary(
        id=row.id,
        source=row.source_name,
        directory=row.directory,
        bak_prefix=row.bak,
        sid=row.sid,
        cname=row.cname,
        uid=row.uid,
        key_head=row.key_head,
        shots=row.shots,
        bytes=row.bytes,
        first_at=from_ms(row.first_ms),
        last_at=from_ms(row.last_ms),
    )


def stream_filter(selection: Selection) -> Iterator[ColumnElement[bool]]:
    """What a selection asks of streams joined with sessions and sources, but for the period."""
    if selection.source is not None:
        yield source.c.name == selection.source
    if selection.sid is not None:
        yield session.c.sid == selection.sid
    if selection.cname is not None:
        yield session.c.cname.in_(spellings(selection.cname))
    if selection.uid is not None:
        yield stream.c.uid == selection.uid
