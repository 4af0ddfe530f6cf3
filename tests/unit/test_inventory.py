"""Reports of S3 Inventory: read as a listing would show the bucket, or not at all."""

import csv
import gzip
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import md5
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from indexer.errors import BrokenListingError, ConfigError, InterruptedRunError, ObjectNotFoundError
from indexer.model import ListedObject
from indexer.storage import inventory as inventories
from indexer.storage.inventory import (
    DataFile,
    Format,
    Inventory,
    inventory_pages,
    read_inventory,
    read_local_inventory,
)
from indexer.storage.memory import MemoryStore

BUCKET = "acme-shots"
HOME = f"inventory/{BUCKET}/daily"
MANIFEST = f"{HOME}/2026-11-05T01-00Z/manifest.json"
SNAPSHOT = datetime(2026, 11, 5, 1, tzinfo=UTC)
CSV_SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass"
PARQUET_SCHEMA = (
    "message s3.inventory {  required binary bucket (STRING);  required binary key (STRING);"
    "  optional binary version_id (STRING);  optional boolean is_latest;  optional boolean is_delete_marker;"
    "  optional int64 size;  optional int64 last_modified_date (TIMESTAMP(MILLIS,true));"
    "  optional binary e_tag (STRING);  optional binary storage_class (STRING);}"
)
ETAG = "9dd4e461268c8034f5c8564e155c67a6"
MODIFIED = datetime(2026, 11, 4, 8, 39, 49, tzinfo=UTC)
MODIFIED_S = int(MODIFIED.timestamp())

Row = tuple[str | None, ...]


def csv_row(key: str, *, size: str = "5", latest: str = "true", marker: str = "false", **other: str) -> Row:
    modified = other.get("modified", "2026-11-04T08:39:49.000Z")
    tier = other.get("tier", "STANDARD")
    return (other.get("bucket", BUCKET), quote_plus(key, safe="/"), "v1", latest, marker, size, modified, ETAG, tier)


def csv_file(rows: Sequence[Row]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return gzip.compress(text.getvalue().encode())


def parquet_file(rows: Sequence[dict[str, Any]], *, unit: str = "ms", text: Any = None, **dropped: None) -> bytes:
    text = text or pa.string()
    schema = {
        "bucket": text,
        "key": text,
        "version_id": text,
        "is_latest": pa.bool_(),
        "is_delete_marker": pa.bool_(),
        "size": pa.int64(),
        "last_modified_date": pa.timestamp(unit, tz="UTC"),
        "e_tag": text,
        "storage_class": text,
    }
    fields = [pa.field(name, kind) for name, kind in schema.items() if name not in dropped]
    whole = [{"bucket": BUCKET, "size": 5, "last_modified_date": MODIFIED, "e_tag": ETAG} | row for row in rows]
    file = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(whole, schema=pa.schema(fields)), file, row_group_size=3)
    return file.getvalue()


def manifest(
    files: dict[str, bytes], *, file_format: str = "CSV", schema: str = CSV_SCHEMA, **changes: object
) -> dict[str, object]:
    entries = [
        {"key": key, "size": len(data), "MD5checksum": md5(data, usedforsecurity=False).hexdigest()}
        for key, data in files.items()
    ]
    return {
        "sourceBucket": BUCKET,
        "destinationBucket": "arn:aws:s3:::acme-reports",
        "version": "2016-11-30",
        "creationTimestamp": str(int(SNAPSHOT.timestamp()) * 1000),
        "fileFormat": file_format,
        "fileSchema": schema,
        "files": entries,
    } | changes


def put(store: MemoryStore, files: dict[str, bytes], described: dict[str, object]) -> None:
    for key, data in files.items():
        store.put(key, data, content_type="application/octet-stream")
    store.put(MANIFEST, json.dumps(described).encode(), content_type="application/json")


