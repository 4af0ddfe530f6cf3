"""Is everything there that the other commands need?  Looks, and changes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from indexer.agora.names import ScreenshotName, Unrecognised, parse
from indexer.catalog import sqlite
from indexer.catalog.catalog import Catalog
from indexer.catalog.opening import is_file
from indexer.catalog.versions import require_current
from indexer.config import FromRequest
from indexer.errors import CatalogNotFoundError, LivestillsError
from indexer.model import ListedObject, rfc3339
from indexer.storage.base import ObjectStore

SUSPICIOUS_SHARE: Final = 0.5
"""More unrecognised keys than this look like a wrong prefix."""

SAMPLES: Final = 3
"""Keys shown of each reason."""


class Verdict(StrEnum):
    """How bad a finding is; only `fail` keeps a command from working."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    verdict: Verdict
    about: str
    text: str


def examine_request(name: str, told: FromRequest) -> Iterator[Finding]:
    """Tell what a source has from its start request."""
    of = "" if told.storage is None else f" ({told.storage})"
    taken = ", ".join(told.settings)
    text = f"has {taken} from {told.file}{of}" if taken else f"sets itself all that {told.file} could tell"
    yield Finding(Verdict.OK, f"source {name}", text)


def examine_doubts(name: str, told: FromRequest, *, works: bool) -> Iterator[Finding]:
    """Tell what the documents do not confirm of it: a warning, unless the source evidently works."""
    for doubt in told.doubts:
        if works:
            yield Finding(Verdict.OK, f"source {name}", f"works, though the documents leave a doubt: {doubt}")
        else:
            yield Finding(Verdict.WARN, f"source {name}", doubt)


def examine_source(name: str, store: ObjectStore, prefix: str) -> Iterator[Finding]:
    """Try what a sync does with a source: list a page, read one object."""
    about = f"source {name}"
    try:
        listed = store.list_page(prefix).objects
    except LivestillsError as exc:
        yield Finding(Verdict.FAIL, about, str(exc))
        return
    if not listed:
        yield Finding(
            Verdict.WARN, about, f"{store.url}/{prefix} can be listed, but holds nothing: is the prefix right?"
        )
        return
    yield Finding(Verdict.OK, about, f"{store.url}/{prefix} can be listed")
    yield _names(about, listed)
    yield _readable(about, store, listed)


def _names(about: str, listed: Sequence[ListedObject]) -> Finding:
    keys = [found.key for found in listed if not (found.size == 0 and found.key.endswith("/"))]
    shots = sum(isinstance(parse(key), ScreenshotName) for key in keys)
    strange = [key for key in keys if isinstance(parse(key), Unrecognised)]
    text = f"{shots:,} of the first {len(keys):,} objects are screenshots"
    if len(strange) > SUSPICIOUS_SHARE * len(keys):
        return Finding(Verdict.WARN, about, f"{text}, {len(strange):,} are nothing of Agora's, such as {strange[0]!r}")
    return Finding(Verdict.OK if shots else Verdict.WARN, about, text)


def _readable(about: str, store: ObjectStore, listed: Sequence[ListedObject]) -> Finding:
    sample = next((found for found in listed if found.size and found.tier is None), None)
    if sample is None:
        return Finding(Verdict.WARN, about, "no object of the first page could be read for a test (empty or archived)")
    try:
        store.get(sample.key, start=0, length=1)
    except LivestillsError as exc:
        return Finding(Verdict.FAIL, about, str(exc))
    return Finding(Verdict.OK, about, "objects can be read")


def examine_catalog(url: str) -> Iterator[Finding]:
    """Look at the catalog, whatever state it is in."""
    try:
        with Catalog.open_any(url) as catalog:
            require_current(catalog.schema(), catalog.name)
            size = catalog.size_bytes()
            stats = catalog.overview.stats()
            shots = sum(source.shots for source in stats)
            yield Finding(Verdict.OK, "catalog", f"{catalog.name}: {shots:,} shots, {size:,} bytes")
            for source in stats:
                about = f"source {source.source}"
                if source.synced_at is None:
                    yield Finding(Verdict.WARN, about, "was never synced to its end")
                else:
                    yield Finding(Verdict.OK, about, f"synced to its end, last at {rfc3339(source.synced_at)}")
                if source.unfinished_units:
                    why = "a sync was cut off in them, or they are known from a list or from callbacks only"
                    text = f"{source.unfinished_units:,} units are unfinished: {why}; sync again"
                    yield Finding(Verdict.WARN, about, text)
                yield from _unrecognised(catalog, source.source, source.shots + source.recordings, source.unrecognised)
    except CatalogNotFoundError as exc:
        yield Finding(Verdict.WARN, "catalog", str(exc))
    except LivestillsError as exc:
        yield Finding(Verdict.FAIL, "catalog", str(exc))


def _unrecognised(catalog: Catalog, source: str, recognised: int, unrecognised: int) -> Iterator[Finding]:
    total = recognised + unrecognised
    if not unrecognised:
        return
    share = unrecognised / total
    verdict = Verdict.WARN if share > SUSPICIOUS_SHARE else Verdict.OK
    yield Finding(verdict, f"source {source}", f"{unrecognised:,} of {total:,} objects ({share:.1%}) are not Agora's")
    for rejection in catalog.overview.rejections(source):
        samples = ", ".join(repr(key) for key in rejection.samples[:SAMPLES])
        yield Finding(verdict, f"source {source}", f"{rejection.objects:,} {rejection.reason}: {samples}")


def examine_database(url: str) -> Iterator[Finding]:
    """Tell the database, its version, and what of it may spoil a command; SQLite's even before there is a catalog."""
    try:
        if is_file(url):
            named, doubts = sqlite.version(), list(sqlite.doubts())
        else:
            with Catalog.open_any(url) as catalog:
                named, doubts = catalog.version(), list(catalog.doubts())
    except LivestillsError:
        return  # looking at the catalog has told it
    about, _, version = named.partition(" ")
    if not doubts:
        yield Finding(Verdict.OK, about, version)
    for doubt in doubts:
        yield Finding(Verdict.WARN, about, f"{version}; {doubt}")
