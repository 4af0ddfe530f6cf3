"""Notification callbacks: the secret that signs them, the file that keeps them, and what came of them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from cli.machine import Record
from cli.notes import warn
from cli.output import Output
from cli.secret_files import read_secret_file
from cli.texts import counted, shown
from indexer.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.app import App
    from indexer.jobs.notices import Homes, NoticeReport, Strays

ENV_SECRET: Final = "LIVESTILLS_NOTICE_SECRET"  # noqa: S105  # its name, not the secret

secret_option: Final = click.option(
    "--secret-file",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help=f"Holds the secret of Agora's console; {ENV_SECRET} can, too.",
)

_SHOWN: Final = 3
"""Samples of a kind that people are shown; programs get all that were kept."""


def read_secret(file: Path | None) -> str | None:
    """What callbacks are signed with, from a file or else the environment; None if neither has it.

    Raises `ConfigError`.
    """
    if file is None:
        return os.environ.get(ENV_SECRET) or None
    return read_secret_file(file, "--secret-file")


@contextmanager
def appending(path: Path) -> Iterator[BinaryIO]:
    """The file of --log, to be appended to.  That it lacks the last callbacks ends nothing."""
    from indexer.service import notice_log

    named = f"--log {shown(str(path))}"
    file = notice_log.appending(path, named=named)
    try:
        yield file
    finally:
        try:
            file.close()
        except OSError as exc:
            # Written or not, none of it was answered with 200.
            warn(f"{named} lacks the last callbacks: {exc.strerror}")


def homes(app: "App", names: "Sequence[str]") -> "Homes":
    """Where pictures can belong: the sources named, or all.  Raises `ConfigError` where a key cannot tell which."""
    from indexer.jobs.notices import Home, Homes

    return Homes([Home.of(source.name, source.location) for source in app.sources(names)])


def summary(report: "NoticeReport", *, would: bool = False) -> str:
    """One line; `would` where nothing was written."""
    if would:
        taken = f"would take in {counted(report.pictures, 'picture')} and {counted(report.facts, 'fact')}"
    else:
        taken = (
            f"{report.pictures_new:,} new and {report.pictures_known:,} known pictures, "
            f"{report.facts_new:,} new and {report.facts_known:,} known facts"
        )
    strays = sum(strays.count for strays in report.strange.values())
    parts = [
        f"{counted(report.notices, 'notice')}: {taken}",
        *([f"{report.outside.count:,} outside of the sources"] if report.outside.count else []),
        *([f"{strays:,} of files that are no screenshots"] if strays else []),
    ]
    return "; ".join(parts)


def explain(report: "NoticeReport", out: Output) -> None:
    """Note what was not cataloged, with samples."""
    _tell(out, "outside of every source", report.outside)
    for reason, strays in sorted(report.strange.items()):
        _tell(out, f"no screenshot ({reason})", strays)


def record(report: "NoticeReport") -> Record:
    """The report for programs."""
    return {
        "notices": report.notices,
        "events": {str(number): count for number, count in sorted(report.events.items())},
        "pictures_new": report.pictures_new,
        "pictures_known": report.pictures_known,
        "facts_new": report.facts_new,
        "facts_known": report.facts_known,
        "outside": report.outside.count,
        "outside_samples": report.outside.samples,
        "no_screenshots": {reason: strays.count for reason, strays in sorted(report.strange.items())},
    }


def check_path(path: str) -> str:
    """The path of an address, as routes have it.  Raises `ConfigError`."""
    if not path.startswith("/") or any(char in path for char in "?#{}%") or path != path.strip():
        raise ConfigError(f"--path {path!r} is no path of an address; write for example /agora")
    return path


def _tell(out: Output, what: str, strays: "Strays") -> None:
    for name in strays.samples[:_SHOWN]:
        out.note(f"{what}: {shown(name)}")
    if strays.count > _SHOWN:
        out.note(f"{what}: {strays.count - _SHOWN:,} more")