def report(*data: bytes, schema: str = CSV_SCHEMA, file_format: str = "CSV", **changes: object) -> MemoryStore:
    """A store with an inventory in it."""
    store = MemoryStore("reports")
    files = {f"{HOME}/data/{number}.{file_format.lower()}": content for number, content in enumerate(data, start=1)}
    put(store, files, manifest(files, schema=schema, file_format=file_format, **changes))
    return store


def read(store: MemoryStore, prefix: str = "", **options: Any) -> list[ListedObject]:
    inventory = read_inventory(store, MANIFEST, bucket=BUCKET)
    return list(chain.from_iterable(inventory_pages(store, inventory, prefix, **options)))


def keys(store: MemoryStore, prefix: str = "") -> list[str]:
    return [listed.key for listed in read(store, prefix)]


# --- what is read


HARD_KEYS = ["a/b c.jpg", "a+b", "a%2Bb", "100%", 'say "x", y', "é/日本/𝄞", "d/\uffee", "a\nb", "dir/", "~*'()&=?#"]


def test_a_csv_inventory_reads_as_a_listing() -> None:
    rows = [csv_row(key, tier="GLACIER" if key == "dir/" else "STANDARD") for key in HARD_KEYS]
    store = report(csv_file(rows[:4]), csv_file(rows[4:]))
    assert read(store) == [
        ListedObject(key, 5, ETAG, MODIFIED_S, "GLACIER" if key == "dir/" else None)
        for key in sorted(HARD_KEYS, key=str.encode)
    ]


def test_a_parquet_inventory_reads_as_a_listing() -> None:
    rows = [{"key": key, "storage_class": "GLACIER" if key == "dir/" else "STANDARD"} for key in HARD_KEYS]
    store = report(parquet_file(rows[:4]), parquet_file(rows[4:]), schema=PARQUET_SCHEMA, file_format="Parquet")
    assert read(store) == [
        ListedObject(key, 5, ETAG, MODIFIED_S, "GLACIER" if key == "dir/" else None)
        for key in sorted(HARD_KEYS, key=str.encode)
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), unique=True, max_size=20))
def test_both_formats_give_back_any_key(names: list[str]) -> None:
    in_csv = report(csv_file([csv_row(name) for name in names]))
    in_parquet = report(parquet_file([{"key": name} for name in names]), schema=PARQUET_SCHEMA, file_format="Parquet")
    assert keys(in_csv) == sorted(names, key=str.encode)
    assert read(in_csv) == read(in_parquet)


def test_the_manifest_says_when_and_what() -> None:
    inventory = read_inventory(report(csv_file([])), MANIFEST, bucket=BUCKET)
    assert inventory.snapshot == SNAPSHOT
    assert inventory.snapshot.tzinfo is UTC
    assert inventory.bucket == BUCKET
    assert inventory.format is Format.CSV
    assert inventory.has_etags
    assert inventory.name == f"memory://reports/{MANIFEST}"


@pytest.mark.parametrize("quoted_like", ["plain", "with spaces between columns"])
def test_quotes_and_commas_in_fields_are_part_of_them(quoted_like: str) -> None:
    schema = CSV_SCHEMA + ", ObjectOwner"
    row = csv_row("a.jpg")
    store = report(
        csv_file([(*row, 'the "owner", 1\nof two'), (*csv_row("b.jpg"), "")]),
        schema=schema if quoted_like == "plain" else schema.replace(", ", " ,  "),
    )
    assert keys(store) == ["a.jpg", "b.jpg"]


