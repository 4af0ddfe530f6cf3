"""Which units there are, without listing what is in them: the names up to the "_" behind a session id.

The key of a screenshot begins with its session id, so a delimiter of "_" makes one group of each unit, and a request
tells of 1,000 units instead of 1,000 keys.  What is no unit is listed whole on the way, so that nothing is passed over.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from indexer.agora.names import RecordingName, ScreenshotName, parse, unit_of
from indexer.errors import (
    AccessDeniedError,
    BrokenListingError,
    BucketNotFoundError,
    ConfigError,
    StorageError,
    StorageUnavailableError,
)
from indexer.model import Interval, ListedObject, all_of, successor
from indexer.storage.base import PAGE_SIZE, ObjectStore, Page
from indexer.storage.listing import just_before
from indexer.storage.paging import Paging

DELIMITER: Final = "_"

_FAILOVER: Final = re.compile(r"(?:^|[/_])bak[0-9]{1,9}_$")


@dataclass(frozen=True, slots=True)
class Unit:
    """Objects whose keys begin so are there; how many is not known."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Loose:
    """All that lies in an interval, which holds no unit."""

    interval: Interval
    objects: Sequence[ListedObject]


@dataclass(frozen=True, slots=True)
class Foreign:
    """An interval that must be listed whole: many objects, and not below any session id."""

    interval: Interval


Found = Unit | Loose | Foreign


def groups_by_delimiter(store: ObjectStore, prefix: str, count: Callable[[], None]) -> bool:
    """Whether the storage can group keys by our delimiter: one request.

    Some know only "/", some refuse another one, and some ignore it.
    """
    count()
    try:
        page = store.list_page(prefix, delimiter=DELIMITER, limit=2)
    except (AccessDeniedError, BucketNotFoundError, StorageUnavailableError):
        raise  # these have nothing to do with the delimiter
    except (ConfigError, StorageError):
        return False
    ungrouped = any(DELIMITER in listed.key[len(prefix) :] for listed in page.objects)
    well_made = all(group.startswith(prefix) and group.endswith(DELIMITER) for group in page.prefixes)
    return well_made and not ungrouped


def discover(store: ObjectStore, prefix: str, count: Callable[[], None]) -> Iterator[Found]:
    """Everything below `prefix`, in key order, disjoint; `count` is called for each request.

    Raises `BrokenListingError` where the storage does not group as it should.
    """
    return _Discovery(store, count).below(prefix)


class _Discovery:
    def __init__(self, store: ObjectStore, count: Callable[[], None]) -> None:
        self._store = store
        self._count = count

    def below(self, node: str) -> Iterator[Found]:
        """What lies below a prefix that is none of a unit."""
        after = ""
        gap = _Gap()
        while True:
            page = self._page(node, after)
            strangers: list[str] = []  # groups in a row that are no units
            for name, listed in _in_order(page):
                if listed is None and unit_of(name) != name and not _FAILOVER.search(name):
                    yield from gap.end(name)
                    strangers.append(name)
                    continue
                yield from self._strange(node, strangers)
                if listed is not None:
                    yield from gap.add(listed)
                    continue
                yield from gap.end(name)
                if unit_of(name) == name:
                    yield Unit(name)
                else:
                    yield from self.below(name)
            yield from self._strange(node, strangers)
            if page.next_token is None:
                yield from gap.end(successor(node))
                return
            # Never the token: SeaweedFS 4.48 repeats groups with it, and MinIO has repeated tokens.
            after = max([listed.key for listed in page.objects[-1:]] + [_behind(name) for name in page.prefixes])

    def _page(self, node: str, after: str) -> Page:
        self._count()
        page = self._store.list_page(node, after=after, delimiter=DELIMITER)
        names = [*page.prefixes, *(listed.key for listed in page.objects)]
        if len(set(names)) < len(names) or any(not name.startswith(node) or name <= after for name in names):
            raise BrokenListingError(
                f"{self._store.url} repeats groups of {node!r}, or gives others: nothing was concluded; set"
                " discovery = 'hop' for this source"
            )
        if any(DELIMITER in listed.key[len(node) :] for listed in page.objects):
            raise BrokenListingError(
                f"{self._store.url} does not group keys of {node!r} by {DELIMITER!r}: nothing was concluded; set"
                " discovery = 'hop' for this source"
            )
        if page.next_token is not None and not names:
            raise BrokenListingError(
                f"{self._store.url} says that {node!r} goes on, but not where: nothing was concluded"
            )
        return page

    def _strange(self, node: str, groups: list[str]) -> Iterator[Found]:
        """Groups in a row that are no units: listed whole if they are small, looked into if they are not."""
        while groups:
            start = groups[0]
            stop = successor(groups[-1])
            self._count()
            page = (
                Paging(self._store, start) if len(groups) == 1 else Paging(self._store, node, after=just_before(start))
            )
            first = page.next()
            objects = [
                listed for listed in first.objects if listed.key >= start and (stop is None or listed.key < stop)
            ]
            complete = page.ended or len(objects) < len(first.objects)
            if complete:
                yield Loose(Interval(start, stop), objects)
                groups.clear()
                return
            big = objects[-1].key if objects else start
            whole = [group for group in groups if (behind := successor(group)) is not None and behind <= big]
            if whole:
                behind = successor(whole[-1])
                yield Loose(
                    Interval(start, behind), [listed for listed in objects if behind is None or listed.key < behind]
                )
                del groups[: len(whole)]
            else:
                group = groups.pop(0)
                if _is_of_unit(objects, group):
                    yield Foreign(all_of(group))
                else:
                    yield from self.below(group)


