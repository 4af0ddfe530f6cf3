"""`[users]`: people have names where one asks for users."""

from pathlib import Path

import pytest

from tests.cli.running import done, livestills
from tests.cli.worlds import configure, memory, series

PEOPLE = """
[users]
csv = "lists/people.csv"
[users.channels."math.101"]
7 = "Ada"
[users.everywhere]
9 = "Cy"
"""


@pytest.fixture(autouse=True)
def _world() -> None:
    keys = [
        *series("7", cname="math-101"),
        *series("7", cname="art", session=1),
        *series("8", cname="art", session=1, start=60),
        *series("9", cname="art", session=1, start=60),
    ]
    configure(a=memory(keys)[0], more=PEOPLE)
    Path("lists").mkdir()
    Path("lists/people.csv").write_text("channel,uid,name\nart,7,Ben\nart,8,Di\nmath.101,7,Somebody\n", "utf-8")
    done("-q", "sync")


def _names(*options: str) -> list[tuple[str, str | None, list[str]]]:
    return [(row["uid"], row["name"], row["names"]) for row in done("users", "list", *options, "-o", "ndjson").records]


def test_a_uid_has_a_name_if_it_is_the_same_in_all_channels() -> None:
    assert _names() == [("7", None, ["Ada", "Ben"]), ("8", "Di", ["Di"]), ("9", "Cy", ["Cy"])]


def test_a_channel_settles_who_it_is() -> None:
    assert _names("--channel", "math.101") == [("7", "Ada", ["Ada"])]
    assert _names("--channel", "art")[0] == ("7", "Ben", ["Ben"])


def test_the_configuration_is_stronger_than_its_file() -> None:
    rows = done("users", "show", "7", "-o", "ndjson").records
    assert [(row["cname"], row["name"]) for row in rows] == [("art", "Ben"), ("math-101", "Ada")]


def test_tables_have_a_column_of_names_where_there_are_names() -> None:
    assert done("users", "list").lines[2].split()[:4] == ["7", "Ada,", "Ben", "2"]
    assert done("users", "show", "7").lines[2].split()[:2] == ["art", "Ben"]
    Path("livestills.toml").write_text(Path("livestills.toml").read_text().partition("[users]")[0])
    assert "name" not in done("users", "list").lines[0]
    assert done("users", "list", "-o", "ndjson").records[0]["name"] is None


def test_a_name_cannot_do_anything_to_a_terminal() -> None:
    Path("lists/people.csv").write_text("channel,uid,name\nart,8,\x1b[2JDi\n", "utf-8")
    assert "\\x1b[2JDi" in done("users", "list").out


def test_a_wrong_file_is_a_wrong_configuration() -> None:
    Path("lists/people.csv").write_text("channel,uid,name\nart,8\n", "utf-8")
    answer = livestills("users", "list")
    assert (answer.status, answer.error.endswith("lists/people.csv, line 2: 2 cells in place of 3")) == (2, True)
