"""What people are called.  Agora knows uids; names come from whoever runs the channels."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from indexer.agora.channels import spellings
from indexer.errors import ConfigError

_COLUMNS: Final = ("channel", "uid", "name")

Person = tuple[str | None, str]
"""A channel, or None for every one that says nothing else, and a uid."""


class Names:
    """Names of people by channel and uid.

    A channel is found however file names write it: `math.101` and `math-101` are one, where nothing else is called so.
    """

    def __init__(self, named: Mapping[Person, str]) -> None:
        self._named = dict(named)
        self._in_channels = frozenset(uid for cname, uid in named if cname is not None)
        self._folded: dict[Person, str | None] = {}
        for (cname, uid), name in named.items():
            for other in spellings(cname)[1:] if cname is not None else ():
                # Two channels that file names write alike: who it is, nobody can tell.
                known = self._folded.get((other, uid), name)
                self._folded[other, uid] = name if known == name else None

    def __bool__(self) -> bool:
        return bool(self._named)

    def name_of(self, cname: str, uid: str) -> str | None:
        """The name of a user of this channel; None if nobody said one, or it could be either of two people."""
        for spelling in spellings(cname):
            if (spelling, uid) in self._named:
                return self._named[spelling, uid]
        if (cname, uid) in self._folded:
            return self._folded[cname, uid]
        return self.everywhere(uid)

    def depends_on_channel(self, uid: str) -> bool:
        """Whether the uid is called something in single channels."""
        return uid in self._in_channels

    def everywhere(self, uid: str) -> str | None:
        """The name of the uid where no channel says another."""
        return self._named.get((None, uid))


def read_csv(file: Path) -> dict[Person, str]:
    """The names of a file of rows `channel,uid,name`, in whatever order its first line has; an empty channel is all.

    UTF-8, with a mark at its beginning or without.  Raises `ConfigError` that names the file and the line.
    """
    named: dict[Person, str] = {}
    for line, (channel, uid, name) in _rows(file):
        person = (channel or None, uid)
        if named.setdefault(person, name) != name:
            where = f"channel {channel!r}" if channel else "every channel"
            raise ConfigError(f"{file}, line {line}: user {uid!r} of {where} is {named[person]!r} further up")
    return named


def _rows(file: Path) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """The rows with the line that each ends on, in the order of `_COLUMNS`."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            rows = csv.reader(opened, strict=True, skipinitialspace=True)
            titles = [title.strip().lower() for title in next(rows, [])]
            if sorted(titles) != sorted(_COLUMNS):
                raise ConfigError(f"{file}, line 1: the columns must be called {','.join(_COLUMNS)}")
            for row in rows:
                if not any(row):  # a spreadsheet leaves lines with nothing in them
                    continue
                if len(row) != len(_COLUMNS):
                    raise ConfigError(f"{file}, line {rows.line_num}: {len(row)} cells in place of {len(_COLUMNS)}")
                channel, uid, name = (row[titles.index(title)] for title in _COLUMNS)
                uid, name = uid.strip(), name.strip()
                if not uid or not name:
                    raise ConfigError(f"{file}, line {rows.line_num}: the {'name' if uid else 'uid'} is missing")
                yield rows.line_num, (channel, uid, name)
    except csv.Error as exc:
        raise ConfigError(f"{file}, line {rows.line_num}: {exc}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{file} is not UTF-8 text") from exc
    except FileNotFoundError as exc:
        raise ConfigError(f"{file} does not exist; it is csv in [users] of the configuration") from exc
    except OSError as exc:
        raise ConfigError(f"{file} cannot be read: {exc.strerror}") from exc
