"""Reports of Amazon S3 Inventory: what was in a bucket at one time, written by S3 itself into files.

A manifest names the files (https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html).
It does not say whether the inventory was made of the whole bucket or of a prefix only.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import md5
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Final

from indexer.errors import BrokenListingError, ConfigError
from indexer.model import ListedObject, from_ms
from indexer.storage.base import ObjectStore
from indexer.storage.inventory_rows import NEEDED, VERSIONS, column, csv_rows, parquet_rows, require_parquet
from indexer.storage.local import LocalStore
from indexer.storage.sorting import CHUNK_ROWS, sorted_pages, temporary_room

PART_BYTES: Final = 8 * 1024 * 1024
"""Read of a data file in one request, and held in memory.  They have up to some 2 GB."""

_FIRST_MS: Final = int(datetime(2016, 11, 30, tzinfo=UTC).timestamp()) * 1000
"""The version of the format.  An earlier time was not written in milliseconds, as other vendors do."""

_TIMESTAMP: Final = re.compile(r"\d{1,14}", re.ASCII)
_MD5: Final = re.compile(r"[0-9A-Fa-f]{32}")
_PARQUET_COLUMN: Final = re.compile(r"\b(?:required|optional)\s+\w+\s+(\w+)")
_FIELDS: Final = {"size": "Size", "lastmodifieddate": "Last modified"}
"""Columns as the configuration of an inventory calls them, where they can be chosen."""


class Format(StrEnum):
    """How the data files are written, of those that can be read."""

    CSV = "CSV"
    PARQUET = "Parquet"


@dataclass(frozen=True, slots=True)
class DataFile:
    """One of the files that hold the rows."""

    key: str
    size: int
    """Bytes."""
    md5: str
    """32 hexadecimal digits, lower case."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """A manifest, checked: the report can be read, and is one of the bucket that was asked for."""

    name: str
    """Where the manifest lies, for messages."""
    bucket: str
    snapshot: datetime
    """When S3 began to look, aware UTC.  Later uploads and removals may or may not be in it."""
    format: Format
    columns: tuple[str, ...]
    """In the order of the data files, named as `inventory_rows.column` does."""
    files: tuple[DataFile, ...]

    @property
    def has_etags(self) -> bool:
        """Without, all objects have the ETag ""."""
        return "etag" in self.columns


def read_inventory(store: ObjectStore, manifest_key: str, *, bucket: str) -> Inventory:
    """Read the manifest of an inventory of `bucket`.  The data files are objects of the same store.

    Raises `ConfigError` for what is no manifest, an inventory of another bucket, one without a column that is needed,
    and a format that cannot be read (ORC; Parquet without pyarrow).
    """
    name = f"{store.url}/{manifest_key}"
    return _from_json(store.get(manifest_key), name, bucket)


def read_local_inventory(manifest: Path, *, bucket: str) -> tuple[ObjectStore, Inventory]:
    """Read a manifest that was copied into a folder; also the store that has its data files.

    They are looked for where a mirrored bucket has them, below the folder of the manifest or one above it, and then by
    the end of their paths in its folder and the next above.  Raises as `read_inventory` does, and `ConfigError` where
    the manifest or the first of the data files is not there.
    """
    manifest = manifest.absolute()
    try:
        inventory = _from_json(manifest.read_bytes(), str(manifest), bucket)
    except OSError as exc:
        raise ConfigError(f"the inventory's manifest {manifest} could not be read: {exc.strerror or exc}") from exc
    if not inventory.files:
        return LocalStore(manifest.parent), inventory
    folder, left_out = _home(manifest, inventory.files[0].key.split("/"))
    files = [replace(file, key="/".join(file.key.split("/")[left_out:])) for file in inventory.files]
    return LocalStore(folder), replace(inventory, files=tuple(files))


def inventory_pages(
    store: ObjectStore,
    inventory: Inventory,
    prefix: str = "",
    *,
    folder: Path | None = None,
    rows_read: Callable[[int], None] = lambda _rows: None,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[list[ListedObject]]:
    """Yield the objects under `prefix` in pages of up to 1,000, as a listing would: in strictly rising UTF-8 order of
    key, each once.

    Raises `BrokenListingError` for a data file that is not the one of the manifest (by its MD5) and for a row that
    cannot be read.  All files are read before the first page is yielded, so there is never a part of an inventory.
    Memory does not grow with it; one data file at a time and all rows go into `folder`, as in `sorted_pages`.
    `rows_read` is called with the objects found so far, every thousand or so; what it raises ends the reading.
    """

    def batches() -> Iterator[list[ListedObject]]:
        found = 0
        for file in inventory.files:
            for batch in _rows(store, inventory, file, folder):
                found += len(batch)
                rows_read(found)
                yield [listed for listed in batch if listed.key.startswith(prefix)] if prefix else batch

    return sorted_pages(batches(), folder=folder, chunk_rows=chunk_rows)


def _rows(
    store: ObjectStore, inventory: Inventory, file: DataFile, folder: Path | None
) -> Iterator[list[ListedObject]]:
    read = csv_rows if inventory.format is Format.CSV else parquet_rows
    with temporary_room(folder):
        copy = TemporaryFile(dir=folder)  # noqa: SIM115  # it is closed below, where no error is one of room
    with copy:
        _fetch(store, file, copy, folder)
        yield from read(copy, file.key, inventory.columns, inventory.bucket)


def _fetch(store: ObjectStore, file: DataFile, copy: IO[bytes], folder: Path | None) -> None:
    """Copy a data file, by ranged requests.  Nothing of it is read before all of it is known to be right."""
    found = md5(usedforsecurity=False)
    size = 0
    while size < file.size and (data := store.get(file.key, start=size, length=min(PART_BYTES, file.size - size))):
        found.update(data)
        size += len(data)
        with temporary_room(folder):
            copy.write(data)
    if size != file.size or found.hexdigest() != file.md5:
        raise BrokenListingError(
            f"the inventory's file {file.key} in {store.url} is not the one that its manifest names"
            f" ({size:,} bytes of MD5 {found.hexdigest()} instead of {file.size:,} of {file.md5}): nothing was"
            " concluded; copy it again, or take another inventory"
        )
    with temporary_room(folder):
        copy.seek(0)


def _home(manifest: Path, names: list[str]) -> tuple[Path, int]:
    """The folder below which a data file lies, and how many components of its key are not written there."""
    for left_out in range(len(names)):
        for folder in manifest.parents if left_out == 0 else manifest.parents[:2]:
            # Path.is_file raises where a folder may not be read, which here is one more place where it is not.
            if os.path.isfile(folder.joinpath(*names[left_out:])):  # noqa: PTH113
                return folder, left_out
    raise ConfigError(
        f"{manifest} names the data file {'/'.join(names)}, which is neither below its folder nor below one above:"
        " copy the data files beside it"
    )


# --- the manifest


def _from_json(data: bytes, name: str, bucket: str) -> Inventory:
    try:
        manifest = json.loads(data)
        source_bucket = manifest["sourceBucket"]
        written_as = manifest["fileFormat"]
        columns = _columns(str(manifest["fileSchema"]), written_as)
        snapshot_ms = manifest["creationTimestamp"]
        files = tuple(map(_data_file, manifest["files"]))
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise ConfigError(
            f"{name} is no manifest of an S3 Inventory ({_reason(exc)}): name the manifest.json of one"
        ) from exc
    if source_bucket != bucket:
        raise ConfigError(f"{name} is an inventory of bucket {source_bucket!r}, but the source lies in {bucket!r}")
    if written_as not in list(Format):
        raise ConfigError(
            f"{name} is written as {written_as}, which is not supported: let the inventory be written as CSV or Parquet"
        )
    if written_as == Format.PARQUET:
        require_parquet()
    _refuse_missing(columns, name)
    return Inventory(name, bucket, _snapshot(snapshot_ms, name), Format(written_as), columns, files)


def _reason(exc: Exception) -> str:
    return f"it has no {exc}" if isinstance(exc, KeyError) else str(exc)


def _columns(schema: str, written_as: str) -> tuple[str, ...]:
    names = schema.split(",") if written_as == Format.CSV else _PARQUET_COLUMN.findall(schema)
    return tuple(column(name.strip()) for name in names)


def _data_file(entry: dict[str, Any]) -> DataFile:  # of the manifest, whatever it holds
    key, size, checksum = entry["key"], entry["size"], entry["MD5checksum"]
    if not isinstance(key, str) or not key or not isinstance(size, int) or not _MD5.fullmatch(checksum):
        raise ValueError(f"a data file without its key, size or MD5: {entry!r}")
    return DataFile(key, size, checksum.lower())


def _refuse_missing(columns: tuple[str, ...], name: str) -> None:
    missing = [_FIELDS.get(needed, needed) for needed in NEEDED if needed not in columns]
    if "versionid" in columns:
        missing += [needed for needed in VERSIONS if needed not in columns]
    if missing:
        raise ConfigError(
            f"{name} lacks the column {' and the column '.join(missing)}: add it to the configuration of the inventory"
        )


def _snapshot(timestamp: object, name: str) -> datetime:
    """S3 writes the milliseconds as a text."""
    if not _TIMESTAMP.fullmatch(str(timestamp)) or int(str(timestamp)) < _FIRST_MS:
        raise ConfigError(
            f"{name} says that it is of {timestamp!r}, which is no time of an S3 Inventory in milliseconds"
        )
    return from_ms(int(str(timestamp)))
