"""From notification callbacks to the catalog: pictures are announced, and what else they tell is kept as facts.

Callbacks are lost, come twice and in any order, so all of this may be done again at any time, and changes nothing then.
The listing stays the truth: see `Catalog.announce`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final, Self

from indexer.agora import events, names
from indexer.agora.events import Notice, SnapshotFile
from indexer.agora.facts import Fact
from indexer.agora.names import ScreenshotName, Unrecognised
from indexer.catalog.catalog import Catalog, Source
from indexer.errors import ConfigError
from indexer.model import to_ms
from indexer.storage.urls import Location, open_store

BATCH: Final = 1_000
"""Notices that are written at once: a transaction for the pictures of each source, and one for the facts."""

SAMPLES: Final = 20
"""Names that belong nowhere, and are kept to be shown."""


@dataclass(frozen=True, slots=True)
class Home:
    """A source as callbacks find it: by the prefix of its keys.  They name no bucket."""

    name: str
    prefix: str
    url: str
    """As a sync gives it to the catalog."""

    @classmethod
    def of(cls, name: str, location: Location) -> Self:
        """The home that a configured source is."""
        # A store knows the folder behind links.  That of a bucket says what is written, and takes long to open.
        url = str(location) if location.kind == "s3" else f"{open_store(location).url}/{location.prefix}"
        return cls(name, location.prefix, url)


class Homes:
    """Where pictures can belong.  Raises `ConfigError` for sources that a key cannot tell apart."""

    def __init__(self, homes: Sequence[Home]) -> None:
        # Longest first: what lies deep in one bucket is not meant for another one that has no prefix.
        self._homes = sorted(homes, key=lambda home: (-len(home.prefix), home.prefix))
        for one, other in pairwise(self._homes):
            if one.prefix == other.prefix:
                raise ConfigError(
                    f"the sources {one.name!r} and {other.name!r} have the same prefix {one.prefix!r}, and callbacks "
                    "name no bucket; say with --source which ones the callbacks are of"
                )

    def of(self, key: str) -> Home | None:
        """The one that a key belongs to: of several prefixes that it begins with, the longest."""
        return next((home for home in self._homes if key.startswith(home.prefix)), None)


@dataclass(slots=True)
class Strays:
    """File names that were not cataloged, and the first of them."""

    count: int = 0
    samples: list[str] = field(default_factory=list)

    def add(self, *names: str) -> None:
        """Count them."""
        self.count += len(names)
        self.samples += names[: max(0, SAMPLES - len(self.samples))]

    def merge(self, other: "Strays") -> None:
        """Count those of another one too."""
        self.add(*other.samples)
        self.count += other.count - len(other.samples)


@dataclass(slots=True)
class NoticeReport:
    """What came of notices; it grows while they are taken in."""

    events: Counter[int] = field(default_factory=Counter)
    """How many notices of each event there were, repeated ones included."""
    pictures: int = 0
    """Notices of pictures that belong to a source, repeated ones included."""
    pictures_new: int = 0
    """Of these, those that the catalog had not; 0 without a catalog."""
    facts: int = 0
    facts_new: int = 0
    outside: Strays = field(default_factory=Strays)
    """Pictures that belong to no source."""
    strange: dict[str, Strays] = field(default_factory=dict)
    """File names that are no screenshot's, by reason: of `Reason`, or "recording"."""

    def merge(self, other: "NoticeReport") -> None:
        """Add what came of other notices."""
        self.events += other.events
        self.pictures += other.pictures
        self.pictures_new += other.pictures_new
        self.facts += other.facts
        self.facts_new += other.facts_new
        self.outside.merge(other.outside)
        for reason, strays in other.strange.items():
            self.strange.setdefault(reason, Strays()).merge(strays)

    @property
    def notices(self) -> int:
        """All that were read."""
        return self.events.total()

    @property
    def pictures_known(self) -> int:
        """Pictures that the catalog had, or that were told of twice."""
        return self.pictures - self.pictures_new

    @property
    def facts_known(self) -> int:
        """Facts that the catalog had, or that were told of twice."""
        return self.facts - self.facts_new


class Intake:
    """Takes notices into a catalog, in whole batches.  To be used by one thread.  Without a catalog it only counts."""

    def __init__(self, catalog: Catalog | None, homes: Homes) -> None:
        self._catalog, self._homes = catalog, homes
        self._sources: dict[str, Source] = {}

    def take(self, notices: Iterable[Notice], *, now: datetime) -> NoticeReport:
        """Take in a batch: all of it is in the catalog when this returns.  If it raises, part of it may be, and it can
        be taken again.  Raises what catalogs raise, `CatalogBusyError` before all.
        """
        report = NoticeReport()
        pictures: dict[Home, list[tuple[str, int]]] = {}
        facts: list[Fact] = []
        for notice in notices:
            report.events[notice.event_type] += 1
            if isinstance(notice.details, SnapshotFile):
                home = self._home_of(notice.details.file_name, report)
                if home is not None:
                    # When it happened, which is the same each time it is told: not when it was told.
                    told = (notice.details.file_name, to_ms(min(notice.sent_at, now)))
                    pictures.setdefault(home, []).append(told)
            else:
                facts += events.facts(notice)
        for home, told_of in pictures.items():
            report.pictures += len(told_of)
            if self._catalog is not None:
                report.pictures_new += self._catalog.announce(self._source(self._catalog, home), told_of).new
        report.facts += len(facts)
        if facts and self._catalog is not None:
            report.facts_new += self._catalog.facts.record(facts)
        return report

    def _home_of(self, key: str, report: NoticeReport) -> Home | None:
        name = names.parse(key)
        if not isinstance(name, ScreenshotName):
            reason = str(name.reason) if isinstance(name, Unrecognised) else "recording"
            report.strange.setdefault(reason, Strays()).add(key)
            return None
        home = self._homes.of(key)
        if home is None:
            report.outside.add(key)
        return home

    def _source(self, catalog: Catalog, home: Home) -> Source:
        if home.name not in self._sources:
            self._sources[home.name] = catalog.add_source(home.name, home.url)
        return self._sources[home.name]


class Batches:
    """Takes notices in as they come, some at a time.  Their order, and how often each comes, make no difference."""

    def __init__(
        self,
        intake: Intake,
        *,
        now: Callable[[], datetime],
        size: int = BATCH,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """`check` is called behind each full batch; what it raises ends the reading, and what was taken in stays."""
        self.report = NoticeReport()
        self._intake, self._now, self._size, self._check = intake, now, size, check
        self._waiting: list[Notice] = []

    def add(self, notice: Notice) -> None:
        """Take it in with others, at the latest with the next `write`.  Raises what `Intake.take` and `check` raise."""
        self._waiting.append(notice)
        if len(self._waiting) >= self._size:
            self.write()
            self._check()

    def write(self) -> None:
        """Take in what has come: it is in the catalog when this returns.  Raises what `Intake.take` raises."""
        if self._waiting:
            self.report.merge(self._intake.take(self._waiting, now=self._now()))
            self._waiting.clear()
