"""Our whole sync against tools that only list: the same bucket, in the same run.

The peers are in a virtual environment of their own (`make bench` fills it from benchmarks/requirements.txt), so that
they do not meet our dependencies.  `python -m benchmarks.race ENDPOINT` lists with our storage alone and prints what
it cost.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks.children import ROOT, environment, sync_cost
from benchmarks.compiling import MissingToolError
from benchmarks.list_server import BUCKET, Bucket, list_server
from benchmarks.measuring import Cost, Figure, Scale, child_cost, cost, taking_turns

PEERS: Final = ROOT / ".venv-bench" / "bin"
LATENCY_MS: Final = 60
LEAD: Final = 7
"""So many times faster than the fastest sequential lister our sync shall be."""
LISTED_A_CPU_SECOND: Final = 300_000
SYNCED_A_SECOND: Final = 90_000

_OBSTORE: Final = """
import sys, time
import obstore
from obstore.store import S3Store

store = S3Store(
    sys.argv[1], endpoint=sys.argv[2], region="us-east-1", access_key_id="any", secret_access_key="any",
    virtual_hosted_style_request=False, client_options={"allow_http": True},
)
wall, cpu = time.perf_counter(), time.process_time()
count = sum(batch.num_rows for batch in obstore.list(store, chunk_size=1000, return_arrow=True))
print(count, time.perf_counter() - wall, time.process_time() - cpu)
"""


def measure(scale: Scale) -> Iterator[Figure]:
    """Seconds with latency; keys a second and a CPU second without."""
    yield from _with_latency(scale.race_keys)
    yield from _without_latency(scale.race_keys, scale.rounds)


def _with_latency(keys: int) -> Iterator[Figure]:
    what = f"race, {keys:,} keys, {LATENCY_MS} ms a request: our whole sync"
    with list_server(Bucket(keys, latency_ms=LATENCY_MS)) as endpoint:
        ours = first_sync(endpoint, keys)
        fastest: tuple[float, str] | None = None
        for name, command in _listers(endpoint):
            try:
                theirs = _lister_cost(command)
            except MissingToolError as exc:
                yield Figure(f"race: {name} left out: {exc}", "", 0)
                continue
            fastest = min(fastest or (theirs.wall_s, name), (theirs.wall_s, name))
            yield Figure(what, "s", ours.wall_s, theirs.wall_s, f"{name}, which only lists")
            yield Figure(what, "CPU-s", ours.cpu_s, theirs.cpu_s, f"{name}, which only lists")
    if fastest is not None:
        yield Figure(what, "s", ours.wall_s, fastest[0], f"the fastest of them, {fastest[1]}")
        yield Figure(what, "s", ours.wall_s, fastest[0] / LEAD, f"bound: 1/{LEAD} of that")


def _without_latency(keys: int, rounds: int) -> Iterator[Figure]:
    listed = f"race, {keys:,} keys, no latency: listing alone"
    with list_server(keys) as endpoint:
        synced, ours = taking_turns(
            rounds,
            lambda: first_sync(endpoint, keys),
            lambda: _told_cost([sys.executable, "-m", "benchmarks.race", endpoint], keys),
        )
        try:
            obstore = [_peer("python"), "-c", _OBSTORE, BUCKET, endpoint]
        except MissingToolError as exc:
            yield Figure(f"race: obstore left out: {exc}", "", 0)
        else:
            (theirs,) = taking_turns(rounds, lambda: _told_cost(obstore, keys))
            yield Figure(listed, "keys/CPU-s", keys / ours.cpu_s, keys / theirs.cpu_s, "obstore to Arrow")
            yield Figure(listed, "keys/s", keys / ours.wall_s, keys / theirs.wall_s, "obstore to Arrow")
    yield Figure(listed, "keys/CPU-s", keys / ours.cpu_s, LISTED_A_CPU_SECOND, "bound")
    what = f"race, {keys:,} keys, no latency: our whole sync"
    yield Figure(what, "keys/s", keys / synced.wall_s, SYNCED_A_SECOND, "bound")
    yield Figure(what, "CPU-s", synced.cpu_s)


def first_sync(endpoint: str, keys: int) -> Cost:
    """Of `livestills sync` into a catalog that is not there yet, start-up included."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        synced = sync_cost(Path(folder), endpoint)
    assert synced.record["added"] == keys
    return synced.cost


def _listers(endpoint: str) -> Iterator[tuple[str, Callable[[], Sequence[str]]]]:
    """Every tool with the command line that lists the bucket: one request after the other."""
    remote = f":s3,provider=Other,env_auth=true,region=us-east-1,endpoint='{endpoint}':{BUCKET}"
    bucket = f"s3://{BUCKET}"
    aws = ("s3", "ls", "--recursive", f"{bucket}/", "--endpoint-url", endpoint)
    yield "obstore to Arrow", lambda: (_peer("python"), "-c", _OBSTORE, BUCKET, endpoint)
    yield "rclone lsf -R --fast-list", lambda: (_peer("rclone"), "--config", "", "lsf", "-R", "--fast-list", remote)
    yield "s5cmd ls", lambda: (_peer("s5cmd"), "--endpoint-url", endpoint, "ls", f"{bucket}/*")
    yield "aws s3 ls --recursive", lambda: (_peer("aws"), *aws)


def _peer(name: str) -> str:
    path = PEERS / name
    if not path.exists():
        raise MissingToolError("it is not installed; `make bench` does that")
    return str(path)


def _lister_cost(command: Callable[[], Sequence[str]]) -> Cost:
    arguments = command()
    return child_cost(
        lambda: subprocess.run(
            arguments, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True
        )
    )


def _told_cost(command: Sequence[str], keys: int) -> Cost:
    """Of a child that measures itself, so that imports do not count."""
    run = subprocess.run(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True, check=True)
    count, wall_s, cpu_s = run.stdout.split()
    assert int(count) == keys
    return Cost(float(wall_s), float(cpu_s))


def _list(endpoint: str) -> None:
    from benchmarks.listing import bucket_pages, store

    bucket = store(endpoint)
    count = 0

    def work() -> None:
        nonlocal count
        for page in bucket_pages(bucket):
            count += len(page.objects)

    spent = cost(work)
    print(count, spent.wall_s, spent.cpu_s)


if __name__ == "__main__":
    _list(sys.argv[1])
