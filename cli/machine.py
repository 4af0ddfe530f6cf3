"""Records as programs read them: JSON, a line or a document, and CSV."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TextIO

from indexer.model import rfc3339

Record = Mapping[str, object]


def to_json(record: Record, *, indent: int | None = None) -> str:
    """JSON in ASCII, so that no terminal, log or locale can change it.  Times are RFC 3339 in UTC."""
    return _encode(record) if indent is None else json.dumps(record, default=_plain, indent=indent)


def write_lines(records: Iterable[Record], file: TextIO) -> None:
    """Write one object a line."""
    file.writelines(to_json(record) + "\n" for record in records)


def write_array(records: Iterable[Record], file: TextIO) -> None:
    """Write one array, without holding it."""
    separator = "[\n"
    for record in records:
        file.write(separator + to_json(record))
        separator = ",\n"
    file.write("[]\n" if separator == "[\n" else "\n]\n")


def write_csv(records: Iterable[Record], file: TextIO, *, fields: Sequence[str]) -> None:
    """Write the fields of each record behind a line of their names; cells that a spreadsheet would run are defused."""
    if isinstance(file, io.TextIOWrapper):
        # This is a file, whatever the terminal speaks; bytes of a key that are not UTF-8 stay what they are.
        file.reconfigure(encoding="utf-8", errors="surrogateescape")
    # Cells are quoted for what is in the line end: with a mere LF, a CR in a name would break the row (Python 3.11).
    writer = csv.writer(_Lines(file), lineterminator="\r\n")
    writer.writerow(fields)
    for record in records:
        writer.writerow([_cell(record.get(name)) for name in fields])


class _Lines:
    """What `csv` writes rows to: they end in CR LF, the lines of the file in LF."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> None:
        """Write one row, as `csv` does it."""
        self._file.write(row.removesuffix("\r\n") + "\n")


_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Spreadsheets run a cell that begins so, some also with wide signs; a channel may be called =HYPERLINK(...)."""


def _cell(value: object) -> object:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return rfc3339(value)
        case list() | tuple() if any(isinstance(part, Mapping) for part in value):
            return _encode(value)
        case list() | tuple():
            return _cell(" ".join("" if part is None else str(part) for part in value))
        case Mapping():
            return to_json(value)
        case str() if value.startswith(_FORMULA):
            return f"'{value}"
        case _:
            return value


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


_encode: Final = json.JSONEncoder(default=_plain).encode
# `json.dumps` would make an encoder for each record of an answer.
