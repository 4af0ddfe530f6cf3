"""`scenes`, and the looks that `timeline` tells: with pictures that `thumbs` has looked at."""

import shutil
from pathlib import Path
from random import Random

import pytest
from PIL import Image

from tests.cli.running import done, livestills
from tests.cli.worlds import configure, folder, shot
from tests.pictures import as_jpeg
from tests.sights import black, covered, placeholder, room

CHANCE = Random(6)


def small(picture: Image.Image) -> bytes:
    return as_jpeg(picture.resize((320, 180)))


PICTURES = [
    *[small(room(0)) for _ in range(4)],
    *[small(room(number)) for number in (1, 2, 3)],
    *[small(black(CHANCE)) for _ in range(3)],
    *[small(covered(Random(1))) for _ in range(3)],
    *[small(placeholder(Random(1))) for _ in range(3)],
]
SHOTS = len(PICTURES)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("scenes")
    bucket = folder(place / "bucket")
    for number, jpeg in enumerate(PICTURES):
        bucket.put(shot("7", at=10 * number), jpeg, content_type="image/jpeg")
    more = f'[derivatives]\nurl = "{(place / "derived").as_uri()}"\n'
    (place / "derived").mkdir()
    file = configure(place / "livestills.toml", more=more, a=(place / "bucket").as_uri())
    done("-q", "-c", str(file), "sync")
    done("-q", "-c", str(file), "thumbs", "--size", "160x90", "--workers", "1")
    # Behind it two came that nobody has looked at, after a pause.
    for at in (400, 410):
        bucket.put(shot("7", at=at), PICTURES[0], content_type="image/jpeg")
    done("-q", "-c", str(file), "sync")
    return place


@pytest.fixture(autouse=True)
def _here(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    for file in ("livestills.toml", "livestills.db"):
        shutil.copy(world / file, file)


def test_scenes_are_told_with_their_kind() -> None:
    found = done("scenes", "7", "-o", "ndjson").records
    assert [(each["kind"], each["shots"], each["length_s"]) for each in found] == [
        ("still", 4, 40),
        ("moving", 3, 30),
        ("black", 3, 30),
        ("covered", 3, 30),
        ("placeholder", 3, 20),
        ("unknown", 2, 10),
    ]
    assert found[1]["key"] == shot("7", at=40)
    assert found[1]["since"] == "2026-11-05T12:00:40.000Z"
    assert set(found[0]) == set(done("scenes", "7", "-o", "csv").rows[0])


def test_people_read_a_table_for_each_session_and_what_is_still_to_be_looked_at() -> None:
    answer = done("scenes", "7")
    assert answer.lines[0] == "channel room · session 00000000000000000000000000000000"
    assert answer.lines[3].split()[:7] == ["2026-11-05", "12:00:00", "2026-11-05", "12:00:40", "40s", "4", "still"]
    assert "nobody has looked at 2 of 18 shots yet: `livestills thumbs --user 7` does" in answer.err


def test_scenes_are_chosen_by_kind_and_length() -> None:
    kinds = [each["kind"] for each in done("scenes", "7", "--kind", "black", "--kind", "STILL", "-o", "ndjson").records]
    assert kinds == ["still", "black"]
    assert [each["kind"] for each in done("scenes", "7", "--min", "31s", "-o", "ndjson").records] == ["still"]
    assert "no scene matches" in done("scenes", "7", "--min", "2h").err
    assert "no shot of user 9" in done("scenes", "9").err


def test_thresholds_of_the_configuration_are_heeded() -> None:
    with Path("livestills.toml").open("a") as file:
        file.write("[looks]\nflat_contrast = 0\ncovered_mean = 0\n")
    assert {each["kind"] for each in done("scenes", "7", "-o", "ndjson").records} <= {
        *("still", "moving", "unknown", "black", "placeholder"),
    }
    with Path("livestills.toml").open("a") as file:
        file.write("still_mean = 0.5\n")
    assert "looks has still_mean" in livestills("scenes", "7").error


def test_a_period_cuts_scenes() -> None:
    found = done("scenes", "7", "--since", "2026-11-05T12:00:10Z", "--until", "2026-11-05T12:00:50Z", "-o", "ndjson")
    assert [(each["kind"], each["shots"]) for each in found.records] == [("still", 3), ("moving", 1)]


def test_a_timeline_marks_how_its_runs_look() -> None:
    run, last = done("timeline", "7", "--runs", "-o", "ndjson").records
    told = {name: run[name] for name in ("looked_at", "black_s", "covered_s", "placeholder_s", "still_s")}
    assert told == {"looked_at": 16, "black_s": 30, "covered_s": 30, "placeholder_s": 20, "still_s": 40}
    assert (last["looked_at"], last["black_s"]) == (0, None)
    people = done("timeline", "7").out
    assert "original; black for 30s; covered for 30s; placeholder for 20s; still for 40s" in people
    assert "black for 30s" in done("timeline", "7", "--group", "day").out


def test_gaps_show_where_nobody_is_to_be_seen_if_asked() -> None:
    assert [each["cause"] for each in done("gaps", "7", "-o", "ndjson").records] == ["unknown"]
    records = done("gaps", "7", "--looks", "-o", "ndjson").records
    assert [(each["cause"], each["length_s"], each["evidence"]) for each in records[:3]] == [
        ("black", 30, "3 pictures in a row"),
        ("covered", 30, "3 pictures in a row"),
        ("placeholder", 20, "3 pictures in a row"),
    ]
    assert [each["cause"] for each in records[3:]] == ["unknown"]
    assert "3 pictures in a row" in done("gaps", "7", "--looks").out
    assert "3 pictures" in done("gaps", "--channel", "room", "--looks", "--cause", "left").out
    assert [each["cause"] for each in done("gaps", "7", "--looks", "--min", "1m", "-o", "ndjson").records] == [
        "unknown"
    ]


def test_thumbs_looks_at_the_rest(world: Path) -> None:
    (Path("derived")).mkdir()
    text = Path("livestills.toml").read_text()
    Path("livestills.toml").write_text(text.replace((world / "derived").as_uri(), Path("derived").absolute().as_uri()))
    report = done("thumbs", "--user", "7", "--size", "160x90", "--workers", "1", "-o", "json").document[0]
    assert report["made"] == 2
    found = done("scenes", "7", "-o", "ndjson")
    assert found.records[-1]["kind"] == "moving", "two pictures are too few to stay"
    assert "nobody has looked" not in found.err


def test_damaged_bytes_are_told_and_tried_again() -> None:
    """A folder has no MD5s, so the configuration says that it has: then all pictures differ."""
    text = Path("livestills.toml").read_text()
    Path("livestills.toml").write_text(text.replace("[derivatives]", "etag_is_md5 = true\n[derivatives]"))
    for _ in range(2):
        answer = livestills("thumbs", "--user", "7", "--size", "32x18", "--workers", "1", "-o", "json")
        assert answer.status == 3
        assert answer.document[0]["failed"] == {"damaged in transit or replaced": SHOTS + 2}
