"""Download the original pictures of a selection."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

from indexer.catalog.catalog import Catalog
from indexer.derived import safe_path
from indexer.errors import ObjectNotFoundError
from indexer.model import Selection, Shot, is_announced, is_archived
from indexer.storage.base import ObjectStore

AT_ONCE = 16
"""Downloads under way, and pictures in memory."""


@dataclass(slots=True)
class GetReport:
    """What was done, in pictures."""

    got: int = 0
    bytes: int = 0
    there: int = 0
    """Not fetched: an earlier run did."""
    archived: int = 0
    announced: int = 0
    """Only announced, and not there: they may come yet."""
    failed: Counter[str] = field(default_factory=Counter)


def shots_of(catalog: Catalog, selection: Selection) -> Iterator[Shot]:
    """The shots of a selection, series by series."""
    found = catalog.shots
    every = found.all_series(selection) if selection.uid is None else found.series(selection.uid, selection)
    for series in every:
        for shot, _ in found.of(series, selection.period):
            yield shot


def get(
    shots: Iterator[Shot], origins: dict[str, ObjectStore], target: ObjectStore, *, check: Callable[[], None]
) -> Iterator[GetReport]:
    """Copy originals to `target`, each under `<source>/<its key>` in safe letters; yields the figures so far.

    What is there with the right size is not fetched again, so an interrupted run can be repeated.  `check` is called
    between two batches and may raise.  Raises what storages raise, but for a shot that is not there: that is counted.
    """
    report = GetReport()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while batch := list(islice(shots, AT_ONCE)):
            for outcome, size in pool.map(lambda shot: _get(shot, origins, target), batch):
                if outcome == "got":
                    report.got += 1
                    report.bytes += size
                elif outcome == "there":
                    report.there += 1
                elif outcome == "archived":
                    report.archived += 1
                elif outcome == "announced":
                    report.announced += 1
                else:
                    report.failed[outcome] += 1
            yield report
            check()
    yield report


def _get(shot: Shot, origins: dict[str, ObjectStore], target: ObjectStore) -> tuple[str, int]:
    path = f"{shot.source}/{safe_path(shot.key)}"
    known = target.head(path)
    if known is not None and known.size == shot.size:
        return "there", 0
    if is_archived(shot.tier):
        return "archived", 0
    if shot.source not in origins:
        return "source not configured", 0
    try:
        data = origins[shot.source].get(shot.key)
    except ObjectNotFoundError:
        return "announced" if is_announced(shot.tier) else "gone", 0
    target.put(path, data, content_type="image/jpeg")
    return "got", len(data)
