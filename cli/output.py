"""The only place that prints data: on stdout.  Everything else is a note (`cli.notes`) on stderr."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final

from cli import machine
from cli.machine import Record
from cli.notes import note
from cli.texts import human_bytes, human_length, shown

if TYPE_CHECKING:  # half a tenth of a second that programs reading ndjson need not wait for
    from rich.console import Console


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
        self.quiet = quiet
        self._has_block = False

    @property
    def for_people(self) -> bool:
        """Whether a table is wanted."""
        return self.format is Format.TABLE

    @property
    def columns(self) -> int:
        """How wide a drawing may be: as the terminal, or as COLUMNS says; 100 behind a pipe."""
        return min(max(shutil.get_terminal_size((_PAGE, 0)).columns, _NARROWEST), _WIDEST)

    def can_write(self, text: str) -> bool:
        """Whether the encoding of stdout has all these characters."""
        try:
            text.encode(sys.stdout.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    @property
    def dot(self) -> str:
        """What stands between the parts of a heading."""
        return " · " if self.can_write("·") else " - "

    def rows(
        self,
        records: Iterable[Record],
        columns: Sequence[Column],
        *,
        fields: Sequence[str],
        title: str | None = None,
        none: str | None = None,
    ) -> None:
        """Write records as they come: a table shows the columns, a program gets all `fields`.

        Without any record there is no table, and `none` is noted.
        """
        iterator = iter(records)
        first = next(iterator, None)
        if first is None and none is not None:
            self.note(none)
        found = iterator if first is None else chain((first,), iterator)
        if not self.for_people:
            self.write(found, fields=fields)
        elif first is not None:
            self._table(found, columns, title)

    def write(self, records: Iterable[Record], *, fields: Sequence[str]) -> None:
        """Write records for a program.  `fields` are what they hold: the columns of CSV, also without a record."""
        if self.format is Format.JSON:
            machine.write_array(records, sys.stdout)
        elif self.format is Format.CSV:
            machine.write_csv(records, sys.stdout, fields=fields)
        else:
            machine.write_lines(records, sys.stdout)

    def record(self, record: Record, columns: Sequence[Column]) -> None:
        """Write one record; a table shows the columns as pairs, one a line."""
        if self.for_people:
            self.block()
            width = max((len(column.title) for column in columns), default=0)
            for column in columns:
                value = self.cell(record.get(column.field), column.kind)
                self.line(f"{column.title:<{width}}  {value}".rstrip())
        elif self.format is Format.JSON:
            sys.stdout.write(machine.to_json(record, indent=2) + "\n")
        else:
            self.write([record], fields=list(record))

    def block(self, heading: str | None = None) -> None:
        """Begin a block of an answer for people, a blank line behind the block before."""
        if self._has_block:
            self.line()
        self._has_block = True
        if heading is not None:
            self.line(heading)

    def line(self, text: str = "") -> None:
        """Write a line of an answer for people.  What came from a bucket must have gone through `shown`."""
        sys.stdout.write(text + "\n")

    def tell(self, text: str) -> None:
        """Write a line that says what was done, unless told to be quiet."""
        if not self.quiet:
            self.line(text)

    def note(self, text: str) -> None:
        """Say something about the answer, unless told to be quiet."""
        if not self.quiet:
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
        try:
            return moment.astimezone(self.zone).strftime(_TIME).zfill(_TIME_WIDTH)
        except OverflowError:  # names can tell times of the first and the last day of the calendar
            return moment.astimezone(UTC).strftime(_TIME).zfill(_TIME_WIDTH) + "Z"

    def table(self, records: Iterable[Record], columns: Sequence[Column]) -> None:
        """Write a table into the block that has begun.  One that is long comes as several of equal columns."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        iterator = iter(records)
        console = _console()
        while rows := list(islice(iterator, _TABLE_ROWS)):
            table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
            for column in columns:
                right = column.kind in {Kind.NUMBER, Kind.BYTES, Kind.LENGTH}
                table.add_column(Text(column.title), justify="right" if right else "left", overflow="fold")
            for row in rows:
                table.add_row(*(Text(self.cell(row.get(column.field), column.kind)) for column in columns))
            with console.capture() as drawn:
                console.print(table)
            for line in drawn.get().splitlines():
                self.line(line.rstrip(" "))

    def _table(self, records: Iterable[Record], columns: Sequence[Column], title: str | None) -> None:
        self.block(title)
        self.table(records, columns)


_TIME: Final = "%Y-%m-%d %H:%M:%S"
_TIME_WIDTH: Final = len("2026-11-05 14:00:00")
# The C library does not pad years before 1000, which a name can hold.

_PAGE: Final = 100
_NARROWEST: Final = 60
_WIDEST: Final = 240

_TABLE_ROWS: Final = 1_000
"""A table holds its rows to find the widths."""


def fields_of(value: Any) -> dict[str, object]:  # any dataclass instance; typing has no name for that
    """A frozen value as a record."""
    return asdict(value)


def field_names(kind: Any) -> tuple[str, ...]:  # any dataclass
    """What the records of such values hold."""
    return tuple(field.name for field in fields(kind))


def _console() -> "Console":
    from rich.console import Console

    # Behind a pipe nothing may be cut off at 80 columns.
    return Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else 10_000, soft_wrap=False)
