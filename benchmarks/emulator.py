"""The emulator as a load generator: how many screenshots a second it brings into a local S3 server, and what bounds it.

The server is a real one that checks signatures (SeaweedFS), on the same machine.  Sessions of 17 users with a
`captureInterval` of 1 s ask for about twice as many pictures as the server takes, so that the emulator is never idle:
what arrives is what it sustains.  The floor are ready bytes of the same size, put by the same store from as many
threads, in turns with it.  Notices are made, but posted to nobody.
"""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Final

from benchmarks.measuring import Figure, Scale, cost
from benchmarks.pictures_s3 import server_cpu_s
from indexer.agora.events import SnapshotFile
from indexer.model import EPOCH
from indexer.service.emulator.backfill import Past, Written, backfill
from indexer.service.emulator.capture import Capture
from indexer.service.emulator.clock import Clock
from indexer.service.emulator.happening import Plan
from indexer.service.emulator.pictures import FACES, Studio
from indexer.service.emulator.scenario import Scenario, User
from indexer.service.emulator.simulation import MOST_VIDEOS
from indexer.service.emulator.status import Told
from indexer.service.emulator.uploading import THREADS, Uploads
from indexer.storage.options import S3Options
from indexer.storage.s3 import S3Store, open_s3
from tests.servers import S3Server, seaweedfs

GOAL_PER_S: Final = 500

