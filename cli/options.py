"""Options that commands share, and what they mean."""

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar

import click

from cli.notes import LogFormat, LogLines, in_json, use
from cli.output import Format, Output
from cli.texts import shell_word
from indexer.errors import ConfigError
from indexer.model import Selection, TimeRange

if TYPE_CHECKING:  # the app brings pydantic; neither `parse` nor any help must wait for it
    from indexer.app import App

_P = ParamSpec("_P")
_R = TypeVar("_R")
_T = TypeVar("_T")
_Command = TypeVar("_Command", bound=Callable[..., Any])


Selector = Callable[["App"], Selection]
"""A selection that has yet to learn the time zone and the clock.  Raises `ConfigError`."""


@dataclass(slots=True)
class Common:
    """What the common options said, before the command or behind it; the later one wins."""

    config: Path | None = None
    catalog: str | None = None
    output: Format | None = None
    tz: str | None = None
    verbose: int = 0
    quiet: bool = False
    progress: str = "auto"
    log_format: LogFormat | None = None


def _store(context: click.Context, parameter: click.Parameter, value: Any) -> None:  # click's signature
    common = context.find_root().ensure_object(Common)
    name = str(parameter.name)
    if name == "verbose":
        common.verbose += value
    elif value is not None and value is not False:
        setattr(common, name, value)
        if name == "log_format":
            use(value)  # now: what is wrong with the options behind it is a line as well


def _common(*names: str, **settings: Any) -> Callable[[_Command], _Command]:  # as click.option
    return click.option(*names, expose_value=False, callback=_store, **settings)


_COMMON: Final = (
    _common(
        "-c", "--config", type=click.Path(path_type=Path, readable=False), metavar="FILE", help="Configuration file."
    ),
    _common("--catalog", metavar="URL", help="Catalog, for example sqlite:///livestills.db."),
    _common("-o", "--output", type=click.Choice(Format, case_sensitive=False), help="How to write data."),
    _common("--tz", metavar="ZONE", help="Time zone of tables, and of times given without one."),
    _common("-v", "--verbose", count=True, help="Say more; an error shows its trace."),
    _common("-q", "--quiet", is_flag=True, help="Say nothing but data and errors."),
    _common("--progress", type=click.Choice(["auto", "plain", "json", "off"]), help="How to show progress."),
    _common(
        "--log-format",
        type=click.Choice(LogFormat, case_sensitive=False),
        help="How to write lines on stderr.",
    ),
)


def common_options(command: _Command) -> _Command:
    """Give a command, or the group, the common options.  They arrive in `Common`, not as parameters."""
    for option in reversed(_COMMON):
        command = option(command)
    return command


def common() -> Common:
    """What the common options say in the running command."""
    return click.get_current_context().find_root().ensure_object(Common)


def with_app(command: Callable[Concatenate["App", Output, _P], _R]) -> Callable[_P, _R]:
    """Open the app by the common options, and hand it to the command with the output to write to."""

    @common_options
    @wraps(command)
    def opened(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        from indexer.app import App

        said = common()
        show_logs()
        app = App.open(said.config, catalog_url=said.catalog, tz=said.tz)
        return command(app, output(zone=app.zone), *args, **kwargs)

    return opened


def show_logs() -> None:
    """Write on stderr what is logged, as much as the common options ask for."""
    logging.basicConfig(handlers=[LogLines()])
    logging.captureWarnings(in_json())
    # Ours alone: at this level botocore writes down what requests are signed with.
    logging.getLogger("indexer").setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(common().verbose, 2)])


def start_logging(said: Common) -> None:
    """Write log lines on stderr, as many as the common options ask for."""
    logging.basicConfig(handlers=[LogLines()])
    logging.captureWarnings(in_json())
    # Ours alone: at this level botocore writes down what requests are signed with.
    logging.getLogger("indexer").setLevel((logging.WARNING, logging.INFO, logging.DEBUG)[min(said.verbose, 2)])


def output(*, zone: tzinfo = UTC, default: Format = Format.TABLE) -> Output:
    """The output that the common options ask for."""
    said = common()
    return Output(said.output or default, zone, quiet=said.quiet)


