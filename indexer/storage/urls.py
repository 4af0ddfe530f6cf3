"""Where a source lies, as a text in a configuration file and as a value.  Importing this module imports no client."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import quote, unquote_to_bytes

from indexer.errors import ConfigError
from indexer.storage.base import ObjectStore, can_exist
from indexer.storage.options import S3Options

__all__ = ["Address", "Location", "S3Options", "open_store"]

_LOGIN: Final = re.compile(r"//[^/]*@")
"""Somebody's secret, where an address was written like one of the web."""
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,255}")


@dataclass(frozen=True, slots=True)
class Location:
    """A bucket and a prefix in it, a folder, or a memory store and a prefix in it.

    `from_string` and `str` are inverses, also for spaces, `%`, `?` and `#` in a prefix: they stand for themselves.
    In a folder's address characters may be percent-encoded, as in every file URL, and `str` encodes them.
    """

    kind: Literal["s3", "file", "memory"]
    place: str
    """The bucket, the absolute folder, or the name of the memory store."""
    prefix: str = ""
    """What all its keys start with.  Empty, or it ends with a slash: `directory1` alone would match `directory10/` too.
    Always empty for a folder, which is narrowed by naming the one inside."""

    @classmethod
    def from_string(cls, text: str) -> Self:
        """Read `s3://bucket/prefix/`, `file:///folder` or `memory://name/prefix/`.  Raises `ConfigError`."""
        scheme, separator, rest = text.partition("://")
        match scheme.lower() if separator and can_exist(rest) else None:
            case "s3" | "memory" as kind:
                place, _, prefix = rest.partition("/")
                if _NAME.fullmatch(place):
                    return cls(kind, place, prefix if not prefix or prefix.endswith("/") else f"{prefix}/")
            case "file" if rest.startswith("/"):
                folder = os.fsdecode(unquote_to_bytes(rest))
                if "\0" not in folder:
                    return cls("file", os.path.normpath("/" + folder.lstrip("/")))
        hint = "" if separator or not text else f"; the folder of this name is {Path(text).absolute().as_uri()}"
        raise ConfigError(
            f"{_LOGIN.sub('//***@', text)!r} is no address of a storage: write s3://bucket/prefix/,"
            f" or file:// and the whole path of a folder{hint}"
        )

    def __str__(self) -> str:
        if self.kind == "file":
            return f"file://{quote(os.fsencode(self.place))}"
        return f"{self.kind}://{self.place}/{self.prefix}"

    def contains(self, other: "Location") -> bool:
        """Whether everything in `other` also lies here.

        Told by the texts alone: buckets of one name at two endpoints count as one, a link as a folder of its own.
        """
        if self.kind != other.kind:
            return False
        if self.kind == "file":
            return Path(other.place).is_relative_to(self.place)
        return self.place == other.place and other.prefix.startswith(self.prefix)

    def overlaps(self, other: "Location") -> bool:
        """Whether an object could lie in both."""
        return self.contains(other) or other.contains(self)


@dataclass(frozen=True, slots=True)
class Address:
    """All that a process needs to open a storage: plain values that can be sent to another one."""

    location: Location
    options: S3Options = field(default_factory=S3Options)


def open_store(location: Location, options: S3Options | None = None) -> ObjectStore:
    """Open the storage of a location; keys stay whole, so its prefix is still to be asked for.

    Nothing is sent or read yet.  The options only matter to S3.  Raises `ConfigError`.
    """
    match location.kind:
        case "s3":
            from indexer.storage.s3 import open_s3  # boto3 takes a third of a second that other storages need not wait

            return open_s3(location.place, options)
        case "file":
            from indexer.storage.local import LocalStore

            return LocalStore(Path(location.place))
        case "memory":
            from indexer.storage.memory import shared_memory

            return shared_memory(location.place)
