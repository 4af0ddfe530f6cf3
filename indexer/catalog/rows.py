"""Shots as the catalog stores them, and back."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from indexer.agora.names import format_utc
from indexer.model import ListedObject

_QUOTE: Final = b'"'
_MD5_BYTES: Final = 16


class ShotRow(NamedTuple):
    """A row of `shot` without its stream."""

    captured_ms: int
    size: int
    modified_lag_s: int
    etag: bytes
    tier: str | None


Inserted = tuple[int, int, int, int, bytes, str | None]
"""A row of `shot`, its stream in front."""


def to_row(listed: ListedObject, captured_ms: int) -> ShotRow:
    """What is stored of a listed screenshot."""
    return ShotRow(
        captured_ms, listed.size, listed.modified_s - captured_ms // 1000, pack_etag(listed.etag), listed.tier
    )


def to_inserts(stream_id: int, objects: Iterable[ListedObject], captured_ms: Iterable[int]) -> list[Inserted]:
    """`to_row` for a whole new stream, as it is inserted: once for every key of a first sync, so without values."""
    return [
        (stream_id, moment, size, modified_s - moment // 1000, pack_etag(etag), tier)
        for (_, size, etag, modified_s, tier), moment in zip(objects, captured_ms, strict=True)
    ]


def to_object(row: ShotRow, key_head: str) -> ListedObject:
    """Inverse of `to_row`."""
    return ListedObject(
        shot_key(key_head, row.captured_ms),
        row.size,
        unpack_etag(row.etag),
        row.captured_ms // 1000 + row.modified_lag_s,
        row.tier,
    )


def shot_key(key_head: str, captured_ms: int) -> str:
    """The key of a stream's shot, byte for byte."""
    return f"{key_head}{format_utc(captured_ms)}.jpg"


def pack_etag(etag: str) -> bytes:
    """Sixteen bytes for 32 lower-case hex digits, which nearly all are; else the text behind a quote.

    A quote never occurs in an ETag, so one at the end keeps a text of fifteen bytes from looking like the short form.
    """
    if len(etag) == 2 * _MD5_BYTES:
        try:
            packed = bytes.fromhex(etag)
        except ValueError:
            pass
        else:
            if packed.hex() == etag:
                return packed
    text = _QUOTE + etag.encode()
    return text + _QUOTE if len(text) == _MD5_BYTES else text


def unpack_etag(packed: bytes) -> str:
    """Inverse of `pack_etag`."""
    if len(packed) == _MD5_BYTES:
        return packed.hex()
    return packed.strip(_QUOTE).decode()
