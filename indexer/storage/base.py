"""The contract of every storage: S3, a local folder, memory.

One suite, tests/contracts/test_store.py, holds all of them to it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from operator import lt
from typing import Final, Protocol

from indexer.errors import BrokenListingError, UnsupportedKeyError
from indexer.model import ListedObject

PAGE_SIZE: Final = 1000
"""Keys asked for in one request: the most that S3 gives, and more than some clones give when not told."""

PRESIGNED_FOR: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to a listing request.

    `objects` are in UTF-8 byte order of key.  `prefixes` are the groups that a delimiter made.  `next_token`
    continues the listing and is None at its end.
    """

    objects: list[ListedObject]
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
        """Requests made so far, by kind (`list`, `get`, `head`, `put`, `delete`), retries included."""
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


def pages(store: ObjectStore, prefix: str = "", *, after: str = "") -> Iterator[Page]:
    """List everything under `prefix` behind `after`, page by page, in key order, each object exactly once.

    Raises `BrokenListingError` where the storage repeats a token, does not list in strictly rising order or lists
    something else than it was asked for: what was missed then is unknown, so nothing may be concluded.
    """
    token: str | None = None
    empty_tokens: set[str] = set()
    last_key = after
    while True:
        page = store.list_page(prefix, after=after if token is None else "", token=token)
        keys = [listed.key for listed in page.objects]
        if keys:
            if keys[0] <= last_key or not all(map(lt, keys, keys[1:])):
                before, behind = next(pair for pair in pairwise([last_key, *keys]) if pair[0] >= pair[1])
                raise BrokenListingError(
                    f"{store.url} lists {behind!r} behind {before!r}: out of order keys may be missing, nothing was"
                    " concluded; try a source for each folder"
                )
            if not (keys[0].startswith(prefix) and keys[-1].startswith(prefix)):  # and so all between, in this order
                raise BrokenListingError(
                    f"{store.url} lists {keys[0]!r} to {keys[-1]!r} below {prefix!r}, nothing was concluded"
                )
            last_key = keys[-1]
            empty_tokens.clear()
        yield page
        if page.next_token is None:
            return
        # With keys in it a repeated page is out of order; only empty pages can go in a circle unseen.
        if page.next_token == token or page.next_token in empty_tokens:
            raise BrokenListingError(
                f"{store.url} repeats continuation token {page.next_token!r}, nothing was concluded"
            )
        token = page.next_token
        empty_tokens.add(token)


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
