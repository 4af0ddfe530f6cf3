"""`livestills demo`: a small world without any server."""

import json
import shlex
from pathlib import Path

import pytest

from tests.cli.running import Answer, done, livestills

FOLDER = Path("livestills-demo")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Answer]:
    """Drawing the frames takes its time, so this is done once: for a folder that an earlier demo filled."""
    folder = tmp_path_factory.mktemp("demo") / "here"
    (folder / "bucket" / "old").mkdir(parents=True)
    (folder / "bucket" / "old" / "file").touch()
    (folder / "livestills.db").write_text("an older catalog")
    (folder / "notes.txt").write_text("somebody's")
    (folder / "livestills.toml").write_text(
        "# The demo of livestills wrote this folder and replaces it when it runs again.\n"
    )
    return folder, livestills("demo", "--folder", str(folder))


def test_the_demo_shows_a_world_that_it_made_anew(shown: tuple[Path, Answer]) -> None:
    folder, answer = shown
    assert answer.status == 0
    assert answer.err.startswith("drawing the screenshots of four recorded calls ...\n")
    assert not (folder / "bucket" / "old").exists()
    assert (folder / "notes.txt").read_text() == "somebody's"
    for expected in (
        f"{folder}/bucket is now what Agora would leave in a bucket: 693 screenshots, 64 recording files and 4 files",
        f"$ livestills -c {folder}/livestills.toml sync\ndemo: 693 shots among 761 objects; 693 added, 0 changed",
        "exam_2026-A",
        "original, bak0",
        "camera-off: user 1001 and 2 others went on",
        "failover     the recorder changed from original to bak0",
        "User 1002 is Ben Okafor.  On exam_2026-A a recorder failed, and bak0 took over at",
    ):
        assert expected in answer.out
    assert "\n\n\n" not in answer.out


def test_everything_it_says_to_try_next_works(shown: tuple[Path, Answer]) -> None:
    _, answer = shown
    commands = [shlex.split(line) for line in answer.out.partition("Try next:\n")[2].splitlines()]
    assert len(commands) >= 6
    for program, *arguments in commands:
        assert program == "livestills"
        assert done(*arguments).out


def test_its_world_is_one_to_look_around_in(shown: tuple[Path, Answer]) -> None:
    folder, _ = shown
    config = ("-c", str(folder / "livestills.toml"))
    assert [record["shots"] for record in done(*config, "sessions", "list", "-o", "ndjson").records] == [
        60,
        256,
        210,
        167,
    ]
    runs = done(*config, "timeline", "1002", "--channel", "exam_2026-A", "--runs", "-o", "json").document
    assert [run["recorders"] for run in runs] == [["original"], ["original"], ["original", "bak0"]]
    (record,) = done(*config, "sync", "-o", "ndjson").records
    assert (record["added"], record["unchanged"], record["unrecognised"]) == (0, 693, 4)
    assert done(*config, "db", "check").out == ""
    assert "2 channels" in done(*config, "users", "show", "1").err
    addresses = done(*config, "timeline", "1002", "--presign", "--limit", "1", "-o", "ndjson").records
    assert Path(addresses[0]["url"].removeprefix("file://")).read_bytes().startswith(b"\xff\xd8")
    assert json.loads(done(*config, "stats", "-o", "ndjson").out)["users"] == 11


def test_a_folder_with_something_else_in_it_is_left_alone() -> None:
    FOLDER.mkdir()
    (FOLDER / "livestills.toml").write_text('[sources.a]\nurl = "s3://mine/"\n')
    answer = livestills("-q", "demo")
    assert (answer.status, answer.error) == (
        2,
        "livestills-demo holds something else; name another --folder for the demo",
    )
    assert [path.name for path in FOLDER.iterdir()] == ["livestills.toml"]
    (FOLDER / "livestills.toml").write_bytes(b"\xff\xfe")
    assert livestills("-q", "demo").status == 2


def test_a_place_where_no_folder_can_be_is_wrong_usage() -> None:
    FOLDER.write_text("a file")
    answer = livestills("-q", "demo")
    assert (answer.status, answer.out) == (2, "")
    assert answer.error == "the demo cannot write to livestills-demo: Not a directory"
    assert livestills("-q", "demo", "--folder", "livestills-demo/below").status == 2


def test_the_demo_keeps_away_from_what_the_environment_configures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVESTILLS_CATALOG__URL", "sqlite:///precious.db")
    answer = livestills("demo")
    assert (answer.status, answer.out) == (2, "")
    assert "the demo would use LIVESTILLS_CATALOG__URL of the environment" in answer.error
    assert list(Path().iterdir()) == []
