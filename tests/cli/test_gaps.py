"""`gaps`: where there are no shots, and why."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from indexer.agora.facts import Fact, FactKind
from indexer.catalog.catalog import Catalog
from indexer.model import to_ms
from tests.cli.running import done, livestills
from tests.cli.worlds import configure, memory, series, sid

KEYS = [
    *series("7", shots=11),
    *series("7", shots=10, start=203),
    *series("7", shots=23, start=370, bak="bak0_"),
    *series("8", shots=31),
    *series("8", shots=23, start=371, bak="bak0_"),
    *series("9", shots=10, start=202),
    *series("7", shots=5, session=1, start=3600),
    *series("\x1b[31m=1+1", shots=5, session=2, cname="two\nlines", start=7200),
    *series("\x1b[31m=1+1", shots=5, session=2, cname="two\nlines", start=7400),
    *series("\x1b]0;title", shots=25, session=2, cname="two\nlines", start=7200),
]
ROOM = (
    "channel room · session 00000000000000000000000000000000\n"
    "2026-11-05\n"
    "user   from       to         length   missing   cause        evidence\n"
    "───────────────────────────────────────────────────────────────────────────────────────────────────────\n"
    "7      12:01:40   12:03:23    1m43s         9   camera-off   user 8 went on\n"
    "7      12:04:53   12:06:10    1m17s         7   failover     the recorder changed from original to bak0\n"
    "8      12:05:00   12:06:11    1m11s         6   failover     the recorder changed from original to bak0\n"
    "9      12:00:00   12:03:22    3m22s        20   not-joined   before the user's first picture\n"
    "9      12:04:52   12:09:51    4m59s        29   left         behind the user's last picture\n"
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("world")
    file = configure(place / "livestills.toml", a=memory(KEYS)[0], b=memory(series("1", session=9))[0])
    done("-q", "-c", str(file), "sync")
    return place


@pytest.fixture(autouse=True)
def _here(world: Path) -> None:
    for file in ("livestills.toml", "livestills.db"):
        shutil.copy(world / file, file)


def test_gaps_are_listed_session_by_session_with_what_they_come_to() -> None:
    assert done("gaps", "--session", sid(0)).out == (
        f"{ROOM}"
        "\n"
        "5 gaps in 3 series, each one user in one session\n"
        "cause        gaps   length   missing\n"
        "────────────────────────────────────\n"
        "failover        2    2m28s        13\n"
        "camera-off      1    1m43s         9\n"
        "not-joined      1    3m22s        20\n"
        "left            1    4m59s        29\n"
    )


def test_programs_get_a_record_for_each_gap() -> None:
    records = done("gaps", "7", "-o", "ndjson").records
    assert [list(record) for record in records] == [
        [
            *("uid", "cname", "sid", "since", "until", "length_s", "missing", "cause", "evidence"),
            *("camera_on", "name", "told_by"),
        ]
    ] * 2
    assert records[0] == {
        "uid": "7",
        "cname": "room",
        "sid": sid(0),
        "since": "2026-11-05T12:01:40.000Z",
        "until": "2026-11-05T12:03:23.000Z",
        "length_s": 103.0,
        "missing": 9,
        "cause": "camera-off",
        "evidence": "user 8 went on",
        "camera_on": False,
        "name": None,
        "told_by": "names",
    }
    assert done("gaps", "7", "-o", "json").document == records
    assert [row["cause"] for row in done("gaps", "7", "-o", "csv").rows] == ["camera-off", "failover"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--session", sid(0), "--min", "100s"], ["camera-off", "not-joined", "left"]),
        (["--session", sid(0), "--min", "1h"], []),
        (["--session", sid(0), "--cause", "failover"], ["failover", "failover"]),
        (["--session", sid(0), "--cause", "left", "--cause", "NOT-JOINED"], ["not-joined", "left"]),
        (
            ["--channel", "room", "--since", "2026-11-05T12:06", "--until", "2026-11-05T12:30"],
            2 * ["failover"] + ["left"],
        ),
        (["7", "--session", sid(1)], []),
        (["7", "--channel", "room"], ["camera-off", "failover"]),
        (["--user", "7"], ["camera-off", "failover"]),
        (["--source", "b"], []),
        (["--source", "a", "--min", "4m"], ["left"]),
    ],
)
def test_gaps_are_selected(options: list[str], expected: list[str]) -> None:
    answer = done("gaps", *options, "-o", "ndjson")
    assert [record["cause"] for record in answer.records] == expected
    assert bool(answer.err) == (not expected)


def test_everybodys_sessions_come_the_newest_first() -> None:
    sids = [record["sid"] for record in done("gaps", "--source", "a", "-o", "ndjson").records]
    assert sids == [sid(2)] + [sid(0)] * 5


def test_nothing_to_tell_is_one_line() -> None:
    answer = done("gaps", "--session", sid(1))
    assert (answer.out, answer.err) == ("", "no gap matches in 1 series\n")
    answer = done("gaps", "4711", "-o", "json")
    assert (json.loads(answer.out), answer.err) == ([], "the catalog has no shot of user 4711 that matches\n")
    answer = done("gaps", "--session", "0", "-o", "csv")
    assert answer.err == "the catalog has no shot that matches\n"
    assert answer.out.startswith("uid,cname,sid,since,until,length_s,missing,cause,evidence,")


# --- --fail-under


def test_a_figure_that_is_too_low_fails_and_names_who_it_is() -> None:
    answer = livestills("gaps", "--session", sid(0), "--fail-under", "88")
    assert answer.status == 20
    assert answer.out.startswith(ROOM)
    assert answer.error == f"user 7 in channel room, session {sid(0)}: capture 86.2 % is below 88 %"
    answer = livestills("gaps", "--session", sid(0), "--fail-under", "84%", "--figure", "presence", "-o", "ndjson")
    assert answer.status == 20
    assert [line.split()[:3] for line in answer.err.splitlines()] == [
        ["livestills:", "user", "7"],
        ["livestills:", "user", "9"],
    ]
    assert len(answer.records) == 5


def test_the_figure_is_that_of_all_shots_whatever_gaps_are_shown() -> None:
    answer = livestills("gaps", "--session", sid(0), "--fail-under", "88", "--cause", "pending", "-q")
    assert (answer.status, answer.out) == (20, "")
    assert answer.error.startswith("user 7 in channel room")


@pytest.mark.parametrize("least", ["0", "86", "86.2%", "86.2 %"])
def test_a_figure_that_is_enough_is_done(least: str) -> None:
    assert livestills("gaps", "7", "--fail-under", least).status == 0


def test_a_figure_of_just_the_limit_is_enough() -> None:
    assert livestills("gaps", "7", "--session", sid(1), "--fail-under", "100").status == 0


@pytest.mark.parametrize("options", [["--channel", "rom"], ["4711"], ["--since", "2030-01-01"]])
def test_nothing_to_look_at_fails(options: list[str]) -> None:
    answer = livestills("gaps", *options, "--fail-under", "99", "-q")
    assert (answer.status, answer.out) == (20, "")
    assert answer.error.endswith(" that matches, so --fail-under has nothing to look at")


# --- what is wrong or hostile


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], "whose gaps? Say a UID, --channel, --session, --source, --since or --until, for example"),
        ([""], "the UID is empty; say one, for example 1002"),
        (["7", "--user", "8"], "7 and --user 8: say the user once"),
        (["7", "--min", "0"], "--min '0' is no length of time"),
        (["7", "--min", "1 m"], "--min '1 m' is no length of time; write for example 30s, 1m or 2h"),
        (["7", "--cause", "boredom"], "'boredom' is not one of 'failover', 'camera-off', 'session-silent'"),
        *(
            (["7", "--fail-under", text], f"--fail-under {text!r} is no percentage; write for example 95 or 99.5")
            for text in ("101", "-1", "nan", "inf", "1e1", "", "0x10", "٩٥", "95%%")
        ),
        (["7", "--figure", "charm"], "'charm' is not one of 'capture', 'presence'"),
        (["7", "--figure", "presence"], "--figure presence is what --fail-under looks at: say that, too, or leave"),
        (["7", "--since", "2d", "--until", "3d"], "--since 2d is not before --until 3d"),
        (["--source", "nowhere"], "no source is called 'nowhere'"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(options: list[str], expected: str) -> None:
    answer = livestills("gaps", *options)
    assert (answer.status, answer.out) == (2, "")
    assert expected in answer.error


def test_hostile_names_reach_neither_terminal_nor_spreadsheet() -> None:
    answer = livestills("gaps", "--session", sid(2), "--fail-under", "100", "--figure", "presence")
    assert answer.status == 20
    assert not {"\x1b", "\r"} & set(answer.out + answer.err)
    assert answer.lines[0] == rf"channel two\nlines · session {sid(2)}"
    assert r"user \x1b]0;title went on" in answer.out
    (row,) = done("gaps", "--session", sid(2), "-o", "csv").rows
    assert (row["uid"], row["cname"]) == ("\x1b[31m=1+1", "two\nlines")


def test_what_callbacks_told_is_shown_and_said_to_be_from_them() -> None:
    at_ms = to_ms(datetime(2026, 11, 5, 12, 1, 41, tzinfo=UTC))
    with Catalog.open_to_write("sqlite:///livestills.db", now=datetime.now(UTC)) as catalog:
        catalog.facts.record([Fact(sid(0), "room", "7", at_ms, FactKind.CAMERA_OFF)])
    evidence = "the user stopped sending video at 12:01:41Z (callback)"
    assert f"camera-off   {evidence}\n" in done("gaps", "7", "--session", sid(0)).out
    records = done("gaps", "7", "-o", "ndjson").records
    assert [(record["cause"], record["told_by"]) for record in records] == [
        ("camera-off", "callbacks"),
        ("failover", "names"),
    ]
    assert records[0]["evidence"] == evidence
    assert f"camera-off: {evidence}\n" in done("timeline", "7", "--session", sid(0)).out
