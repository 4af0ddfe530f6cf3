"""The rows of the data files of an S3 Inventory, as listed objects.

Old versions and delete markers are left out.  A row that cannot be read ends it: without that row, an object that is
there would look like one that is gone.  There is a row for every object of a bucket, so they are read a column of a
batch at a time; only to find the broken one they are read one by one.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from io import TextIOWrapper
from itertools import compress, islice, repeat
from typing import IO, Any, Final, TypeVar
from urllib.parse import unquote_plus

from indexer.errors import BrokenListingError, ConfigError
from indexer.model import EPOCH, ListedObject
from indexer.storage.base import PAGE_SIZE
from indexer.storage.xml_pages import normal_etag, normal_tier

NEEDED: Final = ("bucket", "key", "size", "lastmodifieddate")
"""Columns without which an inventory is of no use."""

VERSIONS: Final = ("islatest", "isdeletemarker")
"""Columns that tell old versions, in an inventory that has them."""

_READ: Final = (*NEEDED, *VERSIONS, "etag", "storageclass")
_TRUTHS: Final[Mapping[str, bool | None]] = {"true": True, "false": False, "": None}
_MOST_BYTES: Final = (1 << 63) - 1  # what databases hold
_NO_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_PARQUET_BUFFER: Final = 64 * 1024
_UNITS_A_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_Values = Mapping[str, Sequence[Any]]
"""Some rows: equally long columns by name, of texts (CSV) or of Python's own types (Parquet)."""

_Part = TypeVar("_Part")


def column(name: str) -> str:
    """The name of a column in the one form that is used here: `LastModifiedDate` in CSV is `last_modified_date` in
    Parquet.
    """
    return name.replace("_", "").lower()


def csv_rows(file: IO[bytes], name: str, columns: tuple[str, ...], bucket: str) -> Iterator[list[ListedObject]]:
    """Read a gzipped CSV file, which has no header, in batches.

    Keys are URL-encoded there as in a form, a space as `+`.  Raises `BrokenListingError` with the line.
    """
    read = partial(_from_csv, columns=columns, bucket=bucket)
    line = 0
    try:
        with gzip.open(file) as unzipped, TextIOWrapper(unzipped, "utf-8", newline="") as text:
            reader = csv.reader(text, strict=True)
            while rows := list(islice(reader, PAGE_SIZE)):
                try:
                    yield read(rows)
                except ValueError as exc:
                    index, why = _first_broken(([row] for row in rows), read)
                    line += sum(1 + "".join(row).count("\n") for row in rows[: index + 1])
                    raise _broken(name, f"line {line}", why) from exc
                line = reader.line_num
    except (ValueError, csv.Error) as exc:  # a text that is not UTF-8 is a ValueError too
        raise _broken(name, f"behind line {line}", exc) from exc
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise _broken(name, "gzip", exc) from exc


def parquet_rows(file: IO[bytes], name: str, columns: tuple[str, ...], bucket: str) -> Iterator[list[ListedObject]]:
    """Read a Parquet file in batches.  Keys are plain text there.

    Raises `BrokenListingError` with the row, and `ConfigError` where pyarrow is not installed.
    """
    pa, parquet = _pyarrow()
    read = partial(_objects, bucket=bucket)
    rows_before = 0
    try:
        # Without these, all columns of a group of rows are in memory, which may be all rows of the file.
        table = parquet.ParquetFile(file, pre_buffer=False, buffer_size=_PARQUET_BUFFER)
        written = {column(name): name for name in table.schema_arrow.names}
        if missing := [wanted for wanted in _READ if wanted in columns and wanted not in written]:
            raise ValueError(f"no column {', '.join(missing)}, which the manifest names")  # noqa: TRY301
        present: list[str] = [wanted for wanted in _READ if wanted in written]
        for batch in table.iter_batches(PAGE_SIZE, columns=[written[wanted] for wanted in present]):
            values = {wanted: _python_values(pa, batch.column(written[wanted]), wanted) for wanted in present}
            try:
                yield read(values)
            except ValueError as exc:
                index, why = _first_broken((_row(values, index) for index in range(batch.num_rows)), read)
                raise _broken(name, f"row {rows_before + index + 1}", why) from exc
            rows_before += batch.num_rows
    except (ValueError, OSError, pa.ArrowException) as exc:  # a text that is not UTF-8 is a ValueError too
        raise _broken(name, f"behind row {rows_before}", exc) from exc


def require_parquet() -> None:
    """Raise `ConfigError` where Parquet cannot be read."""
    _pyarrow()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # 0.2 s that other commands need not wait
        from pyarrow import parquet
    except ImportError as exc:
        raise ConfigError(
            "an inventory in Parquet takes pyarrow to read it: pip install 'livestills[parquet]', or let the inventory"
            " be written as CSV"
        ) from exc
    return pa, parquet


# --- from columns to objects


