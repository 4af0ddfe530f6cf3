"""A bucket that need not be kept: its keys are made anew wherever they are needed, always the same ones."""

import random
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Final, NamedTuple

from indexer.agora.names import format_utc
from indexer.model import ListedObject
from indexer.storage.base import PAGE_SIZE, Page
from indexer.storage.memory import MemoryStore

PREFIX: Final = "directory1/directory2/"
PER_STREAM: Final = 250
INTERVAL_MS: Final = 5_000
DAY_MS: Final = 86_400_000
FIRST_DAY_MS: Final = 1_790_812_800_000
"""2026-10-01."""
DAYS: Final = 30

_STREAMS_A_SESSION: Final = 4
_USERS: Final = 64  # each has about two streams a day in a catalog of a million shots


class Stream(NamedTuple):
    """The shots of one key head."""

    number: int
    key_head: str
    start_ms: int
    uid: str


class World:
    """Screenshots of 30 days in streams of 250, in listing order: sessions of four of 64 users, five seconds a shot."""

    def __init__(self, shots: int, *, seed: int = 1) -> None:
        chance = random.Random(seed)
        users = [str(chance.randrange(10**8, 2**32)) for _ in range(_USERS)]
        found: list[tuple[str, int, str]] = []
        while len(found) * PER_STREAM < shots:
            front = f"{PREFIX}{chance.randbytes(16).hex()}_ride_{chance.randrange(10_000, 99_999)}"
            session_ms = FIRST_DAY_MS + chance.randrange(DAYS * DAY_MS)
            found += [
                (f"{front}__uid_s_{uid}__uid_e_video_", session_ms + chance.randrange(60_000), uid)
                for uid in chance.sample(users, _STREAMS_A_SESSION)
            ]
        found = sorted(found[: shots // PER_STREAM])
        self.streams = [Stream(number, *stream) for number, stream in enumerate(found)]

    def __len__(self) -> int:
        return len(self.streams) * PER_STREAM

    def objects(self, streams: Iterable[Stream] | None = None) -> Iterator[ListedObject]:
        """The objects of these streams, or of all."""
        return chain.from_iterable(map(shots_of, self.streams if streams is None else streams))


def shots_of(stream: Stream) -> list[ListedObject]:
    """The objects of one stream, in key order."""
    chance = random.Random(stream.number)
    etags = chance.randbytes(16 * PER_STREAM).hex()
    moments = [stream.start_ms + INTERVAL_MS * index + int(40 * chance.random()) for index in range(PER_STREAM)]
    return [
        ListedObject(
            f"{stream.key_head}{format_utc(moment)}.jpg",
            20_000 + int(280_000 * chance.random()),
            etags[32 * index : 32 * index + 32],
            moment // 1000 + int(30 * chance.random()),
            None,
        )
        for index, moment in enumerate(moments)
    ]


class Pages(MemoryStore):
    """A bucket that can only be listed, and does not group keys.  A token is the number of a page and a place in it."""

    def __init__(self, count: int, page: Callable[[int], list[ListedObject]]) -> None:
        super().__init__()
        self._count = count
        self._page = page

    def list_page(
        self,
        prefix: str = "",
        *,
        after: str = "",
        token: str | None = None,
        delimiter: str = "",  # noqa: ARG002
        limit: int = PAGE_SIZE,
    ) -> Page:
        """See `ObjectStore.list_page`."""
        number, place = map(int, token.split()) if token else self._behind(prefix, after)
        rows = self._page(number)[place : place + limit] if number < self._count else []
        if rows and not rows[-1].key.startswith(prefix):
            return Page([listed for listed in rows if listed.key.startswith(prefix)])
        if len(rows) == limit and place + limit < len(self._page(number)):
            return Page(rows, next_token=f"{number} {place + limit}")
        return Page(rows, next_token=f"{number + 1} 0" if number + 1 < self._count else None)

    def _behind(self, prefix: str, after: str) -> tuple[int, int]:
        def is_before(listed: ListedObject) -> bool:
            return listed.key <= after or listed.key < prefix

        number = bisect_left(range(self._count), True, key=lambda each: not is_before(self._page(each)[-1]))
        return number, sum(map(is_before, self._page(number))) if number < self._count else 0


def ready_pages(objects: Iterable[ListedObject]) -> Pages:
    """The pages of these objects, made beforehand: listing them costs nothing."""
    iterator = iter(objects)
    pages = list(iter(lambda: list(islice(iterator, PAGE_SIZE)), []))
    return Pages(len(pages), pages.__getitem__)


def made_pages(world: World) -> Pages:
    """The pages of a world, made when they are listed and not kept."""
    streams = PAGE_SIZE // PER_STREAM

    def page(number: int) -> list[ListedObject]:
        return list(world.objects(world.streams[number * streams : (number + 1) * streams]))

    return Pages(-(-len(world.streams) // streams), page)
