"""How syncs are told: to people and programs when each is done, and to whoever watches the machine."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Self

from cli.machine import Record
from cli.metrics import Finished, MetricsFile, SyncFigures
from cli.notes import complain, warn
from cli.output import Format, Output
from cli.streams import discard_stdout
from cli.texts import counted, human_length, shown
from indexer.errors import InterruptedRunError, LivestillsError, LockedError

if TYPE_CHECKING:
    from indexer.jobs.sync import SyncReport

_COUNTS = (
    *("objects", "shots", "added", "changed", "unchanged", "gone", "removed"),
    *("recordings", "unrecognised", "ignored"),
)
_UNIT_COUNTS = ("units_listed", "units_settled", "units_vanished")
_LINE_COUNTS = ("outside_keys", "unreadable_lines")
"""Only of a list of keys."""
_ANNOUNCED_COUNTS = ("confirmed", "announced_missing", "announced_dropped", "unannounced")
"""Of shots that callbacks tell of."""
FIELDS = (
    *("source", "outcome", "dry_run", *_COUNTS, "unrecognised_reasons", "requests", "duration_s", "message"),
    *("mode", "list_requests", *_UNIT_COUNTS, *_LINE_COUNTS, *_ANNOUNCED_COUNTS),
)


class Answer:
    """What is said of each source when it is done.  Whoever reads that may leave: the syncs go on."""

    def __init__(self, out: Output, *, dry_run: bool) -> None:
        self._out = out
        self._dry_run = dry_run
        self._records: list[Record] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        # Also behind an error: what is one document must be whole.
        if self._out.format in {Format.JSON, Format.CSV}:
            with _reader_may_leave():
                self._out.write(self._records, fields=FIELDS)

    def done(self, report: "SyncReport", *, where: str) -> None:
        """Tell of a sync that reached its end."""
        if self._out.for_people:
            with _reader_may_leave():
                self._out.tell(_summary(report))
        self._add(_record(report))
        if not report.seen.objects:
            what = "nothing" if report.mode != "keys" else "no key of the list"
            self._out.note(f"{report.source}: {what} lies under {shown(where)}; is that the right place?")
        if report.outcome == "refused":
            complain(
                f"{report.changes.gone:,} shots of {report.source} are gone from the storage, too many to remove "
                "unasked; check its url and the storage, then say --allow-removal if that is right",
                source=report.source,
            )

    def failed(self, source: str, error: LivestillsError) -> None:
        """Tell of a sync that did not."""
        outcome = "interrupted" if isinstance(error, InterruptedRunError) else "failed"
        self._add_without_report(source, outcome, str(error))

    def not_started(self, sources: Iterable[str]) -> None:
        """Tell of sources whose turn never came."""
        names = list(sources)
        if names:
            self._out.note(f"not started: {', '.join(names)}")
        for name in names:
            self._add_without_report(name, "not_started", None)

    def _add_without_report(self, source: str, outcome: str, message: str | None) -> None:
        told = {"source": source, "outcome": outcome, "dry_run": self._dry_run, "message": message}
        self._add({name: told.get(name) for name in FIELDS})

    def _add(self, record: Record) -> None:
        if self._out.format is Format.NDJSON:
            with _reader_may_leave():
                self._out.write([record], fields=FIELDS)
        else:
            self._records.append(record)


class Metrics:
    """Puts what becomes of each source into a metrics file, if there is one.  That it cannot ends no sync."""

    def __init__(self, file: MetricsFile | None, sources: Iterable[str], now: Callable[[], datetime]) -> None:
        self._file = file
        self._now = now
        self._unheard = dict.fromkeys(sources)
        self.failed = False
        """Whether something could not be put into the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        # Such as a catalog that cannot be opened.  A source whose turn did not come in time is as it was.
        if error is not None and not isinstance(error, InterruptedRunError):
            for source in list(self._unheard):
                self._record(source, self._now(), None)

    @contextmanager
    def of(self, source: str) -> Iterator[list["SyncReport"]]:
        """What happens inside is this source's sync: it appends its report if it comes to its end."""
        started_at = self._now()
        reports: list[SyncReport] = []
        try:
            yield reports
        except LockedError:  # whoever has the lock tells
            self._unheard.pop(source, None)
            raise
        except BaseException:
            self._record(source, started_at, None)
            raise
        self._record(source, started_at, reports[0])

    def _record(self, source: str, started_at: datetime, report: "SyncReport | None") -> None:
        self._unheard.pop(source, None)
        if self._file is None:
            return
        ended_at = self._now()
        finished = None if report is None else Finished(report.counts(), report.requests, report.list_requests)
        success = report is not None and report.outcome == "done"
        duration = ended_at - started_at if report is None else report.duration
        try:
            self._file.record(SyncFigures(source, success, ended_at, duration, finished))
        except LivestillsError as exc:
            if not self.failed:
                warn(shown(str(exc)))
            self.failed = True


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard_stdout()


def _summary(report: "SyncReport") -> str:
    counts = report.counts()
    removed = f"{report.changes.removed:,} removed"
    if report.dry_run or report.outcome == "refused":
        removed = f"{report.changes.gone:,} {'removed' if report.dry_run else 'gone and kept'}"
    return (
        f"{report.source}: {counted(counts['shots'], 'shot')} among {counted(counts['objects'], 'object')}; "
        f"{'would be ' if report.dry_run else ''}{counts['added']:,} added, {counts['changed']:,} changed, "
        f"{_confirmed(report)}{removed}; {_announced(report)}"
        f"{counted(counts['recordings'], 'recording file')}, {counts['unrecognised']:,} unrecognised; "
        f"{_listed(report)}, {human_length(report.duration.total_seconds())}"
    )


def _confirmed(report: "SyncReport") -> str:
    return f"{report.changes.confirmed:,} confirmed, " if report.changes.confirmed else ""


def _announced(report: "SyncReport") -> str:
    """What callbacks and the listing do not agree in; nothing where they do, or where there are no callbacks."""
    missing, dropped, unheard = (
        report.changes.announced_missing,
        report.changes.announced_dropped,
        report.changes.unannounced,
    )
    verb = "would be dropped" if report.dry_run else "kept" if report.outcome == "refused" else "dropped"
    told = [f"{missing:,} announced but missing"] if missing else []
    told += [f"{dropped:,} announced and never uploaded ({verb})"] if dropped else []
    told += [f"{unheard:,} present but never announced"] if unheard else []
    return f"{', '.join(told)}; " if told else ""


def _listed(report: "SyncReport") -> str:
    """12 LIST requests (9 discovery, 2 active, 1 verification): what for, where that differs."""
    purposes = [f"{count:,} {purpose}" for purpose, count in report.list_requests.items() if count]
    why = f" ({', '.join(purposes)})" if len(purposes) > 1 else ""
    return counted(report.requests.get("list", 0), "LIST request") + why


def _record(report: "SyncReport") -> Record:
    counts = report.counts()
    return {
        "source": report.source,
        "outcome": report.outcome,
        "dry_run": report.dry_run,
        **{name: counts[name] for name in _COUNTS},
        "unrecognised_reasons": {str(reason): count for reason, count in report.seen.rejected.most_common()},
        "requests": dict(report.requests),
        "duration_s": report.duration.total_seconds(),
        "message": None,
        "mode": report.mode,
        "list_requests": dict(report.list_requests),
        **{name: counts[name] for name in _UNIT_COUNTS},
        **{name: counts.get(name) for name in _LINE_COUNTS},
        **{name: counts[name] for name in _ANNOUNCED_COUNTS},
    }
