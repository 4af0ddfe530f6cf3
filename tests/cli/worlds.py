"""Small worlds: a configuration, and objects with nothing in them but a name."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from indexer.agora import names
from indexer.agora.names import ScreenshotName, ShotHead
from indexer.storage import memory as memory_module
from indexer.storage.base import ObjectStore
from indexer.storage.local import LocalStore
from indexer.storage.memory import MemoryStore, shared_memory

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
_numbers = count()

memory_stores = memory_module._SHARED
"""What `memory://name` opens; a test may put a store of its own there."""


def sid(number: int = 0) -> str:
    return f"{number:032x}"


def shot(
    uid: str = "7", *, at: int = 0, cname: str = "room", session: int = 0, bak: str = "", directory: str = ""
) -> str:
    """The key of a screenshot taken `at` seconds behind noon."""
    head = ShotHead(directory, bak, sid(session), cname, uid)
    return names.format(ScreenshotName(head, NOON + timedelta(seconds=at)))


def series(uid: str = "7", *, shots: int = 3, every: int = 10, start: int = 0, **where: object) -> list[str]:
    return [shot(uid, at=start + every * number, **where) for number in range(shots)]  # type: ignore[arg-type]


def put(store: ObjectStore, keys: Iterable[str]) -> None:
    for key in keys:
        store.put(key, b"x", content_type="image/jpeg")


def memory(keys: Iterable[str] = ()) -> tuple[str, MemoryStore]:
    """A storage in memory and its URL."""
    name = f"world-{next(_numbers)}"
    store = shared_memory(name)
    put(store, keys)
    return f"memory://{name}/", store


def folder(path: Path, keys: Iterable[str] = ()) -> LocalStore:
    path.mkdir(parents=True, exist_ok=True)
    store = LocalStore(path)
    put(store, keys)
    return store


def configure(path: Path = Path("livestills.toml"), /, *, more: str = "", **sources: str) -> Path:
    """Write a configuration with these sources."""
    sections = "".join(f'[sources.{name}]\nurl = "{url}"\n' for name, url in sources.items())
    path.write_text(sections + more, encoding="utf-8")
    return path
