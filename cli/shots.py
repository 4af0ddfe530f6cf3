"""How shots are told to programs and people."""

from cli.output import Record
from indexer.model import Shot


def machine_shot(shot: Shot) -> Record:
    """The fields of a shot that programs read everywhere.  They are a contract: add some, never rename one."""
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
        "size": shot.size,
        "etag": shot.etag,
        "last_modified": shot.last_modified,
        "tier": shot.tier,
        "stored": stored(shot.tier),
        "recorder": recorder(shot.bak),
    }


# As S3, OSS, COS and OBS call the classes from which an object must be restored before it can be read.
_ARCHIVES = {"GLACIER", "DEEP_ARCHIVE", "ARCHIVE", "COLDARCHIVE", "DEEPCOLDARCHIVE", "COLD"}


def stored(tier: str | None) -> str:
    """Whether it can be read at once: `archived` objects are cataloged, but neither fetched nor counted as failures."""
    return "archived" if tier is not None and tier.upper() in _ARCHIVES else "online"


def recorder(bak: int | None) -> str:
    """Who took it, for people: the first recorder, or the one after failover n."""
    return "original" if bak is None else f"bak{bak}"
