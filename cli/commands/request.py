"""`livestills request`."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import click

from cli import bodies
from cli.machine import Record
from cli.options import common_options, output
from cli.output import Output
from cli.texts import counted, shown
from indexer.errors import ConfigError, ExitStatus

if TYPE_CHECKING:  # pydantic, which no help must wait for
    from indexer.agora.request import Finding, StartRequest

_FIELDS: Final = ("body", "severity", "rule", "path", "message", "requires", "otherwise", "refused", "source")


@click.group()
@common_options
def request() -> None:
    """The bodies of requests to Agora: check them before they are sent."""


@request.command(
    epilog="For example:\n\n\b\n"
    "  livestills request check start.json --acquire acquire.json --no-token\n"
    "  livestills request check start.json -o json | jq '.[] | {severity, path, message}'",
)
@click.argument("file", metavar="FILE|-")
@click.option(
    "--kind", type=click.Choice(["start", "acquire", "update"]), help="What body it is, if not told by itself."
)
@click.option("--acquire", metavar="FILE|-", help="The body of the acquire before this start: they must agree.")
@click.option("--mode", default="individual", show_default=True, metavar="MODE", help="The mode in the URL of start.")
@click.option("--token-required/--no-token", default=None, help="Whether the project has an App Certificate.")
@click.option("--recording/--no-recording", default=None, help="Whether a recording is wanted beside screenshots.")
@click.option("--strict", is_flag=True, help="Exit 20 for warnings, too.")
@common_options
def check(
    file: str,
    *,
    kind: str | None,
    acquire: str | None,
    mode: str,
    token_required: bool | None,
    recording: bool | None,
    strict: bool,
) -> None:
    """Name every problem of a body, and what Agora would do.

    A body is the JSON that is posted to start, acquire or update; its keys tell which.  Exit 20 if there is an error.
    A warning may be meant, or is something that Agora's pages do not agree about.  Nothing is sent, and no secret is
    shown.  docs/requests.md lists all rules with their sources.
    """
    from indexer.agora.request import Severity, check_acquire, check_pair, check_start, check_update

    if file == acquire == bodies.STDIN:
        raise click.UsageError("only one of the two bodies can be standard input")
    if acquire is not None and kind not in {None, "start"}:
        raise click.UsageError("--acquire goes with the body of a start")
    body, now = bodies.read(file), datetime.now(UTC)
    kind = kind or ("start" if acquire is not None else bodies.kind_of(body))
    findings: list[tuple[str, Finding]] = []
    if acquire is not None:
        first = bodies.read(acquire)
        findings += [("acquire", finding) for finding in check_acquire(first)]
        findings += [("both", finding) for finding in check_pair(first, body)]
    match kind:
        case "acquire":
            found = check_acquire(body)
        case "update":
            found = check_update(body, now=now)
        case _:
            found = check_start(body, mode=mode, token_required=token_required, records=recording, now=now)
    findings += [(kind, finding) for finding in found]
    errors = sum(finding.rule.severity is Severity.ERROR for _, finding in findings)
    out = output()
    if out.for_people:
        _tell(out, findings, several=acquire is not None)
        out.block(_verdict(errors, len(findings) - errors))
        if not errors:
            out.line(shown(_what_follows(kind, body)))
    else:
        out.write(map(_record, findings), fields=_FIELDS)
    if errors or (strict and findings):
        raise click.exceptions.Exit(ExitStatus.CHECK_FAILED)


def _record(found: "tuple[str, Finding]") -> Record:
    body, finding = found
    rule = finding.rule
    return {
        "body": body,
        "severity": str(rule.severity),
        "rule": rule.name,
        "path": finding.path,
        "message": finding.message,
        "requires": rule.requires,
        "otherwise": rule.otherwise,
        "refused": rule.refused,
        "source": rule.source,
    }


def _tell(out: Output, findings: "Sequence[tuple[str, Finding]]", *, several: bool) -> None:
    """A block for each: five columns of sentences fit no terminal."""
    for body, finding in findings:
        rule = finding.rule
        whose = f"{body}: " if several else ""
        said = f"{finding.path} {finding.message}".lstrip()
        out.block(shown(f"{rule.severity}: {whose}{said}"))
        for title, text in (("required", rule.requires), ("Agora", rule.otherwise), ("source", rule.source)):
            out.line(f"  {title:<10}{text}")


def _verdict(errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return "no problem found"
    return ", ".join(counted(number, noun) for number, noun in ((errors, "error"), (warnings, "warning")) if number)


def _what_follows(kind: str, body: object) -> str:
    """What a body without an error makes Agora do."""
    from indexer.agora.request import parse_acquire, parse_start

    match kind:
        case "acquire":
            acquired = parse_acquire(body)
            return (
                f"gets a resource for channel {acquired.cname}, recorder {acquired.uid}: from its start on it can be"
                f" queried, updated and stopped for {acquired.resource_expired_hour} h"
            )
        case "update":
            return (
                f"changes a running session; storage: {_where(body)}"
                if _has_storage(body)
                else "changes a running session"
            )
        case _:
            return _captured(parse_start(body), _where(body))


def _captured(start: "StartRequest", where: str) -> str:
    interval_s = start.snapshot.capture_interval if start.snapshot else 0
    listed = [uid for uid in start.recording.subscribe_video_uids if not uid.startswith("#")]
    whom = counted(len(listed), "user") if listed else "everybody with video (17 at most)"
    beside = ", and a recording," if start.records else ""
    return f"captures {whom} in channel {start.cname} every {interval_s} s{beside} to {where}"


def _has_storage(body: object) -> bool:
    inner = body.get("clientRequest") if isinstance(body, dict) else None
    return isinstance(inner, dict) and "storageConfig" in inner


def _where(body: object) -> str:
    from indexer.agora.destination import destination

    try:
        found = destination(body)
    except ConfigError as exc:  # Azure, which Agora can do and S3 clients cannot
        return f"a place that livestills cannot read ({exc})"
    return f"{found.place.url} ({found.storage})"
