"""`livestills sync`."""

import errno
import json
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli import estimates, progress
from cli.metrics import parse_samples
from cli.notes import note
from cli.syncs import FIELDS
from indexer.app import App
from indexer.catalog import dialects, sqlite
from indexer.catalog.catalog import Catalog
from indexer.catalog.changes import Changes
from indexer.jobs.plan import Units
from indexer.jobs.stretches import Seen
from indexer.jobs.sync import SyncReport
from indexer.storage.base import Page
from indexer.storage.memory import MemoryStore
from tests.cli.running import done, livestills, process
from tests.cli.worlds import NOON, configure, folder, memory, memory_stores, put, series, shot
from tests.inventories import MANIFEST, inventory_of

CATALOG = Path("livestills.db")


def test_a_sync_tells_what_it_did_and_a_second_one_finds_nothing_to_do() -> None:
    url, store = memory([*series(), *series("8", session=1), "notes.txt"])
    configure(a=url)
    assert done("sync").out.startswith("a: 6 shots among 7 objects; 6 added, 0 changed, 0 removed; 0 rec")
    for _ in range(2):
        (record,) = done("sync", "-o", "ndjson").records
        assert (record["added"], record["changed"], record["removed"], record["unchanged"]) == (0, 0, 0, 6)
    put(store, [shot(at=1000)])
    store.delete(shot(at=0))
    (record,) = done("sync", "-o", "ndjson").records
    assert (record["added"], record["changed"], record["removed"], record["unchanged"]) == (1, 0, 1, 5)


def test_the_fields_of_a_report_are_a_contract() -> None:
    url, _ = memory([*series(), "notes.txt"])
    configure(a=url)
    (record,) = done("sync", "-o", "json").document
    assert list(record) == [
        *("source", "outcome", "dry_run", "objects", "shots", "added", "changed", "unchanged", "gone", "removed"),
        *("recordings", "unrecognised", "ignored", "unrecognised_reasons", "requests", "duration_s", "message"),
        *("mode", "list_requests", "units_listed", "units_settled", "units_vanished"),
        *("outside_keys", "unreadable_lines"),
        *("confirmed", "announced_missing", "announced_dropped", "unannounced"),
    ]
    assert record["unrecognised_reasons"] == {"not-agora": 1}
    assert record["requests"]["list"] == 1
    (row,) = done("sync", "-o", "csv").rows
    assert list(row) == list(record)
    assert (row["dry_run"], json.loads(row["requests"])) == ("false", record["requests"])


def test_programs_are_told_every_count_of_a_report() -> None:
    report = SyncReport("a", "full", "done", False, Seen(), Changes(), Units(), {}, {}, timedelta())
    assert set(report.counts()) <= set(FIELDS)


def test_what_callbacks_and_the_listing_do_not_agree_in_is_told() -> None:
    url, store = memory(series(shots=4))
    configure(a=url)
    with Catalog.open_to_write(f"sqlite:///{CATALOG}", now=NOON) as catalog:
        source = catalog.add_source("a", url)
        announced_ms = round(time.time() * 1000)
        old_ms = announced_ms - 100 * 3_600_000
        pictures = [(shot(at=0), announced_ms), (shot(at=30), announced_ms), (shot("8", at=5), announced_ms)]
        catalog.announce(source, [*pictures, (shot("8", at=15), old_ms)])
    disagreement = "1 announced but missing, 1 announced and never uploaded (%s), 2 present but never announced; 0 rec"
    dry = done("sync", "--dry-run").out
    assert f"would be 2 added, 0 changed, 2 confirmed, 0 removed; {disagreement % 'would be dropped'}" in dry
    assert f" 2 added, 0 changed, 2 confirmed, 0 removed; {disagreement % 'dropped'}" in done("sync").out
    put(store, [shot("8", at=5)])
    (record,) = done("sync", "-o", "ndjson").records
    names = ("added", "changed", "removed", "confirmed", "announced_missing", "announced_dropped", "unannounced")
    assert [record[name] for name in names] == [0, 0, 0, 1, 0, 0, 0]
    assert "announced" not in done("sync").out


