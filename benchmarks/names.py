"""Name decoding against the plain way: one compiled pattern, matched whole, and a `datetime` from its digits.

Both make the same values from the same keys in the same process; the ratio is what counts, keys a second depend on the
machine.  The best of several interleaved rounds is taken, because the machine has other things to do.
"""

import json
import platform
import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from indexer.agora import names

_KEYS: Final = 10_000
_ROUNDS: Final = 15
_PATTERN: Final = re.compile(
    r"((?:[^/]*/)*)((?:bak[0-9]{1,9}_)*)([0-9A-Za-z]+)_([^/]+)__uid_s_([^/]+)__uid_e_video_([0-9]{17})\.jpg"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Keys a second, ours and the peer's; a peer of 0 means that nothing is compared."""

    what: str
    ours: float
    peer: float

    def __str__(self) -> str:
        ratio = f"{self.ours / self.peer:5.2f}x  (peer {self.peer:>9,.0f})" if self.peer else "    -"
        return f"{self.what:<58} {self.ours:>9,.0f} keys/s  {ratio}"


def measure() -> list[Comparison]:
    keys = listing_order()
    spread = one_key_a_stream()
    for key in keys + spread:
        assert names.parse(key) == plainly(key)
    recordings = [key.replace(".jpg", ".ts") for key in keys]
    foreign = [f"photos/2024/IMG_{number}.jpg" for number in range(_KEYS)]
    return [
        compare("parse, screenshots in listing order, 250 a stream", names.parse, plainly, keys),
        compare("parse, every screenshot its own stream", names.parse, plainly, spread),
        compare("parse, slices of recordings", names.parse, None, recordings),
        compare("parse, foreign keys", names.parse, None, foreign),
        compare("parse_utc", names.parse_utc, None, [key[-21:-4] for key in keys]),
        compare("parse_head", names.parse_head, None, [key[:-21] for key in spread]),
        compare("parse + to_json against + to_record + json.dumps", as_line, as_json, keys),
        compare("the same, every screenshot its own stream", as_line, as_json, spread),
        compare("the same, slices of recordings", as_line, as_json, recordings),
    ]


def compare(
    what: str,
    ours: Callable[[str], object],
    peer: Callable[[str], object] | None,
    keys: Sequence[str],
) -> Comparison:
    best = {ours: float("inf"), peer: float("inf")}
    for _ in range(_ROUNDS):
        for decode in best:
            if decode is not None:
                best[decode] = min(best[decode], seconds(decode, keys))
    return Comparison(what, len(keys) / best[ours], 0 if peer is None else len(keys) / best[peer])


def seconds(decode: Callable[[str], object], keys: Sequence[str]) -> float:
    start = time.process_time()
    for key in keys:
        decode(key)
    return time.process_time() - start


def plainly(key: str) -> names.ScreenshotName | None:
    """The peer: what one would write first, if one knew all the traps."""
    found = _PATTERN.fullmatch(key)
    if found is None:
        return None
    directory, bak_prefix, sid, cname, uid, utc = found.groups()
    try:
        captured_at = datetime(
            int(utc[:4]),
            int(utc[4:6]),
            int(utc[6:8]),
            int(utc[8:10]),
            int(utc[10:12]),
            int(utc[12:14]),
            int(utc[14:]) * 1000,
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return names.ScreenshotName(names.ShotHead(directory, bak_prefix, sid, cname, uid), captured_at)


def as_json(key: str) -> str:
    return json.dumps(names.to_record(names.parse(key), key))


def as_line(key: str) -> str:
    return names.to_json(names.parse(key), key)


def listing_order() -> list[str]:
    chance = random.Random(1)
    keys: list[str] = []
    while len(keys) < _KEYS:
        head = _head(chance)
        start = chance.randrange(1_600_000_000_000, 1_700_000_000_000)
        keys += [f"{head}{names.format_utc(start + 5_000 * number)}.jpg" for number in range(250)]
    return keys


def one_key_a_stream() -> list[str]:
    chance = random.Random(2)
    return [
        f"{_head(chance)}{names.format_utc(chance.randrange(1_600_000_000_000, 1_700_000_000_000))}.jpg"
        for _ in range(_KEYS)
    ]


def _head(chance: random.Random) -> str:
    return (
        f"directory1/directory2/{chance.randbytes(16).hex()}_ride_17822__uid_s_{chance.getrandbits(32)}__uid_e_video_"
    )


if __name__ == "__main__":
    print(f"names: Python {platform.python_version()} on {platform.machine()}, CPU time, best of {_ROUNDS}")
    for comparison in measure():
        print(comparison)
