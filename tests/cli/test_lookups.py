"""`timeline`, `sessions`, `users`, `stats`: what is asked of a catalog."""

import json
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from indexer.agora.names import RecordingName, format_utc
from indexer.agora.names import format as format_name
from indexer.catalog.catalog import Catalog
from indexer.model import to_ms
from tests.cli.running import Answer, done, livestills
from tests.cli.worlds import NOON, configure, folder, memory, series, shot, sid

RECORDING = format_name(
    RecordingName("", "", sid(0), "room", "ts", "7", "video", format_utc(to_ms(NOON))),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """User 7: in `room` with a camera-off gap and a failover, later in another session, and in another channel."""
    place = tmp_path_factory.mktemp("world")
    keys = [
        *series("7", shots=6),
        *series("7", shots=6, start=120),
        *series("7", shots=6, start=170, bak="bak0_"),
        *series("8", shots=30),
        *series("7", shots=3, session=1, start=86_400),
        *series("7", shots=2, session=2, cname="other", start=90_000),
        RECORDING,
        "notes.txt",
    ]
    others = series("9", session=3, start=-60)
    file = configure(place / "livestills.toml", a=memory(keys)[0], b=memory(others)[0])
    done("-q", "-c", str(file), "sync")
    return place


@pytest.fixture(autouse=True)
def _here(world: Path) -> None:
    for file in ("livestills.toml", "livestills.db"):
        shutil.copy(world / file, file)


def _uids(answer: Answer) -> list[str]:
    return [record["uid"] for record in answer.records]


# --- timeline


def test_a_timeline_for_people_is_runs_by_channel_and_session() -> None:
    blocks = [block.splitlines() for block in done("timeline", "7").out.split("\n\n")]
    assert [block[0] for block in blocks] == [
        f"channel room · session {sid(0)}",
        f"channel room · session {sid(1)}",
        f"channel other · session {sid(2)}",
    ]
    assert [block[1].split(",")[0] for block in blocks] == [
        *("18 shots", "3 shots", "2 shots · presence 0 % · capture 100 %")
    ]
    assert [line.split()[:4] for line in blocks[0][7:] if "original" in line] == [
        ["12:00:00", "12:00:50", "50s", "6"],
        ["12:02:00", "12:03:40", "1m40s", "12"],
    ]


def test_a_timeline_for_programs_is_shots_with_the_contracts_fields_in_order() -> None:
    records = done("timeline", "7", "-o", "ndjson").records
    assert len(records) == 23
    assert list(records[0]) == [
        *("key", "kind", "source", "directory", "bak", "sid", "cname", "uid", "captured_at", "size", "etag"),
        *("last_modified", "tier", "stored", "recorder", "position"),
    ]
    first = records[0]
    assert first["key"] == shot("7")
    assert (first["kind"], first["source"], first["bak"], first["size"]) == ("screenshot", "a", None, 1)
    assert (first["captured_at"], first["stored"]) == ("2026-11-05T12:00:00.000Z", "online")
    assert datetime.fromisoformat(first["last_modified"]).tzinfo is not None
    assert [record["captured_at"] for record in records] == sorted(record["captured_at"] for record in records)
    assert done("timeline", "7", "-o", "json").document == records
    rows = done("timeline", "7", "-o", "csv").rows
    assert [row["key"] for row in rows] == [record["key"] for record in records]
    assert list(rows[0]) == list(first)


def test_of_a_shot_that_is_only_announced_size_and_etag_are_not_known() -> None:
    configure(a=memory()[0], more=f'[derivatives]\nurl = "{memory()[0]}"\n')
    Path("livestills.db").unlink()
    with Catalog.open_to_write("sqlite:///livestills.db", now=NOON) as catalog:
        catalog.announce(catalog.add_source("a", "memory://a/"), [(shot("7"), to_ms(NOON) + 1_500)])
    (record,) = done("timeline", "7", "-o", "ndjson").records
    assert (record["size"], record["etag"], record["tier"], record["stored"]) == (None, None, None, "announced")
    assert record["last_modified"] == "2026-11-05T12:00:01.000Z"
    (row,) = done("timeline", "7", "-o", "csv").rows
    assert (row["size"], row["etag"], row["tier"], row["stored"]) == ("", "", "", "announced")
    assert done("timeline", "7", "--shots").out.splitlines()[-1].split()[2:4] == ["original", "announced"]
    assert "is sound" in done("db", "check").err
    (record,) = done("shots", "get", "got", "--user", "7", "-o", "ndjson").records
    assert (record["announced"], record["got"], record["failed"]) == (1, 0, {})
    assert "passed over: 1 picture, announced and not there" in done("shots", "get", "got", "--user", "7").err
    assert "passed over: 1 picture, announced, and no listing has shown" in done("thumbs", "--dry-run").err


def test_both_forms_are_there_for_people_and_for_programs() -> None:
    runs = done("timeline", "7", "--runs", "-o", "ndjson").records
    assert [(run["shots"], run["baks"], run["gap_before_s"]) for run in runs] == [
        (6, [None], None),
        (12, [None, 0], 70.0),
        (3, [None], None),
        (1, [None], None),  # two shots do not tell how often one is taken
        (1, [None], 10.0),
    ]
    assert runs[1]["recorders"] == ["original", "bak0"]
    assert done("timeline", "7", "--runs", "-o", "csv").rows[1]["recorders"] == "original bak0"
    lines = done("timeline", "7", "--shots").lines
    assert len(lines) == 2 + 23
    assert lines[2].split() == ["2026-11-05", "12:00:00", "original", "1", "B", "online", shot("7")]


def test_an_interval_that_is_configured_is_used_and_said() -> None:
    file = Path("livestills.toml")
    file.write_text(file.read_text().replace("[sources.b]", "capture_interval_s = 60\n[sources.b]"))
    lines = done("timeline", "7", "--session", sid(0)).lines
    assert lines[1].startswith("18 shots, one every 1m00s (configured; 0 % agree) · ")
    assert lines[7].split()[2:4] == ["3m40s", "18"]


@pytest.mark.parametrize(
    ("options", "shots"),
    [
        (["--session", sid(1)], 3),
        (["--channel", "other"], 2),
        (["--source", "a"], 23),
        (["--source", "b"], 0),
        (["--since", "2026-11-05T12:02:00Z"], 17),
        (["--since", "2026-11-05T12:02:00.001Z"], 16),
        (["--until", "2026-11-05T12:02:00Z"], 6),
        (["--since", "2026-11-05T12:00:10Z", "--until", "2026-11-05T12:00:30Z"], 2),
        (["--since", "2026-11-06"], 5),
        (["--since", "2026-11-05T21:02", "--tz", "Asia/Tokyo"], 17),
        (["--since", "2026-11-05T13:02:00+01:00"], 17),
        (["--since", "0001-01-01", "--until", "9999-12-31T23:59:59.999Z"], 23),
        (["--until", "0001-01-02"], 0),
        (["--since", "999999h"], 23),
        (["--channel", "room", "--session", sid(2)], 0),
    ],
)
def test_a_selection_chooses_shots(options: list[str], shots: int) -> None:
    answer = done("timeline", "7", *options, "-o", "ndjson")
    assert len(answer.records) == shots
    assert answer.err == ("" if shots else "the catalog has no shot of user 7 that matches\n")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        *(
            (["--since", text], f"--since {text!r} is no time; write 2026-11-05")
            for text in ("25:99", "2026-13-01", "2026-11-05T25:00", "7x", "-7d", "7D", "٣d", "", "soon", "1e9")
        ),
        (["--until", "7x"], "--until '7x' is no time"),
        (["--since", "999999d"], "before all calendars"),
        (["--since", "0001-01-01T00:00+14:00"], "outside all calendars"),
        (["--until", "9999-12-31T23:59-14:00"], "outside all calendars"),
        (["--since", "1d", "--until", "2d"], "--since 1d is not before --until 2d"),
        (["--since", "2026-11-05", "--until", "2026-11-05"], "is not before"),
        (["--tz", "Mars"], "--tz 'Mars' is no time zone"),
        (["--source", "c"], "no source is called 'c'"),
        (["--after", "x"], "--after 'x' is not a position"),
        (["--after", "1.2.3"], "is not a position"),
        (["--after", "--5.1.1.1"], "is not a position"),
        (["--after", "1.1.1." + "9" * 30], "is not a position"),
        (["--after", "\x1b[31m"], r"--after '\x1b[31m' is not a position"),
        (["--runs", "--limit", "5"], "leave --runs out"),
        (["--runs", "--presign"], "leave --runs out"),
        (["--presign", "--lifetime", "0"], "0 is not in the range"),
    ],
)
def test_a_wrong_selection_is_one_line_and_status_2(options: list[str], expected: str) -> None:
    answer = livestills("timeline", "7", *options)
    assert (answer.status, answer.out) == (2, "")
    assert expected in answer.error


