"""Name decoding against the plain way: one compiled pattern, matched whole, and a `datetime` from its digits."""

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from benchmarks.measuring import Cost, Figure, Scale, cost, taking_turns
from benchmarks.world import World
from indexer.agora import names

_LEAST_ROUNDS: Final = 5
_PATTERN: Final = re.compile(
    r"((?:[^/]*/)*)((?:bak[0-9]{1,9}_)*)([0-9A-Za-z]+)_([^/]+)__uid_s_([^/]+)__uid_e_video_([0-9]{17})\.jpg"
)


def measure(scale: Scale) -> Iterator[Figure]:
    """Names decoded, and written as lines, a CPU second."""
    keys = listing_order(scale.name_keys)
    spread = one_key_a_stream(scale.name_keys)
    for key in keys + spread:
        assert names.parse(key) == plainly(key)
    recordings = [key.replace(".jpg", ".ts") for key in keys]
    foreign = [f"photos/2024/IMG_{number}.jpg" for number in range(scale.name_keys)]
    pattern, dumps = "pattern", "json.dumps"
    tasks: list[tuple[str, Callable[[str], object], Callable[[str], object] | None, str, list[str]]] = [
        ("parse, screenshots in listing order", names.parse, plainly, pattern, keys),
        ("parse, every screenshot its own stream", names.parse, plainly, pattern, spread),
        ("parse, slices of recordings", names.parse, None, "", recordings),
        ("parse, foreign keys", names.parse, None, "", foreign),
        ("parse_utc, the time alone", names.parse_utc, None, "", [key[-21:-4] for key in keys]),
        ("parse_head, what a sync does for each stream", names.parse_head, None, "", [key[:-21] for key in spread]),
        ("parse + to_json, in listing order", as_line, as_json, dumps, keys),
        ("parse + to_json, every screenshot its own stream", as_line, as_json, dumps, spread),
        ("parse + to_json, slices of recordings", as_line, as_json, dumps, recordings),
    ]
    rounds = max(3 * scale.rounds, _LEAST_ROUNDS)
    for what, ours, peer, peer_name, of in tasks:
        yield compare(what, ours, peer, peer_name, of, rounds)


def compare(
    what: str,
    ours: Callable[[str], object],
    peer: Callable[[str], object] | None,
    peer_name: str,
    keys: Sequence[str],
    rounds: int,
) -> Figure:
    found = taking_turns(rounds, *(lambda way=way: decoding(way, keys) for way in (ours, peer) if way is not None))
    rates = [len(keys) / each.cpu_s for each in found]
    return Figure(what, "keys/CPU-s", rates[0], rates[1] if peer else None, peer_name)


def decoding(decode: Callable[[str], object], keys: Sequence[str]) -> Cost:
    def work() -> None:
        for key in keys:
            decode(key)

    return cost(work)


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


def listing_order(count: int) -> list[str]:
    return [listed.key for listed in World(count).objects()]


def one_key_a_stream(count: int) -> list[str]:
    chance = random.Random(2)
    return [
        f"directory1/directory2/{chance.randbytes(16).hex()}_ride_17822__uid_s_{chance.getrandbits(32)}__uid_e_video_"
        f"{names.format_utc(chance.randrange(1_600_000_000_000, 1_700_000_000_000))}.jpg"
        for _ in range(count)
    ]
