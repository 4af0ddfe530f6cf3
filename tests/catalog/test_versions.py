"""Making, upgrading and refusing catalogs."""

import re
import shutil
import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from indexer.catalog import versions
from indexer.catalog.catalog import Catalog
from indexer.catalog.opening import open_database
from indexer.catalog.schema import metadata
from indexer.catalog.versions import HEAD, KNOWN, MIGRATIONS, State, upgrade
from indexer.errors import (
    CatalogError,
    CatalogNotFoundError,
    CatalogSchemaError,
    ConfigError,
    LockedError,
    NotACatalogError,
)

NOW = datetime(2026, 11, 5, 9, tzinfo=UTC)
NEXT = '''
"""The next schema, for tests."""
import sqlalchemy as sa
from alembic import op
revision = "next"
down_revision = "{head}"
def upgrade():
    op.add_column("shot", sa.Column("extra", sa.Text()))
    op.create_table("more", sa.Column("id", sa.Integer(), primary_key=True))
    {then}
'''


def make(path: Path) -> Path:
    Catalog.open_to_write(f"sqlite:///{path}", now=NOW).close()
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path / "c.db")


@pytest.fixture
def next_migrations(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "migrations"))


def statements(path: Path) -> list[tuple[str, list[str]]]:
    """What makes each table and index; SQLAlchemy and alembic differ in their order and lines."""
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    return [
        (name, sorted(line.strip(" ,\t") for line in re.split(r"\n|, (?=[a-z0-9_]+ [A-Z])", sql)))
        for name, sql in found
        if "alembic" not in name
    ]


def test_the_migrations_make_the_schema(path: Path, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/plain.db")
    metadata.create_all(engine)
    engine.dispose()
    assert statements(path) == statements(tmp_path / "plain.db")


def test_head_is_the_newest_known_schema() -> None:
    assert KNOWN[-1] == HEAD
    assert [file.name[:4] for file in sorted((MIGRATIONS / "versions").glob("*.py"))] == list(KNOWN)


def test_a_catalog_is_private_from_its_first_byte_on(path: Path) -> None:
    with Catalog.open_to_write(f"sqlite:///{path}", now=NOW) as catalog:
        catalog.add_source("s", "memory://s/")
        files = list(path.parent.glob("c.db*"))
        assert len(files) > 1, "the log of a catalog in use is private too"
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_catalog_is_read_while_it_is_written(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_opening_twice_upgrades_once(path: Path) -> None:
    with Catalog.open_to_write(f"sqlite:///{path}", now=NOW) as catalog:
        assert catalog.upgrade(now=NOW) is None
    assert [file.name for file in path.parent.glob("*.bak")] == []


@pytest.mark.parametrize("name", ["missing.db", "missing/c.db"])
def test_reading_makes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(CatalogNotFoundError):
        Catalog.open_to_read(f"sqlite:///{tmp_path}/{name}")
    assert list(tmp_path.iterdir()) == []


def test_writing_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(CatalogNotFoundError, match="missing"):
        Catalog.open_to_write(f"sqlite:///{tmp_path}/missing/c.db", now=NOW)


def test_an_empty_file_is_an_empty_catalog(tmp_path: Path) -> None:
    (tmp_path / "c.db").touch()
    with pytest.raises(CatalogNotFoundError, match="empty"):
        Catalog.open_to_read(f"sqlite:///{tmp_path}/c.db")
    make(tmp_path / "c.db")


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("remember the milk\n" * 100)
    for opening in (Catalog.open_to_read, lambda url: Catalog.open_to_write(url, now=NOW)):
        with pytest.raises(NotACatalogError, match=r"notes\.txt"):
            opening(f"sqlite:///{tmp_path}/notes.txt")
    assert (tmp_path / "notes.txt").read_text().startswith("remember")


def test_a_database_of_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "books.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE book (title)")
    before = path.read_bytes()
    for opening in (Catalog.open_to_read, lambda url: Catalog.open_to_write(url, now=NOW)):
        with pytest.raises(NotACatalogError, match=r"'book'"):
            opening(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_database_with_a_catalog_table_of_something_else_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE catalog (item)")
        connection.execute("CREATE TABLE alembic_version (version_num)")
    with pytest.raises(NotACatalogError):
        Catalog.open_to_write(f"sqlite:///{tmp_path}/shop.db", now=NOW)


def set_version(path: Path, version: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))


def test_a_newer_catalog_is_refused(path: Path) -> None:
    set_version(path, "9999")
    for opening in (Catalog.open_to_read, lambda url: Catalog.open_to_write(url, now=NOW)):
        with pytest.raises(CatalogSchemaError, match="newer livestills"):
            opening(f"sqlite:///{path}")


def test_an_older_catalog_is_upgraded_behind_a_copy(
    path: Path, next_migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (next_migrations / "versions" / "next.py").write_text(NEXT.format(head=HEAD, then=""))
    monkeypatch.setattr(versions, "HEAD", "next")
    with pytest.raises(CatalogSchemaError, match="db upgrade"):
        Catalog.open_to_read(f"sqlite:///{path}")
    database = open_database(f"sqlite:///{path}", create=False)
    done = upgrade(database, now=NOW, migrations=next_migrations)
    database.engine.dispose()
    assert done is not None
    assert (done.before, done.after) == (HEAD, "next")
    assert done.backup is not None
    assert stat.S_IMODE(done.backup.stat().st_mode) == 0o600
    assert "extra" in str(statements(path))
    assert "extra" not in str(statements(done.backup))


def test_a_migration_that_fails_leaves_the_old_schema(
    path: Path, next_migrations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (next_migrations / "versions" / "next.py").write_text(NEXT.format(head=HEAD, then='op.drop_table("not there")'))
    before = statements(path)
    monkeypatch.setattr(versions, "HEAD", "next")
    database = open_database(f"sqlite:///{path}", create=False)
    with pytest.raises(CatalogError, match="left as it was"):
        upgrade(database, now=NOW, migrations=next_migrations)
    database.engine.dispose()
    assert statements(path) == before
    monkeypatch.undo()
    with Catalog.open_to_read(f"sqlite:///{path}") as catalog:
        assert catalog.schema().state is State.CURRENT


@pytest.mark.parametrize("url", ["mysql://u:secret@host/db", "sqlite://", "sqlite:///:memory:", "nonsense", ""])
def test_other_urls_are_refused_without_their_secrets(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_database(url, create=True)
    assert "secret" not in str(caught.value)


def test_a_lock_outlives_nobody(path: Path) -> None:
    from indexer.catalog.sqlite import sync_lock

    with sync_lock(path, "prod"), pytest.raises(LockedError), sync_lock(path, "prod"):
        pass
    with sync_lock(path, "prod"):
        pass
