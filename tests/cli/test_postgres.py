"""The command line on a catalog in PostgreSQL."""

from pathlib import Path

import pytest

from indexer.catalog.catalog import Catalog
from indexer.catalog.versions import HEAD
from tests.cli.running import done, livestills
from tests.cli.worlds import configure, memory, series
from tests.postgres import PostgresServer


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """Where nothing is yet, as the configuration has it: with a password that this server does not ask for."""
    name = postgres.new_database()
    url = postgres.url(name).replace("postgres@", "postgres:secret@")
    configure(a=memory(series(shots=9))[0], more=f'[catalog]\nurl = "{url}"\n')
    return name


@pytest.mark.usefixtures("database")
def test_a_sync_makes_the_catalog_and_lookups_read_it() -> None:
    for command in (["stats"], ["timeline", "7"]):
        answer = livestills(*command)
        assert (answer.status, answer.out) == (10, "")
        assert answer.error.endswith("is empty; run `livestills sync` to fill it")
    done("-q", "sync")
    assert len(done("timeline", "7", "-o", "ndjson").records) == 9
    (stats,) = done("stats", "-o", "ndjson").records
    assert (stats["shots"], stats["users"]) == (9, 1)
    assert [record["uid"] for record in done("users", "list", "-o", "ndjson").records] == ["7"]
    assert [record["shots"] for record in done("sessions", "list", "-o", "ndjson").records] == [9]
    assert done("db", "check").err.endswith(" is sound\n")


@pytest.mark.usefixtures("database")
def test_a_password_is_never_shown() -> None:
    done("-q", "sync")
    said = [
        livestills(*command)
        for command in (["doctor"], ["db", "current"], ["db", "upgrade"], ["db", "check"], ["-vv", "sync"], ["stats"])
    ]
    assert not [answer for answer in said if "secret" in answer.out + answer.err]
    assert [answer.status for answer in said] == [0] * len(said)
    assert any(line.startswith("ok    PostgreSQL: 1") for line in said[0].lines)


def test_a_schema_is_upgraded_by_db_upgrade_alone(postgres: PostgresServer, database: str) -> None:
    answer = done("db", "upgrade", "-o", "ndjson").records[0]
    assert (answer["upgraded"], answer["before"], answer["after"], answer["backup"]) == (True, None, HEAD, None)
    postgres.execute("UPDATE alembic_version SET version_num = '0001'", database=database)
    for command in (["sync"], ["stats"]):
        refused = livestills(*command)
        assert (refused.status, refused.out) == (12, "")
        assert refused.error.endswith(f"has schema 0001, older than {HEAD}; run `livestills db upgrade`")
    assert livestills("db", "current", "-o", "json").document["state"] == "older"


def test_a_second_sync_is_status_11(postgres: PostgresServer, database: str) -> None:
    done("-q", "sync")
    with Catalog.open_to_read(postgres.url(database)) as catalog, catalog.sync_lock("a"):
        assert livestills("sync").status == 11


def test_a_server_that_is_not_there_is_temporary() -> None:
    configure(a=memory()[0])
    answer = livestills("sync", "--catalog", f"postgresql://me:secret@/db?host={Path.cwd()}")
    assert (answer.status, answer.out) == (5, "")
    assert answer.error.endswith("; try again later")
    assert "secret" not in answer.error