def test_a_source_that_is_only_in_the_catalog_can_still_be_asked_for() -> None:
    configure(a=memory()[0])
    assert _uids(done("users", "list", "--source", "b", "-o", "ndjson")) == ["9"]


def test_a_time_zone_changes_tables_and_never_what_programs_read() -> None:
    (line,) = done("timeline", "7", "--limit", "1", "--tz", "Asia/Tokyo").lines[2:]
    assert line.startswith("2026-11-05 21:00:00 ")
    assert (
        done("--tz", "Asia/Tokyo", "sessions", "list", "-o", "json").out == done("sessions", "list", "-o", "json").out
    )


def test_times_of_all_calendars_can_be_shown() -> None:
    old, late = (
        shot("0", at=(moment - NOON) // timedelta(seconds=1), session=9)
        for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    )
    configure(c=memory([old, late])[0])
    done("-q", "sync")
    for zone, shown in [
        ("UTC", ("0001-01-01 00:00:00 ", "9999-12-31 23:59:59 ")),
        ("Asia/Tokyo", ("0001-01-01 09:18:59 ", "9999-12-31 23:59:59Z")),
        ("America/New_York", ("0001-01-01 00:00:00Z", "9999-12-31 18:59:59 ")),
    ]:
        lines = done("timeline", "0", "--shots", "--tz", zone).lines
        assert (lines[2][:20], lines[3][:20]) == shown
        assert done("timeline", "0", "--tz", zone).out.count("3,652,058d") == 1
        for command in (["sessions", "list"], ["users", "show", "0"], ["stats"]):
            done(*command, "--tz", zone)


def test_addresses_are_added_when_asked_for(tmp_path: Path) -> None:
    folder(tmp_path / "bucket", series("5"))
    configure(c=f"file://{tmp_path}/bucket")
    done("-q", "sync")
    records = done("timeline", "5", "--presign", "-o", "ndjson").records
    assert [record["url"] for record in records] == [(tmp_path / "bucket" / key).as_uri() for key in series("5")]
    assert list(records[0])[-1] == "url"
    assert records[0]["url"] in done("timeline", "5", "--presign").out
    answer = livestills("timeline", "7", "--presign", "-o", "ndjson")
    assert (answer.status, answer.error[:23]) == (2, "the source 'a' of '0000")


# --- sessions


def test_sessions_are_listed_the_latest_first() -> None:
    records = done("sessions", "list", "-o", "ndjson").records
    assert [record["sid"] for record in records] == [sid(2), sid(1), sid(0), sid(3)]
    first = records[2]
    assert list(first)[:11] == [
        *("sid", "cname", "first_at", "last_at", "users", "shots", "bytes", "failovers", "sources", "recordings"),
        "position",
    ]
    assert (first["users"], first["shots"], first["failovers"], first["recordings"]) == (2, 48, 1, 1)
    assert first["sources"] == ["a"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--user", "7"], [2, 1, 0]),
        (["--user", "8"], [0]),
        (["--user", "7", "--channel", "other"], [2]),
        (["--source", "b"], [3]),
        (["--session", sid(1)], [1]),
        (["--since", "2026-11-06"], [2, 1]),
        (["--until", "2026-11-05T12:00:00Z"], [3]),
        (["--channel", "no-such"], []),
    ],
)
def test_sessions_are_selected(options: list[str], expected: list[int]) -> None:
    answer = done("sessions", "list", *options, "-o", "ndjson")
    assert [record["sid"] for record in answer.records] == list(map(sid, expected))
    assert answer.err == ("" if expected else "no session matches\n")


