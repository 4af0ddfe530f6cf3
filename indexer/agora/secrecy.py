"""Keeping secrets out of what is shown: request bodies hold a token and the keys of a storage.  Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

HIDDEN: Final = "***"

_NAMES: Final = ("secret", "token", "accesskey", "password", "passwd", "salt", "credential", "privatekey")
"""A field is secret if its name, in lower case and letters only, holds one of these: misspelt ones are secret, too."""

_NO_LETTERS: Final = re.compile(r"[^a-z]+")

_SHORTEST: Final = 4
"""A shorter text is found by chance in words that are none of a secret's."""


def is_secret(name: str) -> bool:
    """Whether the value of a field of this name is kept secret."""
    plain = _NO_LETTERS.sub("", name.lower())
    return any(part in plain for part in _NAMES)


def redacted(value: object) -> object:
    """Parsed JSON with `***` in place of every secret value, whatever it is; nothing else changes."""
    if isinstance(value, Mapping):
        return {name: HIDDEN if is_secret(str(name)) else redacted(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [redacted(part) for part in value]
    return value


def secrets_of(value: object) -> Iterator[str]:
    """Every secret text in parsed JSON, at any depth."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _texts(part) if is_secret(str(name)) else secrets_of(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from secrets_of(part)


def without(secrets: frozenset[str], text: str) -> str:
    """The text without any of these secrets, should a server have sent one back."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    return text


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