def test_a_dry_run_writes_nothing_not_even_a_catalog() -> None:
    url, store = memory(series())
    configure(a=url)
    before = sorted(Path().iterdir())
    assert "would be 3 added, 0 changed, 0 removed" in done("sync", "--dry-run").out
    assert sorted(Path().iterdir()) == before
    done("sync")
    store.delete(shot(at=0))
    put(store, [shot(at=500)])
    kept = CATALOG.read_bytes()
    assert "would be 1 added, 0 changed, 1 removed" in done("sync", "--dry-run").out
    assert CATALOG.read_bytes() == kept
    (record,) = done("sync", "-o", "ndjson").records
    assert (record["added"], record["removed"]) == (1, 1)


def test_nothing_under_an_address_is_pointed_out() -> None:
    url, _ = memory()
    configure(a=url)
    answer = livestills("sync")
    assert answer.status == 0
    assert answer.err == f"a: nothing lies under {url}; is that the right place?\n"


def test_a_quiet_sync_says_nothing_to_people_and_all_to_programs() -> None:
    url, _ = memory(series())
    configure(a=url)
    answer = done("-q", "sync")
    assert (answer.out, answer.err) == ("", "")
    assert len(done("-q", "sync", "-o", "ndjson").records) == 1


def test_a_mass_removal_is_refused_until_it_is_allowed() -> None:
    url, store = memory(series(shots=1_300, every=5))
    configure(a=url)
    done("sync")
    for key in series(shots=1_001, every=5):
        store.delete(key)
    answer = livestills("sync")
    assert answer.status == 20
    assert answer.error.startswith("1,001 shots of a are gone from the storage, too many to remove unasked")
    assert "1,001 gone and kept" in answer.out
    (record,) = livestills("sync", "-o", "ndjson").records
    assert (record["outcome"], record["gone"], record["removed"]) == ("refused", 1_001, 0)
    assert done("stats", "-o", "ndjson").records[0]["shots"] == 1_300
    assert "1,001 removed" in done("sync", "--allow-removal").out
    assert done("stats", "-o", "ndjson").records[0]["shots"] == 299


def test_of_several_sources_one_fails_and_the_others_are_done() -> None:
    one, other = memory(series())[0], memory(series(session=1))[0]
    configure(a=one, broken="file:missing", z=other)
    for output in ("table", "ndjson", "json", "csv"):
        answer = livestills("sync", "-o", output)
        assert answer.status == 3
        assert answer.error.startswith(f"source broken: there is no folder {Path('missing').absolute()}")
    outcomes = {record["source"]: record["outcome"] for record in livestills("sync", "-o", "ndjson").records}
    assert outcomes == {"a": "done", "broken": "failed", "z": "done"}
    failed = livestills("sync", "-o", "json").document[1]
    assert (failed["objects"], failed["message"][:18]) == (None, "there is no folder")
    assert done("stats", "-o", "ndjson").records[2]["shots"] == 3


def test_when_all_sources_fail_the_status_is_that_of_the_first() -> None:
    configure(a="file:missing", b="file:missing-too")
    assert livestills("sync").status == 10
    configure(a="file:missing")
    answer = livestills("sync", "-o", "json")
    assert (answer.status, answer.document[0]["outcome"]) == (10, "failed")


def test_only_the_named_sources_are_synced() -> None:
    configure(a=memory(series())[0], b=memory(series(session=1))[0])
    assert [line[:2] for line in done("sync", "b", "b").lines] == ["b:"]
    answer = livestills("sync", "aa")
    assert (answer.status, answer.error) == (2, "no source is called 'aa'; did you mean 'a'?")
    assert livestills("sync", "zzz").error == "no source is called 'zzz'; configured: a, b"


