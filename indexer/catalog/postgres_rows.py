"""Rows into `shot` of PostgreSQL with COPY, which takes them ten times as fast as statements."""

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import Any, Final

import psycopg
from psycopg import sql
from sqlalchemy import Connection, bindparam, update

from indexer.catalog.postgres import own_errors
from indexer.catalog.postgres_text import stored
from indexer.catalog.rows import MD5_BYTES, Inserted, ShotRow
from indexer.catalog.schema import shot

# https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format": signature, flags, no extension.
_BEGIN: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_USUAL: Final = Struct(f">h iq iq iq ihhHhh i{MD5_BYTES}s i".replace(" ", ""))
"""Six fields, each behind its length: three numbers, a lag of one digit, an ETag of 16 bytes, no storage class."""
_FRONT: Final = Struct(">h iq iq iq".replace(" ", ""))
_NONE: Final = -1
"""The length of NULL."""

# https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c, numeric_recv: digits of 10,000.
_BASE: Final = 10_000
_NEGATIVE: Final = 0x4000
_LENGTH: Final = Struct(">i")

_CHUNK: Final = 5_000
"""Rows handed to the driver at once, about 370 kB."""

_STAGED_FROM: Final = 200
"""Rows from which a table in between pays: three statements more, and none for each row."""

_COLUMNS: Final = ("stream_id", *ShotRow._fields)


class CopiedRows:
    """See `ShotWrites`."""

    def insert(self, connection: Connection, rows: Sequence[Inserted]) -> None:
        """See `ShotWrites`: straight into the table."""
        _copy(connection, shot.name, rows)

    def change(self, connection: Connection, rows: Sequence[Inserted]) -> None:
        """See `ShotWrites`: many of them over a table in between."""
        if len(rows) < _STAGED_FROM:
            this = (shot.c.stream_id == bindparam("of")) & (shot.c.captured_ms == bindparam("at"))
            connection.execute(
                update(shot).where(this), [{"of": row[0], "at": row[1], **ShotRow(*row[1:])._asdict()} for row in rows]
            )
            return
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE changed (LIKE {shot.name}) ON COMMIT DROP")
        _copy(connection, "changed", rows)
        connection.exec_driver_sql("ANALYZE changed")
        connection.exec_driver_sql(
            f"UPDATE {shot.name} AS shot SET size = changed.size, modified_lag_s = changed.modified_lag_s, "  # noqa: S608
            "etag = changed.etag, tier = changed.tier FROM changed "
            "WHERE shot.stream_id = changed.stream_id AND shot.captured_ms = changed.captured_ms"
        )
        connection.exec_driver_sql("DROP TABLE changed")


def _copy(connection: Connection, table: str, rows: Sequence[Inserted]) -> None:
    driver: psycopg.Connection[Any] = connection.connection.dbapi_connection  # type: ignore[assignment]  # psycopg's
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    )
    with own_errors(connection), driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_BEGIN)
        for first in range(0, len(rows), _CHUNK):
            copy.write(b"".join(_packed(rows[first : first + _CHUNK])))
        copy.write(_END)


def _packed(rows: Iterable[Inserted]) -> Iterator[bytes]:
    usual = _USUAL.pack
    for stream_id, captured_ms, size, lag_s, etag, tier in rows:
        if tier is None and 0 <= lag_s < _BASE and len(etag) == MD5_BYTES:
            yield usual(6, 8, stream_id, 8, captured_ms, 8, size, 10, 1, 0, 0, 0, lag_s, MD5_BYTES, etag, _NONE)
        else:
            yield b"".join(
                (
                    _FRONT.pack(6, 8, stream_id, 8, captured_ms, 8, size),
                    _field(_numeric(lag_s)),
                    _field(etag),
                    _LENGTH.pack(_NONE) if tier is None else _field(stored(tier).encode()),
                )
            )


def _field(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _numeric(number: int) -> bytes:
    """How many digits, the power of the first, the sign, no decimals, the digits."""
    digits: list[int] = []
    left = abs(number)
    while left or not digits:
        left, digit = divmod(left, _BASE)
        digits.insert(0, digit)
    sign = _NEGATIVE if number < 0 else 0
    return Struct(f">hhHh{len(digits)}h").pack(len(digits), len(digits) - 1, sign, 0, *digits)
