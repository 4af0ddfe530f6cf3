"""The command line, run as it is: in this process, which is quick, or as one of its own."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from cli.livestills import run

PROGRAM = ("-c", "from cli.livestills import main; main()")


@dataclass(frozen=True)
class Answer:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def records(self) -> list[dict[str, Any]]:
        """Of ndjson."""
        return [json.loads(line) for line in self.lines]

    @property
    def document(self) -> Any:
        """Of JSON."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[dict[str, str]]:
        """Of CSV, read by a parser that takes any line end for one, as spreadsheets do."""
        return list(csv.DictReader(io.StringIO(self.out, newline="")))

    @property
    def error(self) -> str:
        """The one line that an error is."""
        (line,) = self.err.splitlines()
        assert line.startswith("livestills: ")
        return line.removeprefix("livestills: ")


def livestills(*arguments: str) -> Answer:
    """Carry out a command line in this process."""
    out, err = io.StringIO(newline=""), io.StringIO(newline="")
    with redirect_stdout(out), redirect_stderr(err):
        status = run(list(arguments))
    return Answer(int(status), out.getvalue(), err.getvalue())


def done(*arguments: str) -> Answer:
    """The same, and it must succeed."""
    answer = livestills(*arguments)
    assert answer.status == 0, answer.err
    return answer


def process(
    *arguments: str, given: bytes = b"", program: Sequence[str] = PROGRAM, under: Sequence[str] = (), **variables: str
) -> Answer:
    """Carry it out in a process of its own."""
    ended = subprocess.run(
        [*under, sys.executable, *program, *arguments],
        input=given,
        capture_output=True,
        check=False,
        env={**os.environ, **variables},
        timeout=120,
    )
    return Answer(ended.returncode, ended.stdout.decode("utf-8", "surrogateescape"), ended.stderr.decode())
