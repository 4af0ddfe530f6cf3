"""Objects in the memory of this process: for trying things out, and for tests that want no disk."""

import hashlib
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final
from urllib.parse import quote

from indexer.errors import ObjectNotFoundError
from indexer.model import EPOCH, ListedObject
from indexer.storage.base import PAGE_SIZE, PRESIGNED_FOR, Page, refuse_impossible

_SHARED: Final[dict[str, "MemoryStore"]] = {}


def shared_memory(name: str) -> "MemoryStore":
    """The one store of this name in this process: what `memory://name` means wherever it is opened."""
    return _SHARED.setdefault(name, MemoryStore(name))


class MemoryStore:
    """An `ObjectStore` that ends with the process.  Its ETags are MD5s, as on S3.  Threads may share it."""

    def __init__(self, name: str = "here") -> None:
        self._name = name
        self._lock = Lock()
        self._keys: list[str] = []  # sorted: str compares by code point, which is the order of UTF-8 bytes
        self._objects: dict[str, tuple[ListedObject, bytes]] = {}
        self._requests: Counter[str] = Counter()

    @property
    def url(self) -> str:
        """`memory://name`."""
        return f"memory://{self._name}"

    @property
    def requests(self) -> Mapping[str, int]:
        """See `ObjectStore.requests`."""
        with self._lock:
            return self._requests.copy()

    def list_page(
        self,
        prefix: str = "",
        *,
        after: str = "",
        token: str | None = None,
        delimiter: str = "",
        limit: int = PAGE_SIZE,
    ) -> Page:
        """See `ObjectStore.list_page`.  The token is the first key that was not listed yet."""
        objects: list[ListedObject] = []
        groups: list[str] = []
        with self._lock:
            self._requests["list"] += 1
            start = token if token is not None else f"{after}\0" if after else ""
            index = bisect_left(self._keys, max(start, prefix))
            while index < len(self._keys) and (key := self._keys[index]).startswith(prefix):
                if len(objects) + len(groups) == limit:
                    return Page(objects, groups, key)
                if delimiter and (found := key.find(delimiter, len(prefix))) >= 0:
                    groups.append(key[: found + len(delimiter)])
                    index = self._index_behind(groups[-1], index)
                else:
                    objects.append(self._objects[key][0])
                    index += 1
        return Page(objects, groups)

    def _index_behind(self, group: str, index: int) -> int:
        return bisect_left(self._keys, True, index, key=lambda key: not key.startswith(group))

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        with self._lock:
            self._requests["get"] += 1
            if key not in self._objects:
                raise ObjectNotFoundError(f"there is no object {key!r} in {self.url}")
            data = self._objects[key][1]
        return data[start:] if length is None else data[start : start + length]

    def head(self, key: str) -> ListedObject | None:
        """See `ObjectStore.head`."""
        with self._lock:
            self._requests["head"] += 1
            return self._objects[key][0] if key in self._objects else None

    def put(
        self, key: str, data: bytes, *, content_type: str, modified: datetime | None = None, tier: str | None = None
    ) -> None:
        """See `ObjectStore.put`.  `modified` (aware; now if None) and `tier` are what a listing will say."""
        del content_type  # nothing here asks for it
        refuse_impossible(key)
        modified_s = ((modified or datetime.now(UTC)) - EPOCH) // timedelta(seconds=1)
        etag = hashlib.md5(data, usedforsecurity=False).hexdigest()
        with self._lock:
            self._requests["put"] += 1
            if key not in self._objects:
                insort(self._keys, key)
            self._objects[key] = ListedObject(key, len(data), etag, modified_s, tier), bytes(data)

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        with self._lock:
            self._requests["delete"] += 1
            if self._objects.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]

    def presign(self, key: str, *, lifetime: timedelta = PRESIGNED_FOR) -> str:
        """`memory://name/key`: only this process can follow it, and as long as it likes."""
        del lifetime
        refuse_impossible(key)
        return f"{self.url}/{quote(key)}"
