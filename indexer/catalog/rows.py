"""Shots as the catalog stores them, and back."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from indexer.agora.names import format_utc
from indexer.model import ListedObject

_QUOTE: Final = b'"'
MD5_BYTES: Final = 16
"""Of an ETag that is 32 hexadecimal digits, as nearly all are."""
NO_ETAG: Final = _QUOTE
"""`pack_etag` of an ETag that nobody has told."""


class ShotRow(NamedTuple):
    """A row of `shot` without its stream."""

    captured_ms: int
    size: int
    modified_lag_s: int
    etag: bytes
    tier: str | None


Inserted = tuple[int, int, int, int, bytes, str | None]
"""A row of `shot`, its stream in front."""


def to_object(row: ShotRow, key_head: str) -> ListedObject:
    """The object that a row was made of; inverse of what `ListedStream` does."""
    return ListedObject(
        shot_key(key_head, row.captured_ms),
        row.size,
        unpack_etag(row.etag),
        row.captured_ms // 1000 + row.modified_lag_s,
        row.tier,
    )


def came_before(row: ShotRow, moment_ms: int) -> bool:
    """Whether it was surely uploaded, or announced, before a moment: of that only the second is known."""
    return (row.captured_ms // 1000 + row.modified_lag_s + 1) * 1000 <= moment_ms


def shot_key(key_head: str, captured_ms: int) -> str:
    """The key of a stream's shot, byte for byte."""
    return f"{key_head}{format_utc(captured_ms)}.jpg"


def pack_etag(etag: str) -> bytes:
    """Sixteen bytes for 32 lower-case hex digits, which nearly all are; else the text behind a quote.

    A quote never occurs in an ETag, so one at the end keeps a text of fifteen bytes from looking like the short form.
    """
    if len(etag) == 2 * MD5_BYTES:
        try:
            packed = bytes.fromhex(etag)
        except ValueError:
            pass
        else:
            if packed.hex() == etag:
                return packed
    text = _QUOTE + etag.encode()
    return text + _QUOTE if len(text) == MD5_BYTES else text


def pack_etags(etags: Sequence[str]) -> bytes | None:
    """`pack_etag` of all of them joined, where each gives 16 bytes; None where one does not."""
    joined = "".join(etags)
    # fromhex passes over blanks and takes capitals, which are another ETag.
    if set(map(len, etags)) <= {2 * MD5_BYTES} and joined.isalnum() and joined == joined.lower():
        try:
            return bytes.fromhex(joined)
        except ValueError:
            return None
    return None


def unpack_etag(packed: bytes) -> str:
    """Inverse of `pack_etag`."""
    if len(packed) == MD5_BYTES:
        return packed.hex()
    return packed.strip(_QUOTE).decode()
