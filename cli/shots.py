"""How shots are told to programs and people."""

from typing import Final

from cli.machine import Record
from indexer.model import Shot, is_announced, is_archived

NAME_FIELDS: Final = (
    *("key", "kind", "source", "directory", "bak", "sid", "cname", "uid", "captured_at", "size", "etag"),
    "last_modified",
)
"""What programs read of a key or a shot everywhere.  A contract: fields are added behind, none is ever renamed."""

SHOT_FIELDS: Final = (*NAME_FIELDS, "tier", "stored", "recorder")
"""What the catalog tells of a shot."""


def machine_shot(shot: Shot) -> Record:
    """A shot as a record of `SHOT_FIELDS`.

    Of one that only a callback has told of, size and ETag are not known, and it was told of when it was "modified".
    """
    announced = is_announced(shot.tier)
    return {
        "key": shot.key,
        "kind": "screenshot",
        "source": shot.source,
        "directory": shot.directory,
        "bak": shot.bak,
        "sid": shot.sid,
        "cname": shot.cname,
        "uid": shot.uid,
        "captured_at": shot.captured_at,
        "size": None if announced else shot.size,
        "etag": None if announced else shot.etag,
        "last_modified": shot.last_modified,
        "tier": None if announced else shot.tier,
        "stored": stored(shot.tier),
        "recorder": recorder(shot.bak),
    }


def stored(tier: str | None) -> str:
    """Whether it can be read at once: `archived` objects are cataloged, but neither fetched nor counted as failures.

    Of `announced` ones that is not known: no listing has shown them yet.
    """
    if is_announced(tier):
        return "announced"
    return "archived" if is_archived(tier) else "online"


def recorder(bak: int | None) -> str:
    """Who took it, for people: the first recorder, or the one after failover n."""
    return "original" if bak is None else f"bak{bak}"
