"""The streams that every process is given, made fit for use."""

import io
import os
import sys
from typing import Final, TextIO

_STREAMS: Final = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def prepare_streams() -> None:
    """Open what the caller closed (`>&-`), and let every text be written, whatever the encoding of the terminal."""
    for name, mode in _STREAMS:
        if getattr(sys, name) is None:
            # In this order each gets its own number back: a database opened as file 1 would be written answers to.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  # open to the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def discard_stdout() -> None:
    """Throw away what is still to be written to stdout: Python would fail on it again when it exits."""
    if _has_number(sys.stdout):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _has_number(stream: TextIO) -> bool:
    try:
        stream.fileno()
    except io.UnsupportedOperation:  # a test's
        return False
    return True
