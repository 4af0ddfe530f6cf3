"""Notification callbacks: the secret that signs them, and what came of them, for people and programs."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.machine import Record
from cli.output import Output
from cli.texts import counted, shown
from indexer.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from indexer.app import App
    from indexer.jobs.notices import Home, NoticeReport, Strays

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
    try:
        told = file.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise ConfigError(f"--secret-file {shown(str(file))}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ConfigError(f"--secret-file {shown(str(file))} is no text") from exc
    if not told:
        raise ConfigError(f"--secret-file {shown(str(file))} is empty")
    return told


def homes(app: "App", names: "Sequence[str]") -> "list[Home]":
    """Where pictures can belong: the sources named, or all.  Raises `ConfigError` where a key cannot tell which."""
    from indexer.jobs.notices import Home, Homes

    found = [Home.of(source.name, source.location) for source in app.sources(names)]
    Homes(found)  # now, not when the first notice has come
    return found


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
