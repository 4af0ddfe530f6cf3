"""Files that are there when they are whole, for their owner alone."""

import os
import tempfile
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

_TEMPORARY: Final = ".livestills-"

_FORGOTTEN: Final = timedelta(days=1)
"""Behind a kill; what is younger may be another run's, at work."""


def remove_forgotten(folder: Path, *, now: datetime) -> None:
    """Remove what runs that were killed have left half-written."""
    for path in folder.glob(f"{_TEMPORARY}*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < (now - _FORGOTTEN).timestamp():
                path.unlink()


class Text:
    """A text file that is there when it is whole, for its owner alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
        self._temporary = Path(temporary)
        self._file: TextIO = os.fdopen(handle, "w", encoding="utf-8", newline="\n")

    def write(self, text: str) -> None:
        """Write on."""
        self._file.write(text)

    def write_over(self, beginning: str) -> None:
        """Replace the beginning by as much ASCII, when nothing else is left to write."""
        self._file.seek(0)
        self._file.write(beginning)

    def end(self) -> int:
        """Put it in its place; its bytes."""
        self._file.close()
        size = self._temporary.stat().st_size
        self._temporary.replace(self._path)
        return size

    def close(self) -> None:
        """Remove what was not ended."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, for its owner alone."""
    handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)
