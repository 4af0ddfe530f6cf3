"""Which schema a database has, and how it gets the current one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from secrets import randbits
from typing import Final

from sqlalchemy import Connection, text

from indexer.catalog.dialects import WRITE, Database
from indexer.catalog.schema import APPLICATION, catalog
from indexer.errors import CatalogError, CatalogNotFoundError, CatalogSchemaError, NotACatalogError
from indexer.model import to_ms

HEAD: Final = "0007"
"""The schema this version reads and writes: the newest file in migrations/versions."""

KNOWN: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every schema that can be upgraded to HEAD, oldest first."""

MIGRATIONS: Final = Path(__file__).parent / "migrations"


class State(StrEnum):
    """What a database is to this version of livestills."""

    CURRENT = "current"
    EMPTY = "empty"
    OLDER = "older"
    NEWER = "newer"
    UNFINISHED = "unfinished"
    """A copy of a catalog that was cut off."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The state of a database and the version that it says it has (None if it is empty)."""

    state: State
    version: str | None


def schema_of(connection: Connection, database: Database) -> Schema:
    """Look at a database without changing it; few SELECTs where all is well.

    Raises `NotACatalogError` if it belongs to something else.
    """
    tables = database.tables(connection)
    if not tables:
        return Schema(State.EMPTY, None)
    if not {"alembic_version", "catalog"} <= tables or not database.has_column(connection, "catalog", "digest_seed"):
        raise NotACatalogError(
            f"{database.name} is a database of something else (it has tables such as {min(tables)!r}); name another "
            "with --catalog"
        )
    found = connection.execute(text("SELECT version_num, (SELECT min(application) FROM catalog) FROM alembic_version"))
    version, application = found.one_or_none() or (None, None)
    if version == HEAD:
        return Schema(State.CURRENT if application == APPLICATION else State.UNFINISHED, HEAD)
    return Schema(State.OLDER if version in KNOWN else State.NEWER, version)


def require_current(schema: Schema, name: str) -> None:
    """Refuse what a command that only reads cannot use."""
    if schema.state is State.EMPTY:
        raise CatalogNotFoundError(f"the catalog {name} is empty; run `livestills sync` to fill it")
    if schema.state is State.OLDER:
        raise CatalogSchemaError(
            f"the catalog {name} has schema {schema.version}, older than {HEAD}; run `livestills db upgrade`"
        )
    if schema.state is State.UNFINISHED:
        raise CatalogSchemaError(
            f"the catalog {name} is a copy that is not whole; run `livestills db copy` to it again, which begins anew"
        )
    if schema.state is State.NEWER:
        raise CatalogSchemaError(
            f"the catalog {name} was written by a newer livestills (schema {schema.version}, this one knows {HEAD}); "
            "upgrade livestills"
        )


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What an upgrade did: from which schema (None: made new), and where the copy of the old one lies."""

    before: str | None
    after: str
    backup: Path | None


def upgrade(database: Database, *, now: datetime, migrations: Path = MIGRATIONS) -> Upgrade | None:
    """Bring the database to HEAD, or make it if it is empty; None if there was nothing to do.

    One transaction under the write lock, so two upgrades cannot meet and a failing one leaves the old schema.
    An existing file is copied beside itself first.  Raises `CatalogSchemaError` for a newer one.
    """
    with database.engine.connect().execution_options(**{WRITE: True}) as connection, connection.begin():
        schema = schema_of(connection, database)
        if schema.state is State.CURRENT:
            return None
        if schema.state not in {State.EMPTY, State.OLDER}:
            require_current(schema, database.name)
        copy = None
        if schema.state is State.EMPTY:
            database.require_fit(connection)
        else:
            copy = database.copy_aside(schema.version, now)
        with _what_failed(database.name, copy):
            _run(connection, migrations)
        if schema.state is State.EMPTY:
            connection.execute(
                catalog.insert(),
                {"application": APPLICATION, "digest_seed": randbits(63), "created_ms": to_ms(now)},
            )
        return Upgrade(schema.version, HEAD, copy)


def _run(connection: Connection, migrations: Path) -> None:
    # Half a second to import, so only those who upgrade pay for it.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    command.upgrade(config, "head")


@contextmanager
def _what_failed(name: str, copy: Path | None) -> Iterator[None]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except SQLAlchemyError as exc:
        kept = f"; a copy is at {copy}" if copy else ""
        said = " ".join(str(getattr(exc, "orig", exc)).split())
        raise CatalogError(f"upgrading the catalog {name} failed, it was left as it was{kept}: {said}") from exc
