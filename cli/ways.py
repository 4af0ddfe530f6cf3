"""The ways in which a sync learns what a source holds, as the command line says them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from cli.notes import note, warn
from cli.texts import counted, shown
from indexer.errors import ConfigError

if TYPE_CHECKING:
    from indexer.app import App, ConfiguredSource
    from indexer.catalog.catalog import Catalog
    from indexer.jobs.plan import Wishes
    from indexer.jobs.runs import SyncReport, Terms, Watch
    from indexer.storage.base import ObjectStore
    from indexer.storage.inventory import Inventory


class Way(Protocol):
    """How one source is synced."""

    @property
    def sees_all(self) -> bool:
        """Whether a sync that is done has seen all of a source."""
        ...

    @property
    def done_in_part(self) -> bool:
        """Whether something of what was given could not be read."""
        ...

    def sync(
        self, app: "App", source: "ConfiguredSource", catalog: "Catalog", watch: "Watch", terms: "Terms"
    ) -> "SyncReport":
        """Carry it out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """By listing the storage."""

    full: bool
    verify: float
    sees_all: bool = True
    done_in_part: bool = False

    def sync(
        self, app: "App", source: "ConfiguredSource", catalog: "Catalog", watch: "Watch", terms: "Terms"
    ) -> "SyncReport":
        """See `Way`."""
        from indexer.jobs.sync import sync

        return sync(
            app.access(source),
            catalog,
            source.name,
            watch=watch,
            wishes=self.wishes(app, source),
            dry_run=terms.dry_run,
            allow_removal=terms.allow_removal,
            wait=terms.wait,
        )

    def wishes(self, app: "App", source: "ConfiguredSource") -> "Wishes":
        """How a source is to be listed."""
        return app.wishes(source, full=self.full, verify=self.verify)


@dataclass(frozen=True, slots=True)
class FromInventory:
    """From a report of S3 Inventory."""

    manifest: str
    """Where its manifest lies, as it was written."""
    sees_all: bool = True
    done_in_part: bool = False

    def sync(
        self, app: "App", source: "ConfiguredSource", catalog: "Catalog", watch: "Watch", terms: "Terms"
    ) -> "SyncReport":
        """See `Way`."""
        from indexer.jobs.given import sync_inventory

        store, inventory = self._open(app, source)
        return sync_inventory(app.access(source), catalog, source.name, store, inventory, watch=watch, terms=terms)

    def _open(self, app: "App", source: "ConfiguredSource") -> "tuple[ObjectStore, Inventory]":
        from indexer.storage.inventory import read_inventory, read_local_inventory
        from indexer.storage.urls import Location, open_store

        if source.location.kind == "file":
            raise ConfigError(f"--inventory is of a bucket, but the source {source.name!r} is a folder")
        bucket = source.location.place
        scheme, separator, rest = self.manifest.partition("://")
        if not separator:
            return read_local_inventory(Path(self.manifest), bucket=bucket)
        if scheme.lower() == "file":
            return read_local_inventory(Path(unquote(urlsplit(self.manifest).path)), bucket=bucket)
        place, _, key = rest.partition("/")
        try:
            location = Location.from_string(f"{scheme}://{place}/")
        except ConfigError as exc:
            raise ConfigError(f"--inventory: {exc}") from exc
        if not key or key.endswith("/"):
            raise ConfigError(f"--inventory {self.manifest!r} names no manifest: write s3://bucket/.../manifest.json")
        # The bucket of inventories is reached as that of the source is.
        store = open_store(location, app.address(source).options)
        return store, read_inventory(store, key, bucket=bucket)


@dataclass(slots=True)
class FromKeys:
    """From a list of keys."""

    file: str
    """A path, or - for standard input."""
    sees_all: bool = False
    done_in_part: bool = field(default=False, init=False)

    def sync(
        self, app: "App", source: "ConfiguredSource", catalog: "Catalog", watch: "Watch", terms: "Terms"
    ) -> "SyncReport":
        """See `Way`."""
        from indexer.jobs.given import sync_keys
        from indexer.jobs.key_lists import KeysRead

        read = KeysRead()
        with self._opened() as file:
            report = sync_keys(app.access(source), catalog, source.name, file, read, watch=watch, terms=terms)
        self.done_in_part = read.unreadable > 0
        for line in read.samples:
            warn(f"line {line.number:,}: {line.reason}: {line.start}")
        if read.unreadable:
            warn(f"{counted(read.unreadable, 'line')} of {read.lines:,} could not be read")
        if read.outside:
            names = ", ".join(map(shown, read.outside_samples[:3]))
            more = ", ..." if read.outside > 3 else ""
            note(f"{counted(read.outside, 'key')} not below {shown(str(source.location))}: {names}{more}")
        return report

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        if self.file == "-":
            yield sys.stdin.buffer
            return
        try:
            file = Path(self.file).open("rb")  # noqa: SIM115  # an error of what is done with it is another one
        except OSError as exc:
            raise ConfigError(f"--keys: {self.file} cannot be read: {exc.strerror}") from exc
        with file:
            yield file
