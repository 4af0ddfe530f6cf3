"""The files below a folder in the order in which a bucket would list them."""

import os
from collections.abc import Iterator
from itertools import groupby
from typing import Final, NamedTuple

TEMPORARY_PREFIX: Final = ".livestills-tmp-"
"""Names of files that are still being written, and never listed."""


class Found(NamedTuple):
    """A file: its key, and where it is.  The two differ for names that are not UTF-8."""

    key: str
    path: str


class _Folder(NamedTuple):
    key: str  # ends with a slash, or is empty for the root
    path: str  # ends with a slash
    names: Iterator[str]


class Walk(Iterator[Found]):
    """Yields the files whose key starts with `prefix` and is not below `start`, in UTF-8 byte order of key, each once.

    Only folders are entered that can hold such keys.  The names in the folders it is in are held in memory: about
    100 bytes for each file of the largest folder.  Links are not followed and, like devices, not yielded; a folder or
    file that vanishes meanwhile is passed over.  Raises OSError where a folder cannot be read.
    """

    def __init__(self, root: str, *, prefix: str, start: str) -> None:
        self.passed_group = ""
        """What is left out from now on: all keys that start with this, unless it is empty."""
        self._prefix = prefix
        self._start = start
        root = f"{root.rstrip('/')}/"
        self._folders = [_Folder("", root, self._names("", root))]

    def __next__(self) -> Found:
        while self._folders:
            folder = self._folders[-1]
            name = next(folder.names, None)
            if name is None:
                self._folders.pop()
                continue
            key = folder.key + _shown(name)
            if self.passed_group and key.startswith(self.passed_group):
                continue
            path = folder.path + name
            if not name.endswith("/"):
                return Found(key, path)
            try:
                self._folders.append(_Folder(key, path, self._names(key, path)))
            except (FileNotFoundError, NotADirectoryError):
                continue
        raise StopIteration

    def _names(self, folder_key: str, path: str) -> Iterator[str]:
        """The names in a folder that can lead to keys that are asked for, those of folders with a slash behind."""
        names = []
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    key = f"{folder_key}{_shown(entry.name)}/"
                    below_start = key < self._start and not self._start.startswith(key)
                    if not below_start and (key.startswith(self._prefix) or self._prefix.startswith(key)):
                        names.append(f"{entry.name}/")
                elif entry.is_file(follow_symlinks=False) and not entry.name.startswith(TEMPORARY_PREFIX):
                    key = folder_key + _shown(entry.name)
                    if key >= self._start and key.startswith(self._prefix):
                        names.append(entry.name)
        names.sort(key=_shown)  # the slash of a folder counts: `a.b` < `a/b` < `a0`
        # Of names that look the same only the first: nobody could tell their keys apart.
        return (next(same) for _, same in groupby(names, key=_shown))


def _shown(name: str) -> str:
    """A file name as part of a key: what is not UTF-8 in it becomes U+FFFD."""
    return name if name.isascii() else os.fsencode(name).decode("utf-8", "replace")