def _from_csv(rows: Sequence[Sequence[str]], columns: tuple[str, ...], bucket: str) -> list[ListedObject]:
    if wrong := set(map(len, rows)) - {len(columns)}:
        raise ValueError(f"{wrong.pop()} columns instead of {len(columns)}")
    values: dict[str, Sequence[Any]] = dict(zip(columns, zip(*rows, strict=True), strict=True))
    for name in VERSIONS:
        if name in values:
            values[name] = _truths(values[name])
    values = _current(values)  # before the rest is read: a delete marker has no size
    values["key"] = _decoded(values["key"])
    values["size"] = list(map(int, values["size"]))
    values["lastmodifieddate"] = _seconds(values["lastmodifieddate"])
    return _objects(values, bucket)


def _python_values(pa: Any, series: Any, wanted: str) -> list[Any]:  # of a library without types
    """A column as values of the type that it must have, or None; times as seconds."""
    if wanted == "lastmodifieddate":
        if not pa.types.is_timestamp(series.type):
            raise ValueError(f"times written as {series.type}")
        units = _UNITS_A_SECOND[series.type.unit]
        return [None if value is None else value // units for value in series.cast(pa.int64()).to_pylist()]
    needed = pa.int64() if wanted == "size" else pa.bool_() if wanted in VERSIONS else pa.string()
    return series.cast(needed).to_pylist()  # type: ignore[no-any-return]


def _objects(values: _Values, bucket: str) -> list[ListedObject]:
    """Those of some rows that a listing would show.  Raises ValueError if one of them cannot be."""
    values = _current(values)
    keys, sizes, modified_s = values["key"], values["size"], values["lastmodifieddate"]
    if not keys:
        return []
    if others := set(values["bucket"]) - {bucket}:
        raise ValueError(f"an object of bucket {others.pop()!r}, not of {bucket!r}")
    if not all(keys) or None in sizes or None in modified_s:
        raise ValueError("no key, size or time")
    if min(sizes) < 0 or max(sizes) > _MOST_BYTES:
        raise ValueError(f"{min(sizes) if min(sizes) < 0 else max(sizes)} is no size")
    etags = _etags(values["etag"]) if "etag" in values else repeat("", len(keys))
    tiers = map(normal_tier, values["storageclass"]) if "storageclass" in values else repeat(None, len(keys))
    # As in storage.xml_pages: half the time of ListedObject._make.
    return list(map(tuple.__new__, repeat(ListedObject), zip(keys, sizes, etags, modified_s, tiers, strict=True)))


def _current(values: _Values) -> dict[str, Sequence[Any]]:
    """The rows without old versions and delete markers.  A bucket without versions may leave both columns open."""
    latest, markers = (values.get(name, ()) for name in VERSIONS)
    if False not in latest and True not in markers:
        return dict(values)
    rows = len(values["key"])
    # A column that there is not rules no row out.
    pairs = zip(latest or repeat(True, rows), markers or repeat(False, rows), strict=True)
    current = [is_latest is not False and is_marker is not True for is_latest, is_marker in pairs]
    return {name: list(compress(series, current)) for name, series in values.items()}


def _truths(texts: Sequence[str]) -> list[bool | None]:
    if others := set(texts) - _TRUTHS.keys():
        raise ValueError(f"{others.pop()!r} is neither true nor false")
    return list(map(_TRUTHS.__getitem__, texts))


def _decoded(keys: Sequence[str]) -> Sequence[str]:
    joined = "|".join(keys)
    # Decoded all the same, the `+` and `%` of a key that was not encoded would make another key of it.
    if not joined.isascii() or not joined.isprintable() or " " in joined or _NO_ESCAPE.search(joined):
        raise ValueError(f"key {keys[0]!r} is not URL-encoded")
    if "%" not in joined and "+" not in joined:
        return keys
    # All at once, as a call for each would cost twice its share.
    decoded = unquote_plus("\n".join(keys), errors="strict").split("\n")
    return decoded if len(decoded) == len(keys) else [unquote_plus(key, errors="strict") for key in keys]


def _seconds(texts: Sequence[str]) -> list[int]:
    moments = list(map(datetime.fromisoformat, texts))
    try:
        passed = [moment - EPOCH for moment in moments]
    except TypeError:  # without its zone
        passed = [(moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH for moment in moments]
    return [since.days * 86_400 + since.seconds for since in passed]


def _etags(texts: Sequence[str | None]) -> Sequence[str | None]:
    joined = '"' if None in texts else "".join(texts)  # type: ignore[arg-type]  # no None
    if '"' in joined or "/" in joined or joined != joined.lower():
        return [normal_etag(text or "") for text in texts]
    return texts


def _row(values: _Values, index: int) -> _Values:
    return {name: series[index : index + 1] for name, series in values.items()}


def _first_broken(parts: Iterable[_Part], read: Callable[[_Part], object]) -> tuple[int, ValueError]:
    """The first part that cannot be read, and why, of some that together could not be."""
    for index, part in enumerate(parts):
        try:
            read(part)
        except ValueError as exc:
            return index, exc
    raise AssertionError("rows that can be read alone, but not together")


def _broken(name: str, where: str, why: Exception) -> BrokenListingError:
    return BrokenListingError(
        f"the inventory's file {name} cannot be read ({where}: {why}): nothing was concluded; take another inventory,"
        " or list the bucket"
    )
