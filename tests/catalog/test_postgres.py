"""What is particular to a catalog in PostgreSQL: who may make and upgrade it, and how it is lost and found again."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from indexer.catalog import versions
from indexer.catalog.catalog import Catalog
from indexer.catalog.opening import open_database
from indexer.catalog.postgres import own_error, printable
from indexer.catalog.postgres_text import meant, stored
from indexer.catalog.schema import metadata
from indexer.catalog.verification import problems
from indexer.catalog.versions import HEAD, MIGRATIONS, State, upgrade
from indexer.errors import (
    CatalogAccessError,
    CatalogBusyError,
    CatalogError,
    CatalogNotFoundError,
    CatalogSchemaError,
    ExitStatus,
    LivestillsError,
    NotACatalogError,
)
from indexer.jobs.doctor import Verdict, examine_catalog, examine_database
from indexer.jobs.stretches import Seen, stretches
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import ListedObject
from indexer.storage.memory import MemoryStore
from tests.catalog.test_versions import NEXT
from tests.catalogs import MADE_AT, shots_in, take_over
from tests.postgres import PostgresServer
from tests.servers import free_ports

SID = "1cd3d60b784382f12ce30fa615421852"
OBJECTS = [
    ListedObject(f"{SID}_a__uid_s_{uid}__uid_e_video_2026110514{minute:02}00000.jpg", 1, "a" * 32, 0, None)
    for uid in range(10, 20)
    for minute in range(10)
]


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.new_database()


@pytest.fixture
def url(postgres: PostgresServer, database: str) -> str:
    """Of a catalog without anything in it."""
    return made(postgres, database)


def made(postgres: PostgresServer, database: str) -> str:
    Catalog.open_to_write(postgres.url(database), now=MADE_AT).close()
    return postgres.url(database)


# --- making and upgrading


def test_the_migrations_make_the_schema(postgres: PostgresServer, database: str) -> None:
    made(postgres, database)
    plain = postgres.new_database()
    opened = open_database(postgres.url(plain), create=False)
    with opened.engine.connect().execution_options(livestills_write=True) as connection, connection.begin():
        metadata.create_all(connection)
    opened.engine.dispose()
    columns = (
        "SELECT table_name, column_name, data_type, collation_name, is_nullable FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name <> 'alembic_version' ORDER BY 1, 2"
    )
    indexes = (
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version' ORDER BY 1"
    )
    constraints = (
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace "
        "AND conname NOT LIKE 'alembic%' AND contype <> 'n' ORDER BY 1"
    )
    for question in (columns, indexes, constraints):
        assert postgres.execute(question, database=database) == postgres.execute(question, database=plain)


def test_every_text_that_orders_keys_does_so_by_bytes(postgres: PostgresServer, database: str) -> None:
    made(postgres, database)
    compared = "SELECT DISTINCT c.relname || '.' || a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
    other = postgres.execute(
        f"{compared} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey::int2[]) "
        "WHERE c.relnamespace = 'public'::regnamespace AND a.attcollation NOT IN (0, 'pg_catalog.\"C\"'::regcollation) "
        "ORDER BY 1",
        database=database,
    )
    # These hold words of ours, which are only found, never put in order.
    assert [name for (name,) in other] == [
        "alembic_version.version_num",
        "catalog.application",
        "derivative.spec",
        "rejected.reason",
    ]


def test_reading_makes_nothing(postgres: PostgresServer, database: str) -> None:
    with pytest.raises(CatalogNotFoundError, match="is empty; run `livestills sync`"):
        Catalog.open_to_read(postgres.url(database))
    assert postgres.execute("SELECT * FROM pg_tables WHERE schemaname = 'public'", database=database) == []


def test_a_database_of_something_else_is_refused_and_kept(postgres: PostgresServer, database: str) -> None:
    postgres.execute("CREATE TABLE book (title text)", database=database)
    with pytest.raises(NotACatalogError, match="'book'"):
        Catalog.open_to_write(postgres.url(database), now=MADE_AT)
    tables = postgres.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", database=database)
    assert tables == [("book",)]


def test_an_encoding_that_cannot_hold_keys_is_refused(postgres: PostgresServer) -> None:
    name = postgres.new_database(options="ENCODING 'SQL_ASCII'")
    with pytest.raises(CatalogError, match="has the encoding SQL_ASCII; make one with ENCODING 'UTF8'"):
        Catalog.open_to_write(postgres.url(name), now=MADE_AT)


def test_a_schema_of_its_own_shares_a_database(postgres: PostgresServer, database: str, url: str) -> None:
    postgres.execute("CREATE SCHEMA other", database=database)
    other = f"{url}&options=-csearch_path%3Dother"
    with Catalog.open_to_write(other, now=MADE_AT) as catalog, Catalog.open_to_read(url) as first:
        take_over(catalog, catalog.add_source("s", "memory://s/"), OBJECTS)
        assert (len(shots_in(catalog)), len(shots_in(first))) == (100, 0)
        assert catalog.size_bytes() > first.size_bytes()
        with catalog.sync_lock("s"), first.sync_lock("s"):
            pass


def test_a_schema_that_does_not_exist_is_refused_alike(url: str) -> None:
    nowhere = f"{url}&options=-csearch_path%3Dnowhere"
    with pytest.raises(CatalogAccessError, match="has no schema for us: set search_path to one that exists"):
        Catalog.open_to_write(nowhere, now=MADE_AT)
    with pytest.raises(CatalogAccessError, match="has no schema for us: set search_path to one that exists"):
        Catalog.open_to_read(nowhere)


def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have there be a newer schema than the database has."""
    monkeypatch.setattr(versions, "HEAD", "next")
    monkeypatch.setattr(versions, "KNOWN", (*versions.KNOWN, "next"))