def test_unrecognised_keys_fail_a_sync_only_if_told_to() -> None:
    configure(a=memory([*series(), "x"])[0])
    assert livestills("sync").status == 0
    assert livestills("sync", "--fail-on-unrecognised").status == 20
    configure(a=memory(series())[0])
    assert livestills("sync", "--fail-on-unrecognised", "--allow-removal").status == 0


def test_a_second_sync_of_a_source_at_work_is_refused() -> None:
    configure(a=memory(series())[0], b=memory(series(session=1))[0])
    done("sync")
    with sqlite.sync_lock(CATALOG.absolute(), "a"):
        answer = livestills("sync", "a")
        assert (answer.status, answer.out) == (11, "")
        assert answer.error.startswith("another sync of 'a' is running on ")
        assert livestills("sync").status == 3
        assert livestills("sync", "--dry-run").status == 0
    assert livestills("sync").status == 0


def test_a_lock_that_is_no_lock_is_pointed_out() -> None:
    configure(a=memory(series())[0])
    done("sync")
    lock = Path("livestills.db.a.lock")
    lock.write_text("somebody's notes, of some length")
    answer = livestills("sync")
    assert (answer.status, lock.name in answer.error) == (2, True)
    lock.unlink()
    lock.mkdir()
    answer = livestills("sync")
    assert (answer.status, lock.name in answer.error) == (4, True)


def test_a_catalog_that_stays_locked_is_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(a=memory(series())[0])
    done("sync")
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0.1)
    other = sqlite3.connect(CATALOG, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    answer = livestills("sync")
    other.close()
    assert answer.status == 5
    assert "stayed locked by another program; try again later" in answer.error


class Signalling(MemoryStore):
    """While its second page is listed, the process is told to stop, once: a second time it would be at once."""

    def __init__(self, keys: list[str], number: signal.Signals) -> None:
        super().__init__("signalling")
        put(self, keys)
        self._number: signal.Signals | None = number

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 2
    ) -> Page:
        del limit
        number = self._number
        if token is not None and number is not None:
            self._number = None
            signal.raise_signal(number)
        return super().list_page(prefix, after=after, token=token, delimiter=delimiter, limit=2)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("output", ["table", "json", "csv", "ndjson"])
def test_a_stopped_sync_tells_what_was_done_and_ends_with_its_status(
    number: signal.Signals, status: int, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(memory_stores, "signalling", Signalling(series(shots=10, session=1), number))
    configure(a=memory(series())[0], b="memory://signalling/", c=memory(series(session=2))[0])
    handler = signal.getsignal(number)
    answer = livestills("sync", "-o", output)
    assert signal.getsignal(number) == handler
    assert (answer.status, answer.err) == (
        status,
        f"not started: c\nlivestills: stopped by {number.name}; what was written stays, the next run goes on\n",
    )
    match output:
        case "table":
            assert [line[:8] for line in answer.lines] == ["a: 3 sho"]
        case "csv":
            assert [row["outcome"] for row in answer.rows] == ["done", "interrupted", "not_started"]
        case _:
            told = answer.document if output == "json" else answer.records
            assert [record["outcome"] for record in told] == ["done", "interrupted", "not_started"]
    assert done("db", "check").out == ""


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    configure(a="memory://signalling/")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        memory_stores["signalling"] = Signalling(series(shots=10), signal.SIGINT)
        assert "10 added" in done("sync").out
    finally:
        del memory_stores["signalling"]
        signal.signal(signal.SIGINT, before)


def test_progress_is_lines_for_logs_objects_for_programs_and_else_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.0)
    configure(a=memory(series(shots=1_500, every=5))[0])
    assert livestills("sync", "--dry-run").err == ""
    assert livestills("sync", "--dry-run", "--progress", "off").err == ""
    lines = livestills("--progress", "plain", "sync", "--dry-run").err.splitlines()
    assert lines[-1].split(" objects, ")[0] == "a: 1,500"
    done("sync")
    events = [json.loads(line) for line in livestills("sync", "--progress", "json").err.splitlines()]
    last = events[-1]
    assert (last["event"], last["source"], last["objects"], last["expected"]) == ("progress", "a", 1_500, 1_500)