def test_old_versions_and_delete_markers_are_not_there() -> None:
    in_csv = report(
        csv_file(
            [
                csv_row("now.jpg", size="7"),
                csv_row("now.jpg", size="6", latest="false"),
                csv_row("gone.jpg", size="", latest="true", marker="true"),
                csv_row("gone.jpg", latest="false"),
                csv_row("no versions.jpg", latest="", marker=""),
            ]
        )
    )
    in_parquet = report(
        parquet_file(
            [
                {"key": "now.jpg", "size": 7, "is_latest": True, "is_delete_marker": False},
                {"key": "now.jpg", "size": 6, "is_latest": False, "is_delete_marker": False},
                {"key": "gone.jpg", "size": None, "is_latest": True, "is_delete_marker": True},
                {"key": "gone.jpg", "is_latest": False, "is_delete_marker": False},
                {"key": "no versions.jpg", "is_latest": None, "is_delete_marker": None},
            ]
        ),
        schema=PARQUET_SCHEMA,
        file_format="Parquet",
    )
    assert read(in_csv) == read(in_parquet)
    assert [(listed.key, listed.size) for listed in read(in_csv)] == [("no versions.jpg", 5), ("now.jpg", 7)]


def test_only_the_prefix_is_read() -> None:
    assert keys(report(csv_file([csv_row(key) for key in ["a", "b/2", "b/1", "c"]])), "b/") == ["b/1", "b/2"]


def test_an_inventory_of_current_versions_has_fewer_columns() -> None:
    row = (BUCKET, "a.jpg", "5", "2026-11-04T08:39:49.000Z")
    store = report(csv_file([row]), schema="Bucket, Key, Size, LastModifiedDate")
    assert read(store) == [ListedObject("a.jpg", 5, "", MODIFIED_S, None)]
    assert not read_inventory(store, MANIFEST, bucket=BUCKET).has_etags


def test_a_parquet_inventory_without_etags_says_so() -> None:
    schema = PARQUET_SCHEMA.replace("optional binary e_tag (STRING);", "")
    store = report(parquet_file([{"key": "a.jpg"}], e_tag=None), schema=schema, file_format="Parquet")
    assert read(store) == [ListedObject("a.jpg", 5, "", MODIFIED_S, None)]
    assert not read_inventory(store, MANIFEST, bucket=BUCKET).has_etags


def test_csv_times_without_a_zone_are_utc() -> None:
    store = report(csv_file([csv_row("a", modified="2026-11-04T08:39:49"), csv_row("b")]))
    assert [listed.modified_s for listed in read(store)] == [MODIFIED_S, MODIFIED_S]


def test_a_parquet_inventory_may_have_only_some_of_the_columns_of_versions() -> None:
    rows: list[dict[str, Any]] = [
        {"key": "a", "is_latest": True},
        {"key": "a", "is_latest": False},
        {"key": "b", "e_tag": None},
    ]
    schema = PARQUET_SCHEMA.replace("optional boolean is_delete_marker;", "").replace("version_id", "other")
    store = report(parquet_file(rows, is_delete_marker=None), schema=schema, file_format="Parquet")
    assert read(store) == [ListedObject("a", 5, ETAG, MODIFIED_S, None), ListedObject("b", 5, "", MODIFIED_S, None)]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_parquet_times_and_texts_are_read_as_they_were_written(unit: str) -> None:
    row = {"key": "é", "last_modified_date": MODIFIED + timedelta(milliseconds=999)}
    store = report(parquet_file([row], unit=unit), schema=PARQUET_SCHEMA, file_format="Parquet")
    assert read(store) == [ListedObject("é", 5, ETAG, MODIFIED_S, None)]


def test_parquet_texts_may_be_written_as_bytes() -> None:
    rows = [{"bucket": BUCKET.encode(), "key": "é".encode(), "e_tag": ETAG.encode()}]
    store = report(parquet_file(rows, text=pa.binary()), schema=PARQUET_SCHEMA, file_format="Parquet")
    assert read(store) == [ListedObject("é", 5, ETAG, MODIFIED_S, None)]


def test_an_empty_inventory_has_no_pages() -> None:
    assert read(report()) == []
    assert read(report(csv_file([]))) == []


def test_a_big_file_is_fetched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventories, "PART_BYTES", 100)
    store = report(csv_file([csv_row(f"{number * 7919 % 1000:04}") for number in range(1000)]))
    assert keys(store) == [f"{number:04}" for number in range(1000)]
    assert store.requests["get"] > 10