_INTERVAL: Final = timedelta(seconds=1)
_SETTLING_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured."""

    rounds: int
    sessions: int
    seconds: float
    past_shots: int
    sizes: Sequence[tuple[int, int]] = ((320, 180), (640, 360))


@dataclass(frozen=True, slots=True)
class _Run:
    """What a stretch of time was used for."""

    shots: int
    wall_s: float
    cpu_s: float
    server_cpu_s: float


def measure(scale: Scale) -> Iterator[Figure]:
    """Screenshots a second, and what they cost."""
    amount = Amount(1, 2, 0.5, 200) if scale.rounds == 1 else Amount(scale.rounds, 60, 10.0, 5_000)
    with seaweedfs() as server:
        yield from measured(server, amount)


def measured(server: S3Server, amount: Amount) -> Iterator[Figure]:
    """The same of a server that runs."""
    for width, height in amount.sizes:
        options = S3Options(
            server.endpoint_url, region="us-east-1", access_key=server.access_key, secret_key=server.secret_key
        )
        with closing(open_s3(server.new_bucket(), options)) as store:
            yield from _of_one_size(store, width, height, amount)


def _of_one_size(store: S3Store, width: int, height: int, amount: Amount) -> Iterator[Figure]:
    users = tuple(User(str(1000 + number), f"user {number}") for number in range(MOST_VIDEOS))
    scenario = Scenario(users, width=width, height=height)
    studio = Studio(drawn_per_s=0)  # and not by what so many sessions ask for: with few it would draw
    ready = [studio.from_stock(face, EPOCH, width, height) for face in range(FACES)]
    for face in range(FACES):
        studio.from_stock(face, EPOCH, height, width)  # upright ones
    for number, data in enumerate(ready):  # connections are made, and the server makes room
        store.put(f"first/{number}.jpg", data, content_type="image/jpeg")
    captured, floor, past = [], [], []
    for number in range(amount.rounds):
        floor.append(_floor(store, ready, amount.seconds))
        captured.append(_captured(store, studio, scenario, amount, number))
        past.append(_past(store, studio, (width, height), amount.past_shots, number))
    of = f"{width}x{height}"
    asked_per_s = amount.sessions * MOST_VIDEOS / _INTERVAL.total_seconds()
    what = f"emulate, {of}, {asked_per_s:,.0f}/s asked for"
    floor_s = "raw PUTs of ready bytes"
    yield Figure(f"{what}: sustained", "shots/s", _per_s(captured), _per_s(floor), floor_s)
    yield Figure(f"{what}: sustained", "shots/s", _per_s(captured), GOAL_PER_S, "goal")
    yield Figure(f"{what}: the emulator, all threads", "ms CPU", _cpu_ms(captured), _cpu_ms(floor), floor_s)
    yield Figure(f"{what}: the server", "ms CPU", _server_cpu_ms(captured), _server_cpu_ms(floor), floor_s)
    cores = os.cpu_count() or 1
    yield Figure(f"{what}: the emulator's share of {cores} cores", "%", 100 * _share(captured) / cores)
    yield Figure(f"{what}: the server's share of {cores} cores", "%", 100 * _server_share(captured) / cores)
    yield Figure(f"emulate --backfill, {of}", "shots/s", _per_s(past), _per_s(floor), floor_s)
    yield Figure(f"emulate --backfill, {of}: all threads", "ms CPU", _cpu_ms(past), _cpu_ms(floor), floor_s)


# --- What is measured -----------------------------------------------------------------------------------------------


def _captured(store: S3Store, studio: Studio, scenario: Scenario, amount: Amount, number: int) -> _Run:
    """Sessions that run at the speed of the world, once the first shots of all have come."""
    clock = Clock()
    uploads = Uploads(clock)
    told = Counter[type]()

    def tell(what: Told) -> None:
        told[type(what.details)] += 1

    captures = []
    for each in range(amount.sessions):
        plan = Plan(f"{number:016x}{each:016x}", "bench", "99", "emulated/", _INTERVAL)
        captures.append(Capture(plan, scenario, store, clock, tell, each, uploads=uploads, studio=studio))
    for capture in captures:
        capture.start()
    time.sleep(min(_SETTLING_S, amount.seconds))

    def uploaded() -> int:
        return sum(capture.status().uploaded for capture in captures)

    run = _watched(lambda: time.sleep(amount.seconds), uploaded)
    for capture in captures:
        capture.stop(wait=False)
    for capture in captures:
        assert capture.join(30)
        assert capture.status().error is None
    uploads.close()
    assert told[SnapshotFile] == uploaded()
    assert not studio.used.drawn
    return run


def _floor(store: S3Store, ready: list[bytes], seconds: float) -> _Run:
    """Threads that put for so long."""
    written = [0] * THREADS
    until = time.monotonic() + seconds

    def put(thread: int) -> None:
        while time.monotonic() < until:
            number = written[thread]
            data = ready[number % len(ready)]
            store.put(f"floor/{thread}/{number}.jpg", data, content_type="image/jpeg")
            written[thread] = number + 1

    def work() -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(put, range(THREADS)))

    return _watched(work, lambda: sum(written))


def _past(store: S3Store, studio: Studio, size: tuple[int, int], shots: int, number: int) -> _Run:
    """A small history with its notices."""
    past = Past(datetime(2026, 11, 1, tzinfo=UTC), shots=shots, seed=number, prefix="past/", size=size)
    found: list[Written] = []
    with tempfile.TemporaryFile() as notices:
        return _watched(
            lambda: found.append(backfill(store, past, notices=notices, studio=studio)),
            lambda: sum(each.shots for each in found),
        )


def _watched(work: Callable[[], object], shots: Callable[[], int]) -> _Run:
    before, server_s = shots(), server_cpu_s()
    spent = cost(work)
    return _Run(shots() - before, spent.wall_s, spent.cpu_s, server_cpu_s() - server_s)


# --- What it says ---------------------------------------------------------------------------------------------------


def _per_s(runs: list[_Run]) -> float:
    return median(run.shots / run.wall_s for run in runs)


def _cpu_ms(runs: list[_Run]) -> float:
    return median(1000 * run.cpu_s / max(1, run.shots) for run in runs)


def _server_cpu_ms(runs: list[_Run]) -> float:
    return median(1000 * run.server_cpu_s / max(1, run.shots) for run in runs)


def _share(runs: list[_Run]) -> float:
    return median(run.cpu_s / run.wall_s for run in runs)


def _server_share(runs: list[_Run]) -> float:
    return median(run.server_cpu_s / run.wall_s for run in runs)
