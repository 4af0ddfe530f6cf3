"""Files of notification callbacks: bodies one a line, an array of them, or a single one."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO, Final

from indexer.agora import events
from indexer.agora.events import BadNoticeError, Notice, OtherProductError
from indexer.errors import ConfigError

SAMPLES: Final = 20
"""Of what was unreadable, kept to be shown."""

LONGEST: Final = 1_048_576
"""Bytes of a body.  A notice has less than 1 KB, one with the file list of a long recording some hundred."""

LONGEST_ARRAY: Final = 256 * 1_048_576
"""Bytes.  An array is read whole, which takes some ten times as much memory; lines take none."""

_TOLD_EVERY: Final = 1_000

# Of the byte order: editors of Windows write it in front of a file.
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A piece of a file that is no notice."""

    place: str
    """`line 3`, counted from 1 and empty ones too, or `element 3` of an array."""
    reason: str


@dataclass(slots=True)
class NoticesRead:
    """What files held, counted while they are read."""

    pieces: int = 0
    """Lines that are not empty, or elements."""
    other_products: int = 0
    """Notices of other products than Cloud Recording."""
    unreadable: int = 0
    samples: list[Unreadable] = field(default_factory=list)
    """The first of what was unreadable."""


def read_notices(
    file: BinaryIO, read: NoticesRead, *, origin: str = "", progress: Callable[[int], None] = lambda _pieces: None
) -> Iterator[Notice]:
    """Yield the notices of a file as they come; everything else is counted in `read`, with `origin` before its place.

    A file is an array if it begins with `[`, and a single notice if its first line begins one and does not end it.
    `progress` is told how many pieces were read, every thousand and at the end.  An unreadable element of an array
    leaves the others readable; raises `ConfigError` for an array that is longer than `LONGEST_ARRAY` or no JSON.
    """
    for place, piece in _pieces(file, origin):
        read.pieces += 1
        if read.pieces % _TOLD_EVERY == 0:
            progress(read.pieces)
        try:
            notice = events.read(_decoded(piece) if isinstance(piece, bytes) else piece)
        except OtherProductError:
            read.other_products += 1
        except BadNoticeError as exc:
            read.unreadable += 1
            if len(read.samples) < SAMPLES:
                read.samples.append(Unreadable(origin + place, str(exc)))
        else:
            yield notice
    progress(read.pieces)


def _decoded(line: bytes) -> object:
    if len(line.rstrip(b"\r\n")) > LONGEST:
        raise BadNoticeError(f"longer than {LONGEST:,} bytes")
    return events.decode(line)


def _pieces(file: BinaryIO, origin: str) -> Iterator[tuple[str, object]]:
    """Bytes to be decoded, or what was decoded already, and where it stands."""
    lines = _lines(file)
    skipped, first = _first_line(lines)
    start = first.lstrip()
    if start.startswith(b"["):
        yield from _elements(first, file, origin)
    elif start.startswith(b"{") and not _is_cut(_MARK + first) and not _is_json(start):
        # The first line of a single notice that is written over several, or a bad line.
        rest = file.read(LONGEST)
        if _is_json(first + rest):
            yield f"line {skipped + 1}", first + rest
        else:
            yield from _numbered(chain([first], _split(rest, file)), skipped)
    else:
        yield from _numbered(chain([first], lines), skipped)


def _first_line(lines: Iterator[bytes]) -> tuple[int, bytes]:
    """The first line that is not empty, and how many were before it."""
    skipped = 0
    for line in lines:
        text = line.removeprefix(_MARK) if skipped == 0 else line
        if text.strip():
            return skipped, text
        skipped += 1
    return skipped, b""


def _lines(file: BinaryIO, begun: bytes = b"") -> Iterator[bytes]:
    """Lines, of the first of which a part was read already; of one that is too long, as much as shows that it is.

    The rest of such a line is passed over when the next one is asked for.
    """
    line = begun + file.readline(LONGEST + 1)
    while line:
        yield line
        while _is_cut(line):
            line = file.readline(LONGEST + 1)
        line = file.readline(LONGEST + 1)


def _is_cut(line: bytes) -> bool:
    return len(line) > LONGEST and not line.endswith(b"\n")


def _split(read_already: bytes, file: BinaryIO) -> Iterator[bytes]:
    """The lines of what was read already, and of the rest."""
    *whole, begun = read_already.split(b"\n")
    yield from whole
    yield from _lines(file, begun)


def _numbered(lines: Iterable[bytes], skipped: int) -> Iterator[tuple[str, bytes]]:
    for number, line in enumerate(lines, skipped + 1):
        if line.strip():
            yield f"line {number}", line


def _elements(first: bytes, file: BinaryIO, origin: str) -> Iterator[tuple[str, object]]:
    text = first + file.read(LONGEST_ARRAY)
    if len(text) > LONGEST_ARRAY:
        raise ConfigError(
            f"{origin}an array of more than {LONGEST_ARRAY:,} bytes would not fit into memory; write one notice a line"
        )
    try:
        array = events.decode(text)
    except BadNoticeError as exc:
        raise ConfigError(f"{origin}the array is broken: {exc}") from exc
    assert isinstance(array, list)  # noqa: S101  # it begins with a bracket
    for number, element in enumerate(array, 1):
        yield f"element {number}", element


def _is_json(text: bytes) -> bool:
    try:
        events.decode(text)
    except BadNoticeError:
        return False
    return True
