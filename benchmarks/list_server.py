"""A storage that can only be listed, and has a bucket of any size, in a process of its own (list_server.c).

Its CPU time is not counted with that of its clients, and takes next to nothing from them: half a millisecond for 1,000
keys.  `python -m benchmarks.list_server --keys 1000000 --latency-ms 60` starts one for trying things out.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.request import urlopen

from benchmarks.compiling import compiled

BUCKET: Final = "shots"


@dataclass(frozen=True, slots=True)
class Bucket:
    """What a LIST server has, and how it answers.  The same values make the same keys."""

    keys: int
    """A multiple of `per_session`, on night 0."""
    per_session: int = 1000
    users: int = 4
    """Streams of a session, of equally many shots."""
    interval_ms: int = 5000
    active: int = 0
    """Sessions whose captures reach up to now; those of the others end at least ten days before."""
    backup_every: int = 0
    """Every so manieth session has lost its recorder: the last quarter of its shots lies below `bak0_`."""
    night: int = 0
    per_night: int = 0
    """Shots that each stream of an active session gains a night; on night -1 it lacks so many."""
    visible_share: float = 1
    """Sessions behind this share of the key space are not there yet, but for the active ones."""
    now_ms: int = 0
    """0: when the server starts."""
    latency_ms: float = 0
    jitter_ms: float = 0
    error_rate: float = 0
    """Share of the requests that are answered with 503 SlowDown."""

    @property
    def size(self) -> int:
        """Shots on this night, with all sessions visible."""
        return self.keys + self.active * self.users * self.per_night * self.night

    def options(self) -> list[str]:
        """For the program's command line."""
        return [f"--{name.replace('_', '-')}={getattr(self, name)}" for name in self.__slots__]


@contextmanager
def list_server(bucket: Bucket | int) -> Iterator[str]:
    """The address of a server that runs as long as the block, however that ends; a number is a plain bucket's keys.

    Raises `MissingToolError` without a C compiler.
    """
    wanted = bucket if isinstance(bucket, Bucket) else Bucket(bucket)
    command = [str(_program()), *wanted.options()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        if not address:
            raise RuntimeError("the LIST server did not start")
        try:
            yield address
        finally:
            server.stdin.close()


def statistics(address: str, *, reset: bool = False) -> dict[str, int]:
    """What was asked of the server: requests, lists, keys, common_prefixes, errors, max_in_flight."""
    with urlopen(f"{address}/__stats{'?reset' if reset else ''}") as answer:  # noqa: S310 - our own address
        found: dict[str, int] = json.load(answer)
    return found


def _program() -> os.PathLike[str]:
    return compiled("list_server.c", includes=("synthetic_bucket.h",))


if __name__ == "__main__":
    os.execv(_program(), ["list_server", *sys.argv[1:]])  # noqa: S606 - no shell is what is wanted
