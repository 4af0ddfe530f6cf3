"""Names of people: who is meant by a uid in a channel, and what is said of a wrong file."""

from pathlib import Path

import pytest

from indexer.errors import ConfigError
from indexer.people import Names, read_csv


def test_a_channel_says_more_than_everywhere() -> None:
    names = Names({("math", "7"): "Ada", (None, "7"): "Ben"})
    assert (names.name_of("math", "7"), names.name_of("art", "7"), names.name_of("art", "8")) == ("Ada", "Ben", None)


def test_a_uid_is_text() -> None:
    assert Names({(None, "007"): "Bond"}).name_of("math", "7") is None


@pytest.mark.parametrize(("said", "found"), [("math.101", "math-101"), ("math-101", "math.101"), ("a@b", "a@b")])
def test_a_channel_is_found_however_file_names_write_it(said: str, found: str) -> None:
    assert Names({(said, "7"): "Ada"}).name_of(found, "7") == "Ada"


def test_channels_that_file_names_write_alike_are_told_apart_or_not_guessed() -> None:
    names = Names({("a.b", "7"): "Ada", ("a@b", "7"): "Ben", (None, "7"): "Cy", ("a.b", "8"): "Di", ("a@b", "8"): "Di"})
    assert (names.name_of("a.b", "7"), names.name_of("a@b", "7")) == ("Ada", "Ben")
    assert names.name_of("a-b", "7") is None
    assert names.name_of("a-b", "8") == "Di"
    assert names.name_of("a+b", "7") == "Cy"  # another channel


def test_nothing_said_is_nothing_known() -> None:
    assert not Names({})
    assert Names({(None, "7"): "Ada"})


# --- the file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_rows_name_people_of_a_channel_or_of_all(file: Path, mark: str, end: str) -> None:
    lines = ["channel,uid,name", "math-101, 007,Ada", ',8,"Núñez, Ben"', "", ",,", "math-101,007,Ada"]
    file.write_bytes((mark + end.join(lines)).encode())
    assert read_csv(file) == {("math-101", "007"): "Ada", (None, "8"): "Núñez, Ben"}


def test_columns_come_in_any_order(file: Path) -> None:
    file.write_text("Name,UID,Channel\nAda,7,math\n")
    assert read_csv(file) == {("math", "7"): "Ada"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ", line 1: the columns must be called channel,uid,name"),
        ("channel;uid;name\nmath;7;Ada\n", ", line 1: the columns must be called channel,uid,name"),
        ("channel,uid,name,age\n", ", line 1: the columns must be called channel,uid,name"),
        ("channel,uid,name\nmath,7\n", ", line 2: 2 cells in place of 3"),
        ("channel,uid,name\n\nmath,,Ada\n", ", line 3: the uid is missing"),
        ("channel,uid,name\nmath,7, \n", ", line 2: the name is missing"),
        ("channel,uid,name\nmath,7,Ada\nmath,7,Ben\n", ", line 3: user '7' of channel 'math' is 'Ada' further up"),
        ("channel,uid,name\n,7,Ada\n,7,Ben\n", ", line 3: user '7' of every channel is 'Ada' further up"),
        ('channel,uid,name\nmath,7,"Ada', ", line 2: unexpected end of data"),
    ],
)
def test_a_wrong_file_is_explained_with_its_line(file: Path, text: str, expected: str) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_csv(file)
    assert str(raised.value) == f"{file}{expected}"


def test_a_file_that_cannot_be_read_is_explained(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"people.csv does not exist; it is csv in \[users\]"):
        read_csv(file)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_csv(tmp_path)
    file.write_bytes(b"channel,uid,name\n,7,J\xf6rg\n")
    with pytest.raises(ConfigError, match=r"people.csv is not UTF-8 text"):
        read_csv(file)
