"""`livestills export`: what is written reads back as what the catalog says, and is whole or not there."""

import csv
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pytest
from pyarrow import parquet

from cli.series import GAP_FIELDS
from cli.shots import SHOT_FIELDS
from indexer.jobs import exporting, selections
from tests.cli.running import PROGRAM, done, livestills, process
from tests.cli.worlds import configure, folder, memory, series, shot, sid

HOSTILE = '=HYPERLINK("x"),\n🙂'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("world")
    keys = [
        *series("7", shots=6),
        *series("7", shots=4, start=170, bak="bak0_"),
        *series("8", shots=30),
        *series("7", shots=3, session=1, start=86_400),
        *series("007", shots=2, session=2, cname=HOSTILE, start=90_000),
    ]
    file = configure(place / "livestills.toml", a=memory(keys)[0], b=memory(series("9", session=3, start=-60))[0])
    done("-q", "-c", str(file), "sync")
    return place


@pytest.fixture(autouse=True)
def _here(world: Path) -> None:
    for file in ("livestills.toml", "livestills.db"):
        shutil.copy(world / file, file)


def _plain(value: Any) -> Any:
    return value.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z" if isinstance(value, datetime) else value


def _read(file: Path) -> list[dict[str, Any]]:
    match file.suffix:
        case ".ndjson":
            return [json.loads(line) for line in file.read_text("ascii").splitlines()]
        case ".parquet":
            return [
                {name: _plain(value) for name, value in row.items()} for row in parquet.read_table(file).to_pylist()
            ]
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def _as_csv(record: dict[str, Any]) -> dict[str, str]:
    texts = {name: "" if value is None else str(value) for name, value in record.items()}
    return {name: f"'{text}" if text.startswith("=") else text for name, text in texts.items()}


def _told(*uids: str) -> list[dict[str, Any]]:
    """What `timeline` tells of these users, without its positions."""
    found = [record for uid in uids for record in done("timeline", uid, "-o", "ndjson").records]
    return [{name: record[name] for name in SHOT_FIELDS} for record in found]


def _by_key(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(records, key=lambda record: str(record["key"]))


# --- what is written


def test_every_format_reads_back_as_the_shots_of_the_catalog() -> None:
    truth = _by_key(_told("7", "8", "007", "9"))
    assert len(truth) == 48
    for name in ("all.ndjson", "all.parquet", "all.csv"):
        answer = done("export", "--to", name)
        assert answer.out.startswith("48 rows, ")
        assert answer.out.endswith(f"written to {name}\n")
        found = _read(Path(name))
        assert [tuple(record) for record in found] == [SHOT_FIELDS] * 48
        wanted = truth if not name.endswith(".csv") else [_as_csv(record) for record in truth]
        assert _by_key(found) == (wanted if not name.endswith(".csv") else _by_key(wanted))


def test_parquet_has_types_and_keeps_what_comes_again_once() -> None:
    done("export", "--to", "all.parquet")
    file = parquet.ParquetFile("all.parquet")
    types = {field.name: field.type for field in file.schema_arrow}
    moment = pa.timestamp("ms", tz="UTC")
    assert (types["captured_at"], types["last_modified"], types["size"]) == (moment, moment, pa.int64())
    assert (types["uid"], types["bak"], types["cname"]) == (pa.string(), pa.int64(), pa.string())
    columns = {column.path_in_schema: column for column in map(file.metadata.row_group(0).column, range(len(types)))}
    assert all("RLE_DICTIONARY" in columns[name].encodings for name in ("cname", "sid", "source"))
    assert "RLE_DICTIONARY" not in columns["key"].encodings


def test_row_groups_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_BATCH", 5)
    monkeypatch.setattr(exporting, "_GROUP", 2)
    done("export", "--to", "all.parquet")
    metadata = parquet.ParquetFile("all.parquet").metadata
    assert [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)] == [10, 10, 10, 10, 8]
    assert len(_read(Path("all.parquet"))) == 48


