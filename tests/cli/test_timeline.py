"""`timeline` and `sessions show`: what happened, told with its causes."""

import io
import shutil
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.livestills import run
from tests.cli.running import done, livestills
from tests.cli.worlds import NOON, configure, memory, series, shot, sid

AUTUMN = (datetime(2026, 10, 24, 20, tzinfo=UTC) - NOON) // timedelta(seconds=1)
"""In Berlin two hours before the day on which the clock is turned back."""

KEYS = [
    # In `room` user 7's camera is off for a while, and another recorder takes over from the first; 8 stays, 9 visits.
    *series("7", shots=11),
    *series("7", shots=10, start=203),
    *series("7", shots=23, start=370, bak="bak0_"),
    *series("8", shots=31),
    *series("8", shots=23, start=371, bak="bak0_"),
    *series("9", shots=10, start=202),
    # At the same time a 7 is in `other`, and later in two sessions of `day` at once.
    *series("7", shots=5, start=30, session=1, cname="other"),
    *series("3", shots=61, start=0, session=3, cname="day"),
    *series("3", shots=61, start=300, session=4, cname="day"),
    # User 5 is in a long session over two days.
    *series("5", shots=72, every=600, start=AUTUMN, session=2, cname="long"),
    *series("5", shots=72, every=600, start=AUTUMN + 14 * 3600, session=2, cname="long"),
    *series("6", shots=7, every=600, start=AUTUMN + 8 * 3600, session=2, cname="long"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("world")
    names = '[users.channels."room"]\n"7" = "Maya Lindqvist"\n"9" = "\\u001b[31m红红红红红红红红红红红红红红"\n'
    file = configure(place / "livestills.toml", more=names, a=memory(KEYS)[0])
    done("-q", "-c", str(file), "sync")
    return place


@pytest.fixture(autouse=True)
def _here(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for file in ("livestills.toml", "livestills.db"):
        shutil.copy(world / file, file)


# --- runs and gaps


def test_a_gap_stands_between_the_runs_with_its_cause_and_evidence() -> None:
    assert done("timeline", "7", "--channel", "room").out == (
        "channel room · session 00000000000000000000000000000000 · Maya Lindqvist\n"
        "44 shots, one every 10s (98 % agree) · presence 83 % · capture 86 %\n"
        "coverage per minute, 2026-11-05\n"
        "  ██▅▅··▅▅▇▇··▆▆██████\n"
        "  12:00     12:05\n"
        "from       to         length   shots   missing   recorder, or cause of the gap\n"
        "─────────────────────────────────────────────────────────────────────────────────────────────────────\n"
        "12:00:00   12:01:40    1m40s      11             original\n"
        "12:01:40   12:03:23    1m43s                 9   camera-off: user 8 went on\n"
        "12:03:23   12:04:53    1m30s      10             original\n"
        "12:04:53   12:06:10    1m17s                 7   failover: the recorder changed from original to bak0\n"
        "12:06:10   12:09:50    3m40s      23             bak0\n"
    )


def test_a_long_session_has_its_hours_by_days_of_the_zone() -> None:
    lines = done("timeline", "5", "--tz", "Europe/Berlin").lines
    assert lines[2:6] == [
        "coverage per hour",
        "              00    06    12    18",
        "  2026-10-24                        ██   2h00m00s",
        "  2026-10-25  █████████▆··████████████  21h40m00s (a day of 25 hours)",
    ]
    assert lines[8].split()[:5] == ["2026-10-24", "22:00:00", "2026-10-25", "08:50:00", "11h50m00s"]


def test_who_is_in_several_channels_at_once_is_pointed_out() -> None:
    answer = done("timeline", "7")
    assert answer.err == (
        "user 7 was seen in several channels at the same time (room, other): "
        "a uid names a person only within a channel, so these may be different people\n"
    )
    assert done("timeline", "7", "--runs", "-o", "ndjson").err == answer.err
    assert done("timeline", "7", "-q").err == ""
    assert done("timeline", "8").err == ""


def test_of_many_channels_a_few_are_named(tmp_path: Path) -> None:
    keys = [key for number in range(8) for key in series("7", session=number, cname=f"c{number}")]
    configure(more=f'[catalog]\nurl = "sqlite:///{tmp_path}/many.db"\n', a=memory(keys)[0])
    done("-q", "sync")
    assert "at the same time (c0, c1, c2, c3, c4 and 3 more): " in done("timeline", "7").err


def test_that_frozen_pictures_cannot_be_told_is_said_when_asked_for() -> None:
    assert done("timeline", "8", "-v").err.startswith("frozen pictures: not determinable where")
    run = done("timeline", "8", "--runs", "-o", "ndjson").records[0]
    assert run["frozen"] is None


def test_frozen_pictures_are_told_where_etags_are_known_to_be_sums() -> None:
    file = Path("livestills.toml")
    file.write_text(file.read_text().replace("[users", "etag_is_md5 = true\n[users", 1))
    # All objects of this world have the same content.
    assert done("timeline", "9").lines[8].endswith("original; frozen for 1m30s, 10 equal pictures")
    (run,) = done("timeline", "9", "--runs", "-o", "ndjson").records
    assert [still["shots"] for still in run["frozen"]] == [10]
    assert '"shots"": 10' in done("timeline", "9", "--runs", "-o", "csv").lines[1]
    assert done("timeline", "9", "-v").err == ""


def test_runs_for_programs_keep_their_fields_and_get_new_ones_behind() -> None:
    records = done("timeline", "7", "--channel", "room", "--runs", "-o", "ndjson").records
    assert list(records[0]) == [
        *("uid", "cname", "sid", "first_at", "last_at", "length_s", "shots", "baks", "recorders", "gap_before_s"),
        *("overlapping", "missing", "frozen"),
        *("looked_at", "black_s", "covered_s", "placeholder_s", "still_s"),
    ]
    assert [record["gap_before_s"] for record in records] == [None, 103.0, 77.0]


# --- sampling


def test_every_takes_the_shot_nearest_to_each_step() -> None:
    records = done("timeline", "8", "--every", "2m", "-o", "ndjson").records
    assert [record["captured_at"][11:19] for record in records] == [
        "12:00:00",
        "12:02:00",
        "12:04:00",
        "12:06:11",
        "12:08:01",
        "12:09:51",
    ]
    assert len(done("timeline", "8", "--every", "2m").lines) == 2 + len(records)
    assert done("timeline", "8", "--every", "2m", "-o", "csv").rows[3]["key"] == shot("8", at=371, bak="bak0_")


def test_what_is_sampled_can_be_paged_through() -> None:
    whole = done("timeline", "7", "--every", "1m", "-o", "ndjson").records
    paged, after = [], ["--limit", "4"]
    while len(page := done("timeline", "7", "--every", "1m", *after, "-o", "ndjson").records) == 4:
        paged += page
        after = ["--limit", "4", "--after", page[-1]["position"]]
    assert paged + page == whole
    assert len(whole) > 8


def test_at_finds_the_nearest_shot_of_each_session_that_covers_it() -> None:
    answer = done("timeline", "7", "--at", "2026-11-05T12:00:44", "-o", "ndjson")
    assert [(record["cname"], record["captured_at"][14:19], record["offset_s"]) for record in answer.records] == [
        ("room", "00:40", -4.0),
        ("other", "00:40", -4.0),
    ]
    assert answer.err == ""
    rows = done("timeline", "7", "--at", "2026-11-05T13:00:44", "--tz", "Europe/Berlin").lines[2:]
    assert [row.split()[:5] for row in rows] == [
        ["2026-11-05", "13:00:40", "4s", "earlier", channel] for channel in ("room", "other")
    ]
    assert done("timeline", "7", "--at", "2026-11-05T12:00:40Z", "-o", "csv").rows[0]["offset_s"] == "0.0"


def test_at_a_time_without_any_session_the_nearest_shot_of_all_is_told_as_that() -> None:
    answer = done("timeline", "7", "--at", "2026-11-07", "-o", "ndjson")
    assert [record["key"] for record in answer.records] == [shot("7", at=590, bak="bak0_")]
    assert answer.err == "user 7 was seen in no session at that time: this is the nearest shot of all\n"
    between_recorders = done("timeline", "7", "--channel", "room", "--at", "2026-11-05T12:05:30")
    assert between_recorders.lines[2].split()[1:3] == ["12:04:53", "37s"]
    assert between_recorders.err == ""
    for end in ("0001-01-01", "9999-12-31T23:59:59.999Z"):
        assert len(done("timeline", "7", "--at", end, "-o", "ndjson").records) == 1
    nobody = done("timeline", "4711", "--at", "now")
    assert (nobody.out, nobody.err) == ("", "the catalog has no shot of user 4711 that matches\n")


# --- figures


def test_programs_get_figures_by_session() -> None:
    room, other = done("timeline", "7", "--group", "session", "-o", "ndjson").records
    assert list(room) == [
        *("uid", "name", "cname", "sid", "sources", "since", "until", "interval_s", "interval_configured"),
        *("interval_from", "interval_confidence", "shots", "presence", "capture", "concurrent", "runs", "gaps"),
    ]
    assert (room["name"], other["name"], room["concurrent"]) == ("Maya Lindqvist", None, ["other"])
    assert [gap["cause"] for gap in room["gaps"]] == ["camera-off", "failover"]
    assert [run["shots"] for run in room["runs"]] == [11, 10, 23]
    assert (round(room["presence"], 2), round(room["capture"], 2)) == (0.83, 0.86)
    assert done("timeline", "7", "--group", "session").out == done("timeline", "7").out


def test_a_day_is_one_of_the_zone() -> None:
    days = done("timeline", "5", "--group", "day", "--tz", "Europe/Berlin", "-o", "ndjson").records
    assert [(day["day"], day["shots"]) for day in days] == [("2026-10-24", 12), ("2026-10-25", 132)]
    days = done("timeline", "5", "--group", "day", "-o", "ndjson").records
    assert [(day["day"], day["shots"]) for day in days] == [("2026-10-24", 24), ("2026-10-25", 120)]
    assert [day["since"][:13] for day in days] == ["2026-10-24T20", "2026-10-25T00"]
    blocks = done("timeline", "5", "--group", "day").out.split("\n\n")
    assert [block.splitlines()[0][:25] for block in blocks] == [
        "channel long · 2026-10-24",
        "channel long · 2026-10-25",
    ]
    (day,) = done("timeline", "5", "--group", "day", "--since", "2026-10-25T20:00", "-o", "ndjson").records
    assert (day["day"], day["shots"]) == ("2026-10-25", 12)


def test_the_sessions_of_a_day_are_folded_and_no_time_counts_twice() -> None:
    (day,) = done("timeline", "3", "--group", "day", "-o", "ndjson").records
    assert day["sids"] == [sid(3), sid(4)]
    assert (day["shots"], day["presence"], day["capture"]) == (122, 1.0, 1.0)
    assert [run["sid"] for run in day["runs"]] == day["sids"]
    lines = done("timeline", "3", "--group", "day").lines
    assert lines[:2] == ["channel day · 2026-11-05 · 2 sessions", "122 shots · presence 100 % · capture 100 %"]
    assert lines[3].strip() == "█" * 30
    assert [line.split()[4] for line in lines[7:]] == [sid(3), sid(4)]
    assert day["until"] == "2026-11-05T12:15:00.000Z"


@pytest.mark.parametrize("output", ["json", "ndjson", "csv", "table"])
def test_nobody_has_no_figures(output: str) -> None:
    answer = done("timeline", "4711", "--group", "day", "-o", output)
    assert answer.err == "the catalog has no shot of user 4711 that matches\n"
    assert len(answer.lines) == {"json": 1, "ndjson": 0, "csv": 1, "table": 0}[output]


def test_copies_in_two_sources_are_told_apart(tmp_path: Path) -> None:
    keys = series("7", shots=2)
    configure(more=f'[catalog]\nurl = "sqlite:///{tmp_path}/two.db"\n', a=memory(keys)[0], b=memory(keys)[0])
    done("-q", "sync")
    lines = done("timeline", "7", "--shots").lines
    assert lines[0].split() == ["captured", "recorder", "size", "stored", "source", "key"]
    assert [line.split()[-2] for line in lines[2:]] == ["a", "b", "a", "b"]
    assert "source" not in done("timeline", "7", "--shots", "--source", "a").lines[0]


def test_the_first_recorder_has_no_number() -> None:
    assert [row["baks"] for row in done("timeline", "7", "--channel", "room", "--runs", "-o", "csv").rows] == [
        "",
        "",
        "0",
    ]


def test_an_empty_uid_is_refused() -> None:
    answer = livestills("timeline", "")
    assert answer.status == 2
    assert answer.error.startswith("the UID is empty; say one, for example 1002")


# --- what contradicts itself


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--every", "0s"], "--every '0s' is no length of time"),
        (["--every", "1"], "--every '1' is no length of time; write for example 30s, 1m or 2h"),
        (["--every", "-1m"], "--every '-1m' is no length of time"),
        (["--every", ""], "--every '' is no length of time"),
        (["--at", "soon"], "--at 'soon' is no time"),
        (["--at", "2026-13-01"], "--at '2026-13-01' is no time"),
        (["--at", "now", "--since", "1d"], "--at shows one moment, for which --since and --until cannot be said"),
        (["--at", "now", "--every", "1m"], "--at shows one moment, for which --every cannot be said: leave --at out"),
        (["--at", "now", "--limit", "5"], "--at shows one moment, for which --limit cannot be said"),
        (["--runs", "--every", "1m"], "--runs shows runs, for which --every cannot be said: leave --runs out"),
        (["--runs", "--at", "now"], "--runs shows runs, for which --at cannot be said"),
        (["--group", "day", "--shots"], "--group shows figures, for which --shots cannot be said"),
        (["--group", "day", "--presign", "--after", "1.1.1.1"], "for which --presign and --after cannot be said"),
        (["--group", "week"], "'week' is not one of 'session', 'day'"),
    ],
)
def test_what_contradicts_itself_is_one_line_and_status_2(options: list[str], expected: str) -> None:
    answer = livestills("timeline", "7", *options)
    assert (answer.status, answer.out) == (2, "")
    assert expected in answer.error


# --- sessions show


def test_a_session_has_a_lane_for_each_user_on_a_common_clock() -> None:
    lines = done("sessions", "show", sid(0)).lines
    begin = next(number for number, line in enumerate(lines) if line.startswith("user  "))
    assert lines[begin : begin + 7] == [
        "user                      12:00      12:02      12:04      12:06      12:08        presence  capture",
        "                                                            ▼ bak0",
        "7 Maya Lindqvist          █████████▄oooooooo▄████████▄FFFFFF▄████████████████████      83 %     86 %",
        "8                         ███████████████████████████▄FFFFFF▄████████████████████     100 %     90 %",
        r"9 \x1b[31m红红红红红红…   ··················▄████████▄---------------------------      15 %    100 %",
        "█ on  ▄ partly on  F failover  o camera-off  · not-joined  - left  ▼ another recorder took over",
        "",
    ]


def test_the_clock_of_lanes_is_the_zones() -> None:
    lines = done("sessions", "show", sid(2), "--tz", "Europe/Berlin").lines
    head = next(line for line in lines if line.startswith("user  "))
    assert head.split()[1:6] == ["00:00", "03:00", "06:00", "09:00", "12:00"]
    assert not any("took over" in line for line in lines)


def test_lanes_are_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, width in [("80", 80), ("120", 120), ("10", 60), ("9999", 240)]:
        monkeypatch.setenv("COLUMNS", columns)
        lines = done("sessions", "show", sid(3)).lines
        assert len(next(line for line in lines if line.startswith("3 "))) == width


def test_programs_get_the_users_of_a_session_with_their_figures_runs_and_gaps() -> None:
    (record,) = done("sessions", "show", sid(0), "-o", "ndjson").records
    assert [(user["uid"], user["name"]) for user in record["users"]] == [
        ("7", "Maya Lindqvist"),
        ("8", None),
        ("9", "\x1b[31m红红红红红红红红红红红红红红"),
    ]
    visitor = record["users"][2]
    assert [gap["cause"] for gap in visitor["gaps"]] == ["not-joined", "left"]
    assert [run["shots"] for run in visitor["runs"]] == [10]
    assert visitor["capture"] == 1.0
    assert done("sessions", "show", sid(0), "-o", "json").document == [record]


def _in_ascii(*arguments: str) -> str:
    with io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace") as out:
        with redirect_stdout(out):
            assert run(list(arguments)) == 0
        out.seek(0)
        return out.read()


def test_a_terminal_without_blocks_gets_letters() -> None:
    drawn = _in_ascii("timeline", "7", "--channel", "room")
    assert "  ##55..5577..66######\n" in drawn
    assert drawn.startswith("channel room - session ")
    lanes = _in_ascii("sessions", "show", sid(0))
    assert "# on  + partly on  F failover  o camera-off  . not-joined  - left  v another recorder took over\n" in lanes