def _is_of_unit(objects: Sequence[ListedObject], group: str) -> bool:
    """Whether a group is a unit, or lies in one, whose session id is not of the usual form."""
    name = parse(objects[0].key) if objects else None
    match name:
        case ScreenshotName(head=head):
            return group.startswith(head.unit)
        case RecordingName():
            return group.startswith(name.unit)
        case _:
            return False


def _behind(group: str) -> str:
    return successor(group) or group


def _in_order(page: Page) -> list[tuple[str, ListedObject | None]]:
    """Objects and groups of a page in key order.  SeaweedFS 4.48 sorts groups as if they had no delimiter."""
    both: list[tuple[str, ListedObject | None]] = [(name, None) for name in page.prefixes]
    both += [(listed.key, listed) for listed in page.objects]
    return sorted(both, key=lambda found: found[0])


def hop(store: ObjectStore, prefix: str, count: Callable[[], None]) -> Iterator[Found]:
    """The same without a delimiter: from unit to unit, which takes a request for each large one."""
    after = ""
    gap = _Gap()
    while True:
        count()
        page = store.list_page(prefix, after=after, limit=HOP)
        keys = [listed.key for listed in page.objects]
        if any(one >= other for one, other in pairwise([after, *keys])):
            raise BrokenListingError(f"{store.url} lists out of order behind {after!r}: nothing was concluded")
        if page.next_token is not None and not keys:
            raise BrokenListingError(f"{store.url} says that it goes on behind {after!r}, but not with what")
        unit = ""
        for listed in page.objects:
            if unit and listed.key.startswith(unit):
                continue
            unit = unit_of(listed.key)
            if unit:
                yield from gap.end(unit)
                yield Unit(unit)
            else:
                yield from gap.add(listed)
        if page.next_token is None:
            yield from gap.end(successor(prefix))
            return
        after = (successor(unit) if unit else None) or keys[-1]


class _Gap:
    """Objects in a row, with neither a unit nor a group between them."""

    def __init__(self) -> None:
        self._objects: list[ListedObject] = []

    def add(self, listed: ListedObject) -> Iterator[Loose]:
        """One more; when there are many, all before it are told."""
        if len(self._objects) >= PAGE_SIZE:
            yield from self.end(listed.key)
        self._objects.append(listed)

    def end(self, stop: str | None) -> Iterator[Loose]:
        """What comes next begins at `stop`."""
        if self._objects:
            yield Loose(Interval(self._objects[0].key, stop), self._objects)
            self._objects = []


HOP: Final = 100
"""Keys asked for at a time: small units come several at once, and a large one costs little to pass."""
