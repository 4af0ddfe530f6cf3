"""What tests ask of a whole catalog."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy import select

from indexer.agora.names import ScreenshotName, parse
from indexer.catalog.catalog import Catalog, Source
from indexer.catalog.schema import metadata
from indexer.jobs.stretches import ROWS, Seen, stretches
from indexer.model import Interval, ListedObject, Selection
from tests.postgres import PostgresServer

MADE_AT: Final = datetime(2026, 11, 5, tzinfo=UTC)

Urls = Callable[[], str]
"""Gives the URL of a catalog in which nothing is, each time of another one or of the same one emptied."""


def sqlite_urls(folder: Path) -> Urls:
    """Copies of one file: making one takes a tenth of a second."""
    numbers = count()
    empty = folder / "empty.db"
    Catalog.open_to_write(f"sqlite:///{empty}", now=MADE_AT).close()
    return lambda: f"sqlite:///{shutil.copy(empty, folder / f'{next(numbers)}.db')}"


def postgres_urls(server: PostgresServer) -> Urls:
    """One database, emptied: making one takes half a second."""
    name = server.new_database()
    Catalog.open_to_write(server.url(name), now=MADE_AT).close()
    tables = [table.name for table in reversed(metadata.sorted_tables) if table.name != "catalog"]

    def emptied() -> str:
        server.execute(";".join(f"DELETE FROM {table}" for table in tables), database=name)  # noqa: S608
        return server.url(name)

    return emptied


@contextmanager
def opened(urls: Urls) -> Iterator[Catalog]:
    """An empty catalog, to be written."""
    with Catalog.open_to_write(urls(), now=MADE_AT) as catalog:
        yield catalog


def take_over(
    catalog: Catalog, source: Source, objects: Sequence[ListedObject], *, page: int = 1_000, rows: int = ROWS
) -> Seen:
    """What a sync of the whole source does with a listing, in pages and stretches of these sizes."""
    seen = Seen()
    pages = (objects[first : first + page] for first in range(0, len(objects), page))
    with catalog.writer(source) as writer:
        for stretch in stretches(pages, seen, seed=writer.seed, rows=rows):
            writer.apply(stretch)
        for _ in writer.remove_gone():
            pass
        writer.listed(Interval(), started_ms=0)
        writer.conclude(whole=True, horizon_ms=0)
    return seen


def shots_in(catalog: Catalog) -> list[ListedObject]:
    """All shots, read as lookups read them."""
    found = []
    for user in catalog.users.every(Selection()):
        for series in catalog.shots.series(user.uid, Selection()):
            for shot, _ in catalog.shots.of(series, Selection().period):
                modified_s = round(shot.last_modified.timestamp())
                found.append(ListedObject(shot.key, shot.size, shot.etag, modified_s, shot.tier))
    return sorted(found)


def shots_of(objects: Iterable[ListedObject]) -> list[ListedObject]:
    """What a catalog should hold of a listing."""
    return sorted(found for found in objects if isinstance(parse(found.key), ScreenshotName))


def dump(catalog: Catalog) -> dict[str, list[tuple[object, ...]]]:
    """Everything that a sync writes about a bucket, to see whether it wrote."""
    names = ("session", "unit", "stream", "shot", "recording", "rejected")
    with catalog.reading() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*list(table.c)[:3]))]
            for name, table in metadata.tables.items()
            if name in names
        }