def test_a_verbose_sync_says_how_it_went(caplog: pytest.LogCaptureFixture) -> None:
    configure(a=memory(series())[0])
    done("-v", "sync")
    assert any(record.name == "indexer.jobs.sync" for record in caplog.records)
    caplog.clear()
    done("-vv", "sync")
    assert {record.name.partition(".")[0] for record in caplog.records} == {"indexer"}
    caplog.clear()
    done("sync")
    assert caplog.records == []


class Slow(MemoryStore):
    """Takes its time for every page."""

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 2
    ) -> Page:
        del limit
        time.sleep(0.4)
        return super().list_page(prefix, after=after, token=token, delimiter=delimiter, limit=2)


def test_a_sync_whose_time_is_up_is_done_in_part_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow("slow")
    put(slow, series(shots=10, session=1))
    monkeypatch.setitem(memory_stores, "slow", slow)
    configure(a=memory(series())[0], b="memory://slow/", c=memory(series(session=2))[0])
    answer = livestills("sync", "--max-duration", "1s", "-o", "ndjson")
    assert answer.status == 3
    assert answer.err.splitlines() == [
        "not started: c",
        "livestills: the 1s of this run are over; what was written stays, the next run goes on",
    ]
    assert [(record["source"], record["outcome"]) for record in answer.records] == [
        *(("a", "done"), ("b", "interrupted"), ("c", "not_started")),
    ]
    assert answer.records[1]["message"].startswith("the 1s of this run are over")
    with sqlite3.connect(CATALOG) as catalog:
        outcomes = catalog.execute("SELECT outcome FROM sync_run ORDER BY id").fetchall()
    catalog.close()
    assert outcomes == [("done",), ("interrupted",)]
    done("sync", "--max-duration", "1h")
    assert [record["shots"] for record in done("stats", "-o", "ndjson").records] == [3, 10, 3]


# --- how it lists


def _quiet_nights() -> dict[str, str]:
    """Sessions long over, cataloged and settled: configured as `a`."""
    keys = [key for number in range(30) for key in series(session=number << 120, shots=200, start=-9_000_000)]
    url, store = memory()
    for key in keys:
        store.put(key, b"x", content_type="image/jpeg", modified=NOON - timedelta(days=90))
    configure(a=url)
    done("sync")
    return {"a": url}


def _only(*arguments: str) -> dict[str, object]:
    (record,) = done("sync", "-o", "ndjson", *arguments).records
    return record


def test_what_is_known_is_passed_over_and_full_lists_it_all_the_same() -> None:
    _quiet_nights()
    usual, full = _only(), _only("--full")
    assert (usual["mode"], full["mode"]) == ("discovery", "full")
    assert set(usual["list_requests"]) == {"discovery", "verification"}  # type: ignore[call-overload]
    assert (full["objects"], full["list_requests"]) == (6_000, {"full": full["requests"]["list"]})  # type: ignore[index]


def test_the_share_that_is_verified_is_that_of_the_option_then_of_the_settings() -> None:
    sources = _quiet_nights()
    assert _only("--verify", "0")["objects"] == 0
    assert _only("--verify", "1/2")["objects"] == 3_000
    assert _only("--verify", "100%")["mode"] == "full"
    configure(**sources, more='[sync]\nverify = "50%"\n')
    assert _only()["objects"] == 3_000
    assert _only("--verify", "0")["objects"] == 0


@pytest.mark.parametrize("share", ["soon", "2", "-1", "1/0", ""])
def test_a_share_that_is_none_is_wrong_usage(share: str) -> None:
    configure(a=memory(series())[0])
    answer = livestills("sync", "--verify", share)
    assert answer.status == 2
    assert answer.error == f"--verify {share!r} is no share; write for example 1/30, 5%, 0 or 100%"
    assert not CATALOG.exists()


