"""Make the thumbnails that are wanted and not there.

The coordinator plans and records, workers fetch, draw and store.  A thumbnail is stored before it is recorded, and its
key is a function of what it shows: whatever dies in between, the next run makes exactly what is missing.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import Final

from indexer.catalog.catalog import Catalog
from indexer.catalog.derivatives import Made, Result, Wanted
from indexer.compute.base import Executor, Lost
from indexer.derived import thumbnail_key
from indexer.errors import ObjectNotFoundError
from indexer.model import Selection
from indexer.render.image import MAX_BYTES, BadPictureError, Flaw
from indexer.render.thumbnail import ThumbSpec, thumbnails_with_sight
from indexer.storage.base import ObjectStore
from indexer.storage.urls import Address, open_store
from indexer.timeline.looks import Sight

_log = logging.getLogger(__name__)

TIME_LIMIT_S: Final = 60.0
"""For one picture with its transfer; an ordinary one takes a hundredth of a second and two round trips.  The limit is
what ends a decoder that hangs, and a storage that does: the picture counts as failed, and the next run tries it."""

RECORDED_AT_ONCE: Final = 200
"""Outcomes kept back for one transaction."""

COMPARED: Final = 8
"""Pictures of each source whose MD5 is compared with their ETag in a run, unless it is known that all are to be."""

DAMAGED: Final = "damaged in transit or replaced"
"""The reason where the bytes are not those that the ETag is the MD5 of.  Not recorded: the next run tries again."""

_MISLED: Final = 2
"""So many pictures of a source that all differ from their ETags, and none that agrees: they are no MD5s any more."""

SAMPLES: Final = 20
"""Failures that a report names."""


@dataclass(frozen=True, slots=True)
class Task:
    """One picture to make thumbnails of.  Plain values only: it is pickled to workers."""

    wanted: Wanted
    origin: Address
    target: Address
    keys: tuple[tuple[ThumbSpec, str], ...]
    """What to make, and under which key to keep it."""
    compare: bool = False
    """Whether to tell if the ETag is the MD5 of the picture."""
    verify: bool = False
    """Whether it must be, because those of its source are."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a worker made of a task: the sizes of each thumbnail, or why there are none."""

    made: tuple[Made, ...] = ()
    reason: str | None = None
    etag_is_md5: bool | None = None
    """None if it was not compared."""
    sight: Sight | None = None
    """What the picture looks like."""


def make(task: Task) -> Outcome:
    """Fetch a picture, make its thumbnails and keep them.

    A bad picture is an outcome, not an exception; raised is only what the storage raises.
    """
    wanted = task.wanted
    if wanted.size > MAX_BYTES:  # not worth the transfer
        return Outcome(reason=Flaw.TOO_LARGE)
    try:
        data = _open(task.origin).get(wanted.key)
    except ObjectNotFoundError:
        return Outcome(reason="gone")
    is_md5 = hashlib.md5(data, usedforsecurity=False).hexdigest() == wanted.etag if task.compare else None
    if task.verify and is_md5 is False:
        return Outcome(reason=DAMAGED, etag_is_md5=False)
    try:
        pictures, sight = thumbnails_with_sight(data, [spec for spec, _ in task.keys], listed_size=wanted.size)
    except BadPictureError as exc:
        return Outcome(reason=str(exc.reason), etag_is_md5=is_md5)
    target = _open(task.target)
    made = []
    for (spec, key), picture in zip(task.keys, pictures.made, strict=True):
        target.put(task.target.location.prefix + key, picture.jpeg, content_type="image/jpeg")
        made.append(Made(str(spec), len(picture.jpeg), picture.width, picture.height))
    return Outcome(tuple(made), etag_is_md5=is_md5, sight=sight)


@lru_cache(maxsize=16)
def _open(address: Address) -> ObjectStore:
    """The store of a worker, opened once."""
    return open_store(address.location, address.options)


@dataclass(slots=True)
class ThumbReport:
    """What a run did, in pictures."""

    wanted: int = 0
    made: int = 0
    bytes: int = 0
    """Of the thumbnails."""
    failed: Counter[str] = field(default_factory=Counter)
    """By reason."""
    samples: list[tuple[str, str]] = field(default_factory=list)
    """Keys that failed, with the reason."""
    archived: int = 0
    announced: int = 0
    """Passed over, because no listing has shown them yet: what is made of one is known by its ETag."""
    pruned: int = 0
    """Thumbnails removed because their shot is gone."""
    duration: timedelta = timedelta()

    def fail(self, key: str, reason: str) -> None:
        """Count one."""
        self.failed[reason] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append((key, reason))


@dataclass(frozen=True, slots=True)
class Places:
    """Where pictures come from, by source, and where thumbnails go."""

    origins: dict[str, Address]
    target: Address


@dataclass(frozen=True, slots=True)
class Follow:
    """How a run is followed and stopped."""

    now: Callable[[], datetime]
    check: Callable[[], None] = lambda: None
    """Called between two pictures; raises `InterruptedRunError` to end the run there."""
    progress: Callable[[ThumbReport, int | None], None] = lambda _report, _total: None
    """Called after every picture, with how many there are to make in all."""


