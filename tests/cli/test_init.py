"""`livestills init`: a configuration to start from."""

import os
import re
from pathlib import Path

import pytest

from indexer import config
from tests.cli.running import done, livestills
from tests.cli.worlds import folder, series

FILE = Path("livestills.toml")


def test_the_written_file_loads_and_says_what_to_do_next() -> None:
    answer = done("init", "--url", "s3://acme/a b/", "--name", "lessons")
    assert answer.out == "wrote livestills.toml\n"
    assert answer.err.startswith("next: edit it, then `livestills doctor` checks it")
    settings = config.load(FILE, environ=os.environ, folder=Path())
    assert {name: source.url for name, source in settings.sources.items()} == {"lessons": "s3://acme/a b/"}
    assert done("-q", "init", "--force").err == ""


def test_every_line_of_it_that_is_commented_out_could_be_used() -> None:
    done("init")
    FILE.write_text(re.sub(r"^# (\[|[a-z0-9_]+ = )", r"\1", FILE.read_text(), flags=re.MULTILINE))
    loaded = config.load(FILE, environ=os.environ, folder=Path())
    assert loaded.derivatives is not None
    source = loaded.sources["prod"]
    assert all(getattr(source, name) is not None for name in type(source).model_fields)
    assert loaded.sync == config.SyncSettings()
    assert loaded.users.channels == {"math-101": {"1002": "Ada Lovelace"}}


def test_an_existing_file_is_kept_unless_it_is_to_be_replaced() -> None:
    FILE.write_text("mine")
    answer = livestills("init")
    assert (answer.status, answer.error) == (2, "livestills.toml exists; edit it, or replace it with --force")
    assert FILE.read_text() == "mine"
    done("init", "--force")
    assert FILE.read_text() != "mine"


def test_it_is_written_where_config_says() -> None:
    done("init", "-c", "other.toml")
    assert Path("other.toml").exists()
    assert not FILE.exists()
    answer = livestills("-c", "no/folder.toml", "init")
    assert (answer.status, answer.error) == (2, "no/folder.toml cannot be written: No such file or directory")
    assert livestills("-c", ".", "init").status == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--url", "bucket"], "'bucket' is no address of a storage"),
        (["--url", "https://x/"], "is no address of a storage"),
        (["--name", "a b"], "--name or --url: 'a b' is no name for a source"),
        (["--name", 'a"]'], "--name or --url: not valid TOML"),
        (["--name", ""], "'' is no name for a source"),
    ],
)
def test_a_wrong_source_is_refused_before_anything_is_written(options: list[str], expected: str) -> None:
    answer = livestills("init", *options)
    assert (answer.status, answer.out) == (2, "")
    assert expected in answer.error
    assert not FILE.exists()


@pytest.mark.parametrize("name", ['quo"te', "back\\slash", "per%20cent", "hash#", "中文", "new\nline"])
def test_a_strange_folder_comes_back_as_it_is(name: str, tmp_path: Path) -> None:
    folder(tmp_path / name, series())
    done("init", "--url", (tmp_path / name).as_uri())
    assert "3 added" in done("sync").out
