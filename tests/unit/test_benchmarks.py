"""That the benchmarks run, and that their LIST server lists; what they find is for people to read."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from benchmarks import thumbnailers
from benchmarks.compiling import MissingToolError, compiled
from benchmarks.databases import Files
from benchmarks.history import EVERYWHERE, History, listed, stretches
from benchmarks.list_server import BUCKET, Bucket, list_server, statistics
from benchmarks.listing import session
from benchmarks.lookups import measured
from benchmarks.measuring import QUICK, Figure
from benchmarks.world import PREFIX
from indexer.agora.names import parse_utc

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SUBJECTS = ("names", "parse", "listing", "sync", "catalog")
ROOT = Path(__file__).parents[2]


def test_a_smoke_run_prints_every_row(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", *SUBJECTS, "--quick", "--json", str(file)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    figures = json.loads(file.read_text())["figures"]
    about, heading, *rows = run.stdout.splitlines()
    assert "SQLite" in about
    assert heading.split() == ["unit", "ours", "peer", "ratio", "peer", "is"]
    assert len(rows) == len(figures)
    for row, figure in zip(rows, figures, strict=True):
        assert row.startswith(figure["what"])
        assert figure["ours"] > 0
    subjects = {
        "parse, ": 4,
        "parse_": 2,
        "parse + ": 3,
        "livestills parse": 4,
        "listing, ": 3,
        "reading ": 1,
        "sync, ": 10,
        "catalog of ": 2,
        "one user, ": 4,
        "a ": 2,
    }
    found = {start: sum(figure["what"].startswith(start) for figure in figures) for start in subjects}
    assert found == subjects
    assert sum(found.values()) == len(rows)


def test_a_longer_history_is_the_same_one_with_older_sessions_behind_it() -> None:
    short, long = History(3_000), History(30_000)
    assert long.seats[: len(short.seats)] == short.seats
    assert max(seat.first_ms for seat in long.seats[len(short.seats) :]) < min(seat.first_ms for seat in short.seats)
    assert {seat.head.sid for seat in long.seats} == {
        seat.head.sid for seat in long.seats if seat.head.uid == EVERYWHERE
    }
    assert sum(map(len, map(listed, short.seats))) == short.shots
    assert [len(stretch.streams) for stretch in stretches(short.seats)] == [len(short.seats)]


def test_lookups_are_measured_where_all_ways_answer_the_same(tmp_path: Path) -> None:
    scale = replace(QUICK, history_shots=4_000, lookups=2)
    figures = list(measured(Files(tmp_path), History(scale.history_shots), scale))
    assert all(figure.ours > 0 for figure in figures)
    assert {figure.peer_name for figure in figures} >= {
        "bound",
        "raw query, same tables, tuples",
        "raw query, naive table, tuples",
    }


def test_an_unknown_subject_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "nonsense"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "nonsense" in run.stderr


def test_a_ratio_above_one_is_in_our_favour() -> None:
    assert Figure("rate", "keys/s", 300, 100).ratio == 3
    assert Figure("cost", "ms", 10, 40).ratio == 4
    assert Figure("alone", "keys/s", 10).ratio is None


def test_a_night_over_a_synced_bucket_lists_and_writes_only_news(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", "nightly", "vast", "--quick", "--json", str(file)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr  # the subjects themselves assert what was written
    figures = json.loads(file.read_text())["figures"]
    compared = {figure["what"]: figure["ratio"] for figure in figures if figure["peer_name"] == "a full listing"}
    assert len(compared) == 2
    assert all(ratio > 1 for ratio in compared.values())


# The LIST server, asked by boto3 as it is.

SERVED: Final = Bucket(3_000, per_session=100, active=3, backup_every=4, per_night=5, now_ms=1_795_000_000_000)


@pytest.fixture(scope="module")
def client() -> Iterator["S3Client"]:
    with list_server(SERVED) as address:
        yield session().client("s3", endpoint_url=address)


@pytest.fixture(scope="module")
def keys(client: "S3Client") -> list[str]:
    return all_keys(client)


def all_keys(client: "S3Client") -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return [row["Key"] for page in pages for row in page.get("Contents", [])]


def keys_of(bucket: Bucket) -> list[str]:
    with list_server(bucket) as address:
        return all_keys(session().client("s3", endpoint_url=address))


def groups(client: "S3Client", prefix: str) -> list[str]:
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix=prefix, Delimiter="_", PaginationConfig={"PageSize": 7}
    )
    found = list(pages)
    assert not any(page.get("Contents") for page in found)
    return [row["Prefix"] for page in found for row in page.get("CommonPrefixes", [])]


def test_the_list_server_lists_its_keys_in_strictly_rising_order(keys: list[str]) -> None:
    assert len(keys) == SERVED.keys
    assert keys == sorted(set(keys))


def test_a_delimiter_gives_exactly_the_sessions_of_the_list_server(client: "S3Client", keys: list[str]) -> None:
    backup = f"{PREFIX}bak0_"
    failed_over = [key for key in keys if key.startswith(backup)]
    sessions = {PREFIX + key.removeprefix(PREFIX).split("_")[0] + "_" for key in keys}
    assert len(sessions - {backup}) == SERVED.keys // SERVED.per_session
    assert groups(client, PREFIX) == sorted(sessions)
    assert groups(client, backup) == sorted(
        {backup + key.removeprefix(backup).split("_")[0] + "_" for key in failed_over}
    )
    assert len(groups(client, backup)) == -(-len(sessions - {backup}) // SERVED.backup_every)


def test_the_list_server_starts_after_any_text(client: "S3Client", keys: list[str]) -> None:
    for number, key in enumerate(keys[::211]):
        for after in (key, key[: -1 - number], f"{key[:60]}`", f"{key}!", f"{PREFIX}bak{number}", keys[-1]):
            page = client.list_objects_v2(Bucket=BUCKET, StartAfter=after, MaxKeys=3)
            assert [row["Key"] for row in page.get("Contents", [])] == [each for each in keys if each > after][:3]


def test_a_group_is_not_listed_again_after_a_text_within_it(client: "S3Client", keys: list[str]) -> None:
    first, second, *_ = groups(client, PREFIX)
    within = next(key for key in keys if key.startswith(first))
    page = client.list_objects_v2(Bucket=BUCKET, Prefix=PREFIX, Delimiter="_", StartAfter=within, MaxKeys=1)
    assert [row["Prefix"] for row in page["CommonPrefixes"]] == [second]


@pytest.mark.parametrize("delimiter", ["", "_", "uid_"])
def test_both_versions_of_the_request_list_the_same(client: "S3Client", delimiter: str) -> None:
    new = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=PREFIX, Delimiter=delimiter)
    old = client.get_paginator("list_objects").paginate(Bucket=BUCKET, Prefix=PREFIX, Delimiter=delimiter)
    found = [(row["Key"], row["ETag"], row["LastModified"]) for page in new for row in page.get("Contents", [])]
    assert found == [(row["Key"], row["ETag"], row["LastModified"]) for page in old for row in page.get("Contents", [])]
    assert [page.get("CommonPrefixes") for page in new] == [page.get("CommonPrefixes") for page in old]


def test_a_night_adds_shots_to_active_sessions_alone() -> None:
    earlier, before, after = (set(keys_of(replace(SERVED, night=night))) for night in (-1, 0, 1))
    assert earlier < before < after
    assert len(before - earlier) == len(after - before)
    assert len(after - before) == replace(SERVED, night=1).size - SERVED.size == 60
    assert len({key.split("__uid_s_")[0].split("_")[-3] for key in after - before}) == SERVED.active


def test_active_sessions_are_recent_and_all_others_long_over() -> None:
    ages = [SERVED.now_ms - (parse_utc(key[-21:-4]) or 0) for key in keys_of(replace(SERVED, night=8))]
    day_ms = 86_400_000
    assert min(ages) > 0
    recent = sum(age < day_ms for age in ages)
    assert recent == SERVED.active * (SERVED.per_session + 8 * SERVED.users * SERVED.per_night)
    assert sum(age > 10 * day_ms for age in ages) == len(ages) - recent


def test_only_the_visible_share_and_active_sessions_are_listed() -> None:
    bucket = replace(SERVED, backup_every=0)
    seen = keys_of(replace(bucket, visible_share=0.5))
    assert set(seen) < set(keys_of(bucket))
    assert len(seen) == (15 + 2) * bucket.per_session  # of the active sessions 5, 15 and 25 two lie behind


def status_of_a_page(client: HTTPConnection) -> int:
    client.request("GET", f"/{BUCKET}?list-type=2&max-keys=1")
    answer = client.getresponse()
    assert (b"<Code>SlowDown</Code>" in answer.read()) == (answer.status == 503)
    return answer.status


def test_the_list_server_slows_down_as_often_as_it_was_told() -> None:
    with list_server(Bucket(1000, error_rate=0.3)) as address:
        client = HTTPConnection(address.removeprefix("http://"))
        statuses = [status_of_a_page(client) for _ in range(200)]
        client.close()
        counted = statistics(address, reset=True)
        assert counted["requests"] == 200
        assert counted["errors"] == statuses.count(503)
        assert counted["lists"] == counted["keys"] == statuses.count(200)
        assert 30 < counted["errors"] < 90
        assert statistics(address)["requests"] == 0


def test_a_missing_compiler_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingToolError, match="no C compiler"):
        compiled("list_server.c", build=tmp_path)


def test_a_thumbnailer_that_is_not_installed_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(thumbnailers, "_PLACE", tmp_path)
    found = list(thumbnailers.starters())
    assert len(found) == 6
    for _, start in found:
        with pytest.raises(MissingToolError, match="not installed"):
            start(thumbnailers.Work(tmp_path, 320, 180, 80), tmp_path).__enter__()