def test_more_rows_than_fit_in_memory_come_in_pages(tmp_path: Path) -> None:
    store = report(*(csv_file([csv_row(f"{number:05}") for number in range(part, 4500, 3)]) for part in range(3)))
    inventory = read_inventory(store, MANIFEST, bucket=BUCKET)
    found = list(inventory_pages(store, inventory, folder=tmp_path, chunk_rows=500))
    assert [len(page) for page in found] == [1000, 1000, 1000, 1000, 500]
    assert [listed.key for listed in chain.from_iterable(found)] == [f"{number:05}" for number in range(4500)]
    assert list(tmp_path.iterdir()) == []


def test_reading_is_watched_and_can_be_stopped() -> None:
    store = report(csv_file([csv_row(f"{number:05}") for number in range(2500)]))
    told: list[int] = []
    assert len(read(store, rows_read=told.append)) == 2500
    assert told == [1000, 2000, 2500]

    def stop(_rows: int) -> None:
        raise InterruptedRunError("stopped")

    with pytest.raises(InterruptedRunError):
        read(store, rows_read=stop)


# --- what is refused


def test_another_bucket_is_refused() -> None:
    with pytest.raises(ConfigError, match="of bucket 'acme-shots', but the source lies in 'other'"):
        read_inventory(report(), MANIFEST, bucket="other")
    with pytest.raises(BrokenListingError, match=r"line 2: an object of bucket 'other', not of 'acme-shots'"):
        read(report(csv_file([csv_row("a"), csv_row("b", bucket="other")])))


def test_orc_is_refused() -> None:
    store = report(b"ORC", schema="struct<bucket:string,key:string>", file_format="ORC")
    with pytest.raises(
        ConfigError, match="written as ORC, which is not supported: let the inventory be written as CSV"
    ):
        read_inventory(store, MANIFEST, bucket=BUCKET)


@pytest.mark.parametrize(
    ("schema", "missing"),
    [
        ("Bucket, Key, LastModifiedDate", "lacks the column Size: add it"),
        ("Bucket, Key, Size, ETag", "lacks the column Last modified: add it"),
        ("Bucket, Key", "lacks the column Size and the column Last modified"),
        ("Bucket, Key, VersionId, Size, LastModifiedDate", "lacks the column islatest and the column isdeletemarker"),
    ],
)
def test_a_missing_column_is_named(schema: str, missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        read_inventory(report(schema=schema), MANIFEST, bucket=BUCKET)


def test_a_column_that_only_the_manifest_has_is_named() -> None:
    store = report(parquet_file([{"key": "a"}], e_tag=None), schema=PARQUET_SCHEMA, file_format="Parquet")
    with pytest.raises(BrokenListingError, match="no column etag, which the manifest names"):
        read(store)


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data[:-1] + b"!", lambda _: b""])
def test_a_file_of_another_md5_is_refused(spoil: Callable[[bytes], bytes]) -> None:
    store = report(csv_file([csv_row("a.jpg")]), csv_file([csv_row("b.jpg")]))
    key = f"{HOME}/data/2.csv"
    store.put(key, spoil(store.get(key)), content_type="")
    pages = inventory_pages(store, read_inventory(store, MANIFEST, bucket=BUCKET))
    with pytest.raises(BrokenListingError, match=r"2\.csv in memory://reports is not the one that its manifest names"):
        next(pages)


def test_a_missing_file_is_an_error() -> None:
    store = report(csv_file([csv_row("a.jpg")]))
    store.delete(f"{HOME}/data/1.csv")
    with pytest.raises(ObjectNotFoundError):
        read(store)