def selection_options(*, user: bool = True) -> Callable[[_Command], _Command]:
    """The options that select shots; they arrive together as `select`, which has yet to be told zone and clock."""

    def decorate(command: _Command) -> _Command:
        @wraps(command)
        def selecting(*args: Any, **kwargs: Any) -> Any:  # whatever the command takes
            texts = {
                name: kwargs.pop(name, None) for name in ("source", "channel", "session", "user", "since", "until")
            }

            def selection(app: "App") -> Selection:
                now = app.now()
                since, until = (
                    None if texts[name] is None else parse_time(texts[name], f"--{name}", app.zone, now)
                    for name in ("since", "until")
                )
                period = TimeRange(since, until)
                if period.since is not None and period.until is not None and period.since >= period.until:
                    raise ConfigError(f"--since {texts['since']} is not before --until {texts['until']}")
                return Selection(texts["source"], texts["channel"], texts["session"], texts["user"], period)

            return command(*args, select=selection, **kwargs)

        options = [
            click.option("--source", metavar="NAME", help="Only this source."),
            click.option("--channel", metavar="NAME", help="Only this channel."),
            click.option("--session", metavar="SID", help="Only this session."),
            *([click.option("--user", metavar="UID", help="Only this user.")] if user else []),
            click.option("--since", metavar="TIME", help="From this time on: RFC 3339, 2026-11-05, 7d (ago), now."),
            click.option("--until", metavar="TIME", help="Before this time."),
        ]
        for option in reversed(options):
            selecting = option(selecting)
        return selecting  # type: ignore[return-value]  # click's decorators keep the callable

    return decorate


@dataclass(frozen=True, slots=True)
class Paging:
    """How much of a listing is wanted, and from where on."""

    limit: int | None
    after: str | None

    @property
    def wanted(self) -> bool:
        """Whether either was said."""
        return self.limit is not None or self.after is not None

    def ask(self, out: Output) -> int | None:
        """How many to ask for: one more than is shown, to know whether there are more.  None for all."""
        shown = self._shown(out)
        return None if shown is None else shown + 1

    def page(self, out: Output, items: Iterator[_T], position: Callable[[_T], str]) -> Iterator[_T]:
        """The items that are shown; a note tells how to go on behind them."""
        shown = self._shown(out)
        last = None
        for count, item in enumerate(items):
            if last is not None and count == shown:
                out.note(f"there are more: --after {shell_word(position(last))}")
                return
            yield item
            last = item

    def _shown(self, out: Output) -> int | None:
        return _PEOPLE_PAGE if self.limit is None and out.for_people else self.limit


_PEOPLE_PAGE: Final = 100
"""Rows of a table when nothing was said; programs get all."""


def paging_options(command: _Command) -> _Command:
    """`--limit` and `--after`; they arrive together as `paging`."""

    @click.option(
        "--limit", type=click.IntRange(1, 10**9), metavar="N", help="At most N; tables show 100, programs get all."
    )
    @click.option("--after", metavar="POSITION", help="Go on behind this position, which the page before ended with.")
    @wraps(command)
    def paged(*args: Any, limit: int | None, after: str | None, **kwargs: Any) -> Any:
        return command(*args, paging=Paging(limit, after), **kwargs)

    return paged  # type: ignore[return-value]  # click's decorators keep the callable


def presign_options(command: _Command) -> _Command:
    """`--presign` and `--lifetime`; they arrive as `presigned_for`, which is None without the first one."""

    @click.option(
        "--presign", is_flag=True, help="Add an address to each shot that opens it without credentials for a while."
    )
    @click.option(
        "--lifetime",
        type=click.IntRange(1, 7 * 24 * 60),
        default=15,
        metavar="MINUTES",
        show_default=True,
        help="How long such an address works.",
    )
    @wraps(command)
    def presigned(*args: Any, presign: bool, lifetime: int, **kwargs: Any) -> Any:
        return command(*args, presigned_for=timedelta(minutes=lifetime) if presign else None, **kwargs)

    return presigned  # type: ignore[return-value]  # click's decorators keep the callable


_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_length(text: str, option: str) -> timedelta:
    """A length of time such as `90s`, `1m` or `2h`.  Raises `ConfigError` naming the option."""
    found = _AGO.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise ConfigError(f"{option} {text!r} is no length of time; write for example 30s, 1m or 2h")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def parse_share(text: str, option: str) -> float:
    """A share from 0 to 1 such as `1/30`, `5%` or `0`.  Raises `ConfigError` naming the option."""
    from indexer import config

    try:
        return config.parse_share(text)
    except ValueError as exc:
        raise ConfigError(f"{option} {exc}") from exc


def parse_time(text: str, option: str, zone: tzinfo, now: datetime) -> datetime:
    """A moment as people write it: RFC 3339, a date or a time without a zone (meant in `zone`), `7d` ago, `now`.

    Raises `ConfigError` naming the option.
    """
    if text == "now":
        return now
    if ago := _AGO.fullmatch(text):
        try:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        except OverflowError as exc:
            raise ConfigError(f"{option} {text!r} is before all calendars") from exc
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ConfigError(
            f"{option} {text!r} is no time; write 2026-11-05, 2026-11-05T14:00, 2026-11-05T14:00:00Z, 7d or now"
        ) from exc
    try:
        return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError as exc:
        raise ConfigError(f"{option} {text!r} is outside all calendars") from exc
