"""Objects that come in any order, by the million, sorted by key in little memory."""

import marshal
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice, repeat
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import IO, Final

from indexer.errors import StorageError
from indexer.model import ListedObject
from indexer.storage.base import PAGE_SIZE

CHUNK_ROWS: Final = 100_000
"""Rows sorted in memory, about 45 MB of them.  No more than these are never written to a file."""

_FAN_IN: Final = 32
"""Files merged into one: a billion rows then keep fewer than a hundred open, where systems allow 256 or more."""

_BLOCK_ROWS: Final = 200
"""Rows of one file in memory while files are merged."""

_LENGTH: Final = struct.Struct("<I")
_KEY: Final = itemgetter(0)

_Row = tuple[str, int, str, int, str | None]


def sorted_pages(
    batches: Iterable[list[ListedObject]], *, folder: Path | None = None, chunk_rows: int = CHUNK_ROWS
) -> Iterator[list[ListedObject]]:
    """Yield all objects in pages of up to 1,000, in strictly rising UTF-8 order of key: of a repeated key the last one.

    The first page comes when `batches` have ended, so whatever they raise comes before anything was yielded.  What
    does not fit in memory goes to nameless files in `folder` (the system's own for temporary files if None), about
    170 bytes a row and for a short time twice that; they are gone with the process, however it ends.
    Raises `StorageError` where there is no room for them.
    """
    with closing(_Runs(folder)) as runs:
        rows: dict[str, ListedObject] = {}
        for batch in batches:
            rows.update(zip(map(_KEY, batch), batch, strict=True))
            if len(rows) >= chunk_rows:
                runs.add(_in_order(rows))
                rows.clear()
        merged = chain.from_iterable(runs.merged_with(_in_order(rows)))
        while page := list(islice(merged, PAGE_SIZE)):
            yield list(map(tuple.__new__, repeat(ListedObject), page))  # as in storage.xml_pages


@contextmanager
def temporary_room(folder: Path | None) -> Iterator[None]:
    """Say where there was no room, or no right, to write a temporary file."""
    try:
        yield
    except OSError as exc:
        raise StorageError(
            f"temporary files could not be written in {folder or gettempdir()}: {exc.strerror or exc}; make room"
            " there, or name another folder in TMPDIR"
        ) from exc


def _in_order(rows: dict[str, ListedObject]) -> Iterator[list[_Row]]:
    # Python orders texts by code point, which is the order of their UTF-8 bytes.
    keys = sorted(rows)
    for start in range(0, len(keys), _BLOCK_ROWS):
        yield [rows[key] for key in keys[start : start + _BLOCK_ROWS]]


class _Runs:
    """Sorted files.  Where two have the same key, the one that was added later is right."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._levels: list[list[IO[bytes]]] = []
        """Files by how often their rows were merged, oldest first; all of a level are newer than those of the next."""

    def add(self, blocks: Iterator[list[_Row]], level: int = 0) -> None:
        """Write one more, and make one of many when there are."""
        if level == len(self._levels):
            self._levels.append([])
        runs = self._levels[level]
        with temporary_room(self._folder):
            runs.append(TemporaryFile(dir=self._folder))  # noqa: SIM115  # closed by close()
            _write(blocks, runs[-1])
        if len(runs) == _FAN_IN:
            self.add(_merged([_read(run) for run in runs]), level + 1)
            for run in runs:
                run.close()
            runs.clear()

    def merged_with(self, newest: Iterator[list[_Row]]) -> Iterator[list[_Row]]:
        """All rows, and these."""
        return _merged([*map(_read, chain.from_iterable(reversed(self._levels))), newest])

    def close(self) -> None:
        """Give all room back."""
        for run in chain.from_iterable(self._levels):
            run.close()


def _write(blocks: Iterator[list[_Row]], run: IO[bytes]) -> None:
    for block in blocks:
        data = marshal.dumps(list(zip(*block, strict=True)))  # by column, which is the quickest
        run.write(_LENGTH.pack(len(data)))
        run.write(data)
    run.seek(0)


def _read(run: IO[bytes]) -> Iterator[list[_Row]]:
    while length := run.read(_LENGTH.size):
        # The file is our own, nameless, and was written by this very process.
        columns = marshal.loads(run.read(*_LENGTH.unpack(length)))  # noqa: S302
        yield list(zip(*columns, strict=True))


def _merged(runs: Sequence[Iterator[list[_Row]]]) -> Iterator[list[_Row]]:
    """Merge runs, oldest first, in blocks of any length.

    What of all runs lies up to the nearest end of a block is sorted anew, which is quick for what is in order piece by
    piece.
    """
    heads = [next(run, []) for run in runs]
    while ends := [head[-1][0] for head in heads if head]:
        end = min(ends)
        rows: list[_Row] = []
        for index, head in enumerate(heads):
            if head and head[0][0] <= end:
                stop = bisect_right(head, end, key=_KEY)
                rows += head[:stop]
                heads[index] = head[stop:] or next(runs[index], [])
        rows.sort(key=_KEY)  # stable: of equal keys the newest comes last, and so remains in the dictionary
        yield list(dict(zip(map(_KEY, rows), rows, strict=True)).values())