@pytest.mark.parametrize(
    ("discovery", "mode"), [("delimiter", "discovery"), ("hop", "hop"), ("full", "full"), ("auto", "full")]
)
def test_a_source_may_force_one_way_to_find_what_changed(discovery: str, mode: str) -> None:
    url, _ = memory(series())
    configure(a=url, more=f'discovery = "{discovery}"\n')
    assert _only()["mode"] == mode
    assert _only("--full")["mode"] == "full"


def test_a_session_is_settled_when_the_horizon_of_the_settings_has_passed() -> None:
    url, store = memory()
    for key in series(start=-200 * 86_400):
        store.put(key, b"x", content_type="image/jpeg", modified=NOON - timedelta(days=200))
    past = NOON + timedelta(days=100)
    settled = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(App, "now", staticmethod(lambda: past))
        for horizon_h in (8760, 96):
            configure(a=url, more=f'discovery = "delimiter"\n[sync]\nverify = 0\nhorizon_h = {horizon_h}\n')
            done("sync")
            settled.append(_only()["units_settled"])
    assert settled == [0, 1]


def test_there_is_a_connection_for_every_request_at_a_time() -> None:
    configure(a="s3://acme-shots/", more="[sync]\nin_flight = 100\n")
    app = App.open(None)
    (source,) = app.sources()
    assert app.address(source).options.max_connections == 100


# --- what somebody else has listed


def _world_with_inventory() -> tuple[str, MemoryStore, MemoryStore]:
    """A configured source, its store, and the store that has an inventory of what is there now."""
    url, store = memory(series(shots=5))
    name = url.removeprefix("memory://").removesuffix("/")
    reports = inventory_of(store.list_page().objects, bucket=name, snapshot=datetime.now(UTC), name=f"{name}-reports")
    memory_stores[f"{name}-reports"] = reports
    configure(a=url)
    return f"{reports.url}/{MANIFEST}", store, reports


def test_an_inventory_is_read_instead_of_listing() -> None:
    manifest, store, _ = _world_with_inventory()
    record = _only("--inventory", manifest)
    assert (record["mode"], record["added"], record["requests"], record["list_requests"]) == (
        "inventory",
        5,
        {"get": 1},
        {},
    )
    assert store.requests["list"] == 1, "that of the test"
    assert "0 LIST requests" in done("sync", "--inventory", manifest).out


def test_an_inventory_may_have_been_copied_to_a_folder() -> None:
    _, _, reports = _world_with_inventory()
    copied = folder(Path("copied"))
    for listed in reports.list_page().objects:
        copied.put(listed.key, reports.get(listed.key), content_type="text/plain")
    path = Path("copied", MANIFEST)
    assert _only("--inventory", str(path))["added"] == 5
    assert _only("--inventory", path.absolute().as_uri())["unchanged"] == 5


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ("", "the inventory's manifest"),
        ("missing.json", "missing.json could not be read: No such file or directory"),
        ("ftp://there/manifest.json", "--inventory: 'ftp://there/' is no address of a storage"),
        ("memory://there/", "--inventory 'memory://there/' names no manifest"),
    ],
)
def test_an_inventory_that_is_none_is_wrong_usage(manifest: str, expected: str) -> None:
    configure(a=memory(series())[0])
    answer = livestills("sync", "--inventory", manifest)
    assert answer.status == 2
    assert expected in answer.error


def test_a_folder_has_no_inventory() -> None:
    folder(Path("bucket"), series())
    configure(a="file:bucket")
    assert livestills("sync", "--inventory", "m.json").error == (
        "--inventory is of a bucket, but the source 'a' is a folder"
    )


def test_keys_of_a_list_are_added() -> None:
    url, _ = memory()
    configure(a=url)
    Path("keys.txt").write_text("\n".join([*series(), "notes.txt"]) + "\n")
    record = _only("--keys", "keys.txt")
    assert (record["mode"], record["added"], record["removed"], record["unrecognised"]) == ("keys", 3, 0, 1)
    assert (record["outside_keys"], record["unreadable_lines"]) == (0, 0)
    answer = process("sync", "a", "--keys", "-", given="\n".join(series(shots=4)).encode())
    assert (answer.status, "1 added" in answer.out) == (0, True)


