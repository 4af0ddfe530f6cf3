"""What the commands of `capture` share: the bodies they send, and the file that remembers what was started."""

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from cli import bodies
from cli.calls import Agora
from cli.notes import complain
from cli.output import Column, Output
from cli.texts import counted, shell_word, shown
from indexer.errors import ConfigError, ExitStatus, InterruptedRunError, TerminatedRunError

if TYPE_CHECKING:
    from indexer.agora.answers import Started
    from indexer.agora.failures import AgoraError
    from indexer.agora.routes import Body

# What was said.


def read_body(file: str) -> "Body":
    """The JSON object of a file, or of standard input.  Raises `ConfigError`."""
    found = bodies.read(file)
    if not isinstance(found, dict):
        raise ConfigError(f"{file} holds no JSON object, as a request has one for its body")
    return found


def check_body(out: Output, file: str, kind: str, body: "Body") -> None:
    """Refuse what Agora would refuse, or what would take no screenshots: exit 20."""
    from indexer.agora.request import Severity, check_acquire, check_start

    findings = check_start(body, now=datetime.now(UTC)) if kind == "start" else check_acquire(body)
    errors = [finding for finding in findings if finding.rule.severity is Severity.ERROR]
    # Named, because the keys of a body that lacks some may tell of another kind.
    look = f"`livestills request check {shell_word(file)} --kind {kind}`"
    if errors:
        first = f"{errors[0].path} {errors[0].message}".lstrip()
        complain(
            f"{file} has {counted(len(errors), 'error')}, the first: {first}; nothing was sent: see {look}, or send it "
            "as it is with --no-check",
            status=int(ExitStatus.CHECK_FAILED),
        )
        raise click.exceptions.Exit(ExitStatus.CHECK_FAILED)
    if findings:
        out.note(f"{shown(file)} has {counted(len(findings), 'warning')}: see {shown(look)}")


def identifiers(file: Path | None, said: Mapping[str, str | None]) -> tuple[str, ...]:
    """What these options say, or the file in their place.  Raises a usage error if neither does."""
    given = [option for option, value in said.items() if value is not None]
    if file is not None:
        if given:
            raise click.UsageError(f"--from names a recording already: leave out {given[0]}")
        started = read_started(file)
        return tuple(getattr(started, option.removeprefix("--").replace("-", "_")) for option in said)
    missing = [option for option, value in said.items() if value is None]
    if missing:
        raise click.UsageError(f"{missing[0]} is missing; say {', '.join(said)}, or --from")
    return tuple(str(value) for value in said.values())


# What is answered.


def columns(*names: str) -> "Sequence[Column]":
    """Columns that are called as their fields."""
    return [Column(name, name.replace("_", " ")) for name in names]


def tell_started(agora: Agora, out: Output, started: "Started", save: Path | None) -> None:
    """Write what was started, and how to go on."""
    record = {
        "resource_id": started.resource_id,
        "sid": started.sid,
        "cname": started.cname,
        "uid": started.uid,
        "saved": None if save is None else str(save),
    }
    if not out.for_people:
        out.record(record, ())
        return
    out.record(record, columns("resource_id", "sid", "cname", "uid", *(["saved"] if save else [])))
    ids = ("--resource-id", started.resource_id, "--sid", started.sid)
    known = ("--from", str(save)) if save is not None else ids
    out.block("After 5 s, ask whether it takes screenshots; in the end, stop it:")
    out.line(f"  {agora.command('query', *known)}")
    whole = known if save is not None else (*ids, "--cname", started.cname, "--uid", started.uid)
    out.line(f"  {agora.command('stop', *whole)}")


def may_have_started(again: str) -> str:
    """What an interrupted start leaves behind."""
    return f"it may have started; to know, start again, which starts nothing twice: {again}"


def after_acquire(error: "AgoraError", resource_id: str, again: str) -> str:
    """What is left of a `run` whose start failed."""
    if error.lost:
        return f": {again}"
    if error.http_status == 201:  # already started
        return f"; its resource ID is {resource_id}"
    return f"; acquire had worked, and nothing was started with the resource ID {resource_id}"


# The file of what was started.


NOTHING_STARTED: Final = "nothing was started"


@contextmanager
def telling_on_interrupt(text: str) -> Iterator[Callable[[str], None]]:
    """While inside, Ctrl-C and SIGTERM end the command at once, with what they leave behind: the text last said."""

    def leave(now: str) -> None:
        nonlocal text
        text = now

    def terminate(_number: int, _frame: FrameType | None) -> None:
        raise TerminatedRunError(f"terminated; {text}")

    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, terminate)
    try:
        yield leave
    except KeyboardInterrupt as exc:
        raise InterruptedRunError(f"interrupted; {text}") from exc
    finally:
        signal.signal(signal.SIGTERM, before)


_FILE_FIELDS: Final[Mapping[str, str]] = {"resource_id": "resourceId", "sid": "sid", "cname": "cname", "uid": "uid"}


@contextmanager
def saving(file: Path | None) -> Iterator[Callable[["Started"], None]]:
    """A file that what is started will be written to: made now, so that nothing is started that cannot be remembered.

    It is taken away again if nothing is written.  Raises `ConfigError` if it exists: it may be all that is known of a
    recording that runs.
    """
    if file is None:
        yield lambda _: None
        return
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as exc:
        raise ConfigError(f"--save {file} exists, and may name a recording that runs; choose another name") from exc
    except OSError as exc:
        raise ConfigError(f"--save {file} cannot be written: {exc.strerror}") from exc
    written = False
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:

        def write(started: "Started") -> None:
            nonlocal written
            written = True
            record = {there: getattr(started, here) for here, there in _FILE_FIELDS.items()}
            opened.write(json.dumps(record, indent=2) + "\n")
            opened.flush()
            os.fsync(opened.fileno())

        try:
            yield write
        finally:
            if not written:
                file.unlink(missing_ok=True)


def read_started(file: Path) -> "Started":
    """What `--save` wrote.  Raises `ConfigError` naming the file."""
    from indexer.agora.answers import Started
    from indexer.agora.request import read_json

    found = read_json(file)
    texts = {here: found.get(there) if isinstance(found, dict) else None for here, there in _FILE_FIELDS.items()}
    missing = [_FILE_FIELDS[name] for name, text in texts.items() if not isinstance(text, str) or not text]
    if missing:
        raise ConfigError(f"{file} is no file that `capture start --save` wrote: it has no {missing[0]}")
    return Started(**{name: str(text) for name, text in texts.items()})
