"""`livestills parse -` as a whole process, start-up included.

Against the 100,000 keys a second that it must reach, and against what one would write first: a pattern and
`json.dumps`.  With `python -m benchmarks.parse` this module is that peer.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Final

from benchmarks.measuring import Cost, Figure, Scale, child_cost, taking_turns
from benchmarks.names import plainly
from benchmarks.world import World
from indexer.agora.names import to_record

FLOOR: Final = 100_000

_OURS: Final = ("-c", "from cli.livestills import main; main()", "parse", "-")
_PEER: Final = ("-m", "benchmarks.parse")


def measure(scale: Scale) -> Iterator[Figure]:
    """Keys from a file to nowhere, a second."""
    shots = [listed.key for listed in World(scale.parse_keys).objects()]
    mixed = [
        key if number % 3 == 0 else key.replace(".jpg", ".ts") if number % 3 == 1 else f"photos/{number}.jpg"
        for number, key in enumerate(shots)
    ]
    with _lines(shots) as shots_file, _lines(mixed) as mixed_file:
        ours, peer, of_mixed = taking_turns(
            scale.rounds,
            lambda: _run(_OURS, shots_file),
            lambda: _run(_PEER, shots_file),
            lambda: _run(_OURS, mixed_file),
        )
    count = len(shots)
    what = "livestills parse -, screenshots"
    yield Figure(what, "keys/s", count / ours.wall_s, FLOOR, "floor")
    yield Figure(what, "keys/CPU-s", count / ours.cpu_s, count / peer.cpu_s, "pattern and json.dumps")
    what = "livestills parse -, a third each shots, recordings, foreign"
    yield Figure(what, "keys/s", count / of_mixed.wall_s, FLOOR, "floor")
    yield Figure(what, "keys/CPU-s", count / of_mixed.cpu_s, FLOOR, "floor")


@contextmanager
def _lines(keys: Sequence[str]) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write("".join(f"{key}\n" for key in keys).encode())
        yield file


def _run(arguments: Sequence[str], keys: IO[bytes]) -> Cost:
    keys.seek(0)
    command = [sys.executable, *arguments]
    return child_cost(lambda: subprocess.run(command, stdin=keys, stdout=subprocess.DEVNULL, check=True))


def _plainly(lines: IO[str]) -> None:
    for line in lines:
        key = line.removesuffix("\n")
        name = plainly(key)
        assert name is not None
        print(json.dumps(to_record(name, key)))


if __name__ == "__main__":
    _plainly(sys.stdin)
