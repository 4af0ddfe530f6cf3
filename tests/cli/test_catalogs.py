"""`--catalog`, and `livestills db`: whatever lies at that address."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.catalog import sqlite
from indexer.catalog.versions import HEAD, KNOWN
from tests.cli.running import done, livestills
from tests.cli.worlds import configure, memory, series

CATALOG = Path("livestills.db")
READING = (["stats"], ["users", "list"], ["sessions", "list"], ["timeline", "7"], ["db", "check"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("made")
    done("-q", "-c", str(configure(place / "livestills.toml", a=memory(series())[0])), "sync")
    return place


@pytest.fixture
def catalog(made: Path) -> Path:
    """A catalog with something in it, and the configuration it was made with."""
    for file in ("livestills.toml", "livestills.db"):
        shutil.copy(made / file, file)
    return CATALOG


def _change(path: Path, statement: str, *values: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


# --- none there


@pytest.mark.parametrize("command", [*READING, ["db", "current"], ["db", "upgrade"]], ids=" ".join)
def test_without_a_catalog_there_is_status_10_and_none_is_made(command: list[str]) -> None:
    for url, path in (("sqlite:///livestills.db", "livestills.db"), ("sqlite:///no/folder.db", "no/folder.db")):
        answer = livestills(*command, "--catalog", url)
        assert (answer.status, answer.out) == (10, "")
        assert answer.error == f"there is no catalog at {path}; run `livestills sync` to make it"
    assert list(Path().iterdir()) == []


def test_a_catalog_in_a_missing_folder_is_not_made() -> None:
    configure(a=memory()[0])
    answer = livestills("sync", "--catalog", "sqlite:///no/folder.db")
    assert (answer.status, answer.out) == (10, "")
    assert answer.error == "the folder no of the catalog does not exist; make it or name another --catalog"


def test_an_empty_file_is_an_empty_catalog() -> None:
    configure(a=memory(series())[0])
    CATALOG.touch()
    assert livestills("stats").status == 10
    assert livestills("db", "current").status == 12
    assert livestills("sync").status == 0


def test_a_catalog_is_for_its_owner_alone(catalog: Path) -> None:
    catalog.unlink()
    done("sync")
    assert catalog.stat().st_mode & 0o777 == 0o600


# --- something else there


def _folder() -> None:
    CATALOG.mkdir()


def _text() -> None:
    CATALOG.write_text("Dear diary,\n" * 100)


def _somebody_elses() -> None:
    _change(CATALOG, "CREATE TABLE people (name)")


def _cut_off() -> None:
    CATALOG.write_bytes(CATALOG.read_bytes()[:40_000])


@pytest.mark.parametrize("command", [*READING, ["sync"], ["db", "current"], ["db", "upgrade"]], ids=" ".join)
@pytest.mark.parametrize(
    ("spoil", "status", "expected"),
    [
        (_folder, 2, "livestills.db is a folder; name a file in it"),
        (_text, 2, "livestills.db is not a livestills catalog; name another file"),
        (
            _somebody_elses,
            2,
            "is a database of something else (it has tables such as 'people'); name another with --catalog",
        ),
        (_cut_off, 1, "livestills.db is damaged; restore a backup, or move it away and sync again"),
    ],
)
def test_what_is_no_catalog_is_refused_and_left_as_it_is(
    catalog: Path, command: list[str], spoil: Callable[[], None], status: int, expected: str
) -> None:
    if spoil is not _cut_off:
        catalog.unlink()
    spoil()
    before = catalog.read_bytes() if catalog.is_file() else None
    answer = livestills(*command)
    assert (answer.status, answer.out) == (status, "")
    assert expected in answer.error
    assert (catalog.read_bytes() if catalog.is_file() else None) == before
    assert livestills("doctor").status == 20


@pytest.mark.parametrize("version", ["9999", "0000"])
def test_a_schema_that_this_version_does_not_know_is_status_12(catalog: Path, version: str) -> None:
    _change(catalog, "UPDATE alembic_version SET version_num = ?", version)
    before = catalog.read_bytes()
    for command in (*READING, ["sync"], ["db", "upgrade"]):
        answer = livestills(*command)
        assert (answer.status, answer.out) == (12, "")
        assert f"schema {version}" in answer.error
    answer = livestills("db", "current", "-o", "json")
    assert (answer.status, answer.document["schema"], answer.document["wanted"]) == (12, version, HEAD)
    assert catalog.read_bytes() == before


@pytest.mark.parametrize("version", KNOWN[:-1])
def test_reading_never_upgrades_an_older_catalog(catalog: Path, version: str) -> None:
    _change(catalog, "UPDATE alembic_version SET version_num = ?", version)
    before = catalog.read_bytes()
    for command in READING:
        answer = livestills(*command)
        assert (answer.status, answer.out) == (12, "")
        assert answer.error.endswith(f"has schema {version}, older than {HEAD}; run `livestills db upgrade`")
    answer = livestills("db", "current", "-o", "json")
    assert (answer.status, answer.document["state"]) == (12, "older")
    assert catalog.read_bytes() == before


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://me:secret@host/db", "only SQLite and PostgreSQL are supported"),
        ("postgresql+asyncpg://me:secret@host/db", "only SQLite and PostgreSQL are supported"),
        ("nonsense://me:secret@host:port/x", "is not valid; write for example sqlite:///livestills.db"),
        ("livestills.db", "is not valid; write for example sqlite:///livestills.db"),
        ("", "is not valid"),
        ("sqlite://", "must name a file"),
        ("sqlite://livestills.db", "must name a file"),
        ("sqlite://folder/livestills.db", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///a.db?mode=ro", "must name a file"),
        (f"sqlite:///{'a' * 300}", "File name too long"),
    ],
)
def test_an_address_that_is_none_is_wrong_usage_and_shows_no_secret(url: str, expected: str) -> None:
    configure(a=memory()[0])
    for command in (["stats"], ["sync"], ["db", "current"]):
        answer = livestills(*command, "--catalog", url)
        assert (answer.status, answer.out) == (2, "")
        assert expected in answer.error
        assert "secret" not in answer.error
    assert [path.name for path in Path().iterdir()] == ["livestills.toml"]


def test_a_catalog_held_by_another_program_is_waited_for_and_then_temporary(
    catalog: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.05)
    _change(catalog, "PRAGMA journal_mode = DELETE")
    other = sqlite3.connect(catalog, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    for command in (["stats"], ["sync"], ["db", "current"]):
        answer = livestills(*command)
        assert (answer.status, answer.out) == (5, "")
        assert "stayed locked by another program; try again later" in answer.error
    other.close()
    done("stats")


# --- db


def test_the_schema_is_told(catalog: Path) -> None:
    lines = done("db", "current").lines
    assert lines == [f"catalog  {catalog.absolute()}", f"schema   {HEAD}", f"wanted   {HEAD}", "state    current"]
    assert done("db", "current", "-o", "ndjson").records[0]["state"] == "current"


def test_an_upgrade_makes_an_empty_file_a_catalog_and_then_has_nothing_to_do() -> None:
    CATALOG.touch()
    assert done("db", "upgrade").out == f"livestills.db upgraded to schema {HEAD}\n"
    assert done("db", "upgrade").out == f"livestills.db has schema {HEAD}: nothing to do\n"
    (record,) = done("db", "upgrade", "-o", "ndjson").records
    assert record == {"catalog": "livestills.db", "upgraded": False, "before": None, "after": HEAD, "backup": None}


def test_a_sound_catalog_is_said_to_be_sound(catalog: Path) -> None:
    answer = done("db", "check")
    assert (answer.out, answer.err) == ("", f"{catalog.absolute()} is sound\n")
    assert done("db", "check", "-o", "json").document == []


def test_a_catalog_that_does_not_add_up_fails_its_check(catalog: Path) -> None:
    _change(catalog, "DELETE FROM shot WHERE captured_ms = (SELECT min(captured_ms) FROM shot)")
    answer = livestills("db", "check", "-o", "ndjson")
    assert answer.status == 20
    assert any("do not match its shots" in record["problem"] for record in answer.records)
    assert livestills("db", "check").status == 20
