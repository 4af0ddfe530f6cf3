"""Text that PostgreSQL keeps as we mean it: keys may hold a NUL, its text may not."""

import re
from typing import Final

from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_STORED: Final = {"\x00": "\x01\x01", "\x01": "\x01\x02"}
"""Order stays that of the bytes, and a beginning stays a beginning, because only the two lowest characters change."""
_MEANT: Final = {stored: meant for meant, stored in _STORED.items()}


def stored(text: str) -> str:
    """As the database has it."""
    if "\x00" in text or "\x01" in text:
        return re.sub("[\x00\x01]", lambda found: _STORED[found[0]], text)
    return text


def meant(text: str) -> str:
    """Inverse of `stored`."""
    if "\x01" in text:
        return re.sub("\x01[\x01\x02]", lambda found: _MEANT[found[0]], text)
    return text


class PostgresText(TypeDecorator[str]):
    """A column of such texts."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """What goes in."""
        return None if value is None else stored(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """What comes out."""
        return None if value is None else meant(value)
