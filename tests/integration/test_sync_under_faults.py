"""Whatever happens to a bucket, its answers and the sync itself, the catalog never loses and never invents a shot.

The real command line, killed at random moments, on a real S3 server behind a proxy that hurts its answers.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

import pytest

from indexer.catalog.catalog import Catalog
from indexer.model import ListedObject
from tests.catalogs import shots_in
from tests.cli.running import livestills
from tests.faults import Fault, Faulty, faulty
from tests.servers import S3Server

PREFIX: Final = "agora/live_1/"
# Names with `_` in them, one that another continues, and several levels.  None has a file beside it whose name it
# begins: such a bucket SeaweedFS lists out of order.
DIRECTORIES: Final = ("", "", "halls/", "halls_b/", "2026-11/", "2026-11/day_05/", "deep/er_/x_y/")
CNAMES: Final = ("room", "room_b", "a & <b> 50%+1", "bak0_room", "日本_語", "r__uid_s_9")
SESSIONS: Final = 30
TODAY: Final = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)

# Independent of the code under test: the documented form.
UNIT: Final = re.compile(r"(?:.*/)?(?:bak[0-9]+_)*[0-9a-f]{32}_(?=[^/]*$)")
SHOT: Final = re.compile(UNIT.pattern + r"[^/]+__uid_s_[0-9]+__uid_e_video_[0-9]{17}\.jpg")

PROGRAM: Final = """
import os
from datetime import timedelta
from botocore.retries.standard import ExponentialBackoff
from indexer.app import App
from indexer.jobs import sync
from indexer.jobs.stretches import Grouping
from indexer.storage.s3 import S3Store
from cli.livestills import main

now, list_page, begin = App.now, S3Store.list_page, Grouping.__init__


def list_small_page(self, *args, **options):
    options["limit"] = min(options.get("limit", 1000), int(os.environ["KEYS_A_PAGE"]))
    return list_page(self, *args, **options)


def begin_small_stretches(self, **options):
    begin(self, **{**options, "rows": int(os.environ["ROWS_AT_ONCE"])})


S3Store.list_page = list_small_page
Grouping.__init__ = begin_small_stretches
sync.ELSEWHERE = int(os.environ["KEYS_FOR_A_CHILD"])
App.now = staticmethod(lambda: now() + timedelta(days=float(os.environ["DAYS_LATER"])))
ExponentialBackoff.delay_amount = lambda self, context: 0.01
main()
"""
"""The command line, but with small pages and transactions, so that a small world makes many; at a later date, so that
sessions settle; and without boto3's waits before it asks again."""

KEYS_A_PAGE: Final = 30
ROWS_AT_ONCE: Final = 60
MANY: Final = 1_000_000
"""Keys; as many let a child of the sync list them."""

Rates = Mapping[Fault, float]

# An answer with nothing in it ends a sync, as it does not look like S3: it belongs into storms.
MILD: Final[Rates] = {fault: 0.012 for fault in Fault if fault is not Fault.EMPTY}
ROUGH: Final[Rates] = {fault: 0.025 for fault in Fault if fault is not Fault.EMPTY}
STORM: Final[Rates] = dict.fromkeys(Fault, 0.06)


# --- the bucket


@dataclass(frozen=True)
class Stream:
    """The shots of one user by one recorder."""

    head: str
    began: datetime
    steps: int

    def key(self, step: int, ms: int) -> str:
        moment = self.began + timedelta(seconds=10 * step, milliseconds=ms)
        return f"{self.head}{moment:%Y%m%d%H%M%S}{moment.microsecond // 1000:03d}.jpg"


