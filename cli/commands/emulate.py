"""`livestills emulate`."""

import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from cli.emulations import tell_end, tell_start
from cli.notes import warn
from cli.notices import ENV_SECRET, read_secret, secret_option
from cli.options import common, common_options, output, parse_share, parse_time, show_logs
from cli.pasts import WantedPast, write_past
from cli.progress import counting
from cli.signals import stopping
from cli.texts import shown
from indexer.agora.addresses import is_loopback
from indexer.errors import ConfigError, InterruptedRunError, TerminatedRunError

if TYPE_CHECKING:
    from indexer.service.emulator.callbacks import Journal, Spoiler, Spoiling, Taker
    from indexer.service.emulator.clock import Clock
    from indexer.service.emulator.posting import Poster
    from indexer.service.emulator.scenario import Scenario

ENV_CUSTOMER_SECRET: Final = "AGORA_CUSTOMER_SECRET"  # noqa: S105  # its name, not the secret

_LOOK_EVERY_S: Final = 0.1
"""For a signal that ends the service."""

_END_WITHIN_S: Final = 3.0
"""For uploads that are under way when the service is ended, and once more for notices."""

_MOST_USERS: Final = 10_000
_DAYS: Final = 30

_YEARS: Final = range(2000, 2100)
"""In which time may begin: Agora is younger, and the fastest clock takes months from there to the end of calendars."""

_OF_BOTH: Final = frozenset({"seed", "s3_endpoint", "notices"})
_OF_THE_PAST: Final = frozenset({"backfill", "request", "until", "days"})