def test_a_session_is_shown_with_its_users_recorders_and_recordings() -> None:
    lines = done("sessions", "show", sid(0)).lines
    assert lines[:2] == ["channel     room", f"session     {sid(0)}"]
    tables = lines[next(number for number, line in enumerate(lines) if line.split()[:2] == ["user", "recorder"]) :]
    assert [line.split()[:2] for line in tables if line.startswith(("7 ", "8 "))] == [
        ["7", "original"],
        ["7", "bak0"],
        ["8", "original"],
        ["7", "video"],
    ]
    assert "Recording files" in lines
    (record,) = done("sessions", "show", sid(0), "-o", "ndjson").records
    assert [stream["shots"] for stream in record["streams"]] == [12, 6, 30]
    assert record["recording_files"][0]["files"] == 1
    rows = done("sessions", "show", sid(0), "-o", "csv").rows
    assert [(row["uid"], row["recorder"]) for row in rows] == [("7", "original"), ("7", "bak0"), ("8", "original")]


def test_a_session_tells_when_its_units_were_listed_and_whether_they_still_are() -> None:
    prefixes = f"{sid(0)}_", f"bak0_{sid(0)}_"
    listed, verified = NOON + timedelta(days=9), NOON + timedelta(days=3)
    values = "sid = ?, digest = 1, settled = ?, newest_ms = ?, listed_ms = ?, verified_ms = ?"
    with sqlite3.connect("livestills.db") as catalog:
        for row in (
            (sid(0), True, to_ms(NOON), to_ms(listed), to_ms(verified), prefixes[0]),
            (sid(0), False, to_ms(NOON), to_ms(listed), None, prefixes[1]),
        ):
            catalog.execute(f"UPDATE unit SET {values} WHERE prefix = ?", row)  # noqa: S608  # a constant
    lines = done("sessions", "show", sid(0)).lines
    table = lines[lines.index("Listed") + 1 :]
    assert [line.split() for line in sorted(table[2:])] == [
        [prefixes[0], "43", "settled", "2026-11-14", "12:00:00", "2026-11-08", "12:00:00", "a"],
        [prefixes[1], "6", "watched", "2026-11-14", "12:00:00", "a"],
    ]
    (record,) = done("sessions", "show", sid(0), "-o", "ndjson").records
    first, second = record["units"]
    assert list(first) == ["source", "prefix", "objects", "state", "newest_at", "listed_at", "verified_at"]
    assert (first["source"], first["prefix"], first["state"]) == ("a", prefixes[0], "settled")
    assert (first["newest_at"], first["verified_at"]) == ("2026-11-05T12:00:00.000Z", "2026-11-08T12:00:00.000Z")
    assert (second["state"], second["verified_at"]) == ("watched", None)
    assert done("sessions", "show", sid(0), "-o", "json").document == [record]
    with sqlite3.connect("livestills.db") as catalog:
        catalog.execute("UPDATE unit SET digest = NULL WHERE prefix = ?", (prefixes[0],))
    catalog.close()
    units = done("sessions", "show", sid(0), "-o", "ndjson").records[0]["units"]
    assert [unit["state"] for unit in units] == ["unfinished", "watched"]


