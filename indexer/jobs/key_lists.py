"""Keys that somebody else has listed, one a line: as they are, or as JSON objects with what is known of them."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from indexer.agora.names import ScreenshotName, parse
from indexer.model import ANNOUNCED, EPOCH, ListedObject
from indexer.storage.base import PAGE_SIZE, can_exist
from indexer.storage.sorting import CHUNK_ROWS, sorted_pages
from indexer.storage.xml_pages import normal_etag, normal_tier

SAMPLES: Final = 20
"""Unreadable lines, and keys outside the prefix, that are kept to be shown."""

LONGEST_LINE: Final = 64 * 1024
"""Bytes.  A key has up to 1,024, and JSON may write six characters for one of them; longer is no list of keys."""

_SHOWN: Final = 60
"""Characters of a sample."""
_MOST_BYTES: Final = (1 << 63) - 1  # what databases hold
_RECORD: Final = re.compile(r'\{\s*["}]')
"""How a JSON object begins.  Other keys that start with a brace are keys."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that names no key."""

    number: int
    """Counted from 1, empty lines too."""
    reason: str
    start: str
    """Its first characters, printable."""


@dataclass(slots=True)
class KeysRead:
    """What a list held, counted while it is read."""

    lines: int = 0
    keys: int = 0
    """Lines that name a key below the prefix, repeated ones included."""
    outside: int = 0
    """Lines that name another key."""
    outside_samples: list[str] = field(default_factory=list)
    """The first of these keys."""
    unreadable: int = 0
    samples: list[BadLine] = field(default_factory=list)
    """The first of the unreadable lines."""

    def reject(self, line: bytes, reason: str) -> None:
        """Count one, and keep it as a sample as long as there are few."""
        self.unreadable += 1
        if len(self.samples) < SAMPLES:
            text = line[: 4 * _SHOWN].decode("utf-8", "backslashreplace")
            self.samples.append(BadLine(self.lines, reason, ascii(text[:_SHOWN])[1:-1]))


class _UnreadableLineError(ValueError):
    """A line names no key.  The text says why."""


def key_pages(
    file: BinaryIO,
    read: KeysRead,
    prefix: str = "",
    *,
    folder: Path | None = None,
    lines_read: Callable[[int], None] = lambda _lines: None,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[list[ListedObject]]:
    """Yield the keys under `prefix` that `file` names, in pages of up to 1,000, in strictly rising UTF-8 order of key,
    each once: of a repeated one the last line.

    A line is a key as it is, or a JSON object with a `key` and perhaps `size`, `etag`, `last_modified` (RFC 3339) and
    `tier`, as programs read them from us.  What it does not say is 0 for the size, "" for the ETag, and the time of
    capture for LastModified (0 where the key is no screenshot).  What was exported as `stored` "announced" stays that.
    Empty lines are ignored; others are counted in `read`, which is complete with the first page: the file is read to
    its end before.  Temporary files go to `folder`, as in `sorted_pages`.  `lines_read` is called every thousand lines
    or so; what it raises ends the reading.
    """
    return sorted_pages(_batches(file, read, prefix, lines_read), folder=folder, chunk_rows=chunk_rows)


def _batches(
    file: BinaryIO, read: KeysRead, prefix: str, lines_read: Callable[[int], None]
) -> Iterator[list[ListedObject]]:
    batch: list[ListedObject] = []
    while line := file.readline(LONGEST_LINE):
        read.lines += 1
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            read.reject(line, f"longer than {LONGEST_LINE:,} bytes")
            while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            continue
        # A mark of the byte order in front, and a carriage return behind, are no part of a key but of Windows' files.
        line = line.removeprefix(b"\xef\xbb\xbf") if read.lines == 1 else line
        line = line.removesuffix(b"\n").removesuffix(b"\r")
        if line:
            try:
                listed = _listed(line)
            except _UnreadableLineError as exc:
                read.reject(line, str(exc))
            else:
                if listed.key.startswith(prefix):
                    read.keys += 1
                    batch.append(listed)
                else:
                    read.outside += 1
                    if len(read.outside_samples) < SAMPLES:
                        read.outside_samples.append(listed.key)
        if read.lines % PAGE_SIZE == 0:
            lines_read(read.lines)
            yield batch
            batch = []
    lines_read(read.lines)
    yield batch


def _listed(line: bytes) -> ListedObject:
    try:
        text = line.decode()
    except UnicodeDecodeError as exc:
        raise _UnreadableLineError("not UTF-8") from exc
    if not _RECORD.match(text):
        return ListedObject(text, 0, "", _captured_s(text), None)
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise _UnreadableLineError("not JSON, though it begins so") from exc
    match record:
        case {"key": str(key)} if can_exist(key):
            return _from_record(key, record)
        case _:
            raise _UnreadableLineError("a JSON object without a key")


def _from_record(key: str, record: dict[str, object]) -> ListedObject:
    """Null says as much as a field that is not there: our own records of mere names have some."""
    size, etag, modified, tier = (record.get(name) for name in ("size", "etag", "last_modified", "tier"))
    # JSON's true is a number to Python.
    if size is not None and (type(size) is not int or not 0 <= size <= _MOST_BYTES):
        raise _UnreadableLineError("size is no number of bytes")
    if not isinstance(etag, str | None) or not can_exist(etag or "-"):
        raise _UnreadableLineError("etag is no text")
    if not isinstance(tier, str | None) or not can_exist(tier or "-"):
        raise _UnreadableLineError("tier is no text")
    modified_s = _captured_s(key) if modified is None else _modified_s(modified)
    if record.get("stored") == ANNOUNCED:  # whoever exported it had not seen it either
        return ListedObject(key, 0, "", modified_s, ANNOUNCED)
    return ListedObject(key, size or 0, normal_etag(etag or ""), modified_s, normal_tier(tier))


def _modified_s(text: object) -> int:
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
    except ValueError as exc:
        raise _UnreadableLineError("last_modified is no time of RFC 3339") from exc
    if moment.tzinfo is None:
        raise _UnreadableLineError("last_modified has no time zone")
    return _seconds(moment)


def _captured_s(key: str) -> int:
    name = parse(key)
    return _seconds(name.captured_at) if isinstance(name, ScreenshotName) else 0


def _seconds(moment: datetime) -> int:
    since = moment - EPOCH
    return since.days * 86_400 + since.seconds
