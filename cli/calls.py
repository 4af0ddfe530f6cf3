"""How commands call Agora's RESTful API, as their options say."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, ParamSpec, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from click.core import ParameterSource

from cli.options import common, common_options, output, parse_length, start_logging
from cli.output import Output
from cli.secret_files import read_secret_file
from cli.texts import shell_word
from indexer import __version__
from indexer.agora.addresses import DEFAULT_URL
from indexer.errors import ConfigError

if TYPE_CHECKING:  # httpx, which no help must wait for
    from indexer.agora.client import CaptureClient
    from indexer.agora.routes import Request

_P = ParamSpec("_P")
_R = TypeVar("_R")

SECRET_VARIABLE: Final = "AGORA_CUSTOMER_SECRET"  # noqa: S105  # the name of a variable

_PREVIEW: Final = ("method", "url", "headers", "body")


@dataclass(frozen=True, slots=True)
class Agora:
    """How to call it, as the options say."""

    app_id: str
    base_url: str
    timeout_s: float
    attempts: int
    dry_run: bool
    customer_id: str | None
    secret_file: Path | None
    said: str
    """The options of these that were typed, to be typed again."""

    def open(self) -> "CaptureClient":
        """A client.  Raises `ConfigError` if the extra or a credential is missing."""
        try:
            from indexer.agora.client import CaptureClient, Credentials
        except ImportError as exc:
            raise ConfigError(f"capture takes {exc.name} to call Agora: pip install 'livestills[agora]'") from exc

        return CaptureClient(
            self.base_url,
            Credentials(self.app_id, *self._customer()),
            timeout_s=self.timeout_s,
            attempts=self.attempts,
            user_agent=f"livestills/{__version__}",
        )

    def command(self, verb: str, *words: str) -> str:
        """A command line of `capture` that calls the same service, to be pasted."""
        return " ".join([f"livestills capture {verb}", *(shell_word(word) for word in words)]) + self.said

    def preview(self, out: Output, *requests: "Request") -> None:
        """Write what would be sent."""
        with self.open() as client:
            previews = [client.preview(request) for request in requests]
        if not out.for_people:
            records = [
                {"method": found.method, "url": found.url, "headers": dict(found.headers), "body": found.body}
                for found in previews
            ]
            out.write(records, fields=_PREVIEW)
            return
        for found in previews:
            out.block(f"{found.method} {found.url}")
            for name, value in found.headers:
                out.line(f"{name}: {value}")
            if found.body:
                out.line()
                out.line(found.body)

    def _customer(self) -> tuple[str, str]:
        secret = self._secret()
        if self.dry_run:  # neither is shown
            return self.customer_id or "customer-id", secret or "customer-secret"
        if not self.customer_id:
            raise ConfigError("the customer ID is missing: set AGORA_CUSTOMER_ID, or say --customer-id")
        if not secret:
            raise ConfigError(f"the customer secret is missing: set {SECRET_VARIABLE}, or say --customer-secret-file")
        return self.customer_id, secret

    def _secret(self) -> str | None:
        if self.secret_file is None:
            return os.environ.get(SECRET_VARIABLE)
        return read_secret_file(self.secret_file, "--customer-secret-file")


_TYPED: Final[Mapping[str, str]] = {
    "app_id": "--app-id",
    "customer_id": "--customer-id",
    "customer_secret_file": "--customer-secret-file",
    "base_url": "--base-url",
}


def with_agora(command: Callable[Concatenate[Agora, Output, _P], _R]) -> Callable[_P, _R]:
    """Give a command the options that say how to call Agora, and hand it what they say, and the output.

    It opens neither configuration nor catalog: a recording can be stopped whatever is wrong with them.
    """

    @click.option(
        "--app-id", envvar="AGORA_APP_ID", show_envvar=True, required=True, metavar="ID", help="Agora's App ID."
    )
    @click.option(
        "--customer-id", envvar="AGORA_CUSTOMER_ID", show_envvar=True, metavar="ID", help="For the RESTful API."
    )
    @click.option(
        "--customer-secret-file",
        type=click.Path(path_type=Path, readable=False),
        metavar="FILE",
        help=f"Where the customer secret stands, if not in {SECRET_VARIABLE}.",
    )
    @click.option(
        "--base-url",
        envvar="AGORA_BASE_URL",
        show_envvar=True,
        default=DEFAULT_URL,
        show_default=True,
        metavar="URL",
        help="Where the RESTful API is.",
    )
    @click.option(
        "--timeout", default="90s", show_default=True, metavar="LENGTH", help="For a request, with all its attempts."
    )
    @click.option(
        "--attempts", type=click.IntRange(1, 20), default=4, show_default=True, metavar="N", help="For a request."
    )
    @click.option("--dry-run", is_flag=True, help="Print the exact request, without secrets, and send nothing.")
    @common_options
    @wraps(command)
    def calling(
        *args: Any,
        app_id: str,
        customer_id: str | None,
        customer_secret_file: Path | None,
        base_url: str,
        timeout: str,
        attempts: int,
        dry_run: bool,
        **kwargs: Any,
    ) -> Any:
        start_logging(common())
        agora = Agora(
            app_id,
            base_url,
            parse_length(timeout, "--timeout").total_seconds(),
            attempts,
            dry_run,
            customer_id,
            customer_secret_file,
            _typed_again(),
        )
        return command(agora, output(zone=_zone()), *args, **kwargs)

    return calling  # type: ignore[return-value]  # click's decorators keep the callable


def _typed_again() -> str:
    context = click.get_current_context()
    words = [
        f" {option} {shell_word(str(context.params[name]))}"
        for name, option in _TYPED.items()
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    return "".join(words)


def _zone() -> ZoneInfo:
    name = common().tz or "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ConfigError(f"--tz {name!r} is no time zone; write one such as UTC or Europe/Berlin") from exc