def test_rows_come_session_by_session_and_in_time_order_of_each_user() -> None:
    records = done("export", "--to", "-").records
    seen = list(dict.fromkeys((record["sid"], record["uid"]) for record in records))
    assert seen == [(sid(2), "007"), (sid(1), "7"), (sid(0), "7"), (sid(0), "8"), (sid(3), "9")]
    for pair in seen:
        times = [record["captured_at"] for record in records if (record["sid"], record["uid"]) == pair]
        assert times == sorted(times)
    of_one = done("export", "--to", "-", "--user", "7").records
    assert [record["key"] for record in of_one] == [record["key"] for record in _told("7")]


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        (["--user", "7"], 13),
        (["--source", "b"], 3),
        (["--channel", "room", "--user", "9"], 3),
        (["--session", sid(1)], 3),
        (["--since", "2026-11-05T12:00:10Z", "--until", "2026-11-05T12:00:30Z"], 4),
    ],
)
def test_a_selection_chooses_rows(options: list[str], rows: int) -> None:
    assert len(done("export", "--to", "-", *options).records) == rows


def test_nothing_is_an_empty_file_with_its_columns() -> None:
    for name in ("none.ndjson", "none.csv", "none.parquet"):
        answer = done("export", "--to", name, "--user", "0")
        assert answer.err == "the catalog has no shot that matches\n"
        assert _read(Path(name)) == []
    assert Path("none.csv").read_text() == ",".join(SHOT_FIELDS) + "\n"
    assert parquet.read_schema("none.parquet").names == list(SHOT_FIELDS)


def test_gaps_are_told_as_the_command_tells_them() -> None:
    truth = done("gaps", "--channel", "room", "-o", "ndjson").records
    assert truth
    for name in ("gaps.ndjson", "gaps.parquet", "gaps.csv"):
        done("export", "--to", name, "--gaps", "--channel", "room")
        found = _read(Path(name))
        assert [tuple(record) for record in found] == [GAP_FIELDS] * len(truth)
        if not name.endswith(".csv"):
            assert found == truth
    assert parquet.read_schema("gaps.parquet").field("length_s").type == pa.float64()
    done("export", "--to", "one.ndjson", "--gaps", "--user", "7")
    assert _read(Path("one.ndjson")) == done("gaps", "7", "-o", "ndjson").records


def test_addresses_are_added_where_they_are_asked_for() -> None:
    folder(Path("bucket"), series("7"))
    configure(Path("other.toml"), c="file:bucket", more='[catalog]\nurl = "sqlite:///other.db"\n')
    done("-q", "-c", "other.toml", "sync")
    records = done("-c", "other.toml", "export", "--to", "-", "--presign", "--lifetime", "5").records
    assert [record["url"] for record in records] == [(Path("bucket") / key).resolve().as_uri() for key in series("7")]


# --- the file


def test_a_file_is_ours_alone_and_nothing_else_is_left() -> None:
    before = set(Path().iterdir())
    done("export", "--to", "all.csv")
    assert stat.S_IMODE(Path("all.csv").stat().st_mode) == 0o600
    assert set(Path().iterdir()) - before == {Path("all.csv")}


def test_a_file_that_is_there_is_replaced_only_when_asked() -> None:
    Path("all.csv").write_text("mine")
    answer = livestills("export", "--to", "all.csv")
    assert (answer.status, answer.error) == (
        2,
        f"{Path('all.csv').resolve()} exists; name another file, or replace it with --force",
    )
    assert Path("all.csv").read_text() == "mine"
    done("export", "--to", "all.csv", "--force")
    assert len(_read(Path("all.csv"))) == 48