def test_an_older_catalog_is_upgraded_only_when_it_is_asked_for(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations = Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
    (migrations / "versions" / "next.py").write_text(NEXT.format(head=HEAD, then=""))
    older(monkeypatch)
    with pytest.raises(CatalogSchemaError, match="run `livestills db upgrade`"):
        Catalog.open_to_read(url)
    with pytest.raises(CatalogSchemaError, match="run `livestills db upgrade`"):
        Catalog.open_to_write(url, now=MADE_AT)
    opened = open_database(url, create=False)
    done = upgrade(opened, now=MADE_AT, migrations=migrations)
    opened.engine.dispose()
    assert done is not None
    assert (done.before, done.after, done.backup) == (HEAD, "next", None)
    with Catalog.open_to_write(url, now=MADE_AT) as catalog:
        assert catalog.schema().state is State.CURRENT


def test_a_migration_that_fails_leaves_the_old_schema(
    postgres: PostgresServer, database: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations = Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))
    failing = NEXT.format(head=HEAD, then='op.execute("SELECT 1 / 0")')
    (migrations / "versions" / "next.py").write_text(failing)
    columns = (
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"
    )
    before = postgres.execute(columns, database=database)
    older(monkeypatch)
    opened = open_database(url, create=False)
    with pytest.raises(CatalogError, match="it was left as it was: division by zero"):
        upgrade(opened, now=MADE_AT, migrations=migrations)
    opened.engine.dispose()
    assert postgres.execute(columns, database=database) == before
    monkeypatch.undo()
    with Catalog.open_to_read(url) as catalog:
        assert catalog.schema().state is State.CURRENT


# --- rights


@pytest.fixture
def reader(postgres: PostgresServer, database: str) -> Iterator[str]:
    """The address for somebody who may only read."""
    made(postgres, database)
    postgres.execute(
        "CREATE ROLE reader LOGIN",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
        f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
        database=database,
    )
    yield postgres.url(database, user="reader")
    postgres.execute("DROP OWNED BY reader", "DROP ROLE reader", database=database)


def test_reading_takes_the_right_to_read_and_no_other(reader: str, url: str) -> None:
    with Catalog.open_to_write(url, now=MADE_AT) as catalog:
        source = catalog.add_source("s", "memory://s/")
        take_over(catalog, source, OBJECTS)
    with Catalog.open_to_read(reader) as catalog:
        assert len(shots_in(catalog)) == len(OBJECTS)
        assert list(problems(catalog)) == []
        assert catalog.size_bytes() > 0
        with catalog.writer(source, dry_run=True) as writer:
            for stretch in stretches([OBJECTS[:50]], Seen(), seed=writer.seed):
                writer.apply(stretch)
            assert writer.changes.gone == 50
        with pytest.raises(CatalogAccessError, match="refuses us: permission denied for table source"):
            catalog.add_source("t", "memory://t/")