class World:
    """What is put into the bucket and taken out of it, by chance."""

    def __init__(self, server: S3Server, bucket: str, rng: Random) -> None:
        self._client = server.client
        self._bucket = bucket
        self._rng = rng
        self._streams: dict[str, list[Stream]] = {}
        """By session."""
        self.keys: list[str] = []
        """All there are."""
        self.now: set[ListedObject] = set()
        """All shots, as boto3 itself lists them."""
        self.ever: set[ListedObject] = set()
        """All shots that were ever listed."""
        self.known_units: set[str] = set()
        """Those of which there was a key, shot or not, at any time before the last change."""

    def fill(self) -> None:
        puts = [key for number in range(SESSIONS) for key in self._new_session(days_ago=number % 3 * 20)]
        puts += self._foreign()
        # Beside the source, under names that begin like its own.
        puts += [
            key.replace(PREFIX, outside, 1) for outside in ("agora/live_10/", "agora/", "live_1/") for key in puts[:5]
        ]
        self._carry_out(puts, ())

    def change(self) -> None:
        """One round of what happens to a bucket."""
        rng, shots = self._rng, sorted(each.key for each in self.now)
        gone = set(rng.sample(shots, rng.randrange(25)))
        for _ in range(rng.choice([0, 0, 1, 2])):  # all that one recorder wrote of a session, or all of it
            part = rng.choice(sorted(units_of(shots)))
            if rng.random() < 0.5:
                part = part[-33:]
            gone |= {key for key in self.keys if part in key}
        puts = set(rng.sample(shots, rng.randrange(8)))  # written again, with other bytes
        for _ in range(rng.randrange(6)):
            puts |= set(self._late() if rng.random() < 0.5 else self._later())
        if rng.random() < 0.6:
            puts |= set(self._new_session(days_ago=rng.choice([0, 0, 30])))
        if rng.random() < 0.3:
            puts |= set(self._foreign(2))
        self._carry_out(puts - gone, gone)

    def _new_session(self, *, days_ago: int) -> list[str]:
        rng = self._rng
        sid, cname = rng.randbytes(16).hex(), rng.choice(CNAMES)
        began = TODAY - timedelta(days=days_ago, minutes=rng.randrange(300))
        directory = PREFIX + rng.choice(DIRECTORIES)
        self._streams[sid] = [
            Stream(f"{directory}{bak}{sid}_{cname}__uid_s_{uid}__uid_e_video_", began, rng.randrange(4, 16))
            for bak in rng.choice([("",), ("",), ("", "bak0_"), ("", "bak0_", "bak1_"), ("bak12_",)])
            for uid in rng.sample([1, 2, 1000, 4294967295], rng.randrange(1, 4))
        ]
        first = self._streams[sid][0]
        keys = [each.key(step, 0) for each in self._streams[sid] for step in range(each.steps)]
        return [*keys, f"{first.head.partition('__uid_s_')[0]}.m3u8", first.key(0, 0).replace(".jpg", ".ts")]

    def _late(self) -> list[str]:
        """Uploads with stamps among those that are there."""
        rng = self._rng
        stream = rng.choice(rng.choice(list(self._streams.values())))
        return [stream.key(step, rng.randrange(1, 10_000)) for step in rng.sample(range(stream.steps), 3)]

    def _later(self) -> list[str]:
        """The next shots of a session, perhaps after a long silence."""
        rng = self._rng
        stream = rng.choice(rng.choice(list(self._streams.values())))
        return [stream.key(stream.steps + step, rng.randrange(10_000)) for step in range(rng.randrange(1, 25))]

    def _foreign(self, count: int = 20) -> list[str]:
        """Keys between units, in them and beside them that are no shots."""
        rng = self._rng
        sids = rng.choices(list(self._streams), k=count)
        forms = (
            "{0}x.pdf",
            "{0}_notes.txt",
            "{1}g_x_y.jpg",
            "bak0_{0}",
            "bak0_readme",
            "zz_",
            "report_{1}",
            "bak_{0}_",
        )
        return [PREFIX + rng.choice(DIRECTORIES) + rng.choice(forms).format(sid, sid[:-1]) for sid in sids]

    def _carry_out(self, puts: Iterable[str], deletes: Iterable[str]) -> None:
        bodies = {key: self._rng.randbytes(self._rng.randrange(1, 9)) for key in sorted(puts)}
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda key: self._client.put_object(Bucket=self._bucket, Key=key, Body=bodies[key]), bodies))
            list(pool.map(lambda key: self._client.delete_object(Bucket=self._bucket, Key=key), deletes))
        self.known_units |= units_of(self.keys)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=PREFIX)
        rows = [row for page in pages for row in page.get("Contents", [])]
        self.keys = [row["Key"] for row in rows]
        self.now = {
            ListedObject(row["Key"], row["Size"], row["ETag"].strip('"'), int(row["LastModified"].timestamp()), None)
            for row in rows
            if SHOT.fullmatch(row["Key"])
        }
        self.ever |= self.now


def units_of(keys: Iterable[str]) -> set[str]:
    """The parts of sessions to which these keys belong, shots or not."""
    return {found[0] for found in map(UNIT.match, keys) if found}


def keys_of(shots: Iterable[ListedObject]) -> set[str]:
    return {each.key for each in shots}


# --- the command line


