"""Syncs from what somebody else has listed: a report of S3 Inventory, or a list of keys.  No LIST request is made."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import BinaryIO, Final

from indexer.catalog.catalog import Catalog, Source
from indexer.catalog.changes import SyncWriter
from indexer.catalog.snapshot import Snapshot
from indexer.jobs.key_lists import KeysRead, key_pages
from indexer.jobs.listers import Collected, Collector
from indexer.jobs.plan import Mode
from indexer.jobs.runs import Access, Run, SyncReport, Terms, Watch, carry_out
from indexer.model import ListedObject, to_ms
from indexer.storage.base import ObjectStore
from indexer.storage.inventory import Inventory, inventory_pages

_USUAL: Final = Terms()


def sync_inventory(
    access: Access,
    catalog: Catalog,
    name: str,
    store: ObjectStore,
    inventory: Inventory,
    *,
    watch: Watch,
    terms: Terms = _USUAL,
) -> SyncReport:
    """Take over a report of S3 Inventory, whose files are in `store`, as a listing of the source at its snapshot.

    What is not in it is gone if it was uploaded before the snapshot; what came or was replaced since stays as the
    catalog has it.  It must therefore be an inventory of all the source: one of a narrower prefix looks like a mass
    removal.  An object that was removed since comes back until the source is listed.

    With ETags it counts as a listing that began at the snapshot, which is what `listed_ms` of a unit says behind it
    unless the unit was listed later; without them every unit that it changes is left open, so that the next sync
    lists it.  It settles and verifies nothing.  Raises what `sync` and `inventory_pages` raise; all of the report is
    read and checked before the first change is written.
    """
    return carry_out(
        lambda: _FromInventory(access, catalog, name, watch, store, inventory), access, catalog, name, terms
    )


def sync_keys(
    access: Access,
    catalog: Catalog,
    name: str,
    file: BinaryIO,
    read: KeysRead,
    *,
    watch: Watch,
    terms: Terms = _USUAL,
) -> SyncReport:
    """Add the shots that a list of keys names, and take over what it says of those that are known.

    Nothing is removed, settled or taken for listed: units in which something is new are left open, so that the next
    sync lists them.  So are those of recording files and of keys that are not recognised, which are only counted here.
    `read` tells of lines that could not be read and of keys outside the source; see `key_pages`.
    """
    return carry_out(lambda: _FromKeys(access, catalog, name, watch, file, read), access, catalog, name, terms)


class _FromInventory(Run):
    mode = Mode.INVENTORY

    def __init__(
        self, access: Access, catalog: Catalog, name: str, watch: Watch, store: ObjectStore, inventory: Inventory
    ) -> None:
        self._store = store
        super().__init__(access, catalog, name, watch)
        self._inventory = inventory

    def open_writer(self, source: Source, *, dry_run: bool) -> SyncWriter:
        """See `Run`."""
        inventory = self._inventory
        has_tiers = "storageclass" in inventory.columns
        snapshot = Snapshot(to_ms(inventory.snapshot), has_etags=inventory.has_etags, has_tiers=has_tiers)
        return self._catalog.writer(source, dry_run=dry_run, snapshot=snapshot)

    def take_over(self, source: Source, writer: SyncWriter) -> None:  # noqa: ARG002  # the signature is that of `Run`
        """See `Run`."""

        def check(_rows: int) -> None:
            self._watch.check()

        pages = inventory_pages(self._store, self._inventory, self._access.prefix, rows_read=check)
        for number, collected in enumerate(_collected(pages, seed=writer.seed)):
            self._watch.check()
            if number == 0 and not writer.dry_run:
                writer.unfinished.forget()  # what a listing had compared until it was cut off is old again
            writer.apply(collected.stretch)
            self._count(collected.seen)

    def conclude(self, source: Source, writer: SyncWriter) -> None:  # noqa: ARG002
        """See `Run`."""
        writer.conclude_snapshot()

    def _requests(self) -> Counter[str]:
        return Counter(self._store.requests)


class _FromKeys(Run):
    mode = Mode.KEYS

    def __init__(
        self, access: Access, catalog: Catalog, name: str, watch: Watch, file: BinaryIO, read: KeysRead
    ) -> None:
        self._read = read
        super().__init__(access, catalog, name, watch)
        self._file = file

    def open_writer(self, source: Source, *, dry_run: bool) -> SyncWriter:
        """See `Run`."""
        return self._catalog.writer(source, dry_run=dry_run)

    def take_over(self, source: Source, writer: SyncWriter) -> None:  # noqa: ARG002
        """See `Run`."""

        def check(_lines: int) -> None:
            self._watch.check()

        pages = key_pages(self._file, self._read, self._access.prefix, lines_read=check)
        for collected in _collected(pages, seed=writer.seed):
            self._watch.check()
            writer.add(collected.stretch)
            self._count(collected.seen)

    def conclude(self, source: Source, writer: SyncWriter) -> None:
        """See `Run`: a list of some keys concludes nothing."""

    def _refused_lines(self) -> Mapping[str, int]:
        return {"outside_keys": self._read.outside, "unreadable_lines": self._read.unreadable}


def _collected(pages: Iterable[list[ListedObject]], *, seed: int) -> Iterator[Collected]:
    """A listing of everything in stretches that cover the whole key space."""
    collector = Collector("", seed)
    for page in pages:
        yield from collector.take(page)
    yield collector.cut(None)