def test_a_sync_takes_the_rights_that_the_documentation_names(postgres: PostgresServer, database: str) -> None:
    made(postgres, database)
    postgres.execute(
        "CREATE ROLE writer LOGIN",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO writer",
        f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
        f"GRANT TEMPORARY ON DATABASE {database} TO writer",
        database=database,
    )
    url = postgres.url(database, user="writer")
    try:
        assert [finding.verdict for finding in examine_database(url)] == [Verdict.OK]
        with Catalog.open_to_write(url, now=MADE_AT) as catalog:
            source = catalog.add_source("s", "memory://s/")
            for found in (OBJECTS, [each._replace(tier="GLACIER") for each in OBJECTS], OBJECTS[:50]):
                run = catalog.begin_run(source, mode="full", now=MADE_AT)
                take_over(catalog, source, found)
                catalog.end_run(run, mode="full", outcome="done", message=None, requests={}, counts={}, now=MADE_AT)
                assert shots_in(catalog) == found
    finally:
        postgres.execute("DROP OWNED BY writer", "DROP ROLE writer", database=database)


def test_doctor_tells_the_server_and_missing_rights(reader: str, url: str) -> None:
    (found,) = examine_database(url)
    assert (found.verdict, found.about, found.text[0]) == (Verdict.OK, "PostgreSQL", "1")
    assert {finding.verdict for finding in examine_catalog(url)} == {Verdict.OK}
    (found,) = examine_database(reader)
    doubt = found.text
    assert found.verdict is Verdict.WARN
    assert "TEMPORARY on the database" in doubt
    assert "INSERT on shot" in doubt
    assert "SELECT" not in doubt


# --- when it cannot be reached


def test_what_a_server_refuses_is_one_line_with_its_status(database: str, url: str) -> None:
    (port,) = free_ports(1)
    for address, status, said in [
        (f"postgresql://me:secret@127.0.0.1:{port}/db", ExitStatus.TEMPORARY, "Connection refused"),
        (url.replace(database, "missing"), ExitStatus.NOT_FOUND, 'database "missing" does not exist'),
        (url.replace("postgres@", "nobody:secret@"), ExitStatus.DENIED, 'role "nobody" does not exist'),
        (f"{url}&sslmode=secretive", ExitStatus.USAGE, "invalid sslmode value"),
        (f"{url}&colour=blue", ExitStatus.USAGE, 'invalid connection option "colour"'),
        ("postgresql://me@no.such.host.invalid/db", ExitStatus.TEMPORARY, "no.such.host.invalid"),
    ]:
        with pytest.raises(LivestillsError) as caught:
            Catalog.open_to_read(address)
        assert caught.value.status == status, address
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "secret@" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host:5433/db", "postgresql://me@host:5433/db"),
        ("postgresql+psycopg://me@/db?password=secret&host=/run", "postgresql://me@/db?host=%2Frun"),
        ("postgresql:///?service=prod", "postgresql:///?service=prod"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert printable(make_url(url)) == shown


def test_a_missing_driver_is_named() -> None:
    program = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from indexer.catalog.catalog import Catalog\n"
        "Catalog.open_to_read('postgresql://me:secret@host/db')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.endswith("a catalog in PostgreSQL needs its driver: pip install 'livestills[postgres]'")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (psycopg.errors.DiskFull, ExitStatus.ERROR),
        (psycopg.errors.DeadlockDetected, ExitStatus.TEMPORARY),
        (psycopg.errors.SerializationFailure, ExitStatus.TEMPORARY),
        (psycopg.errors.TooManyConnections, ExitStatus.TEMPORARY),
        (psycopg.errors.AdminShutdown, ExitStatus.TEMPORARY),
        (psycopg.errors.LockNotAvailable, ExitStatus.TEMPORARY),
        (psycopg.errors.InvalidPassword, ExitStatus.DENIED),
        (psycopg.errors.ReadOnlySqlTransaction, ExitStatus.DENIED),
        (psycopg.errors.InvalidCatalogName, ExitStatus.NOT_FOUND),
        (psycopg.errors.UndefinedTable, ExitStatus.USAGE),
    ],
)
def test_what_the_server_says_has_a_status(error: type[psycopg.Error], status: ExitStatus) -> None:
    own = own_error(error("why"), "c")
    assert own is not None
    assert own.status == status
    assert "why" in str(own)


