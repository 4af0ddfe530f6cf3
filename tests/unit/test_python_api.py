"""The Python API: what docs/python.md shows is what happens, and what makes no sense is said at once."""

import doctest
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import indexer
from indexer import CatalogError, ConfigError, Livestills
from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.storage.local import LocalStore

ROOT = Path(__file__).parents[2]
NINE = datetime(2025, 3, 3, 9, tzinfo=UTC)
SID, OTHER_SID = "82c90eb4d5c47d2c0a8081f527033515", "0" * 31 + "1"


def _world(place: Path) -> Path:
    """An exam of ten minutes: 1002 has the camera off for two of them, and a recorder fails over; 1003 is there."""
    bucket = LocalStore(place / "bucket")
    (place / "bucket").mkdir()

    def put(uid: str, seconds: range, *, bak: str = "", cname: str = "exam", sid: str = SID) -> None:
        for second in seconds:
            head = ShotHead("", bak, sid, cname, uid)
            key = key_of(ScreenshotName(head, NINE + timedelta(seconds=second)))
            bucket.put(key, b"jpeg", content_type="image/jpeg")
            uploaded = (NINE + timedelta(seconds=second + 2)).timestamp()
            os.utime(place / "bucket" / key, (uploaded, uploaded))

    put("1002", range(0, 181, 10))
    put("1002", range(300, 421, 10))
    put("1002", range(480, 601, 10), bak="bak0_")
    put("1003", range(0, 421, 10))
    put("1003", range(480, 601, 10), bak="bak0_")
    put("1002", range(0, 61, 10), cname="lesson", sid=OTHER_SID)
    file = place / "livestills.toml"
    file.write_text('[sources.prod]\nurl = "file:bucket"\n[users.channels.exam]\n1002 = "Ada"\n', encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _world(tmp_path_factory.mktemp("api"))


@pytest.fixture(scope="module")
def opened(file: Path) -> Iterator[Livestills]:
    with Livestills.open(file) as made:
        made.sync("prod")
        yield made


# --- the documentation


def test_what_the_page_shows_is_what_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _world(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIVESTILLS_CONFIG", raising=False)
    failed, tried = doctest.testfile(
        str(ROOT / "docs" / "python.md"), module_relative=False, optionflags=doctest.ELLIPSIS, encoding="utf-8"
    )
    assert tried > 10
    assert failed == 0


@pytest.mark.usefixtures("opened")
def test_the_example_runs(file: Path) -> None:
    command = [sys.executable, str(ROOT / "docs" / "example.py"), str(file), "exam"]
    told = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert told.stdout.splitlines() == [
        "Ada: presence 80 %, capture 90 %",
        "  09:03:00 camera-off, 11 pictures",
        "  09:07:00 failover, 5 pictures",
        "1003: presence 100 %, capture 92 %",
        "  09:07:00 failover, 5 pictures",
    ]


# --- what is public


def test_everything_public_is_there_and_documented() -> None:
    assert dir(indexer) == sorted(indexer.__all__)
    for name in set(indexer.__all__) - {"__version__"}:
        assert getattr(indexer, name).__doc__, name
    with pytest.raises(AttributeError, match="module 'indexer' has no attribute 'nothing'"):
        getattr(indexer, "nothing")  # noqa: B009  # as somebody who mistyped it


def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys, indexer; print({name.partition('.')[0] for name in sys.modules} & set(sys.argv[1:]))"
    heavy = ["boto3", "sqlalchemy", "pydantic", "PIL", "click", "rich", "pyarrow"]
    told = subprocess.run([sys.executable, "-c", code, *heavy], check=True, capture_output=True, text=True, cwd=ROOT)
    assert told.stdout == "set()\n"


# --- what it answers


def test_a_selection_chooses(opened: Livestills) -> None:
    assert len(list(opened.shots(user="1002"))) == 52
    assert len(list(opened.shots(user="1002", channel="exam", since=NINE, until=NINE + timedelta(minutes=1)))) == 6
    assert [session.sid for session in opened.sessions(user="1003")] == [SID]
    assert [user.uid for user in opened.users()] == ["1002", "1003"]
    assert [(timeline.cname, timeline.uid) for timeline in opened.timelines(session=SID)] == [
        ("exam", "1002"),
        ("exam", "1003"),
    ]
    assert {gap.cause.value for _, gap in opened.gaps(user="1003")} == {"failover"}
    assert list(opened.shots(user="0")) == []


def test_the_nearest_shots_are_one_a_session(opened: Livestills) -> None:
    at = NINE + timedelta(seconds=44)
    found = list(opened.nearest_shots("1002", at))
    assert {(shot.cname, shot.captured_at - NINE) for shot in found} == {
        ("exam", timedelta(seconds=40)),
        ("lesson", timedelta(seconds=40)),
    }
    assert [shot.cname for shot in opened.nearest_shots("1002", at, channel="lesson")] == ["lesson"]


def test_an_address_opens_the_picture(opened: Livestills, file: Path) -> None:
    shot = next(opened.shots())
    assert opened.presign(shot, lifetime=timedelta(minutes=1)) == (file.parent / "bucket" / shot.key).as_uri()


def test_a_sync_can_be_tried_and_repeated(opened: Livestills) -> None:
    assert opened.sources == ("prod",)
    tried = opened.sync("prod", dry_run=True)
    assert (tried.outcome, tried.dry_run, tried.changes.added) == ("done", True, 0)
    assert opened.sync("prod", full=True).mode == "full"


# --- what makes no sense


def test_arguments_that_make_no_sense_are_refused_at_once(opened: Livestills) -> None:
    with pytest.raises(TypeError, match="user must be text, not 1002"):
        opened.shots(user=1002)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="'uid' selects nothing; known: source, channel, session, user, since, until"):
        opened.shots(uid="1002")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="since 2025-03-03 09:00:00 has no time zone"):
        opened.timelines(since=NINE.replace(tzinfo=None))
    with pytest.raises(ValueError, match="is not before until"):
        opened.gaps(since=NINE, until=NINE)
    with pytest.raises(ValueError, match="has no time zone"):
        opened.nearest_shots("1002", NINE.replace(tzinfo=None))


def test_errors_are_ours(tmp_path: Path, opened: Livestills) -> None:
    with pytest.raises(ConfigError, match="no source is called 'prof'; did you mean 'prod'"):
        opened.sessions(source="prof")
    with pytest.raises(ConfigError, match="no source is called 'prof'"):
        opened.sync("prof")
    with pytest.raises(ConfigError, match="does not exist"):
        Livestills.open(tmp_path / "none.toml")
    nowhere = Livestills.open(catalog=f"sqlite:///{tmp_path}/none.db")
    with nowhere, pytest.raises(CatalogError, match="there is no catalog at"):
        nowhere.sessions()
    with pytest.raises(ValueError, match="this Livestills is closed"):
        nowhere.sessions()


def test_a_shot_of_a_source_that_is_not_configured_has_no_address(opened: Livestills, file: Path) -> None:
    other = file.with_name("other.toml")
    other.write_text('[catalog]\nurl = "sqlite:///livestills.db"\n[sources.other]\nurl = "file:elsewhere"\n', "utf-8")
    assert list(opened.shots())
    with Livestills.open(other) as without:
        shot = next(without.shots())
        with pytest.raises(ConfigError, match=r"the source 'prod' of .* is not configured"):
            without.presign(shot)
