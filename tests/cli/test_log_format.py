"""`--log-format json`: every line on stderr is one object, and none holds a secret."""

import json
import logging
import os
import pty
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cli import notes, progress
from cli.notes import LogFormat, LogLines, without_secrets
from tests.cli.running import PROGRAM, Answer, done, livestills, process
from tests.cli.worlds import configure, folder, memory, series


def told(answer: Answer) -> list[dict[str, Any]]:
    """The lines on stderr, which must all be such objects."""
    lines = [json.loads(line) for line in answer.err.splitlines()]
    for line in lines:
        assert list(line)[:2] == ["time", "level"]
        assert line["time"].endswith("Z")
        assert datetime.fromisoformat(line["time"]).tzinfo is not None
        assert ("event" in line) != ("message" in line)
    return lines


def test_notes_warnings_and_errors_are_objects() -> None:
    configure(a=memory()[0], broken="file:missing")
    note, failed = told(livestills("--log-format", "json", "sync"))
    assert (note["level"], note["message"][:22]) == ("info", "a: nothing lies under ")
    assert (failed["level"], failed["source"], failed["status"]) == ("error", "broken", 10)
    assert failed["message"].startswith("source broken: there is no folder")
    (error,) = told(livestills("sync", "broken", "--log-format=json"))
    assert (error["level"], error["status"]) == ("error", 10)
    assert error["message"].startswith("there is no folder")
    assert "trace" not in error


def test_data_stays_what_it_is() -> None:
    configure(a=memory(series())[0])
    answer = livestills("sync", "--log-format", "json", "-o", "ndjson")
    assert (answer.status, answer.err) == (0, "")
    assert answer.records[0]["added"] == 3
    assert done("stats", "--log-format", "text").err == ""


def test_one_command_does_not_change_how_the_next_one_tells() -> None:
    assert livestills("--log-format", "json", "stats").err.startswith("{")
    assert livestills("stats").err.startswith("livestills: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--log-format", "json", "synk"],
        ["--log-format", "json"],
        ["--log-format", "JSON", "db"],
        ["sync", "--no-such-option", "--log-format", "json"],
        ["sync", "--no-such-option", "--log-format=json"],
        ["-o", "xml", "stats", "--log-format", "json"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_an_object_too(arguments: list[str]) -> None:
    answer = livestills(*arguments)
    (error,) = told(answer)
    assert (answer.status, answer.out) == (2, "")
    assert (error["level"], error["status"]) == ("error", 2)
    assert "see `livestills" in error["message"]


def test_a_trace_is_a_field_of_its_error() -> None:
    (error,) = told(livestills("-v", "--log-format", "json", "-c", "missing.toml", "stats"))
    assert error["trace"].startswith("Traceback (most recent call last):\n")


def test_log_records_are_objects(tmp_path: Path) -> None:
    folder(tmp_path / "bucket", series())
    configure(a=(tmp_path / "bucket").as_uri())
    lines = told(process("-v", "sync", "--log-format", "json"))
    assert [(line["level"], line["logger"]) for line in lines] == [("info", "indexer.jobs.sync")]
    assert lines[0]["message"].startswith("synced a: ")
    assert process("-v", "sync").err.startswith("INFO indexer.jobs.sync: synced a: ")


def test_progress_is_objects_whether_plain_or_json_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    configure(a=memory(series(shots=1_500, every=5))[0])
    for options in (
        ["--progress", "json"],
        ["--progress", "json", "--log-format", "json"],
        ["--progress", "plain", "--log-format", "json"],
    ):
        lines = told(livestills("sync", "--dry-run", *options))
        assert {(line["level"], line["event"]) for line in lines} == {("info", "progress")}
        assert lines[-1]["objects"] == 1_500
    assert livestills("sync", "--dry-run", "--log-format", "json").err == ""


def test_on_a_terminal_nothing_is_drawn_between_the_objects(tmp_path: Path) -> None:
    folder(tmp_path / "bucket")
    configure(a=(tmp_path / "bucket").as_uri())
    ours, theirs = pty.openpty()
    running = subprocess.run(
        [sys.executable, *PROGRAM, "--log-format", "json", "sync"], stdout=subprocess.PIPE, stderr=theirs, check=False
    )
    os.close(theirs)
    seen = os.read(ours, 10_000).decode()
    os.close(ours)
    assert running.returncode == 0
    (line,) = seen.splitlines()
    assert "nothing lies under" in json.loads(line)["message"]


WARNING = """
import warnings
from cli.livestills import main
from indexer.app import App


def warn(_app, _names):
    warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    return []


App.sources = warn
main()
"""


def test_warnings_of_libraries_are_objects() -> None:
    (line,) = told(process("--log-format", "json", "sync", "--dry-run", program=("-W", "always", "-c", WARNING)))
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "DeprecationWarning: old thing" in line["message"]


# --- secrets

SIGNED = (
    "https://acme.s3.amazonaws.com/d/a.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE%2F20261105"
    "&X-Amz-Date=20261105T120000Z&X-Amz-Security-Token=to%2Fken&X-Amz-Signature=deadbeef"
)
OLDER = "https://acme.oss.example.com/a.jpg?OSSAccessKeyId=LTAIEXAMPLE&Expires=1&Signature=dead%2Fbeef"
SECRETS = ("AKIAEXAMPLE", "to%2Fken", "deadbeef", "LTAIEXAMPLE", "dead%2Fbeef", "hunter2")


def test_what_signs_an_address_never_reaches_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    text = f"cannot get '{SIGNED}' or {OLDER} or s3://me:hunter2@acme/a.jpg"
    record = logging.LogRecord("botocore.x", logging.ERROR, "f.py", 1, "%s", (text,), None)
    error = ValueError(text)
    failed = logging.LogRecord("indexer", logging.ERROR, "f.py", 1, "failed", (), (ValueError, error, None))
    for log_format in LogFormat:
        notes.use(log_format)
        notes.note(text)
        notes.warn(text)
        notes.complain(text, trace=text, about=text)
        notes.event("x", text=text)
        LogLines().emit(record)
        LogLines().emit(failed)
        said = capsys.readouterr().err
        assert said.count("X-Amz-Signature=***") >= 6
        assert not [secret for secret in SECRETS if secret in said]
    notes.use(LogFormat.TEXT)


def test_a_text_without_secrets_stays_as_it_is() -> None:
    for text in ("", "a/b@c:d/e.jpg", "dir//x:y@z.jpg", "s3://acme/a:b@c/", "a=b&c=d", "--since '2026' = x@y"):
        assert without_secrets(text) == text


def test_a_record_that_cannot_be_formatted_ends_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    LogLines().emit(logging.LogRecord("x", logging.ERROR, "f.py", 1, "%d", ("no number",), None))
    assert capsys.readouterr().err == ""
