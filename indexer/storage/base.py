"""The contract of every storage: S3, a local folder, memory.

One suite, tests/contracts/test_store.py, holds all of them to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

from indexer.errors import UnsupportedKeyError
from indexer.model import ListedObject

PAGE_SIZE: Final = 1000
"""Keys asked for in one request: the most that S3 gives, and more than some clones give when not told."""

THROTTLED: Final = "throttled"
"""Among the kinds of requests: how many of them were answered with SlowDown or the like."""

PRESIGNED_FOR: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a listing request.

    `objects` are in UTF-8 byte order of key.  `prefixes` are the groups that a delimiter made.  `next_token`
    continues the listing and is None at its end.
    """

    objects: Sequence[ListedObject]
    prefixes: list[str] = field(default_factory=list)
    next_token: str | None = None


class ObjectStore(Protocol):
    """Objects by key.  Keys are whole: the same text that the storage itself uses, whatever the prefix of a source.

    Every method raises `StorageError` of the fitting kind: `AccessDeniedError`, `BucketNotFoundError`,
    `StorageUnavailableError` for what may work later.  No method hides one as an empty answer.
    """

    @property
    def url(self) -> str:
        """Where this is, without secrets: `s3://bucket`, `file:///folder`, `memory://name`."""
        ...

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests made so far, by kind (`list`, `get`, `head`, `put`, `delete`), retries included.

        `throttled`, where the storage asked to be asked less, says of how many that was the answer.
        """
        ...

    def list_page(
        self,
        prefix: str = "",
        *,
        after: str = "",
        token: str | None = None,
        delimiter: str = "",
        limit: int = PAGE_SIZE,
    ) -> Page:
        """List up to `limit` objects whose key starts with `prefix` and sorts after `after`: exactly one request.

        `token` goes on behind an earlier page of the same listing.  With a `delimiter`, keys that have it behind
        the prefix are answered as groups instead.
        """
        ...

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Read an object, or `length` bytes of it from `start` on (fewer where it ends; b"" at or behind the end).

        Raises `ObjectNotFoundError`.
        """
        ...

    def head(self, key: str) -> ListedObject | None:
        """What a listing would say of this key, or None if there is no such object."""
        ...

    def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """Write an object whole or not at all, replacing an older one.

        Raises `UnsupportedKeyError` for a key that this storage cannot hold.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object.  Nothing happens if there is none."""
        ...

    def presign(self, key: str, *, lifetime: timedelta = PRESIGNED_FOR) -> str:
        """An address from which the object can be read for `lifetime` without credentials.  Whoever has it can read."""
        ...


def can_exist(key: str) -> bool:
    """Whether any storage could hold an object of this key: it is UTF-8, and not empty."""
    try:
        return bool(key.encode())
    except UnicodeEncodeError:  # lone surrogates, as Python makes them of file names that are not UTF-8
        return False


def refuse_impossible(key: str) -> None:
    """Raise `UnsupportedKeyError` for a key that no storage can hold."""
    if not can_exist(key):
        raise UnsupportedKeyError(f"{key!r} cannot be the key of an object: keys are UTF-8 and not empty")
