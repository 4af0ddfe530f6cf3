"""Keeping secrets out of what is shown: request bodies hold a token and the keys of a storage.  Pure.

What is shown is what `request_shapes` says that it may be: a misspelt name of a secret is none that it knows.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from indexer.agora.request_shapes import SECRETS, may_be_shown

HIDDEN: Final = "***"

_SHORTEST: Final = 4
"""A shorter text is found by chance in words that are none of a secret's."""


def redacted(value: object, name: str = "") -> object:
    """Parsed JSON, which stands at the key `name`, with `***` in place of all that could be secret.

    Values of documented keys are left, true, false and null as well.
    """
    if _is_left(value, name):
        return value
    if isinstance(value, Mapping) and name not in SECRETS:
        return {key: redacted(part, str(key)) for key, part in value.items()}
    if isinstance(value, list | tuple) and name not in SECRETS:
        return [redacted(part, name) for part in value]
    return HIDDEN


def secrets_of(value: object, name: str = "") -> Iterator[str]:
    """Every text that `redacted` hides, at any depth, and every number at the key of a secret."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from secrets_of(part, name if name in SECRETS else str(key))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from secrets_of(part, name)
    elif not _is_left(value, name) and (isinstance(value, str) or name in SECRETS):
        yield str(value)


def without(secrets: frozenset[str], text: str) -> str:
    """The text without any of these secrets, should a server have sent one back."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be a part of another
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, HIDDEN)
    return text


def _is_left(value: object, name: str) -> bool:
    if isinstance(value, Mapping | list | tuple):
        return False
    return value is None or isinstance(value, bool) or may_be_shown(name, value)
