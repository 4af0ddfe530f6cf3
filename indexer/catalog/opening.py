"""From the URL of a catalog to its database."""

import re
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from indexer.catalog.dialects import Database
from indexer.catalog.sqlite import SQLiteDatabase, sqlite_path
from indexer.errors import ConfigError

_EXAMPLES: Final = "sqlite:///livestills.db or postgresql://user@host/database"


def open_database(url: str, *, create: bool) -> Database:
    """Open the database of a URL whatever is in it; a file is made if asked to, a database on a server never.

    Raises `ConfigError` for a URL that is none, `CatalogNotFoundError`, `CatalogAccessError`.
    """
    parsed = _parsed(url)
    if is_file(url):
        return SQLiteDatabase(sqlite_path(parsed, url), create=create)
    try:
        from indexer.catalog.postgres import PostgresDatabase
    except ImportError as exc:
        raise ConfigError("a catalog in PostgreSQL needs its driver: pip install 'livestills[postgres]'") from exc
    return PostgresDatabase(parsed)


def is_file(url: str) -> bool:
    """Whether the URL is that of a file, not of a server's database.  Raises `ConfigError` for one that is none."""
    return _parsed(url).get_backend_name() == "sqlite"


def _parsed(url: str) -> URL:
    shown = re.sub("//[^/@]*@", "//***@", url)  # it may hold a password
    shown = re.sub("(?i)(password=)[^&]*", r"\1***", shown)
    try:
        # As libpq takes it, too.
        parsed = make_url(re.sub("^postgres://", "postgresql://", url))
    except (ArgumentError, ValueError) as exc:
        raise ConfigError(f"catalog URL {shown!r} is not valid; write for example {_EXAMPLES}") from exc
    if parsed.drivername not in {"sqlite", "postgresql", "postgresql+psycopg"}:
        raise ConfigError(f"catalog URL {shown!r}: only SQLite and PostgreSQL are supported, for example {_EXAMPLES}")
    return parsed
