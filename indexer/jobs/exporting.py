"""Files that are whole or not there, and Parquet in them."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, Final

from indexer.errors import ConfigError, LivestillsError


@contextmanager
def replacing(target: Path, *, force: bool) -> Iterator[IO[bytes]]:
    """A new file beside `target`, mode 0600, that takes its place when the block ends without an error.

    Until then, and after an error, `target` is as it was.  Raises `ConfigError` if there is one and it is not to be
    replaced, or a file cannot be made there.
    """
    target = target.resolve()  # what a link leads to, not the link
    _refuse(target, force=force)
    try:
        file = NamedTemporaryFile(dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".part", delete=False)  # noqa: SIM115  # closed below
    except OSError as exc:
        raise ConfigError(f"{target} cannot be written: {exc.strerror}") from exc
    made = Path(file.name)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a crash of the machine could leave the name with nothing behind it
        _refuse(target, force=force)  # somebody else may have been quicker
        made.replace(target)
        _sync_folder(target.parent)
    except OSError as exc:
        raise LivestillsError(f"{target} cannot be written: {exc.strerror or exc}") from exc
    finally:
        made.unlink(missing_ok=True)


def _refuse(target: Path, *, force: bool) -> None:
    try:
        if target.exists() and not target.is_file():
            raise ConfigError(f"{target} is no file; name a file, or - for standard output")
        if target.exists() and not force:
            raise ConfigError(f"{target} exists; name another file, or replace it with --force")
    except OSError as exc:
        raise ConfigError(f"{target} cannot be written: {exc.strerror}") from exc


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# Parquet.

_BATCH: Final = 8_192
"""Records that are values at a time; ten times as large in memory as in columns."""
_GROUP: Final = 8
"""Batches in a row group: 65,536 rows, some 20 MB of columns."""

_UNIQUE: Final = frozenset({"key", "etag", "url"})
"""Texts of which hardly one comes twice: a dictionary of them would only be in the way."""


def require_parquet() -> None:
    """Raise `ConfigError` if pyarrow is not installed."""
    _pyarrow()


def write_parquet(records: Iterable[Mapping[str, object]], file: IO[bytes], columns: Mapping[str, type]) -> None:
    """Write records as Parquet.  `columns` are text, whole numbers, fractions, truths and times (UTC, milliseconds).

    Texts that come again are kept once in each row group.  Holds one row group.
    """
    pa, parquet = _pyarrow()
    types = {
        str: pa.string(),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        datetime: pa.timestamp("ms", tz="UTC"),
    }
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    repeated = [name for name, kind in columns.items() if kind is str and name not in _UNIQUE]
    iterator = iter(records)
    with parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=repeated) as writer:
        while group := list(islice(_batches(pa, iterator, schema), _GROUP)):
            writer.write_table(pa.Table.from_batches(group, schema))


def _batches(pa: Any, records: Iterator[Mapping[str, object]], schema: Any) -> Iterator[Any]:  # has no types
    while rows := list(islice(records, _BATCH)):
        arrays = [pa.array([row[field.name] for row in rows], field.type) for field in schema]
        yield pa.record_batch(arrays, schema=schema)


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # 0.2 s that other commands need not wait
        from pyarrow import parquet
    except ImportError as exc:
        raise ConfigError(
            "Parquet takes pyarrow to write it: pip install 'livestills[parquet]', or say --format ndjson or csv"
        ) from exc
    return pa, parquet