def test_a_link_stays_one() -> None:
    Path("to").mkdir()
    Path("all.csv").symlink_to("to/real.csv")
    done("export", "--to", "all.csv")
    assert Path("all.csv").is_symlink()
    assert len(_read(Path("to/real.csv"))) == 48


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["all.ndjson", "all.csv", "all.parquet"])
def test_a_stopped_export_leaves_what_was_there(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals, name: str
) -> None:
    monkeypatch.setattr("cli.commands.export._EVERY", 10)
    shots_of_selection = selections.shots_of_selection

    def stopped(*arguments: Any) -> Any:
        for count, each in enumerate(shots_of_selection(*arguments)):
            if count == 15:
                os.kill(os.getpid(), number)
            yield each

    monkeypatch.setattr(selections, "shots_of_selection", stopped)
    Path(name).write_text("before")
    before = set(Path().iterdir())
    answer = livestills("export", "--to", name, "--force")
    assert (answer.status, answer.error) == (128 + number, f"stopped; {name} is as it was before")
    assert Path(name).read_text() == "before"
    assert set(Path().iterdir()) == before


def test_a_full_disk_is_one_line_and_leaves_nothing() -> None:
    configure(c=memory(series("5", shots=100))[0])
    done("-q", "sync")
    before = set(Path().iterdir())
    answer = process("export", "--to", "all.ndjson", under=("prlimit", "--fsize=36000"))  # SQLite itself wants 32768
    assert answer.status == 1
    assert answer.error == f"{Path('all.ndjson').resolve()} cannot be written: File too large"
    assert {path for path in set(Path().iterdir()) - before if "livestills.db" not in path.name} == set()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--to", "all.txt"], "how to write all.txt? Say --format ndjson, csv or parquet"),
        (["--to", "no/all.csv"], "no/all.csv cannot be written: No such file or directory"),
        (["--to", "all.csv", "--gaps", "--presign"], "gaps have no pictures"),
        (["--to", "/dev/null", "--format", "csv"], "/dev/null is no file; name a file, or - for standard output"),
        (["--to", "home", "--format", "csv", "--force"], "no file"),
        (["--to", "a" * 300 + ".csv"], "cannot be written: File name too long"),
        ([], "Missing option '--to'"),
    ],
)
def test_what_cannot_be_written_is_explained(options: list[str], expected: str) -> None:
    Path("home").mkdir()
    answer = livestills("export", *options)
    assert (answer.status, expected in answer.error) == (2, True), answer.error


def test_without_pyarrow_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    answer = livestills("export", "--to", "all.parquet")
    assert (answer.status, "pip install 'livestills[parquet]'" in answer.error) == (2, True)
    assert not Path("all.parquet").exists()
    done("export", "--to", "all.csv")


# --- standard output


def test_standard_output_takes_all_formats() -> None:
    assert len(done("export", "--to", "-").records) == 48
    assert len(done("export", "--to", "-", "-o", "csv").rows) == 48
    assert len(done("export", "--to", "-", "--format", "csv").rows) == 48


def test_parquet_goes_down_a_pipe() -> None:
    folder(Path("bucket"), series("7"))
    configure(c="file:bucket")
    done("-q", "sync")
    command = [sys.executable, *PROGRAM, "export", "--to", "-", "--format", "parquet", "--source", "c"]
    written = subprocess.run(command, check=True, capture_output=True).stdout
    assert parquet.read_table(io.BytesIO(written)).column("key").to_pylist() == series("7")


def test_programs_get_the_figures_of_a_file() -> None:
    (record,) = done("export", "--to", "all.csv", "--user", "9", "-o", "ndjson").records
    assert record == {"to": "all.csv", "format": "csv", "rows": 3, "bytes": Path("all.csv").stat().st_size}
    lines = done("export", "--to", "more.csv", "--user", "9", "--quiet")
    assert (lines.out, lines.err) == ("", "")


def test_a_key_is_text_of_utf_8_everywhere() -> None:
    key = shot("007", at=90_000, cname=HOSTILE, session=2)
    done("export", "--to", "all.parquet", "--user", "007")
    assert _read(Path("all.parquet"))[0]["key"] == key
    assert _read(Path("all.parquet"))[0]["captured_at"] == _plain(datetime(2026, 11, 6, 13, tzinfo=UTC))
