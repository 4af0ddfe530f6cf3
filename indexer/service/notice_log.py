"""A file that callbacks are appended to, one a line, as `livestills events ingest` reads them."""

import os
from pathlib import Path
from typing import BinaryIO

from indexer.errors import ConfigError


def appending(path: Path, *, named: str) -> BinaryIO:
    """A file to write behind what is in it; what is written begins a line.  Its owner alone may read it, because
    callbacks name people and rooms.

    Raises `ConfigError`, which calls it as it is `named`.
    """
    try:
        begun = _has_open_line(path)
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab")
    except OSError as exc:
        raise ConfigError(f"{named}: {exc.strerror}") from exc
    if begun:
        file.write(b"\n")
    return file


def _has_open_line(path: Path) -> bool:
    """Whether the last line of a file has no end, because the disk was full or the machine went off."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
