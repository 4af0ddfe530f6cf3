"""What is said on stderr beside the data: lines for people, or JSON objects for what collects logs."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from traceback import format_exception
from typing import Final

from cli.texts import shown
from indexer.model import rfc3339


class LogFormat(StrEnum):
    """How lines on stderr are written."""

    TEXT = "text"
    JSON = "json"


class _Wanted:
    """There is one stderr in a process, also for the threads that log, so there is one format."""

    format = LogFormat.TEXT


def use(log_format: LogFormat) -> None:
    """Write all lines like this from now on."""
    _Wanted.format = log_format


def in_json() -> bool:
    """Whether each line must be one JSON object, so that nothing may be drawn."""
    return _Wanted.format is LogFormat.JSON


def note(text: str) -> None:
    """Say something.  That nobody reads it, or that the disk of stderr is full, is no reason to stop."""
    _say("info", text)


def warn(text: str) -> None:
    """Say what is wrong beside what was asked for."""
    _say("warning", text, begin="livestills: ")


def complain(text: str, *, trace: str | None = None, **facts: object) -> None:
    """Say what failed, in one line behind the trace if there is one.  Programs are told the facts, too."""
    if in_json():
        _write("error", {"message": text, **facts, **({"trace": trace} if trace else {})})
        return
    for line in (trace or "").splitlines():
        note(shown(line))
    _say("error", shown(text), begin="livestills: ")


def event(name: str, **facts: object) -> None:
    """Tell a program something, whatever the format: one JSON object."""
    _write("info", {"event": name, **facts})


class LogLines(logging.Handler):
    """Writes log records where notes go, in their format."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001  # logging's own rule: a record that cannot be written ends nothing
            self.handleError(record)
            return
        trace = "".join(format_exception(*record.exc_info)).rstrip() if record.exc_info else ""
        if in_json():
            facts = {"logger": record.name, "message": text, **({"trace": trace} if trace else {})}
            _write(record.levelname.lower(), facts)
        else:
            _line(without_secrets(f"{record.levelname} {record.name}: {text}" + (f"\n{trace}" if trace else "")))


def _say(level: str, text: str, *, begin: str = "") -> None:
    if in_json():
        _write(level, {"message": text})
    else:
        _line(begin + without_secrets(text))


def _write(level: str, facts: Mapping[str, object]) -> None:
    told = {name: without_secrets(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    _line(json.dumps({"time": rfc3339(datetime.now(UTC)), "level": level, **told}))


def _line(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(text + "\n")  # in one piece: threads log, too
        sys.stderr.flush()


_SIGNED: Final = re.compile(
    r"""\b(X-(?:Amz|Goog|Oss)-(?:Signature|Credential|Security-Token)|Signature|AWSAccessKeyId|OSSAccessKeyId)"""
    r"""=[^&\s"'\\]+""",
    re.IGNORECASE,
)
_USER: Final = re.compile(r"\b([a-z][a-z0-9+.-]*://)[^/@\s]*:[^/@\s]*@", re.IGNORECASE)


def without_secrets(text: str) -> str:
    """The text without what signs a presigned URL, and without the name and password in an address.

    A net under what should not be said anyhow: libraries put addresses into their errors.
    """
    if "=" not in text and "@" not in text:
        return text
    return _USER.sub(r"\1***@", _SIGNED.sub(r"\1=***", text))
