"""How long work shows that it goes on, on stderr: a bar for people, lines for logs, JSON for programs."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from cli.options import Common
from cli.output import note
from indexer.jobs.stretches import Seen

EVERY_S: Final = 5.0
"""Between two lines of a log."""


@contextmanager
def follow(common: Common, source: str, *, expected: int | None) -> Iterator[Callable[[Seen], None]]:
    """Show the progress of one source's sync while inside.  `expected` is how many objects the last run saw.

    `auto` is a bar on a terminal and nothing elsewhere, because cron mails whatever is printed.
    """
    mode = common.progress
    if mode == "auto":
        mode = "bar" if sys.stderr.isatty() and not common.quiet else "off"
    if mode == "bar":
        with _bar(source, expected) as update:
            yield update
    elif mode == "off":
        yield lambda _seen: None
    else:
        yield _lines(source, expected, as_json=mode == "json")


@contextmanager
def drawing(common: Common) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many pictures are made while inside; only on a terminal."""
    if common.progress not in {"auto", "plain"} or common.quiet or not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("drawing")
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _bar(source: str, expected: int | None) -> Iterator[Callable[[Seen], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[figures]}")]
    times = [TimeElapsedColumn(), *([TimeRemainingColumn()] if expected else [])]
    with Progress(*columns, *times, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(source, total=expected, figures="")
        started = time.monotonic()

        def update(seen: Seen) -> None:
            rate = seen.objects / max(time.monotonic() - started, 0.001)
            # More than last time is normal: the bar is full then, and goes on counting.
            total = expected if expected and seen.objects <= expected else None
            bar.update(task, completed=seen.objects, total=total, figures=f"{seen.objects:,} objects, {rate:,.0f}/s")

        yield update


def _lines(source: str, expected: int | None, *, as_json: bool) -> Callable[[Seen], None]:
    started = said = time.monotonic()

    def update(seen: Seen) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < EVERY_S:
            return
        said = now
        rate = seen.objects / (now - started)
        if as_json:
            figures = {"source": source, "objects": seen.objects, "shots": seen.shots, "expected": expected}
            note(
                json.dumps(
                    {"event": "progress", **figures, "objects_per_s": round(rate), "elapsed_s": round(now - started)}
                )
            )
        else:
            of = f" of about {expected:,}" if expected else ""
            note(f"{source}: {seen.objects:,}{of} objects, {rate:,.0f}/s")

    return update
