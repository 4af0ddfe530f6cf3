"""`livestills export`."""

import io
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final, TextIO

import click

from cli import machine
from cli.machine import Record
from cli.options import Selector, common, presign_options, selection_options, with_app
from cli.output import Format as OutputFormat
from cli.output import Output
from cli.progress import counting
from cli.series import GAP_FIELDS, gap_record
from cli.shots import SHOT_FIELDS, machine_shot
from cli.signals import stopping
from cli.texts import counted, human_bytes, shown
from indexer.errors import InterruptedRunError
from indexer.model import Selection, Shot

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.catalog.catalog import Catalog


class Format(StrEnum):
    """How a file is written."""

    NDJSON = "ndjson"
    CSV = "csv"
    PARQUET = "parquet"


_SUFFIXES: Final = {
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
}

_TYPES: Final[dict[str, type]] = {
    **dict.fromkeys(("captured_at", "last_modified", "since", "until"), datetime),
    **dict.fromkeys(("bak", "size", "missing"), int),
    "length_s": float,
    "camera_on": bool,
}
"""What is no text, for files that have types."""

_EVERY: Final = 1_000
"""Rows between two looks at the clock and at signals."""


@click.command(
    epilog="For example:\n\n\b\n"
    "  livestills export --to november.parquet --since 2026-11-01 --until 2026-12-01\n"
    "  livestills export --to gaps.csv --gaps --channel math-101\n"
    "  livestills export --to - --user 1002 --presign | head"
)
@click.option("--to", required=True, metavar="FILE|-", help="File to write (mode 0600), or - for standard output.")
@selection_options()
@click.option(
    "--format",
    "said",
    type=click.Choice(Format, case_sensitive=False),
    help="How to write it; by the file's suffix where it is not said, ndjson for -.",
)
@click.option("--gaps", is_flag=True, help="Gaps with their causes in place of shots.")
@presign_options
@click.option("--force", is_flag=True, help="Replace an existing file.")
@with_app
def export(
    app: "App",
    out: Output,
    *,
    to: str,
    select: Selector,
    said: Format | None,
    gaps: bool,
    presigned_for: timedelta | None,
    force: bool,
) -> None:
    """Write the shots of a selection, or its gaps, to a file: ndjson, CSV or Parquet.

    Rows come session by session, user by user, in time order: one user's sessions oldest first, everybody's newest
    first.  They have the fields that programs get everywhere.  The file gets its name when it is whole; an export that
    is stopped leaves what was there before.
    """
    if gaps and presigned_for is not None:
        raise click.UsageError("gaps have no pictures: leave out --presign or --gaps")
    form = _format(to, said)
    selection = select(app)
    with app.catalog_for(selection) as catalog, counting(common(), "rows") as progress, _stopping(to) as check:
        total: int | None = None
        fields: Sequence[str]
        if gaps:
            fields, records = GAP_FIELDS, _gap_records(app, catalog, selection)
        else:
            address = None if presigned_for is None else app.presigner(presigned_for)
            fields = SHOT_FIELDS if address is None else (*SHOT_FIELDS, "url")
            records = _shot_records(catalog, selection, address)
            total = sum(channel.shots for channel in catalog.sums.by_channel(selection))
        rows = _Rows(check, lambda done: progress(done, total))
        if to == "-":
            _write_out(rows.of(records), form, fields)
        else:
            _write_file(rows.of(records), form, fields, Path(to), force=force)
    if not rows.done:
        out.note(f"the catalog has no {'gap' if gaps else 'shot'} that matches")
    if to != "-":
        size = Path(to).stat().st_size
        if out.for_people:
            out.tell(f"{counted(rows.done, 'row')}, {human_bytes(size)}, written to {shown(to)}")
        else:
            out.record({"to": to, "format": str(form), "rows": rows.done, "bytes": size}, ())


def _format(to: str, said: Format | None) -> Format:
    """How to write.  Raises `UsageError` where nothing tells, `ConfigError` without what Parquet takes."""
    form = said
    if form is None and to == "-":
        form = Format.CSV if common().output is OutputFormat.CSV else Format.NDJSON
    form = form or _SUFFIXES.get(Path(to).suffix.lower())
    if form is None:
        raise click.UsageError(f"how to write {to}? Say --format ndjson, csv or parquet")
    if form is Format.PARQUET:
        from indexer.jobs.exporting import require_parquet

        require_parquet()
        if to == "-" and sys.stdout.isatty():
            raise click.UsageError("a terminal cannot show Parquet: name a file, or say --format ndjson or csv")
    return form


def _shot_records(catalog: "Catalog", selection: Selection, address: Callable[[Shot], str] | None) -> Iterator[Record]:
    from indexer.jobs.selections import shots_of_selection

    for shot in shots_of_selection(catalog, selection):
        yield machine_shot(shot) if address is None else {**machine_shot(shot), "url": address(shot)}


def _gap_records(app: "App", catalog: "Catalog", selection: Selection) -> Iterator[Record]:
    from indexer.jobs.selections import timelines_of_selection

    names = app.names()
    for series in timelines_of_selection(catalog, selection, terms=app.terms(catalog)):
        for gap in series.gaps:
            yield gap_record(series, gap, names)


class _Rows:
    """Counts records as they go by, heeding signals and telling of progress now and then."""

    def __init__(self, check: Callable[[], None], tell: Callable[[int], None]) -> None:
        self._check, self._tell = check, tell
        self.done = 0

    def of(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records."""
        for record in records:
            if self.done % _EVERY == 0:
                self._check()
                self._tell(self.done)
            self.done += 1
            yield record


@contextmanager
def _stopping(to: str) -> Iterator[Callable[[], None]]:
    """As `stopping`, saying what that means here."""
    try:
        with stopping() as check:
            yield check
    except InterruptedRunError as exc:
        left = "the answer is not whole" if to == "-" else f"{to} is as it was before"
        raise type(exc)(f"stopped; {left}") from exc


def _write_file(records: Iterable[Record], form: Format, fields: Sequence[str], target: Path, *, force: bool) -> None:
    from indexer.jobs.exporting import replacing

    with replacing(target, force=force) as file:
        if form is Format.PARQUET:
            _write_parquet(records, fields, file)
        else:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="\n")
            _write_text(records, form, fields, text)
            text.detach()  # flushed, and not closed


def _write_out(records: Iterable[Record], form: Format, fields: Sequence[str]) -> None:
    if form is Format.PARQUET:
        with TemporaryFile() as file:  # a pipe cannot tell where in the file it is, which Parquet asks
            _write_parquet(records, fields, file)
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout.buffer)
    else:
        _write_text(records, form, fields, sys.stdout)


def _write_text(records: Iterable[Record], form: Format, fields: Sequence[str], file: TextIO) -> None:
    if form is Format.CSV:
        machine.write_csv(records, file, fields=fields)
    else:
        machine.write_lines(records, file)


def _write_parquet(records: Iterable[Record], fields: Sequence[str], file: IO[bytes]) -> None:
    from indexer.jobs.exporting import write_parquet

    write_parquet(records, file, {field: _TYPES.get(field, str) for field in fields})
