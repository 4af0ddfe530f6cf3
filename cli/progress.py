"""How long work shows that it goes on, on stderr: a bar for people, lines for logs, JSON for programs."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cli.notes import event, in_json, note
from cli.options import Common

if TYPE_CHECKING:
    from rich.console import Console

    from indexer.jobs.stretches import Seen

EVERY_S: Final = 5.0
"""Between two lines of a log."""


@contextmanager
def follow(common: Common, source: str, *, expected: int | None) -> Iterator[Callable[["Seen"], None]]:
    """Show the progress of one source's sync while inside.  `expected` is how many objects the last run saw.

    `auto` is a bar on a terminal and nothing elsewhere, because cron mails whatever is printed.
    """
    if _wants_bar(common):
        with _bar(source, expected) as update:
            yield update
    elif common.progress in {"plain", "json"}:
        yield _lines(source, expected, as_json=_wants_json(common))
    else:
        yield lambda _seen: None


@contextmanager
def drawing(common: Common) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many pictures are made while inside; only on a terminal."""
    if not _wants_bar(common):
        yield lambda _done, _total: None
        return
    from rich.progress import Progress

    with Progress(console=_stderr(), transient=True) as bar:
        task = bar.add_task("drawing")
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def counting(common: Common, what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show how many of how many are done while inside, with rate and time to go."""
    if _wants_bar(common):
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
        )
        with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=_stderr(), transient=True) as bar:
            task = bar.add_task(what, total=None, rate="")  # rich would take 100 for it
            started = time.monotonic()

            def update(done: int, total: int | None) -> None:
                rate = done / max(time.monotonic() - started, 0.001)
                bar.update(task, completed=done, total=total, rate=f"{rate:,.0f}/s")

            yield update
    elif common.progress in {"plain", "json"}:
        yield _counted_lines(what, as_json=_wants_json(common))
    else:
        yield lambda _done, _total: None


def _counted_lines(what: str, *, as_json: bool) -> Callable[[int, int | None], None]:
    started = said = time.monotonic()

    def update(done: int, total: int | None) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < EVERY_S:
            return
        said = now
        rate = done / max(now - started, 0.001)
        if as_json:
            figures = {"what": what, "done": done, "total": total}
            event("progress", **figures, per_s=round(rate, 1), elapsed_s=round(now - started))
        else:
            of = "" if total is None else f" of {total:,}"
            note(f"{what}: {done:,}{of}, {rate:,.0f}/s")

    return update


def _wants_bar(common: Common) -> bool:
    return common.progress == "auto" and not common.quiet and not in_json() and sys.stderr.isatty()


def _wants_json(common: Common) -> bool:
    return common.progress == "json" or in_json()


def _stderr() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def _bar(source: str, expected: int | None) -> Iterator[Callable[["Seen"], None]]:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}")]
    times = [TimeElapsedColumn(), *([TimeRemainingColumn()] if expected else [])]
    with Progress(*columns, *times, console=_stderr(), transient=True) as bar:
        # More objects than last time are normal: the bar is full then, and goes on counting.
        task = bar.add_task(source, total=expected, figures="")
        started = time.monotonic()

        def update(seen: "Seen") -> None:
            rate = seen.objects / max(time.monotonic() - started, 0.001)
            bar.update(task, completed=seen.objects, figures=f"{seen.objects:,} objects, {rate:,.0f}/s")

        yield update


def _lines(source: str, expected: int | None, *, as_json: bool) -> Callable[["Seen"], None]:
    started = said = time.monotonic()

    def update(seen: "Seen") -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < EVERY_S:
            return
        said = now
        rate = seen.objects / max(now - started, 0.001)
        if as_json:
            figures = {"source": source, "objects": seen.objects, "shots": seen.shots, "expected": expected}
            event("progress", **figures, objects_per_s=round(rate), elapsed_s=round(now - started))
        else:
            of = f" of about {expected:,}" if expected else ""
            note(f"{source}: {seen.objects:,}{of} objects, {rate:,.0f}/s")

    return update
