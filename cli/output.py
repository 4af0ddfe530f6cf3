"""The only place that prints: data on stdout, everything else on stderr."""

import csv
import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from indexer.model import rfc3339

if TYPE_CHECKING:  # half a tenth of a second that programs reading ndjson need not wait for
    from rich.console import Console

Record = Mapping[str, object]


class Format(StrEnum):
    """How data is written."""

    TABLE = "table"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


class Kind(StrEnum):
    """How a table shows a value."""

    TEXT = "text"
    NUMBER = "number"
    BYTES = "bytes"
    TIME = "time"
    LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: the field of the record it shows, and how."""

    field: str
    title: str
    kind: Kind = Kind.TEXT


class Output:
    """Writes one command's answer."""

    def __init__(self, format: Format, zone: tzinfo, *, quiet: bool = False) -> None:  # noqa: A002  # the option's name
        self.format = format
        self.zone = zone
        self._quiet = quiet

    @property
    def for_people(self) -> bool:
        """Whether a table is wanted."""
        return self.format is Format.TABLE

    def rows(
        self, records: Iterable[Record], columns: Sequence[Column], *, title: str | None = None, none: str | None = None
    ) -> None:
        """Write records as they come; a table shows only the columns.  Without any record, `none` is noted."""
        iterator = iter(records)
        first = next(iterator, None)
        if first is None and none is not None:
            self.note(none)
        found = iterator if first is None else chain((first,), iterator)
        if self.format is Format.TABLE:
            self._table(found, columns, title)
        else:
            self.write(found, fields=[column.field for column in columns])

    def write(self, records: Iterable[Record], *, fields: Sequence[str]) -> None:
        """Write records for a program.  `fields` head a CSV file without rows."""
        if self.format is Format.JSON:
            self._json_array(records)
        elif self.format is Format.CSV:
            self._csv(records, fields)
        else:
            for record in records:
                sys.stdout.write(to_json(record) + "\n")

    def record(self, record: Record, columns: Sequence[Column] = ()) -> None:
        """Write one record; a table shows it as pairs, one a line."""
        if self.format is Format.TABLE:
            width = max((len(column.title) for column in columns), default=0)
            for column in columns:
                self.line(f"{column.title:<{width}}  {self.cell(record.get(column.field), column.kind)}")
        elif self.format is Format.JSON:
            sys.stdout.write(json.dumps(record, default=_plain, indent=2, ensure_ascii=False) + "\n")
        else:
            self.write([record], fields=list(record))

    def line(self, text: str = "") -> None:
        """Write a line of an answer for people.  What came from a bucket must have gone through `shown`."""
        sys.stdout.write(text + "\n")

    def note(self, text: str) -> None:
        """Say something about the answer, unless told to be quiet."""
        if not self._quiet:
            note(text)

    def cell(self, value: object, kind: Kind = Kind.TEXT) -> str:
        """A value as a table shows it."""
        if value is None:
            return ""
        match kind, value:
            case Kind.TIME, datetime():
                return self.time(value)
            case Kind.BYTES, int():
                return human_bytes(value)
            case Kind.NUMBER, int():
                return f"{value:,}"
            case Kind.LENGTH, int() | float():
                return human_length(value)
            case _, list() | tuple():
                return ", ".join(shown(str(part)) for part in value)
        return shown(str(value))

    def time(self, moment: datetime) -> str:
        """A time in the wanted zone, to the second."""
        return f"{moment.astimezone(self.zone):%Y-%m-%d %H:%M:%S}"

    def _table(self, records: Iterable[Record], columns: Sequence[Column], title: str | None) -> None:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        iterator = iter(records)
        console = stdout_console()
        # A table holds its rows to find the widths; a long answer is several tables of equal columns.
        while rows := list(islice(iterator, 1_000)):
            if title is not None:
                self.line(title)
                title = None
            table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
            for column in columns:
                right = column.kind in {Kind.NUMBER, Kind.BYTES, Kind.LENGTH}
                table.add_column(Text(column.title), justify="right" if right else "left", overflow="fold")
            for row in rows:
                table.add_row(*(Text(self.cell(row.get(column.field), column.kind)) for column in columns))
            console.print(table)
            self.line()

    def _json_array(self, records: Iterable[Record]) -> None:
        separator = "[\n"
        for record in records:
            sys.stdout.write(separator + to_json(record))
            separator = ",\n"
        sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")

    def _csv(self, records: Iterable[Record], fields: Sequence[str]) -> None:
        iterator = iter(records)
        first = next(iterator, None)
        names = list(fields) if first is None else list(first)
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        for record in chain(() if first is None else (first,), iterator):
            writer.writerow([_csv_cell(record.get(name)) for name in names])


def to_json(record: Record) -> str:
    """One line of JSON; times are RFC 3339 in UTC."""
    return json.dumps(record, default=_plain, ensure_ascii=False, separators=(", ", ": "))


def fields_of(value: Any) -> dict[str, object]:  # any dataclass instance; typing has no name for that
    """A frozen value as a record."""
    return asdict(value)


def note(text: str) -> None:
    """One line on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def stdout_console() -> "Console":
    """For tables."""
    from rich.console import Console

    # Behind a pipe nothing may be cut off at 80 columns.
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 10_000, soft_wrap=False)


_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def shown(text: str) -> str:
    """Text from outside, safe for a terminal: control, direction and formatting characters are escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in _HIDDEN else char for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def human_bytes(size: int) -> str:
    """1.4 MB: three digits, decimal units as storage is sold."""
    number = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000:
            return f"{size} B" if unit == "B" else f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} PB"


def human_length(length_s: float) -> str:
    """1h02m03s, 2m03s, 12s, 3.4s, 56ms."""
    if length_s < 1:
        return f"{length_s * 1000:.0f}ms"
    if length_s < 10:
        return f"{length_s:.1f}".removesuffix(".0") + "s"
    hours, rest = divmod(round(length_s), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes:02d}m{left:02d}s"
    return f"{minutes}m{left:02d}s" if minutes else f"{left}s"


def counted(number: int, noun: str) -> str:
    """1 request, 2,000 requests."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _csv_cell(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, (list, tuple)):
        return _csv_cell(" ".join(map(str, value)))
    # A spreadsheet runs a cell that begins like this; a channel may be called =HYPERLINK(…).
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r", "\n")):
        return f"'{value}"
    return "" if value is None else value