# --- users


def test_users_are_listed_in_the_order_of_their_uids() -> None:
    records = done("users", "list", "-o", "ndjson").records
    assert [(record["uid"], record["channels"], record["sessions"], record["shots"]) for record in records] == [
        ("7", 2, 3, 23),
        ("8", 1, 1, 30),
        ("9", 1, 1, 3),
    ]
    assert _uids(done("users", "list", "--channel", "other", "-o", "ndjson")) == ["7"]


def test_a_uid_of_two_channels_is_pointed_out() -> None:
    answer = done("users", "show", "7")
    assert [line.split()[0] for line in answer.lines[2:]] == ["other", "room"]
    assert answer.err.startswith("2 channels: a uid names a person only within a channel")
    assert done("users", "show", "7", "-q").err == ""
    assert done("users", "show", "8").err == ""


# --- nothing there


@pytest.mark.parametrize("output", ["table", "json", "ndjson", "csv"])
@pytest.mark.parametrize(
    "command",
    [["timeline", "0"], ["users", "show", "0"], ["sessions", "show", "0"], ["users", "list", "--since", "1s"]],
)
def test_nothing_found_is_an_empty_answer_and_one_line(command: list[str], output: str) -> None:
    answer = livestills(*command, "-o", output)
    assert answer.status == 0
    assert len(answer.err.splitlines()) == 1
    match output:
        case "table" | "ndjson":
            assert answer.out == ""
        case "json":
            assert json.loads(answer.out) == []
        case "csv":
            (header,) = answer.lines
            full = {"timeline": ["timeline", "7"], "users": ["users", "list"], "sessions": ["sessions", "show", sid(0)]}
            assert header == done(*full[command[0]], "-o", "csv").lines[0]
    assert livestills("-q", *command, "-o", output).err == ""


# --- stats


def test_stats_are_told_source_by_source() -> None:
    records = done("stats", "-o", "ndjson").records
    assert [(record["source"], record["shots"], record["sessions"], record["users"]) for record in records] == [
        ("a", 53, 3, 3),
        ("b", 3, 1, 1),
    ]
    assert (records[0]["recordings"], records[0]["unrecognised"]) == (1, 1)
    lines = done("stats").lines
    assert (len(lines), lines[2].split()[:2]) == (4, ["a", "53"])