def test_lines_that_name_no_key_are_told_and_the_rest_is_done() -> None:
    configure(a=f"{memory()[0]}d/")
    Path("keys.txt").write_text("\n".join(["{}", shot(directory="d/"), *["e/x"] * 4, *["{bad"] * 2, *['{"'] * 30]))
    answer = livestills("sync", "--keys", "keys.txt")
    assert (answer.status, "1 added" in answer.out) == (3, True)
    assert answer.err.splitlines()[:2] == [
        "livestills: line 1: a JSON object without a key: {}",
        'livestills: line 9: not JSON, though it begins so: {"',
    ]
    assert len(answer.err.splitlines()) == 22
    assert "31 lines of 38 could not be read" in answer.err
    assert answer.err.splitlines()[-1].startswith("6 keys not below memory://")
    assert answer.err.splitlines()[-1].endswith("/d/: e/x, e/x, e/x, ...")
    assert livestills("sync", "-o", "ndjson", "--keys", "keys.txt").records[0]["unreadable_lines"] == 31


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--keys", "k", "--full"), "--full and --keys are different ways to learn what a source holds: say one"),
        (("--inventory", "m", "--keys", "-"), "--inventory and --keys are different ways"),
        (("--keys", "-"), "--keys is of one source: name it"),
        (("--inventory", "m"), "--inventory is of one source: name it"),
        (("a", "--keys", "-", "--metrics-file", "m.prom"), "--metrics-file tells of syncs that see all of a source"),
        (("a", "--keys", "missing"), "--keys: missing cannot be read: No such file or directory"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(arguments: tuple[str, ...], expected: str) -> None:
    configure(a=memory()[0], b=memory()[0])
    answer = livestills("sync", *arguments)
    assert answer.status == 2
    assert answer.error.startswith(expected)


# --- estimates


def test_an_estimate_tells_requests_time_and_money_and_changes_nothing() -> None:
    sources = _quiet_nights()
    configure(**sources, new=memory(series())[0])
    kept = CATALOG.read_bytes()
    answer = done("sync", "--estimate")
    assert CATALOG.read_bytes() == kept
    assert answer.lines[:4] == [
        "a: mode discovery, because only 0 of 30 units can have changed",
        "  6,000 objects by the catalog",
        "  about 3 LIST requests (2 discovery, 1 verification)",
        answer.lines[3],
    ]
    assert answer.lines[3].startswith("  about ")
    assert answer.lines[3].endswith(" a request and 16 at a time")
    assert answer.lines[4] == "  less than 0.01 USD, at 0.005 USD for 1,000 LIST requests"
    assert answer.lines[5:7] == ["new: mode full, because the catalog knows nothing of it yet", "  3 objects"]
    _, new = done("sync", "--estimate", "--list-price", "5", "-o", "json").document
    assert list(new) == list(estimates.FIELDS)
    assert new["latency_ms"] > 0
    assert new["duration_s"] >= 0
    assert {name: new[name] for name in estimates.FIELDS if name not in {"latency_ms", "duration_s"}} == {
        "source": "new",
        "mode": "full",
        "reason": "the catalog knows nothing of it yet",
        "objects": 3,
        "objects_by": "counted",
        "list_requests": {"full": 1},
        "list_requests_total": 1,
        "probes": 1,
        "in_flight": 16,
        "usd": 0.005,
        "list_price_usd": 5.0,
        "message": None,
    }
    assert done("sync", "new", "--estimate", "--full", "-o", "ndjson").records[0]["reason"] == "it was asked for"
    assert done("sync", "new", "--estimate", "-o", "csv").rows[0]["list_requests"] == '{"full": 1}'


def test_an_estimate_needs_no_catalog_and_one_that_fails_stops_no_other() -> None:
    configure(a="file:missing", b=memory(series())[0])
    answer = livestills("sync", "--estimate", "-o", "json")
    assert answer.status == 3
    assert answer.error.startswith("source a: there is no folder")
    assert [record["objects"] for record in answer.document] == [None, 3]
    assert not CATALOG.exists()
    alone = livestills("sync", "a", "--estimate", "-o", "json")
    assert (alone.status, alone.document[0]["message"][:18]) == (10, "there is no folder")


@pytest.mark.parametrize(
    "arguments", [("--estimate", "--keys", "-"), ("--estimate", "--inventory", "m"), ("--list-price", "1")]
)
def test_only_a_sync_that_lists_is_estimated(arguments: tuple[str, ...]) -> None:
    configure(a=memory()[0])
    answer = livestills("sync", *arguments)
    assert (answer.status, answer.error) == (
        2,
        "--estimate is of a sync that lists, and --list-price is for it",
    )


def test_a_length_that_is_none_is_wrong_usage() -> None:
    configure(a=memory(series())[0])
    answer = livestills("sync", "--max-duration", "soon")
    assert (answer.status, answer.error) == (
        2,
        "--max-duration 'soon' is no length of time; write for example 30s, 1m or 2h",
    )
    assert not CATALOG.exists()


@contextmanager
def _locked_until(told: threading.Event) -> Iterator[None]:
    """Another sync of `a` is running, and ends a little after that was told."""
    locked = threading.Event()

    def hold() -> None:
        with sqlite.sync_lock(CATALOG.absolute(), "a"):
            locked.set()
            told.wait(60)
            time.sleep(0.1)

    other = threading.Thread(target=hold)
    other.start()
    locked.wait()
    yield
    other.join()


def test_a_second_sync_waits_if_it_is_told_to_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told = threading.Event()

    def telling(text: str) -> None:
        note(text)
        told.set()

    monkeypatch.setattr(dialects, "POLL_S", 0.01)
    monkeypatch.setattr("cli.commands.sync.note", telling)
    configure(a=memory(series())[0])
    with _locked_until(told):
        answer = done("sync", "--wait")
    assert answer.err == "another sync of 'a' is running: waiting for it to end\n"
    assert "3 added" in answer.out
    assert done("sync", "--wait").err == ""


def test_waiting_ends_with_the_time_of_the_run() -> None:
    configure(a=memory(series())[0])
    with sqlite.sync_lock(CATALOG.absolute(), "a"):
        answer = livestills("sync", "--wait", "--max-duration", "1s")
        assert done("sync", "--wait", "--dry-run").err == ""
    assert answer.status == 3
    assert answer.err.splitlines()[1].startswith("livestills: the 1s of this run are over")


# --- metrics

PROM = Path("livestills.prom")


def _metrics(source: str) -> dict[str, float]:
    """The values of a source by metric, and what more there is in the labels."""
    found = {}
    for sample in parse_samples(PROM.read_text()):
        name = sample.metric.removeprefix("livestills_sync_")
        if sample.source == source:
            found[".".join([name, *(value for label, value in sample.labels if label != "source")])] = sample.value
    return found


def test_metrics_tell_of_the_last_sync_and_of_the_last_one_that_succeeded() -> None:
    url, store = memory([*series(), "notes.txt"])
    configure(a=url, b=memory(series(session=1))[0])
    began_at = time.time()
    done("sync", "--metrics-file", str(PROM))
    assert PROM.stat().st_mode & 0o777 == 0o644
    first = _metrics("a")
    assert began_at - 1 < first.pop("last_run_timestamp_seconds") == first.pop("last_success_timestamp_seconds")
    assert 0 <= first.pop("duration_seconds") < 60
    assert first["requests.list"] == 1
    assert {name: value for name, value in first.items() if "requests" not in name} == {
        "success": 1,
        "objects": 4,
        "shots": 3,
        "added": 3,
        "changed": 0,
        "gone": 0,
        "removed": 0,
        "unrecognised": 1,
        **dict.fromkeys(("confirmed", "announced_missing", "announced_dropped", "unannounced"), 0),
    }
    before = {source: _metrics(source) for source in ("a", "b")}
    put(store, [shot(at=1000)])
    done("sync", "a", "--metrics-file", str(PROM))
    assert _metrics("a")["added"] == 1
    assert _metrics("b") == before["b"]
    assert sorted(path.name for path in Path().glob("*prom*")) == [PROM.name]


def test_a_sync_that_fails_keeps_the_time_of_the_last_success() -> None:
    folder(Path("bucket"), series())
    configure(a="file:bucket", z=memory(series(session=1))[0])
    done("sync", "--metrics-file", str(PROM))
    before = _metrics("a")
    Path("bucket").rename("elsewhere")
    assert livestills("sync", "--metrics-file", str(PROM)).status == 3
    after = _metrics("a")
    assert (after["success"], _metrics("z")["success"]) == (0, 1)
    assert after["last_run_timestamp_seconds"] > before["last_run_timestamp_seconds"]
    kept = {"last_success_timestamp_seconds", "objects", "shots", "added"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_a_catalog_that_cannot_be_opened_fails_every_source() -> None:
    CATALOG.write_text("somebody's notes")
    configure(a=memory(series())[0], b=memory()[0])
    assert livestills("sync", "--metrics-file", str(PROM)).status == 2
    assert [_metrics(source)["success"] for source in ("a", "b")] == [0, 0]
    assert "last_success_timestamp_seconds" not in _metrics("a")


def test_a_refused_removal_is_no_success_and_a_locked_source_is_told_of_by_the_other_sync() -> None:
    url, store = memory(series(shots=1_300, every=5))
    configure(a=url)
    done("sync", "--metrics-file", str(PROM))
    for key in series(shots=1_300, every=5):
        store.delete(key)
    with sqlite.sync_lock(CATALOG.absolute(), "a"):
        before = PROM.read_text()
        assert livestills("sync", "--metrics-file", str(PROM)).status == 11
        assert PROM.read_text() == before
    assert livestills("sync", "--metrics-file", str(PROM)).status == 20
    after = _metrics("a")
    assert (after["success"], after["gone"], after["removed"]) == (0, 1_300, 0)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("no/such/folder.prom", "metrics file no/such/folder.prom cannot be written: No such file or directory"),
        (".", "is no regular file; name another one"),
        ("/dev/null", "metrics file /dev/null is no regular file"),
        ("livestills.toml", "livestills.toml holds other things than metrics of syncs; name another file"),
    ],
)
def test_a_metrics_file_that_cannot_be_written_is_found_out_before_the_sync(file: str, expected: str) -> None:
    configure(a=memory(series())[0])
    before = Path("livestills.toml").read_text()
    answer = livestills("sync", "--metrics-file", file)
    assert (answer.status, answer.out) == (2, "")
    assert expected in answer.error
    assert not CATALOG.exists()
    assert Path("livestills.toml").read_text() == before


def test_metrics_that_cannot_be_written_in_the_end_are_a_warning_and_the_sync_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure(a=memory(series())[0], b=memory(series(session=1))[0])

    def full(_number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        answer = livestills("sync", "--metrics-file", str(PROM))
    assert (answer.status, len(answer.lines)) == (1, 2)
    assert answer.error == f"metrics file {PROM.absolute()} cannot be written: No space left on device"
    assert not list(Path().glob("*prom*"))
    assert [record["shots"] for record in done("stats", "-o", "ndjson").records] == [3, 3]


def test_a_dry_run_leaves_the_metrics_as_they_are() -> None:
    configure(a=memory(series())[0])
    done("sync", "--dry-run", "--metrics-file", str(PROM))
    assert not PROM.exists()
    assert livestills("sync", "--dry-run", "--metrics-file", "no/such.prom").status == 2
