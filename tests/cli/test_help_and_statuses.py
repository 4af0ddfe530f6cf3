"""The outside of the command: help, names, statuses, completion, and how quickly it is there."""

import re
from pathlib import Path

import click
import pytest

from cli.livestills import COMMANDS, STATUSES
from cli.livestills import livestills as group
from indexer.errors import ExitStatus
from tests.cli.running import livestills, process

ROOT = Path(__file__).parents[2]


def _commands(parent: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = []
    for name in parent.list_commands(click.Context(parent)):
        command = parent.get_command(click.Context(parent), name)
        assert command is not None
        found.append(((*path, name), command))
        if isinstance(command, click.Group):
            found += _commands(command, (*path, name))
    return found


EVERY = _commands(group)


@pytest.mark.parametrize(("path", "command"), EVERY, ids=[" ".join(path) for path, _ in EVERY])
def test_every_command_and_option_has_help(path: tuple[str, ...], command: click.Command) -> None:
    answer = livestills(*path, "--help")
    assert (answer.status, answer.err) == (0, "")
    assert answer.out.startswith(f"Usage: livestills {' '.join(path)} ")
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.endswith("."), parameter.help


def test_the_help_lists_every_command_whole_at_80_columns() -> None:
    lines = livestills("--help").lines
    assert all(len(line) <= 80 for line in lines)
    for name, text in COMMANDS.items():
        assert f"  {name:<10}  {text}" in lines


def test_every_command_understands_the_common_options() -> None:
    for path, command in EVERY:
        names = {name for parameter in command.params for name in parameter.opts}
        assert {"--config", "--catalog", "--output", "--tz", "--verbose", "--quiet", "--progress"} <= names, path
        assert "--log-format" in names, path


def test_the_exit_statuses_are_the_contract() -> None:
    assert {status.name: status.value for status in ExitStatus} == {
        "DONE": 0,
        "ERROR": 1,
        "USAGE": 2,
        "PARTIAL": 3,
        "DENIED": 4,
        "TEMPORARY": 5,
        "NOT_FOUND": 10,
        "LOCKED": 11,
        "SCHEMA": 12,
        "CHECK_FAILED": 20,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }


def test_the_help_and_the_pages_document_just_these_statuses() -> None:
    shown = livestills("--help").out.partition("Exit status:\n")[2]
    assert [int(number) for number in re.findall(r"^ +([0-9]+) ", shown, re.MULTILINE)] == [*ExitStatus]
    assert list(STATUSES) == [*ExitStatus]
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert [int(number) for number in re.findall(r"^\| ([0-9]+) \|", page, re.MULTILINE)] == [*ExitStatus]


def test_without_a_command_the_help_is_shown_as_an_error() -> None:
    for arguments in ([], ["sessions"], ["db"]):
        answer = livestills(*arguments)
        assert (answer.status, answer.out) == (2, "")
        assert "Commands:" in answer.err


def test_the_version_is_told() -> None:
    assert livestills("--version").out.startswith("livestills, version ")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["synk"], "No such command 'synk'. Did you mean 'sync'? see `livestills --help`"),
        (["users", "lst"], "No such command 'lst'. Did you mean 'list'? see `livestills users --help`"),
        (["nothing-like-it"], "No such command 'nothing-like-it'; see `livestills --help`"),
        (["sync", "--dryrun"], "No such option '--dryrun'. Did you mean '--dry-run'? see `livestills sync --help`"),
        (["timeline"], "Missing argument 'UID'; see `livestills timeline --help`"),
        (["timeline", "-7"], "No such option '-7'; see `livestills timeline --help`"),
        (["parse"], "Missing argument 'KEY...|-'; see `livestills parse --help`"),
        (["-o", "xml", "stats"], "'xml' is not one of 'table', 'json', 'ndjson', 'csv'; see `livestills --help`"),
        (["users", "list", "--limit", "0"], "0 is not in the range"),
        (["users", "list", "--limit", "9" * 30], "is not in the range"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
        (["sync", "\x1b[31m", "--\x1b[31m"], r"No such option '--\x1b[31m'; see `livestills sync --help`"),
    ],
)
def test_wrong_usage_is_one_line_that_tells_where_help_is(arguments: list[str], expected: str) -> None:
    answer = livestills(*arguments)
    assert (answer.status, answer.out) == (2, "")
    assert expected in answer.error


HEAVY = {"boto3", "botocore", "sqlalchemy", "alembic", "PIL", "pydantic", "pydantic_settings", "rich"}
TELLING_WHAT_IS_IMPORTED = """
import atexit, sys
atexit.register(lambda: sys.stderr.write(" ".join({name.partition(".")[0] for name in sys.modules})))
from cli.livestills import main
main()
"""


@pytest.mark.parametrize(
    "arguments", [["parse", "some/key"], ["--help"], ["sync", "--help"], ["timeline", "--help"], ["users", "--help"]]
)
def test_parse_and_help_import_nothing_heavy(arguments: list[str]) -> None:
    answer = process(*arguments, program=("-c", TELLING_WHAT_IS_IMPORTED))
    assert answer.status == 0
    assert answer.out
    assert HEAVY.isdisjoint(answer.err.split())


def test_the_name_of_a_command_is_completed_without_importing_any() -> None:
    answer = process(
        program=("-c", TELLING_WHAT_IS_IMPORTED),
        _LIVESTILLS_COMPLETE="bash_complete",
        COMP_WORDS="livestills ti",
        COMP_CWORD="1",
    )
    assert (answer.status, answer.out) == (0, "plain,timeline\n")
    assert HEAVY.isdisjoint(answer.err.split())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str) -> None:
    answer = livestills("completion", shell)
    assert answer.status == 0
    assert "_LIVESTILLS_COMPLETE" in answer.out