BROKEN_ROWS: dict[str, Row] = {
    "invalid literal for int() with base 10: 'x'": csv_row("b", size="x"),
    "invalid literal for int() with base 10: ''": csv_row("b", size=""),
    "-1 is no size": csv_row("b", size="-1"),
    "9223372036854775808 is no size": csv_row("b", size=str(2**63)),
    "Invalid isoformat string: 'yesterday'": csv_row("b", modified="yesterday"),
    "Invalid isoformat string: ''": csv_row("b", modified=""),
    "'maybe' is neither true nor false": csv_row("b", latest="maybe"),
    "no key": csv_row(""),
    "3 columns instead of 9": (BUCKET, "b", "5"),
    "10 columns instead of 9": (*csv_row("b"), ""),
    "is not URL-encoded": (BUCKET, "b c", *csv_row("b")[2:]),
    "'100%' is not URL-encoded": (BUCKET, "100%", *csv_row("b")[2:]),
    "'é' is not URL-encoded": (BUCKET, "é", *csv_row("b")[2:]),
    "'utf-8' codec can't decode": (BUCKET, "%FF", *csv_row("b")[2:]),
}


@pytest.mark.parametrize("why", list(BROKEN_ROWS))
def test_one_broken_row_is_named_and_ends_it(why: str) -> None:
    store = report(csv_file([csv_row("a"), BROKEN_ROWS[why], csv_row("c")]))
    with pytest.raises(BrokenListingError) as raised:
        read(store)
    assert f"{HOME}/data/1.csv cannot be read (line 2: " in str(raised.value)
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"plain text", "gzip: Not a gzipped file"),
        (csv_file([csv_row("a")] * 50)[:-20], "gzip: "),
        (csv_file([csv_row("a")])[:-8] + b"\0\0\0\0\0\0\0\0", "gzip: CRC check failed"),
        (gzip.compress(b"\xff\xfe\n", mtime=0), "codec can't decode"),
        (gzip.compress(b'"a"b,"c', mtime=0), "behind line 0: "),
        (gzip.compress(b'"' + b"x" * 200_000 + b'"', mtime=0), "field larger than field limit"),
    ],
    ids=["no gzip", "cut off", "wrong checksum", "no UTF-8", "quotes", "too long"],
)
def test_a_broken_csv_file_is_one_error(data: bytes, why: str) -> None:
    with pytest.raises(BrokenListingError) as raised:
        read(report(data))
    assert why in str(raised.value)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: parquet_file([{"key": "a"}, {"key": "b", "size": None}]), "row 2: no key, size or time"),
        (lambda: parquet_file([{"key": "a", "last_modified_date": None}]), "row 1: no key, size or time"),
        (lambda: parquet_file([{"key": ""}]), "row 1: no key, size or time"),
        (lambda: parquet_file([{"key": "a", "size": -1}]), "row 1: -1 is no size"),
        (lambda: parquet_file([{"key": "a", "bucket": "other"}]), "row 1: an object of bucket 'other'"),
        (lambda: parquet_file([{"key": b"\xff", "bucket": b"", "e_tag": b""}], text=pa.binary()), "behind row 0: "),
        (lambda: parquet_file([{"key": "a"}])[:-9], "behind row 0: "),
        (lambda: b"plain text", "behind row 0: "),
    ],
)
def test_a_broken_parquet_file_is_one_error(make: Callable[[], bytes], why: str) -> None:
    with pytest.raises(BrokenListingError) as raised:
        read(report(make(), schema=PARQUET_SCHEMA, file_format="Parquet"))
    assert why in str(raised.value)


