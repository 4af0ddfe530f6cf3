"""Names of the files that recordings leave beside the screenshots: playlists, slices, and whole files.

Agora documents these (`[bak]` stands for any number of `bak<n>_`, `utc` for 17 digits that are a real time):

    individual   [bak]<sid>_<cname>__uid_s_<uid>__uid_e_<track>.m3u8|mpd
                 [bak]<sid>_<cname>__uid_s_<uid>__uid_e_<track>_<utc>.ts|webm
      transcoded [bak]<sid>_<cname>__uid_s_<uid>__uid_e_<index>.mp4
      backup     [bak]<sid>_<cname>__uid_s_<uid>__uid_e_<track>_<tick>_<index>.m3u8|mpd
    composite    [bak]<sid>_<cname>.m3u8
    and web      [bak]<sid>_<cname>_<utc>.ts, in web mode also a 13-digit Unix time in ms
                 [bak]<sid>_<cname>_<index>.mp4
      mixed      [bak]<sid>_<cname>_<index>.mp3|m4a|aac
      backup     [bak]<sid>_<cname>_<tick>_<index>.m3u8

cname and uid are any characters but "/", so some names have two readings.  These are the ones taken:

- A name with a `__uid_s_` and, behind it, a `__uid_e_` is individual or nothing: never a composite one whose cname
  looks so.  `__uid_e_` is the last one, `__uid_s_` the last before it that leaves a uid.
- A composite name ends in the number that its extension asks for: `ride_17822.mp4` is file 17822 of channel `ride`.
- `<cname>_<a>_<b>.m3u8` is a backup playlist only if `<a>` has 11 digits or more, as in Agora's sample.  Shorter ones
  stay in the cname: `lecture_20240103_2` and `lecture_1704240000_2` are how people name channels.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from indexer.agora.grammar import TYPE_MARK, UID_MARK, is_derivative, is_digits, last_bak, split_front
from indexer.agora.stamps import parse_moment, parse_utc
from indexer.model import from_ms

_INDEX: Final = re.compile(r"(?P<index>[0-9]+)")
_PLAYLIST: Final = re.compile(r"(?P<track>audio|video|av)(?:_(?P<tick>[0-9]+)_(?P<index>[0-9]+))?")
_SLICE: Final = re.compile(r"(?P<track>audio|video|av)_(?P<stamp>[0-9]{17})")

_INDIVIDUAL: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {"m3u8": _PLAYLIST, "mpd": _PLAYLIST, "ts": _SLICE, "webm": _SLICE, "mp4": _INDEX}
)
"""What follows `__uid_e_`, by extension."""

_WHOLE_FILES: Final = frozenset({"mp4", "mp3", "m4a", "aac"})
_UNIX_MS_DIGITS: Final = 13
_BACKUP: Final = re.compile(r"(?P<tick>[0-9]{11,})_(?P<index>[0-9]+)")

EXTENSIONS: Final = frozenset(_INDIVIDUAL) | _WHOLE_FILES


@dataclass(frozen=True, slots=True)
class RecordingName:
    """The name of a recording's file.  Every field is text as written, so the key can be made again byte for byte."""

    directory: str
    """Everything before the object name, with its trailing "/"; empty at the root."""
    bak_prefix: str
    """Failover prefixes: "", "bak0_", "bak0_bak1_"."""
    sid: str
    cname: str
    extension: str
    """Without the dot."""
    uid: str | None = None
    """None in composite and web mode."""
    track: str | None = None
    """`audio`, `video` or `av`: what an individual playlist or slice holds."""
    stamp: str | None = None
    """Start of a slice: 17 digits of UTC, or 13 digits of Unix time in ms."""
    tick: str | None = None
    """In the playlists that come from Agora's backup storage; its meaning is undocumented."""
    index: str | None = None
    """Number of a whole file or of a backup playlist, from 0."""

    @property
    def bak(self) -> int | None:
        """Number of the last failover prefix, None for the original recorder."""
        return last_bak(self.bak_prefix)

    @property
    def unit(self) -> str:
        """The key up to and with the "_" behind the sid: what all objects of one recorder in one directory share."""
        return f"{self.directory}{self.bak_prefix}{self.sid}_"

    @property
    def started_at(self) -> datetime | None:
        """Start of a slice; None of everything else."""
        if self.stamp is None:
            return None
        return from_ms(int(self.stamp)) if len(self.stamp) == _UNIX_MS_DIGITS else parse_moment(self.stamp)

    @property
    def text(self) -> str:
        """The key, if `parse_recording` reads it back as this value; see `names.format`."""
        ending = "_".join(field for field in (self.track, self.stamp, self.tick, self.index) if field is not None)
        if self.uid is not None:
            return f"{self.unit}{self.cname}{UID_MARK}{self.uid}{TYPE_MARK}{ending}.{self.extension}"
        return f"{self.unit}{self.cname}{'_' if ending else ''}{ending}.{self.extension}"


def parse_recording(key: str) -> RecordingName | None:
    """Read the key of a recording's file; None if it is something else.  Total; `name.text == key` for every answer."""
    path, _, extension = key.rpartition(".")
    if extension not in EXTENSIONS or is_derivative(key):
        return None
    slash = path.rfind("/") + 1
    directory, stem = path[:slash], path[slash:]
    first_uid = stem.find(UID_MARK)
    type_at = stem.rfind(TYPE_MARK)
    if 0 <= first_uid < type_at:
        return _individual(directory, stem, type_at, extension)
    if extension == "m3u8":
        return _composite_playlist(directory, stem)
    front, _, number = stem.rpartition("_")
    if extension == "ts":
        unix_ms = len(number) == _UNIX_MS_DIGITS and is_digits(number)
        real = unix_ms or parse_utc(number) is not None
        return _composite(directory, front, extension, stamp=number) if real else None
    if extension in _WHOLE_FILES and is_digits(number):
        return _composite(directory, front, extension, index=number)
    return None


def _individual(directory: str, stem: str, type_at: int, extension: str) -> RecordingName | None:
    pattern = _INDIVIDUAL.get(extension)
    ending = None if pattern is None else pattern.fullmatch(stem, type_at + len(TYPE_MARK))
    uid_at = stem.rfind(UID_MARK, 0, type_at - 1)  # at least one character is left for the uid
    front = None if ending is None or uid_at < 0 else split_front(stem[:uid_at])
    if ending is None or front is None:
        return None
    fields = ending.groupdict()
    stamp = fields.get("stamp")
    if stamp is not None and parse_utc(stamp) is None:
        return None
    return RecordingName(
        directory,
        *front,
        extension,
        stem[uid_at + len(UID_MARK) : type_at],
        fields.get("track"),
        stamp,
        fields.get("tick"),
        fields.get("index"),
    )


def _composite_playlist(directory: str, stem: str) -> RecordingName | None:
    plain = _composite(directory, stem, "m3u8")
    front, _, index = stem.rpartition("_")
    front, _, tick = front.rpartition("_")
    if plain is None or not _BACKUP.fullmatch(f"{tick}_{index}"):
        return plain
    backup = _composite(directory, front, "m3u8", tick=tick, index=index)
    # Taking the two numbers off must not turn a failover prefix into the sid, as it would in bak0_<sid>_<tick>_<index>.
    return backup if backup is not None and backup.bak_prefix == plain.bak_prefix else plain


def _composite(
    directory: str,
    front: str,
    extension: str,
    *,
    stamp: str | None = None,
    tick: str | None = None,
    index: str | None = None,
) -> RecordingName | None:
    split = split_front(front)
    if split is None:
        return None
    return RecordingName(directory, *split, extension, None, None, stamp, tick, index)