class Bench:
    """A catalog, and the command with a bucket behind a proxy, or behind none."""

    def __init__(self, server: S3Server, bucket: str, faults: Faulty, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": server.access_key,
            "AWS_SECRET_ACCESS_KEY": server.secret_key,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "KEYS_A_PAGE": str(KEYS_A_PAGE),
            "ROWS_AT_ONCE": str(ROWS_AT_ONCE),
        }
        for name, endpoint_url in {"faulty": faults.address, "calm": server.endpoint_url}.items():
            (folder / f"{name}.toml").write_text(
                f"[sources.prod]\nurl = 's3://{bucket}/{PREFIX}'\n"
                f"endpoint_url = '{endpoint_url}'\nregion = 'us-east-1'\n"
            )

    def start(
        self, config: str, *options: str, days_later: float, keys_for_a_child: int = MANY
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "-c", f"{config}.toml", "-o", "json", "sync", *options],
            cwd=self._folder,
            env={
                **self._environment,
                "DAYS_LATER": str(days_later),
                "KEYS_FOR_A_CHILD": str(keys_for_a_child),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def shots(self) -> set[ListedObject]:
        """The whole catalog, which agrees with itself."""
        if not (self._folder / "livestills.db").exists():
            return set()
        checked = livestills("-c", str(self._folder / "calm.toml"), "db", "check")
        assert checked.status == 0, checked.out + checked.err
        with Catalog.open_to_read(f"sqlite:///{self._folder / 'livestills.db'}") as catalog:
            found = shots_in(catalog)
        assert len(found) == len(keys_of(found))
        return set(found)


# --- the claim

# What the rounds do, in turn: how bad the network is, and what is more.
ROUNDS: Final[list[tuple[Rates, str]]] = [
    (MILD, "full"),
    (STORM, "full"),
    (MILD, "kill"),
    (MILD, ""),
    (ROUGH, "busy"),
    (STORM, ""),
    (MILD, "full child kill"),
    (MILD, "busy full"),
    (ROUGH, "full child"),
    (ROUGH, ""),
    (MILD, "kill"),
]


def run_history(server: S3Server, folder: Path, seed: int) -> Counter[str]:
    """Carry the claim out; return how often which kind of round ended how."""
    rng = Random(seed)
    bucket = server.new_bucket()
    world = World(server, bucket, rng)
    world.fill()
    ends: Counter[str] = Counter()
    with faulty(server.endpoint_url, seed=seed, rates={}) as faults:
        bench = Bench(server, bucket, faults, folder)
        cataloged = bench.shots()
        takes_s = 1.5
        for number, (rates, what) in enumerate(ROUNDS):
            there = world.now
            if number:
                world.change()
            always = there & world.now
            faults.rates = rates
            injected, began = faults.injected.total(), time.monotonic()
            running = bench.start(
                "faulty",
                *(("--full",) if "full" in what else ()),
                days_later=1.5 * number,
                keys_for_a_child=1 if "child" in what else MANY,
            )
            if "busy" in what:
                time.sleep(takes_s * rng.uniform(0.4, 0.9))
                world.change()
                always &= world.now
            if "kill" in what:
                with suppress(subprocess.TimeoutExpired):
                    running.wait(timeout=max(0.1, takes_s * rng.uniform(0.4, 1.0)))
                running.send_signal(signal.SIGKILL)
            _, errors = running.communicate(timeout=120)
            faults.calm()
            status = running.returncode
            assert status in {0, 1, 5} or (status == -signal.SIGKILL and "kill" in what), errors
            assert "Traceback" not in errors
            if status >= 0:  # one that was killed may just have said why it ended
                assert len(errors.splitlines()) == (status > 0), errors
            if status == 0:
                takes_s = time.monotonic() - began
            hurt = faults.injected.total() > injected
            ends[f"{what or 'plain'}: {status}{', hurt' if hurt else ''}"] += 1

            before, cataloged = cataloged, bench.shots()
            assert cataloged <= world.ever
            lost = keys_of(before) & keys_of(always) - keys_of(cataloged)
            assert not lost, f"round {number} ({what}), status {status}"
            if status == 0 and "busy" not in what:
                if "full" in what:
                    assert cataloged == world.now
                assert_units_are_right(cataloged, world)

        running = bench.start("calm", "--verify", "100%", days_later=1.5 * len(ROUNDS))
        _, errors = running.communicate(timeout=120)
        assert running.returncode == 0, errors
        assert bench.shots() == world.now
        ends.update({fault.name: count for fault, count in faults.injected.items()})
    return ends


def assert_units_are_right(cataloged: set[ListedObject], world: World) -> None:
    """Also a sync that trusts what is settled knows all of the new parts of sessions, and which ones are gone."""
    found = units_of(keys_of(cataloged))
    assert units_of(keys_of(world.now)) <= found <= units_of(world.keys)

    def of_new_units(shots: set[ListedObject]) -> set[ListedObject]:
        return {each for each in shots if not units_of([each.key]) <= world.known_units}

    assert of_new_units(cataloged) == of_new_units(world.now)


@pytest.mark.timeout(600)
def test_a_catalog_survives_faults_kills_and_changes(weed: S3Server, tmp_path: Path) -> None:
    ends = run_history(weed, tmp_path, seed=11)
    assert ends["full: 0, hurt"] >= 1, "no complete sync had to overcome a fault"
    assert sum(count for how, count in ends.items() if how.endswith((": 1, hurt", ": 5, hurt"))) >= 1
    assert sum(count for how, count in ends.items() if "kill: -9" in how) >= 1
