"""Channels and users may be called anything: no terminal, spreadsheet or parser may be led astray."""

import csv
import io
import shutil
import unicodedata
from pathlib import Path

import pytest

from cli.texts import shell_word, shown
from tests.cli.running import done, livestills
from tests.cli.worlds import configure, memory, shot

NAMES = [
    '=HYPERLINK("http:evil","click")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "＝1+1",
    "\x1b[31mred\x1b]0;title\x07",
    "\x9b31m",
    "two\nlines",
    "two\r\nlines",
    "a\rb",
    "\u202eright to left",
    "zero\u200bwidth",
    "line\u2028separator",
    "中文频道",
    "ＡＢＣ",
    "👩\u200d💻",
    "e\u0301",
    'a,b;c"d',
    "tab\tx",
    "[bold]x[red]",
    ":smile:",
    "it's $(x) `y`",
    r"\x1b",
    " x ",
    "\x7f",
    "x" * 100,
]
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
COMMANDS = [["users", "list"], ["sessions", "list"], ["timeline", "7", "--shots"], ["timeline", "7", "--runs"]]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("hostile")
    keys = [shot(name, cname=name, session=number) for number, name in enumerate(NAMES)]
    keys += [shot("7", cname=name, session=number, directory=f"{name}/") for number, name in enumerate(NAMES)]
    file = configure(place / "livestills.toml", a=memory([*keys, "strange\x1b[31m\nkey"])[0])
    done("-q", "-c", str(file), "sync")
    return place


@pytest.fixture(autouse=True)
def _here(world: Path) -> None:
    for file in ("livestills.toml", "livestills.db"):
        shutil.copy(world / file, file)


@pytest.mark.parametrize("command", [*COMMANDS, ["doctor"], ["sessions", "show", f"{8:032x}"]], ids=" ".join)
def test_what_people_read_has_no_hidden_character(command: list[str]) -> None:
    answer = done(*command)
    text = (answer.out + answer.err).replace("\n", "")
    assert {char for char in text if unicodedata.category(char) in HIDDEN} == set()


def test_every_name_stands_in_one_line_of_a_table() -> None:
    lines = done("users", "list").lines[2:]
    assert len(lines) == len(NAMES) + 1
    assert all(any(line.startswith(shown(name)) for line in lines) for name in NAMES)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_programs_read_every_name_as_it_is(command: list[str]) -> None:
    records = done(*command, "-o", "ndjson").records
    assert done(*command, "-o", "json").document == records
    field = "uid" if command[0] == "users" else "cname"
    assert sorted({record[field] for record in records} - {"7"}) == sorted(NAMES)
    for output in ("json", "ndjson"):
        assert done(*command, "-o", output).out.isascii()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_cell_of_csv_is_run_by_a_spreadsheet_and_no_name_breaks_a_row(command: list[str]) -> None:
    answer = done(*command, "-o", "csv")
    field = "uid" if command[0] == "users" else "cname"
    found = {row[field] for row in answer.rows} - {"7"}
    assert found == {f"'{name}" if name[0] in "=+-@\t\r\n＝" else name for name in NAMES}
    for row in csv.reader(io.StringIO(answer.out, newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")) for cell in row)


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_whoever_is_called_so_can_be_looked_up(name: str) -> None:
    assert [record["uid"] for record in done("timeline", "-o", "ndjson", "--", name).records] == [name]
    assert len(done("timeline", "7", "--channel", name, "-o", "ndjson").records) >= 1
    answer = livestills("timeline", "--", f"{name}?")
    assert answer.err == f"the catalog has no shot of user {shown(name)}? that matches\n"


@pytest.mark.parametrize("text", ["1001", "-1", "é", "中文"])
def test_a_plain_word_needs_no_quotes(text: str) -> None:
    assert shell_word(text) == text
