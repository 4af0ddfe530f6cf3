"""Pictures that callbacks tell of, before any listing shows them.

Such a shot has no size and no ETag, and is waited for: until a listing confirms it, its unit has no digest, so that
every sync lists it again.  Callbacks come twice, late, in any order or never, so nothing here is believed against what
was listed, and everything may be told again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine

from indexer.agora.names import ScreenshotName, ShotHead, parse
from indexer.catalog.dialects import WRITE
from indexer.catalog.heard import note_heard
from indexer.catalog.listed import ListedStream
from indexer.catalog.owners import batches
from indexer.catalog.streams import StreamBook, Verdict
from indexer.catalog.units import Touched, UnitBook
from indexer.model import ANNOUNCED, ListedObjects, to_ms

PICTURES: Final = 5_000
"""Taken in by one transaction: others that write wait for it."""


@dataclass(slots=True)
class Announced:
    """What became of announcements."""

    new: int = 0
    """Shots that the catalog did not know."""
    known: int = 0
    """Shots that it knew, listed or announced before."""
    unrecognised: int = 0
    """Keys that are those of no screenshot, or of nothing that a storage can hold; passed over."""


class Announcing:
    """Takes in announcements of one source.  Needs no `sync_lock`: write transactions exclude each other."""

    def __init__(self, engine: Engine, source_id: int, *, seed: int) -> None:
        self._engine = engine.execution_options(**{WRITE: True})
        self._source_id = source_id
        self._seed = seed

    def take_in(self, pictures: Iterable[tuple[str, int]]) -> Announced:
        """Take in keys, each with when it was announced (ms); a transaction for every `PICTURES` of them.

        Of several announcements of one picture the first counts.
        """
        done = Announced()
        for batch in batches(pictures, PICTURES):
            streams = self._streams(dict(sorted(batch, key=_latest_first)), done)
            if streams:
                with self._engine.begin() as connection:
                    self._take_in(connection, streams, done)
        return done

    def _take_in(self, connection: Connection, streams: list[ListedStream], done: Announced) -> None:
        units = UnitBook(connection, self._source_id)
        book = StreamBook(connection, self._source_id, units, seed=self._seed)
        touched = Touched()
        new, verdicts = book.additions(streams)
        book.insert(new, touched)
        book.write([verdict for verdict in verdicts if verdict.found], touched)
        units.wait_for(self._awaited(units, new, verdicts), touched)
        note_heard(connection, self._source_id, streams)
        added = sum(map(len, new)) + sum(len(found.added) for _, _, found in verdicts)
        done.new += added
        done.known += sum(map(len, streams)) - added

    @staticmethod
    def _awaited(units: UnitBook, new: Sequence[ListedStream], verdicts: Sequence[Verdict]) -> dict[int, list[int]]:
        """When the shots were captured that are new, by unit."""
        found: dict[int, list[int]] = {}
        ids = units.ids({listed.head.unit for listed in new})
        for listed in new:
            found.setdefault(ids[listed.head.unit], []).extend(listed.captured_ms)
        for _, known, difference in verdicts:
            if difference.added:
                found.setdefault(known.unit_id, []).extend(row.captured_ms for row in difference.added)
        return found

    def _streams(self, pictures: dict[str, int], done: Announced) -> list[ListedStream]:
        found: dict[ShotHead, list[tuple[int, str, int]]] = {}
        for key, announced_ms in pictures.items():
            name = parse(key)
            if isinstance(name, ScreenshotName) and _is_utf8(key):
                found.setdefault(name.head, []).append((to_ms(name.captured_at), key, announced_ms // 1000))
            else:
                done.unrecognised += 1
        streams = []
        for head, shots in found.items():
            captured_ms, keys, announced_s = (list(column) for column in zip(*sorted(shots), strict=True))
            count = len(keys)
            objects = ListedObjects(keys, [0] * count, [""] * count, announced_s, [ANNOUNCED] * count)
            stream = ListedStream(head, head.text)
            stream.extend(objects, captured_ms, seed=self._seed)
            streams.append(stream)
        return streams


def _is_utf8(key: str) -> bool:
    try:
        key.encode()
    except UnicodeEncodeError:  # JSON can escape half a character
        return False
    return True


def _latest_first(picture: tuple[str, int]) -> int:
    return -picture[1]
