"""What a worker does for a storyboard: it fetches the pictures of one sprite, draws and writes it."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from indexer.errors import ObjectNotFoundError
from indexer.jobs.written import write_file
from indexer.render.image import BadPictureError, open_jpeg
from indexer.render.storyboard import Board, NoPicture, Picture, draw_sprite
from indexer.storage.base import ObjectStore
from indexer.storage.urls import Address, open_store

FETCHED_AT_ONCE: Final = 16
"""Requests under way for a sprite, and pictures in the memory of its worker beside it."""


@dataclass(frozen=True, slots=True)
class Tile:
    """What a worker draws.  Plain values only, as in the whole task: it is pickled."""

    source: str = ""
    key: str = ""
    size: int = 0
    thumbnail: str | None = None
    """Its key, if there is one."""
    cause: str | None = None
    """Of a gap."""
    unreadable: str | None = None
    """Why the original cannot be fetched."""


@dataclass(frozen=True, slots=True)
class Task:
    """One sprite to draw."""

    series: int
    """The number of the series in this run."""
    number: int
    """The number of the sprite in its series."""
    board: Board
    tiles: tuple[Tile, ...]
    origins: dict[str, Address]
    thumbnails: Address | None
    path: str
    """Where to write it."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sprite that is written."""

    bytes: int
    width: int
    height: int
    reasons: dict[int, str]
    """Shots without a picture, by slot."""
    from_thumbnails: int


def draw(task: Task) -> Drawn:
    """Fetch the pictures of a sprite, draw it, and write it.  Raised is only what storage and file system raise."""
    reasons: dict[int, str] = {}
    thumbnails = 0

    def pictures() -> Iterator[Picture | NoPicture]:
        nonlocal thumbnails
        for slot, (found, from_thumbnail) in enumerate(_fetched(task)):
            thumbnails += from_thumbnail
            if isinstance(found, NoPicture) and task.tiles[slot].cause is None:
                reasons[slot] = found.detail
            yield found

    sprite = draw_sprite(task.board, pictures(), count=len(task.tiles))
    write_file(Path(task.path), sprite.jpeg)
    return Drawn(len(sprite.jpeg), sprite.width, sprite.height, reasons | sprite.flawed, thumbnails)


def _fetched(task: Task) -> Iterator[tuple[Picture | NoPicture, bool]]:
    """The pictures in their order, a few of them on their way while one is drawn."""
    under_way: deque[Future[tuple[Picture | NoPicture, bool]]] = deque()
    with ThreadPoolExecutor(FETCHED_AT_ONCE) as pool:
        try:
            for tile in task.tiles:
                if len(under_way) == FETCHED_AT_ONCE:
                    yield under_way.popleft().result()
                under_way.append(pool.submit(_fetch, tile, task))
            while under_way:
                yield under_way.popleft().result()
        finally:
            for waiting in under_way:
                waiting.cancel()


def _fetch(tile: Tile, task: Task) -> tuple[Picture | NoPicture, bool]:
    if tile.cause is not None:
        return NoPicture("no picture", tile.cause), False
    if tile.thumbnail is not None and task.thumbnails is not None:
        with suppress(ObjectNotFoundError, BadPictureError):  # somebody removed or broke it: the original will do
            data = _open(task.thumbnails).get(task.thumbnails.location.prefix + tile.thumbnail)
            open_jpeg(data)
            return Picture(data), True
    if tile.unreadable is not None:
        return NoPicture("no picture", tile.unreadable), False
    try:
        return Picture(_open(task.origins[tile.source]).get(tile.key), tile.size or None), False
    except ObjectNotFoundError:
        return NoPicture("no picture", "gone"), False


@lru_cache(maxsize=16)
def _open(address: Address) -> ObjectStore:
    """The store of a worker, opened once."""
    return open_store(address.location, address.options)