def make_thumbnails(
    catalog: Catalog,
    places: Places,
    selection: Selection,
    specs: Sequence[ThumbSpec],
    *,
    executor: Executor,
    follow: Follow,
    md5_sources: Collection[str] = frozenset(),
    retry_failed: bool = False,
    dry_run: bool = False,
    keep_orphans: bool = False,
    time_limit_s: float = TIME_LIMIT_S,
) -> ThumbReport:
    """Make the thumbnails that shots of the selection lack, and remove those whose shots are gone.

    One is remade when its shot's ETag has changed.  Pictures that failed are left alone until `retry_failed` or until
    they change.  In `md5_sources`, what arrives is compared with its ETag.  Whatever ends the run early, what was made
    is recorded; the next run makes the rest.
    """
    started_at = follow.now()
    report = ThumbReport()
    names = [str(spec) for spec in specs]
    derivatives = catalog.derivatives
    wanted = derivatives.wanted(selection, names, retry_failed=retry_failed)
    if dry_run:
        for each in wanted:
            _count(report, each)
        return report
    if not keep_orphans:
        _prune(catalog, places.target, report)
    total = derivatives.count(selection, names, retry_failed=retry_failed)
    kept: list[tuple[Wanted, Outcome]] = []
    verdicts = _Verdicts(md5_sources)
    try:
        tasks = _tasks(wanted, places, specs, report, md5_sources)
        for task, result in executor.carry_out(make, tasks, timeout_s=time_limit_s):
            outcome = Outcome(reason=str(result)) if isinstance(result, Lost) else result
            # Whether the picture or a slow storage is to blame is unknown: not recorded, so the next run tries again.
            # So it is with what was damaged on its way.
            if not isinstance(result, Lost) and outcome.reason != DAMAGED:
                kept.append((task.wanted, outcome))
            if outcome.etag_is_md5 is not None:
                verdicts.add(task.wanted.source, is_md5=outcome.etag_is_md5)
            if outcome.reason is None:
                report.made += len(outcome.made)
                report.bytes += sum(made.size for made in outcome.made)
            else:
                report.fail(task.wanted.key, outcome.reason)
            if len(kept) >= RECORDED_AT_ONCE:
                _record(catalog, kept)
            follow.progress(report, total)
            follow.check()
    finally:
        _record(catalog, kept)
        for source, md5 in verdicts.of_sources():
            catalog.etags.learn(source, md5=md5)
        report.duration = follow.now() - started_at
    _log.info("made %d thumbnails, %d failed", report.made, report.failed.total())
    return report


def _count(report: ThumbReport, wanted: Wanted) -> bool:
    """Count a picture that lacks thumbnails; False if it is not to be read, or not yet."""
    if wanted.announced:
        report.announced += 1
        return False
    if wanted.archived:
        report.archived += 1
        return False
    report.wanted += 1
    return True


class _Verdicts:
    """What the pictures that were compared say of the ETags of their sources."""

    def __init__(self, md5_sources: Collection[str]) -> None:
        self._md5_sources = md5_sources
        self._equal: Counter[str] = Counter()
        self._different: Counter[str] = Counter()

    def add(self, source: str, *, is_md5: bool) -> None:
        """Count one."""
        (self._equal if is_md5 else self._different)[source] += 1

    def of_sources(self) -> Iterator[tuple[str, bool]]:
        """Whether they are MD5s, as far as that is news: one picture that differs may have been damaged."""
        for source in self._equal | self._different:
            if source not in self._md5_sources:
                yield source, not self._different[source]
            elif not self._equal[source] and self._different[source] >= _MISLED:
                yield source, False


def _tasks(
    wanted: Iterable[Wanted],
    places: Places,
    specs: Sequence[ThumbSpec],
    report: ThumbReport,
    md5_sources: Collection[str],
) -> Iterator[Task]:
    by_name = {str(spec): spec for spec in specs}
    compared: Counter[str] = Counter()
    for each in wanted:
        if each.source not in places.origins:
            report.fail(each.key, "source not configured")
        elif _count(report, each):
            keys = tuple((by_name[name], thumbnail_key(each.source, each.key, name)) for name in each.specs)
            compared[each.source] += 1
            # What was uploaded in parts has a dash in its ETag, and another digest.
            verify = each.source in md5_sources and "-" not in each.etag
            compare = verify or (each.source not in md5_sources and compared[each.source] <= COMPARED)
            yield Task(each, places.origins[each.source], places.target, keys, compare, verify)


def _record(catalog: Catalog, kept: list[tuple[Wanted, Outcome]]) -> None:
    catalog.derivatives.record(
        [Result(wanted, outcome.made, outcome.reason, outcome.sight) for wanted, outcome in kept]
    )
    kept.clear()


def _prune(catalog: Catalog, target: Address, report: ThumbReport) -> None:
    store = _open(target)
    orphans = catalog.derivatives.orphans()
    while keys := list(islice(orphans, RECORDED_AT_ONCE)):
        for key in keys:
            store.delete(target.location.prefix + key)
        catalog.derivatives.forget(keys)
        report.pruned += len(keys)
