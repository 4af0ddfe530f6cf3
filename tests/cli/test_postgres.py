"""The command line on a catalog in PostgreSQL."""

import re
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
    configure(a=memory(series(shots=9))[0], more=f'[catalog]\nurl = "{url}"\n[derivatives]\nurl = "file:derived"\n')
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


COMMANDS = """
    timeline 7 --every 1m
    timeline 7 --at 2026-11-05T14:00Z
    timeline 7 --since 2026-01-01 --until 2027-01-01 --group day
    timeline 7 --limit 2
    gaps --user 7 --since 2026-01-01
    sessions list --user 7 --since 2026-01-01 --until 2027-01-01
    sessions show SID
    users show 7
    users list --channel room --limit 1
    stats --by day
    stats --by channel --since 2026-01-01
    stats --by user --until 2027-01-01
    export --to -
    export --to - --gaps
    thumbs --dry-run
    sync --estimate
    sync --dry-run
    sync --full
    sync --verify 100%
    events ingest NOTICES --dry-run
    events ingest NOTICES
    events ingest NOTICES
    timeline 7
    gaps --user 7 --since 2026-01-01
    sync
"""
NOTICES = Path(__file__).parents[2] / "sample_keys" / "notices" / "session.ndjson"


@pytest.mark.usefixtures("database")
def test_every_command_answers_as_on_sqlite() -> None:
    on_sqlite = ["--catalog", "sqlite:///other.db"]
    for more in ([], on_sqlite):
        done("-q", "sync", *more)
    sid = done("sessions", "list", "-o", "ndjson").records[0]["sid"]
    for line in COMMANDS.replace("SID", sid).replace("NOTICES", str(NOTICES)).strip().splitlines():
        one, other = (livestills(*line.split(), "-o", "ndjson", *more) for more in ([], on_sqlite))
        assert one.status in {0, 3}, (line, one.err)
        assert (one.status, _without_times(one.out)) == (other.status, _without_times(other.out)), line


def _without_times(text: str) -> str:
    """Two syncs begin at two moments, and last as long as they last."""
    return re.sub(r'"[a-z_]*(?:_at|_ms|_s|duration)": ?("[^"]*"|[0-9.]+)', "", text)


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