def test_parquet_times_that_are_only_numbers_are_refused() -> None:
    table = pa.table({"bucket": [BUCKET], "key": ["a"], "size": [5], "last_modified_date": [MODIFIED_S]})
    file = io.BytesIO()
    parquet.write_table(table, file)
    schema = "message s3.inventory { " + "".join(f"optional binary {name};" for name in table.column_names) + "}"
    with pytest.raises(BrokenListingError, match="times written as int64"):
        read(report(file.getvalue(), schema=schema, file_format="Parquet"))


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'livestills\[parquet\]'"):
        read_inventory(report(schema=PARQUET_SCHEMA, file_format="Parquet"), MANIFEST, bucket=BUCKET)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Expecting value"),
        (b"\xff", "codec can't decode"),
        (b"[]", "list indices"),
        (b"7", "not subscriptable"),
        (b"{}", "it has no 'sourceBucket'"),
        (b"[" * 100_000, "recursion"),
        (json.dumps(manifest({}) | {"files": [{"key": "a", "size": 1}]}).encode(), "it has no 'MD5checksum'"),
        (
            json.dumps(manifest({}) | {"files": [{"key": "a", "size": 1, "MD5checksum": "x"}]}).encode(),
            "a data file without",
        ),
        (json.dumps(manifest({}) | {"files": ["a"]}).encode(), "string indices"),
        (json.dumps(manifest({}) | {"files": 7}).encode(), "not iterable"),
    ],
)
def test_what_is_no_manifest_is_refused(data: bytes, why: str) -> None:
    store = MemoryStore()
    store.put(MANIFEST, data, content_type="")
    with pytest.raises(ConfigError, match=r"is no manifest of an S3 Inventory .*name the manifest\.json") as raised:
        read_inventory(store, MANIFEST, bucket=BUCKET)
    assert why in str(raised.value)


@pytest.mark.parametrize("timestamp", ["1762304400", "tomorrow", "", None, "999999999999999", "-1", "١٧٦٢٣٠٤٤٠٠٠٠٠"])
def test_a_time_that_is_not_in_milliseconds_is_refused(timestamp: str | None) -> None:
    with pytest.raises(ConfigError, match="no time of an S3 Inventory"):
        read_inventory(report(creationTimestamp=timestamp), MANIFEST, bucket=BUCKET)


# --- in a folder


def copied(root: Path, where: Callable[[str], str]) -> Path:
    """The files of an inventory in a folder, each at a path made from its key."""
    files = {f"{HOME}/data/{number}.csv.gz": csv_file([csv_row(f"{number}.jpg")]) for number in (1, 2)}
    files[MANIFEST] = json.dumps(manifest(files)).encode()
    for key, data in files.items():
        path = root / where(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root / where(MANIFEST)


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(lambda key: key, id="the whole bucket"),
        pytest.param(lambda key: key.removeprefix("inventory/acme-shots/"), id="one inventory"),
        pytest.param(lambda key: key.removeprefix(HOME + "/").replace("2026-11-05T01-00Z/", ""), id="with data/"),
        pytest.param(lambda key: key.rpartition("/")[2], id="all in one folder"),
    ],
)
def test_a_copied_inventory_is_found(where: Callable[[str], str], tmp_path: Path) -> None:
    store, inventory = read_local_inventory(copied(tmp_path, where), bucket=BUCKET)
    assert [listed.key for page in inventory_pages(store, inventory) for listed in page] == ["1.jpg", "2.jpg"]


def test_a_copied_inventory_may_be_empty_or_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(manifest({})))
    monkeypatch.chdir(tmp_path)
    store, inventory = read_local_inventory(Path("manifest.json"), bucket=BUCKET)
    assert list(inventory_pages(store, inventory)) == []


def test_a_copied_inventory_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"manifest\.json could not be read: No such file"):
        read_local_inventory(tmp_path / "manifest.json", bucket=BUCKET)
    path = copied(tmp_path, lambda key: key)
    (tmp_path / HOME / "data/2.csv.gz").unlink()
    store, inventory = read_local_inventory(path, bucket=BUCKET)
    with pytest.raises(ObjectNotFoundError):
        list(inventory_pages(store, inventory))
    (tmp_path / HOME / "data/1.csv.gz").unlink()
    with pytest.raises(ConfigError, match="copy the data files beside it"):
        read_local_inventory(path, bucket=BUCKET)


def test_inventories_are_plain_values() -> None:
    file = DataFile("a", 1, "0" * 32)
    one = Inventory("m", BUCKET, SNAPSHOT, Format.CSV, ("key",), (file,))
    assert one == replace(one)
    assert not one.has_etags
