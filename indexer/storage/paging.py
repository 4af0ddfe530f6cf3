"""One listing from page to page, with the checks that make it complete."""

from collections.abc import Iterator
from itertools import pairwise
from operator import lt

from indexer.errors import BrokenListingError
from indexer.model import keys_of
from indexer.storage.base import ObjectStore, Page


class Paging:
    """The pages of one listing below `prefix` behind `after`, in key order, each object exactly once.

    `next` raises `BrokenListingError` where the storage repeats a token, does not list in strictly rising order or
    lists something else than it was asked for: what was missed then is unknown, so nothing may be concluded.
    """

    def __init__(self, store: ObjectStore, prefix: str = "", *, after: str = "") -> None:
        self._store = store
        self._prefix = prefix
        self._after = after
        self._last_key = after
        self._token: str | None = None
        self._empty_tokens: set[str] = set()
        """With keys in it a repeated page is out of order; only empty pages can go in a circle unseen."""
        self.ended = False

    def next(self) -> Page:
        """One more page: exactly one request.  Not behind the end."""
        if self._token in self._empty_tokens:
            raise BrokenListingError(
                f"{self._store.url} repeats continuation token {self._token!r}, nothing was concluded"
            )
        if self._token is not None:
            self._empty_tokens.add(self._token)
        if self._token is None:
            page = self._store.list_page(self._prefix, after=self._after)
        else:
            page = self._store.list_page(self._prefix, token=self._token)
        self._check_keys(page)
        if page.next_token is not None and page.next_token == self._token:
            self._empty_tokens.add(page.next_token)
        self._token = page.next_token
        self.ended = page.next_token is None
        return page

    def _check_keys(self, page: Page) -> None:
        keys = keys_of(page.objects)
        if not keys:
            return
        if keys[0] <= self._last_key or not all(map(lt, keys, keys[1:])):
            before, behind = next(pair for pair in pairwise([self._last_key, *keys]) if pair[0] >= pair[1])
            raise BrokenListingError(
                f"{self._store.url} lists {behind!r} behind {before!r}: out of order keys may be missing, nothing was"
                " concluded; try a source for each folder"
            )
        if not (keys[0].startswith(self._prefix) and keys[-1].startswith(self._prefix)):  # and so all between
            raise BrokenListingError(
                f"{self._store.url} lists {keys[0]!r} to {keys[-1]!r} below {self._prefix!r}, nothing was concluded"
            )
        self._last_key = keys[-1]
        self._empty_tokens.clear()


def pages(store: ObjectStore, prefix: str = "", *, after: str = "") -> Iterator[Page]:
    """List everything under `prefix` behind `after`, page by page; see `Paging`."""
    paging = Paging(store, prefix, after=after)
    while not paging.ended:
        yield paging.next()