def test_a_mistake_of_our_own_stays_one() -> None:
    assert own_error(psycopg.errors.SyntaxError("near"), "c") is None
    assert own_error(psycopg.errors.UniqueViolation("again"), "c") is None


def test_any_text_is_kept() -> None:
    texts = ["", "\x00", "\x01", "\x02", "\x00\x01", "\x01\x01", "\x01\x02", "a\x00b", "\x00\x02", "a"]
    assert [meant(stored(text)) for text in texts] == texts
    assert not any("\x00" in stored(text) for text in texts)
    assert sorted(texts, key=lambda text: stored(text).encode()) == sorted(texts, key=str.encode)


# --- when it is lost in the middle


def test_a_connection_lost_in_mid_sync_ends_the_run_and_the_next_one_completes_it(
    postgres: PostgresServer, database: str, url: str
) -> None:
    _loses(url, lambda: postgres.disconnect(database))


def test_a_sync_that_loses_the_database_is_one_error_and_the_next_one_tells_that_it_died(
    postgres: PostgresServer, database: str, url: str
) -> None:
    store = MemoryStore()
    for found in OBJECTS:
        store.put(found.key, b"x", content_type="image/jpeg")
    access = Access(store, "")
    with Catalog.open_to_write(url, now=MADE_AT) as catalog:
        lossy = Watch(lambda: MADE_AT, progress=lambda _seen: postgres.disconnect(database))
        with pytest.raises(CatalogBusyError, match="the connection was lost"):
            sync(access, catalog, "s", watch=lossy)
        assert sync(access, catalog, "s", watch=Watch(lambda: MADE_AT)).outcome == "done"
        assert {run.outcome for run in catalog.overview.runs()} <= {"done", "failed", "died"}
        assert len(shots_in(catalog)) == len(OBJECTS)
        assert list(problems(catalog)) == []


def test_a_lock_that_was_lost_ends_the_run(postgres: PostgresServer, database: str, url: str) -> None:
    """Another sync may have it by now."""
    with Catalog.open_to_write(url, now=MADE_AT) as catalog:
        source = catalog.add_source("s", "memory://s/")
        with catalog.sync_lock("s"), catalog.writer(source) as writer:
            work = stretches([OBJECTS], Seen(), seed=writer.seed, rows=20)
            writer.apply(next(work))
            postgres.disconnect(database, where="query LIKE '%pg_try_advisory_lock%' OR query = 'SELECT 1'")
            with pytest.raises(CatalogBusyError, match="the connection was lost"):
                writer.apply(next(work))
        assert list(problems(catalog)) == []


def _loses(url: str, lose: Callable[[], object]) -> None:
    with Catalog.open_to_write(url, now=MADE_AT) as catalog:
        source = catalog.add_source("s", "memory://s/")
        with catalog.writer(source) as writer:
            work = stretches([OBJECTS], Seen(), seed=writer.seed, rows=20)
            writer.apply(next(work))
            lose()
            with pytest.raises(CatalogBusyError, match="the connection was lost"):
                writer.apply(next(work))
    with Catalog.open_to_write(url, now=MADE_AT) as catalog:
        assert 0 < len(shots_in(catalog)) < len(OBJECTS)
        assert list(problems(catalog)) == []
        take_over(catalog, source, OBJECTS)
        assert shots_in(catalog) == OBJECTS


def test_a_server_that_dies_in_mid_sync_is_found_again_as_it_was_between_two_stretches(
    postgres: PostgresServer, url: str
) -> None:
    _loses(url, postgres.crash)
