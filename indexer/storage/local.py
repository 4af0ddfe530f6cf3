"""A local folder as a storage: a mirrored bucket, or a place for what we make.  A key is the path below the folder."""

import errno
import os
import stat
import tempfile
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Final

from indexer.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    ObjectNotFoundError,
    StorageError,
    UnsupportedKeyError,
)
from indexer.model import ListedObject
from indexer.storage.base import PAGE_SIZE, PRESIGNED_FOR, Page, can_exist
from indexer.storage.local_walk import TEMPORARY_PREFIX, Found, Walk

_LONGEST_NAME: Final = 255  # bytes, on Linux and macOS
_MAKING_ATTEMPTS: Final = 20
_GONE: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_KEPT_WALKS: Final = 16  # each holds the names in the folders that it is in


class LocalStore:
    """The files below `root` as an `ObjectStore`.  Threads may share it, and other programs may change the files.

    A folder cannot hold every key: none with an empty, `.` or `..` component, none that ends with a slash, no name
    above 255 bytes, and not both `a` and `a/b`.  Links are neither listed nor followed, so no key leads out of `root`.
    """

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))
        self._lock = Lock()
        self._requests: Counter[str] = Counter()
        self._walks: OrderedDict[tuple[str, str, str], tuple[Walk, Found]] = OrderedDict()

    @property
    def url(self) -> str:
        """`file:///folder`."""
        return self._root.as_uri()

    @property
    def requests(self) -> Mapping[str, int]:
        """See `ObjectStore.requests`.  What would be a request to a bucket, counts as one."""
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
        """See `ObjectStore.list_page`.  The token is the first key that was not listed yet.

        Files that are put into a folder while a listing is in it may be missing in that listing.
        """
        self._count("list")
        objects: list[ListedObject] = []
        groups: list[str] = []
        with self._own_errors(self._root):
            walk, found = self._walk(prefix, after, token, delimiter)
            for file in chain(found, walk):
                if len(objects) + len(groups) == limit:
                    self._keep(walk, file, (prefix, delimiter, file.key))
                    return Page(objects, groups, file.key)
                if delimiter and (end := file.key.find(delimiter, len(prefix))) >= 0:
                    walk.passed_group = file.key[: end + len(delimiter)]
                    groups.append(walk.passed_group)
                elif listed := _listed(file):
                    objects.append(listed)
        return Page(objects, groups)

    def _walk(self, prefix: str, after: str, token: str | None, delimiter: str) -> tuple[Walk, list[Found]]:
        """A walk, and what it has already found of the page."""
        if token is None:
            return self._new_walk(prefix, f"{after}\0" if after else ""), []
        # A new walk for each page would read and sort a folder of 300,000 files 300 times.
        with self._lock:
            kept = self._walks.pop((prefix, delimiter, token), None)
        return (kept[0], [kept[1]]) if kept else (self._new_walk(prefix, token), [])

    def _new_walk(self, prefix: str, start: str) -> Walk:
        try:
            return Walk(str(self._root), prefix=prefix, start=start)
        except _GONE as exc:
            raise self._no_root() from exc

    def _keep(self, walk: Walk, found: Found, position: tuple[str, str, str]) -> None:
        with self._lock:
            self._walks[position] = walk, found
            while len(self._walks) > _KEPT_WALKS:
                self._walks.popitem(last=False)

    def get(self, key: str, *, start: int = 0, length: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        self._count("get")
        path = self._file(key)
        if path is not None:
            with self._own_errors(path), suppress(*_GONE), path.open("rb") as file:
                file.seek(start)
                return file.read(-1 if length is None else length)
        raise ObjectNotFoundError(f"there is no object {key!r} in {self.url}")

    def head(self, key: str) -> ListedObject | None:
        """See `ObjectStore.head`."""
        self._count("head")
        path = self._file(key)
        return _listed(Found(key, str(path))) if path else None

    def put(self, key: str, data: bytes, *, content_type: str) -> None:
        """See `ObjectStore.put`.  The file is for its owner alone.  A crash may leave one behind that is not listed."""
        del content_type  # a file has none
        self._count("put")
        path = self._path(key)
        if path is None:
            raise UnsupportedKeyError(f"{self.url} cannot hold an object {key!r}: it would be no path below the folder")
        if not self._root.is_dir():
            raise self._no_root()
        with self._own_errors(path):
            try:
                handle, temporary = _new_file_beside(path)
                try:
                    with os.fdopen(handle, "wb") as file:
                        file.write(data)
                    _make_newer(temporary, path)
                    temporary.replace(path)
                finally:
                    temporary.unlink(missing_ok=True)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as exc:
                raise UnsupportedKeyError(
                    f"{self.url} cannot hold an object {key!r}: a file and a folder would have the same name"
                ) from exc
            except OSError as exc:
                if exc.errno == errno.ENAMETOOLONG:
                    raise UnsupportedKeyError(f"{self.url} cannot hold {key!r}: the path is too long") from exc
                raise

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`.  Folders that become empty go too."""
        self._count("delete")
        path = self._file(key)
        if path is None:
            return
        with self._own_errors(path):
            path.unlink(missing_ok=True)
        with suppress(OSError):  # of the first folder that is not empty
            for folder in path.parents:
                if folder == self._root:
                    break
                folder.rmdir()

    def presign(self, key: str, *, lifetime: timedelta = PRESIGNED_FOR) -> str:
        """The file's own URL.  It does not expire, and gives nobody a right to read the file."""
        del lifetime
        path = self._path(key)
        if path is None:
            raise UnsupportedKeyError(f"{self.url} cannot hold an object {key!r}")
        return path.as_uri()

    def _path(self, key: str) -> Path | None:
        """The path of a key that this folder can hold."""
        names = key.split("/")
        if not can_exist(key) or "\0" in key or names[-1].startswith(TEMPORARY_PREFIX):
            return None
        if any(name in {"", ".", ".."} or len(name.encode()) > _LONGEST_NAME for name in names):
            return None
        path = self._root.joinpath(*names)
        return path if os.path.realpath(path) == str(path) else None  # a link could lead out of the folder

    def _file(self, key: str) -> Path | None:
        """The path of an object, if there is one."""
        path = self._path(key)
        with self._own_errors(path or self._root):
            try:
                if path is not None and stat.S_ISREG(path.lstat().st_mode):
                    return path
            except _GONE:
                pass
            except OSError as exc:
                if exc.errno != errno.ENAMETOOLONG:
                    raise
            if not self._root.is_dir():
                raise self._no_root()
        return None

    def _no_root(self) -> BucketNotFoundError:
        return BucketNotFoundError(f"there is no folder {self._root}: make it, or correct the URL of the source")

    def _count(self, kind: str) -> None:
        with self._lock:
            self._requests[kind] += 1

    @contextmanager
    def _own_errors(self, path: Path) -> Iterator[None]:
        try:
            yield
        except PermissionError as exc:
            where = exc.filename or path
            raise AccessDeniedError(f"the system denies access to {where}: check its permissions") from exc
        except OSError as exc:
            raise StorageError(f"{exc.filename or path} could not be used: {exc.strerror}") from exc


def _listed(file: Found) -> ListedObject | None:
    """A file as a listing shows it, or None if it is gone.

    The ETag is made of size and time: an MD5 as on S3 would read every byte of a bucket for each listing.  It does not
    look like one, so that nobody takes equal ETags for equal contents.
    """
    try:
        status = os.lstat(file.path)
    except _GONE:
        return None
    modified_s = status.st_mtime_ns // 1_000_000_000
    return ListedObject(file.key, status.st_size, f"{status.st_size:x}.{status.st_mtime_ns:x}", modified_s, None)


def _new_file_beside(path: Path) -> tuple[int, Path]:
    """Open a new file in the folder of `path`, which is made if need be."""
    attempts_left = _MAKING_ATTEMPTS
    while True:
        attempts_left -= 1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
        except (FileNotFoundError, FileExistsError):
            # delete() of the last file in it has just taken the folder away, or a file is really in its place.
            if not attempts_left:
                raise
        else:
            return handle, Path(name)


def _make_newer(path: Path, old_path: Path) -> None:
    """Make sure that a file that replaces another is told from it by size or time: some clocks tick every 4 ms."""
    new = path.stat()
    with suppress(FileNotFoundError):
        old = old_path.lstat()
        if old.st_size == new.st_size and old.st_mtime_ns >= new.st_mtime_ns:
            os.utime(path, ns=(new.st_atime_ns, old.st_mtime_ns + 1))
