"""Thumbnails from an S3 server: what `livestills thumbs` costs for each, beyond making it.

The server is a real one that checks signatures (SeaweedFS), on the same machine.  Ours is all processes of the command:
fetch, compare, guard, decode, encode, look, store, record.  What it costs to start is taken off by running it over few
pictures and over many.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.children import OURS, ROOT, environment, tree
from benchmarks.measuring import Cost, Figure, Scale, child_cost, cost
from indexer.render.thumbnail import ThumbSpec, thumbnails_with_sight
from tests.pictures import photo_jpeg
from tests.servers import S3Server, seaweedfs

BOUND: Final = 1.6
"""So many times the CPU time of making a thumbnail shall it cost to have it made and kept."""

_SPEC: Final = ThumbSpec(320, 180)
_SIZE: Final = 1280, 720
_FRAMES: Final = 12
_FEW, _MANY = "few/", "many/"

_CONFIG: Final = """
[catalog]
url = "sqlite:///{catalog}"
[sources.bench]
url = "s3://{bucket}/{prefix}"
endpoint_url = "{endpoint}"
region = "us-east-1"
[derivatives]
url = "s3://{derived}/"
endpoint_url = "{endpoint}"
region = "us-east-1"
"""


@dataclass(frozen=True, slots=True)
class _Run:
    """One `livestills thumbs`."""

    cost: Cost
    server_cpu_s: float


def measure(scale: Scale) -> Iterator[Figure]:
    """CPU milliseconds a thumbnail, and how many a second."""
    few, many = (4, 20) if scale.rounds == 1 else (100, 1_100)
    rounds = scale.rounds
    jpegs = [photo_jpeg(*_SIZE, seed) for seed in range(_FRAMES if rounds > 1 else 2)]
    with tempfile.TemporaryDirectory(prefix="bench-") as name, seaweedfs() as server:
        bucket = server.new_bucket()
        for prefix, count in ((_FEW, few), (_MANY, many)):
            _fill(server, bucket, prefix, jpegs, count)
        pure: list[float] = []
        runs: list[tuple[_Run, _Run]] = []
        for number in range(rounds):
            pure.append(_pure_s(jpegs, many // len(jpegs)))
            folder = Path(name) / str(number)
            runs.append((_thumbs(server, bucket, _FEW, few, folder), _thumbs(server, bucket, _MANY, many, folder)))
            pure.append(_pure_s(jpegs, many // len(jpegs)))
    more = many - few
    ours_s = median((large.cost.cpu_s - small.cost.cpu_s) / more for small, large in runs)
    server_s = median((large.server_cpu_s - small.server_cpu_s) / more for small, large in runs)
    wall_s = median((large.cost.wall_s - small.cost.wall_s) / more for small, large in runs)
    pure_s = median(pure)
    what = f"thumbs from an S3 server, {_SIZE[0]}x{_SIZE[1]} -> {_SPEC}"
    yield Figure(f"{what}: all our processes", "ms CPU", 1000 * ours_s, 1000 * pure_s, "the same picture from memory")
    yield Figure(f"{what}: all our processes", "x pure", ours_s / pure_s, BOUND, "bound")
    yield Figure(f"{what}: the server, for comparison", "ms CPU", 1000 * server_s)
    yield Figure(f"{what}: with the server on the same {os.cpu_count()} cores", "shots/s", 1 / wall_s)


def _fill(server: S3Server, bucket: str, prefix: str, jpegs: Sequence[bytes], count: int) -> None:
    def put(number: int) -> None:
        session, second = divmod(number, 600)
        minute, second = divmod(second * 6, 60)
        key = f"{prefix}{session:032x}_room__uid_s_7__uid_e_video_2026110508{minute:02}{second:02}000.jpg"
        server.client.put_object(Bucket=bucket, Key=key, Body=jpegs[number % len(jpegs)], ContentType="image/jpeg")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, range(count)))


def _pure_s(jpegs: Sequence[bytes], times: int) -> float:
    def work() -> None:
        for _ in range(times):
            for jpeg in jpegs:
                thumbnails_with_sight(jpeg, [_SPEC], listed_size=len(jpeg))

    return cost(work).cpu_s / times / len(jpegs)


def _thumbs(server: S3Server, bucket: str, prefix: str, count: int, folder: Path) -> _Run:
    """Sync a new catalog, then make the thumbnails, which is what counts."""
    folder = folder / prefix
    folder.mkdir(parents=True)
    config = folder / "livestills.toml"
    config.write_text(
        _CONFIG.format(
            catalog=folder / "catalog.db",
            bucket=bucket,
            prefix=prefix,
            derived=server.new_bucket(),
            endpoint=server.endpoint_url,
        )
    )
    keys = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key}
    command = [*OURS, "--config", str(config), "--output", "ndjson", "--progress", "off"]

    def run(*arguments: str) -> str:
        return subprocess.run(
            [*command, *arguments], cwd=ROOT, env=environment() | keys, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    run("sync")
    told: list[str] = []
    before = server_cpu_s()
    spent = child_cost(lambda: told.append(run("thumbs")))
    server_s = server_cpu_s() - before
    assert json.loads(told[0])["made"] == count
    return _Run(spent, server_s)


def server_cpu_s() -> float:
    """Of the servers that this process has started, so far."""
    ticks = 0
    for pid in tree(os.getpid()):
        try:
            name, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        except OSError:
            continue
        if name.endswith("(weed"):
            fields = rest.split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
