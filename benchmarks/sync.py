"""Whole syncs into SQLite against the driver alone, which gets its rows ready made."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from benchmarks import listing
from benchmarks.list_server import list_server
from benchmarks.measuring import Cost, Figure, Scale, cost, taking_turns
from benchmarks.sqlite import (
    NOW,
    add_generation,
    copied,
    empty_catalog,
    insert_or_ignore,
    insert_rows,
    plain_sync,
    raw,
    rows_of,
    stamp_generation,
    sync_into,
)
from benchmarks.world import World, ready_pages
from indexer.catalog.catalog import Catalog
from indexer.model import ListedObject
from indexer.storage.base import ObjectStore

_RAW: Final = "raw sqlite3, rows ready made"


def measure(scale: Scale) -> Iterator[Figure]:
    """Keys a second, wall and CPU."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        empty = empty_catalog(folder)
        world = World(scale.synced_keys)
        yield from _first_and_second(folder, empty, world, scale.rounds)
        yield from _nightly(folder, empty, world, scale.rounds)
        yield from _from_server(folder, empty, scale)


def _first_and_second(folder: Path, empty: Path, world: World, rounds: int) -> Iterator[Figure]:
    store = ready_pages(world.objects())
    synced = folder / "synced.db"
    _syncing(empty, synced, store)
    rows = rows_of(synced)
    assert len(rows["shot"]) == len(world)
    first, inserted, second, ignored = taking_turns(
        rounds,
        lambda: _syncing(empty, folder / "first.db", store),
        lambda: _on_copy(empty, folder / "raw.db", lambda path: insert_rows(path, rows)),
        lambda: _syncing(synced, folder / "second.db", store),
        lambda: _on_copy(synced, folder / "raw.db", lambda path: insert_or_ignore(path, rows)),
    )
    count = len(world)
    yield from _rates("sync, first", count, first, inserted, _RAW)
    yield from _rates("sync, second, nothing changed", count, second, ignored, "raw INSERT OR IGNORE")


def _nightly(folder: Path, empty: Path, world: World, rounds: int) -> Iterator[Figure]:
    """One key in a hundred is new and one is gone: whole streams, or some shots of each stream."""

    def streams_but(rest: int) -> Iterator[ListedObject]:
        return world.objects(stream for stream in world.streams if stream.number % 100 != rest)

    def shots_but(rest: int) -> Iterator[ListedObject]:
        return (listed for number, listed in enumerate(world.objects()) if number % 100 != rest)

    yield from _night("sync, 1 % new, 1 % gone, in streams of their own", folder, empty, streams_but, rounds)
    yield from _night("sync, 1 % new, 1 % gone, spread over all streams", folder, empty, shots_but, rounds)


def _night(
    what: str, folder: Path, empty: Path, without: Callable[[int], Iterator[ListedObject]], rounds: int
) -> Iterator[Figure]:
    before, after = folder / "before.db", folder / "after.db"
    _syncing(empty, before, ready_pages(without(50)))
    today = ready_pages(without(51))
    _syncing(before, after, today)
    rows = rows_of(after)["shot"]
    stamped = copied(before, folder / "stamped.db")
    add_generation(stamped)
    ours, peer = taking_turns(
        rounds,
        lambda: _syncing(before, folder / "nightly.db", today),
        lambda: _on_copy(stamped, folder / "raw.db", lambda path: stamp_generation(path, rows)),
    )
    with raw(folder / "raw.db") as connection:
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (len(rows),)
    yield from _rates(what, len(rows), ours, peer, "raw upsert with generation stamp")


def _from_server(folder: Path, empty: Path, scale: Scale) -> Iterator[Figure]:
    with list_server(scale.listed_keys) as endpoint:
        store, client = listing.store(endpoint), listing.session().client("s3", endpoint_url=endpoint)
        ours, peer = taking_turns(
            scale.rounds,
            lambda: _syncing(empty, folder / "served.db", store),
            lambda: _on_copy(empty, folder / "raw.db", lambda path: plain_sync(path, client, scale.plain_keys)),
        )
    what, peer_name = "sync, first, from a LIST server", "boto3's paginator, pattern, raw sqlite3"
    yield Figure(what, "keys/s", scale.listed_keys / ours.wall_s, scale.plain_keys / peer.wall_s, peer_name)
    yield Figure(what, "keys/CPU-s", scale.listed_keys / ours.cpu_s, scale.plain_keys / peer.cpu_s, peer_name)


def _syncing(origin: Path, path: Path, store: ObjectStore) -> Cost:
    with Catalog.open_to_write(f"sqlite:///{copied(origin, path)}", now=NOW) as catalog:
        return cost(lambda: sync_into(catalog, store))


def _on_copy(origin: Path, path: Path, work: Callable[[Path], None]) -> Cost:
    copied(origin, path)
    return cost(lambda: work(path))


def _rates(what: str, keys: int, ours: Cost, peer: Cost, peer_name: str) -> Iterator[Figure]:
    yield Figure(what, "keys/s", keys / ours.wall_s, keys / peer.wall_s, peer_name)
    yield Figure(what, "keys/CPU-s", keys / ours.cpu_s, keys / peer.cpu_s, peer_name)
