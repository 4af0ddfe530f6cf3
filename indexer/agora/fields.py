"""The fields of a notification callback: found by name, checked for what we make of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NoReturn

from indexer.agora.stamps import MAX_MS
from indexer.errors import ExitStatus, LivestillsError
from indexer.model import from_ms

LONGEST_ID: Final = 255
"""Bytes of a sid, a uid and other ids.  With a channel name they stand in an index of the catalog, and PostgreSQL takes
2,704 bytes there."""

# No number of Agora's is longer, and a database takes none that is.
_MOST: Final = 2**63 - 1


class BadNoticeError(LivestillsError):
    """The body is no notice of Agora's."""

    status = ExitStatus.USAGE


class BadDetailsError(BadNoticeError):
    """It is a notice, but what it tells is not as documented."""


class OtherProductError(BadNoticeError):
    """It is a notice of another product than Cloud Recording."""


class Fields:
    """The fields of an object that somebody else wrote, by names whose case does not matter.

    Messages name a field by its path, and say of what kind a wrong value is rather than the value: it may be a secret
    of another system, and as long as it likes.
    """

    def __init__(self, told: object, path: str, error: type[BadNoticeError]) -> None:
        self._path, self._error = path, error
        if not isinstance(told, Mapping):
            raise error(f"{path.removesuffix('.') or 'it'} is {_kind(told)}, not an object")
        self._fields = {str(name).lower(): value for name, value in told.items()}

    def value(self, name: str, *, otherwise: object = None) -> object:
        """Of any kind; `otherwise` where it is missing or null, which is an error without one."""
        value = self._fields.get(name.lower())
        if value is None and otherwise is None:
            raise self._error(f"{self._path}{name} is missing")
        return otherwise if value is None else value

    def text(self, name: str, *, longest: int) -> str:
        """A text of 1 to `longest` bytes that a database and a storage take."""
        value = self.value(name)
        if not isinstance(value, str):
            self._refuse(name, f"is {_kind(value)}, not a text")
        if not value:
            self._refuse(name, "is empty")
        try:
            length = len(value.encode())
        except UnicodeEncodeError:
            self._refuse(name, "holds half of a character")
        if "\0" in value:
            self._refuse(name, "holds a NUL")
        if length > longest:
            self._refuse(name, f"has {length:,} bytes, more than {longest:,}")
        return value

    def number(self, name: str, *, otherwise: int | None = None, most: int = _MOST) -> int:
        """A whole number from 0 to `most`, also where it stands as text; `otherwise` where it is missing."""
        value = self.value(name, otherwise=otherwise)
        if isinstance(value, str) and is_number(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self._refuse(name, f"is {_kind(value)}, not a whole number")
        if not 0 <= value <= most:
            self._refuse(name, f"is not within 0 and {most}")
        return value

    def uid(self, name: str) -> str:
        """Text, as numbers too are written."""
        value = self.value(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(self.number(name))
        return self.text(name, longest=LONGEST_ID)

    def time(self, name: str) -> datetime:
        """Milliseconds from 1970, within the calendar."""
        milliseconds = self.number(name)
        if milliseconds > MAX_MS:
            self._refuse(name, "is behind the end of the calendar: it counts milliseconds from 1970")
        return from_ms(milliseconds)

    def _refuse(self, name: str, why: str) -> NoReturn:
        raise self._error(f"{self._path}{name} {why}")


def is_number(text: str) -> bool:
    """Whether `text` is a whole number as machines write it, of a length that can be one."""
    return text.isascii() and text.isdigit() and len(text) <= len(str(_MOST)) and (text == "0" or text[0] != "0")


def _kind(value: object) -> str:
    for kind, name in ((bool, "a truth value"), (int | float, "a number"), (str, "a text"), (list, "an array")):
        if isinstance(value, kind):
            return name
    return "an object" if isinstance(value, Mapping) else "nothing"