@click.command(
    epilog="For example:\n\n\b\n"
    "  livestills emulate --port 8080 --s3-endpoint http://127.0.0.1:9000\n"
    "  livestills emulate --seed 7 --users 5 --speed 60 --callback http://127.0.0.1:8090/\n"
    "  livestills emulate --backfill 100000 --request start.json --days 7",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@click.option(
    "--scenario",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Who is in each channel, and what goes wrong: a TOML file (docs/emulator.md).",
)
@click.option("--seed", type=int, metavar="N", help="Make up who is there; the same number makes up the same.")
@click.option("--users", type=click.IntRange(1, _MOST_USERS), metavar="N", help="Make up so many users: 4 if not said.")
@click.option(
    "--speed",
    type=click.FloatRange(0, 10_000, min_open=True),
    default=1.0,
    show_default=True,
    help="How many times as fast as here time runs there.",
)
@click.option(
    "--begin", metavar="TIME", help="Its time at first: RFC 3339, 7d (ago), now; a day ago if --speed is above 1."
)
@click.option("--s3-endpoint", metavar="URL", help="An S3 server that stands for the storages of all vendors.")
@click.option(
    "--max-sessions",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="Recordings that may run at once.",
)
@click.option(
    "--customer-id", metavar="ID", help=f"Let only this customer in, with the secret in {ENV_CUSTOMER_SECRET}."
)
@click.option("--callback", metavar="URL", help="Post signed notices there, as `events serve` receives them.")
@secret_option
@click.option(
    "--notices",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="Append notices to this file, one a line, as `events ingest` reads them.",
)
@click.option("--lost-notices", metavar="SHARE", default="0", help="This share does not arrive: 5% or 1/20.")
@click.option("--repeated-notices", metavar="SHARE", default="0", help="This share arrives twice.")
@click.option("--late-notices", metavar="SHARE", default="0", help="This share arrives behind others.")
@click.option(
    "--backfill",
    type=click.IntRange(1, 10**9),
    metavar="N",
    help="Serve nothing: write N pictures of the past, and end.",
)
@click.option(
    "--request",
    type=click.Path(path_type=Path, readable=False),
    metavar="FILE",
    help="The start request that tells --backfill the storage, the prefix and the interval.",
)
@click.option("--until", metavar="TIME", help="When that past ends: RFC 3339, 7d (ago), now (if not said).")
@click.option("--days", type=click.IntRange(1, 36_500), metavar="N", help="How many days it has: 30 if not said.")
@common_options
def emulate(
    *,
    host: str,
    port: int,
    scenario: Path | None,
    seed: int | None,
    users: int | None,
    speed: float,
    begin: str | None,
    s3_endpoint: str | None,
    max_sessions: int,
    customer_id: str | None,
    callback: str | None,
    secret_file: Path | None,
    notices: Path | None,
    lost_notices: str,
    repeated_notices: str,
    late_notices: str,
    backfill: int | None,
    request: Path | None,
    until: str | None,
    days: int | None,
) -> None:
    """Play Agora's screenshot capture on this machine: its RESTful API, pictures in your storage, callbacks.

    Requests are checked as Agora checks them.  A session that is started puts drawn pictures of simulated users into
    the bucket of its storageConfig, with the keys in there, under the names that Agora documents; users come, go, stop
    and resume, recorders fail over.  Ctrl-C or SIGTERM end it (exit 0).
    """
    show_logs()
    out = output()
    _refuse_mixtures(backfill=backfill is not None)
    if backfill is not None:
        if request is None:
            raise click.UsageError("--backfill takes the storage from a start request: say --request FILE")
        past = WantedPast(backfill, request, until or "now", days or _DAYS, seed or 0)
        write_past(out, past, s3_endpoint=_checked(s3_endpoint), notices=notices)
        return
    try:
        from indexer.service.emulator.service import Access, application
        from indexer.service.emulator.sessions import Sessions, World
        from indexer.service.serving import serving
    except ModuleNotFoundError as exc:
        raise _missing(exc) from exc
    from indexer.service.emulator.callbacks import Spoiling

    access = Access(customer_id, _customer_secret(customer_id))
    spoiling = Spoiling(
        parse_share(lost_notices, "--lost-notices"),
        parse_share(repeated_notices, "--repeated-notices"),
        parse_share(late_notices, "--late-notices"),
    )
    world = World(
        scenario=_scenario(scenario, seed, users),
        seed=seed or 0,
        clock=_clock(speed, begin),
        s3_endpoint=_checked(s3_endpoint),
        most_sessions=max_sessions,
    )
    with ExitStack() as stack:
        check = stack.enter_context(stopping())
        telling = _telling(callback, notices, spoiling, world.clock, seed=seed or 0, secret=read_secret(secret_file))
        sessions = Sessions(world, telling.spoiler)
        stack.callback(sessions.close, within_s=_END_WITHIN_S)
        url = stack.enter_context(serving(application(sessions, access), host=host, port=port))
        if not is_loopback(host):
            warn(f"whoever reaches {shown(host)} can start recordings here, and nothing is encrypted")
        tell_start(out, url, world, customer_id=customer_id or "any")
        sys.stdout.flush()  # a script that started it in the background waits for that
        progress = stack.enter_context(counting(common(), "pictures"))
        try:
            while True:
                check()
                sessions.watch()
                progress(sessions.totals().uploaded, None)
                time.sleep(_LOOK_EVERY_S)
        except (InterruptedRunError, TerminatedRunError):
            pass  # that is how a service ends
    telling.close()  # behind the sessions: what was uploaded last is told, too
    tell_end(out, sessions.totals(), telling.poster, telling.journal, telling.spoiler)


def _refuse_mixtures(*, backfill: bool) -> None:
    """Raise for options that say nothing to what was asked for."""
    context = click.get_current_context()
    for name in context.params:
        if name in _OF_BOTH or context.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        if (name in _OF_THE_PAST) is not backfill:
            option = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{option} goes {'not with' if backfill else 'with'} --backfill")


def _missing(error: ModuleNotFoundError) -> Exception:
    if error.name not in {"httpx", "starlette", "uvicorn"}:
        return error
    return ConfigError(f"emulating takes a web server ({error.name} is not installed): pip install 'livestills[agora]'")


def _scenario(file: Path | None, seed: int | None, users: int | None) -> "Scenario":
    from indexer.service.emulator.scenario import default_scenario, random_scenario, read_scenario

    made_up = seed is not None or users is not None
    if file is not None and made_up:
        raise click.UsageError("--scenario says who is there: leave --seed and --users out")
    if file is not None:
        return read_scenario(file)
    return random_scenario(seed or 0, users=users or 4, length=None) if made_up else default_scenario()


def _clock(speed: float, begin: str | None) -> "Clock":
    """Pictures from the future are none that a sync should see, so a fast clock begins in the past."""
    from indexer.service.emulator.clock import Clock

    if isnan(speed):  # which is within all ranges
        raise click.BadParameter("nan is no number.", param_hint="'--speed'")
    text = begin or ("now" if speed <= 1 else "1d")
    start = parse_time(text, "--begin", UTC, datetime.now(UTC))
    if start.year not in _YEARS:
        raise ConfigError(f"--begin {text} is not between {_YEARS[0]} and {_YEARS[-1]}")
    return Clock(speed=speed, start=start)


def _checked(s3_endpoint: str | None) -> str | None:
    from indexer.storage.options import S3Options

    if s3_endpoint is not None:
        S3Options(endpoint_url=s3_endpoint).endpoint("any")  # wrong now, rather than with the first session
    return s3_endpoint


def _customer_secret(customer_id: str | None) -> str | None:
    if customer_id is None:
        return None
    secret = os.environ.get(ENV_CUSTOMER_SECRET)
    if not secret:
        raise ConfigError(f"--customer-id lets one customer in: put the secret into {ENV_CUSTOMER_SECRET}")
    return secret


@dataclass(frozen=True, slots=True)
class _Telling:
    """Where notices go; None where nobody wants them."""

    poster: "Poster | None"
    journal: "Journal | None"
    spoiler: "Spoiler | None"

    def close(self) -> None:
        if self.spoiler is not None:
            self.spoiler.close(within_s=_END_WITHIN_S)


def _telling(
    url: str | None, file: Path | None, spoiling: "Spoiling", clock: "Clock", *, seed: int, secret: str | None
) -> _Telling:
    from indexer.service.emulator.callbacks import Journal, Spoiler
    from indexer.service.emulator.posting import Poster

    poster = journal = None
    if url is not None:
        if not secret:
            raise ConfigError(
                f"notices are signed with a secret that the receiver knows: say --secret-file, or set {ENV_SECRET}"
            )
        poster = Poster(url, secret=secret, now=clock.now)
    if file is not None:
        journal = Journal(file)
    takers: list[Taker] = [taker for taker in (poster, journal) if taker is not None]
    return _Telling(poster, journal, Spoiler(takers, spoiling, seed) if takers else None)