def test_sums_by_day_are_of_the_days_of_the_zone() -> None:
    days = [(day["day"], day["shots"], day["tz"]) for day in done("stats", "--by", "day", "-o", "ndjson").records]
    assert days == [("2026-11-06", 5, "UTC"), ("2026-11-05", 51, "UTC")]
    # Noon of UTC is one in the night there.
    options = ("--by", "day", "--tz", "Pacific/Auckland", "-o", "ndjson")
    assert [(day["day"], day["shots"]) for day in done("stats", *options).records] == [
        ("2026-11-07", 5),
        ("2026-11-06", 51),
    ]
    (day, *_) = done("stats", "--by", "day", "--since", "2026-11-06", "-o", "json").document
    assert list(day) == ["day", "shots", "bytes", "sessions", "users", "first_at", "last_at", "tz"]
    assert list(day.values())[1:5] == [5, 5, 2, 2]
    assert (day["first_at"], day["last_at"]) == ("2026-11-06T12:00:00.000Z", "2026-11-06T13:00:10.000Z")


def test_sums_by_channel_and_by_user_heed_a_selection_exactly() -> None:
    channels = done("stats", "--by", "channel", "-o", "ndjson").records
    assert [(channel["cname"], channel["shots"], channel["users"]) for channel in channels] == [
        ("other", 2, 1),
        ("room", 54, 3),
    ]
    users = done(
        "stats", "--by", "user", "--channel", "room", "--until", "2026-11-05T12:00:30Z", "-o", "ndjson"
    ).records
    assert [(user["cname"], user["uid"], user["shots"], user["last_at"]) for user in users] == [
        ("room", "7", 3, "2026-11-05T12:00:20.000Z"),
        ("room", "8", 3, "2026-11-05T12:00:20.000Z"),
        ("room", "9", 3, "2026-11-05T11:59:20.000Z"),
    ]
    assert done("stats", "--by", "user", "-o", "csv").lines[0] == "cname,uid,shots,bytes,sessions,first_at,last_at,name"


def test_sums_for_people_are_a_table_and_pages() -> None:
    answer = done("stats", "--by", "user", "--limit", "1")
    assert answer.lines[2].split()[:4] == ["other", "7", "2", "2"]
    assert answer.err == "there are more: --after 'other/7'\n"
    rest = done("stats", "--by", "user", "--after", "other/7", "-o", "ndjson").records
    assert [(user["cname"], user["uid"]) for user in rest] == [("room", "7"), ("room", "8"), ("room", "9")]
    assert done("stats", "--by", "day", "--after", "2026-11-06", "-o", "ndjson").records[0]["day"] == "2026-11-05"
    assert done("stats", "--by", "day", "--user", "0").err == "no shot matches\n"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--user", "7"], "a selection or a page is of --by day, --by channel or --by user: say which"),
        (["--limit", "1"], "a selection or a page is of --by day"),
        (["--by", "day", "--after", "x"], "--after 'x' is not a position; write a day such as 2026-11-05"),
        (["--by", "user", "--after", "x"], "--after 'x' is not a position; write a channel and a uid"),
    ],
)
def test_sums_that_cannot_be_made_are_explained(options: list[str], expected: str) -> None:
    answer = livestills("stats", *options)
    assert (answer.status, expected in answer.error) == (2, True)


# --- options


def test_common_options_go_before_or_behind_the_command() -> None:
    expected = done("users", "list", "-o", "ndjson").out
    for arguments in (
        ["-o", "ndjson", "users", "list"],
        ["users", "-o", "ndjson", "list"],
        ["-o", "csv", "users", "-o", "json", "list", "-o", "ndjson"],
        ["--output", "NDJSON", "users", "list"],
    ):
        assert done(*arguments).out == expected


def test_configuration_and_catalog_are_found_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path("livestills.toml").absolute()
    expected = done("users", "list").out
    monkeypatch.chdir(tmp_path)
    assert livestills("users", "list").status == 10
    assert done("-c", str(file), "users", "list").out == expected
    assert done("-c", f"work/{file.name}", "users", "list").out == expected
    assert done("--catalog", "sqlite:///work/livestills.db", "users", "list").out == expected
    monkeypatch.setenv("LIVESTILLS_CONFIG", "work/livestills.toml")
    assert done("users", "list").out == expected
    monkeypatch.setenv("LIVESTILLS_CATALOG__URL", "sqlite:///elsewhere.db")
    answer = livestills("users", "list")
    assert (answer.status, answer.error) == (
        10,
        "there is no catalog at elsewhere.db; run `livestills sync` to make it",
    )
