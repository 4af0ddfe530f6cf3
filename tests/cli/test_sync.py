"""`livestills sync`."""

import json
import signal
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from cli import progress
from cli.commands.sync import FIELDS
from indexer.catalog import dialects
from indexer.catalog.changes import Changes
from indexer.jobs.stretches import Seen
from indexer.jobs.sync import SyncReport
from indexer.storage.base import Page
from indexer.storage.memory import MemoryStore
from tests.cli.running import done, livestills
from tests.cli.worlds import configure, memory, memory_stores, put, series, shot

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
    ]
    assert record["unrecognised_reasons"] == {"not-agora": 1}
    assert record["requests"]["list"] == 1
    (row,) = done("sync", "-o", "csv").rows
    assert list(row) == list(record)
    assert (row["dry_run"], json.loads(row["requests"])) == ("false", record["requests"])


def test_programs_are_told_every_count_of_a_report() -> None:
    report = SyncReport("a", "done", False, Seen(), Changes(), {}, timedelta())
    assert set(report.counts()) <= set(FIELDS)


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
    with dialects.sync_lock(CATALOG.absolute(), "a"):
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
    monkeypatch.setattr(dialects, "BUSY_TIMEOUT_S", 0.1)
    other = sqlite3.connect(CATALOG, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    answer = livestills("sync")
    other.close()
    assert answer.status == 5
    assert "stayed locked by another program; try again later" in answer.error


class Signalling(MemoryStore):
    """While its second page is listed, the process is told to stop."""

    def __init__(self, keys: list[str], number: signal.Signals) -> None:
        super().__init__("signalling")
        put(self, keys)
        self._number = number

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 2
    ) -> Page:
        del limit
        if token is not None:
            signal.raise_signal(self._number)
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
    assert (answer.status, answer.error) == (
        status,
        f"stopped by {number.name}; what was written stays, the next run goes on",
    )
    match output:
        case "table":
            assert [line[:8] for line in answer.lines] == ["a: 3 sho"]
        case "csv":
            assert [row["outcome"] for row in answer.rows] == ["done", "interrupted"]
        case _:
            told = answer.document if output == "json" else answer.records
            assert [record["outcome"] for record in told] == ["done", "interrupted"]
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
    assert [line.split(" objects, ")[0] for line in lines] == ["a: 1,000", "a: 1,500"]
    done("sync")
    events = [json.loads(line) for line in livestills("sync", "--progress", "json").err.splitlines()]
    assert [(event["event"], event["source"], event["objects"], event["expected"]) for event in events] == [
        ("progress", "a", 1_000, 1_500),
        ("progress", "a", 1_500, 1_500),
    ]


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
