"""The metrics file: its text, and what of it stays when the next sync tells of itself."""

import multiprocessing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.metrics import Finished, MetricsFile, Sample, SyncFigures, format_samples, parse_samples
from indexer.errors import ConfigError

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
COUNTS = {
    "objects": 5,
    "shots": 3,
    "added": 1,
    "changed": 0,
    "gone": 0,
    "removed": 0,
    "unrecognised": 2,
    "confirmed": 4,
    "announced_missing": 3,
    "announced_dropped": 2,
    "unannounced": 1,
}


def figures(
    source: str = "a", *, success: bool = True, hours: int = 0, finished: Finished | None = None
) -> SyncFigures:
    return SyncFigures(source, success, NOON + timedelta(hours=hours), timedelta(seconds=1.5), finished)


def test_the_text_is_what_prometheus_reads(tmp_path: Path) -> None:
    path = tmp_path / "l.prom"
    MetricsFile(path).record(figures(finished=Finished(COUNTS, {"list": 7, "head": 1}, {"discovery": 4, "active": 3})))
    lines = path.read_text().splitlines()
    assert lines[:3] == [
        "# HELP livestills_sync_success Whether the last sync of the source did all it should: 1 or 0.",
        "# TYPE livestills_sync_success gauge",
        'livestills_sync_success{source="a"} 1',
    ]
    assert [line for line in lines if line[0] != "#"] == [
        'livestills_sync_success{source="a"} 1',
        'livestills_sync_last_run_timestamp_seconds{source="a"} 1793880000',
        'livestills_sync_last_success_timestamp_seconds{source="a"} 1793880000',
        'livestills_sync_duration_seconds{source="a"} 1.500',
        *(f'livestills_sync_{name}{{source="a"}} {count}' for name, count in COUNTS.items()),
        'livestills_sync_requests{source="a",kind="head"} 1',
        'livestills_sync_requests{source="a",kind="list"} 7',
        'livestills_sync_list_requests{source="a",purpose="active"} 3',
        'livestills_sync_list_requests{source="a",purpose="discovery"} 4',
    ]


texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.text('\\"n\n{},= ', max_size=8)
values = st.one_of(st.integers(0, 2**50), st.integers(0, 10**12).map(lambda ms: ms / 1000))


@given(st.lists(st.tuples(texts, texts, values), unique_by=lambda row: row[:2]))
def test_what_is_written_is_read_back(rows: list[tuple[str, str, float]]) -> None:
    samples = sorted(
        Sample("livestills_sync_requests", (("source", source), ("kind", kind)), value) for source, kind, value in rows
    )
    assert parse_samples(format_samples(samples)) == samples


@pytest.mark.parametrize(
    "text",
    [
        "other_metric 1\n",
        'other_metric{source="a"} 1\n',
        'livestills_sync_success{kind="a"} 1\n',
        'livestills_sync_success{source="a"} one\n',
        'livestills_sync_success{source="a"} 1-1\n',
        'livestills_sync_success{source="a} 1\n',
        "# my notes\n",
        "[catalog]\n",
    ],
)
def test_a_file_of_something_else_is_never_replaced(text: str, tmp_path: Path) -> None:
    path = tmp_path / "l.prom"
    path.write_text(text)
    with pytest.raises(ConfigError, match="holds other things than metrics of syncs"):
        MetricsFile(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="holds other things"):
        MetricsFile(path)
    assert path.read_bytes() == b"\xff\xfe"


def test_kinds_of_requests_that_are_not_made_any_more_go_away(tmp_path: Path) -> None:
    path = tmp_path / "l.prom"
    file = MetricsFile(path)
    file.record(figures(finished=Finished(COUNTS, {"list": 7}, {"full": 7})))
    file.record(figures(success=False))
    assert 'kind="list"' in path.read_text()
    file.record(figures(finished=Finished(COUNTS, {}, {"active": 1})))
    assert "kind=" not in path.read_text()
    assert 'purpose="full"' not in path.read_text()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    link = tmp_path / "l.prom"
    link.symlink_to(tmp_path / "there" / "real.prom")
    MetricsFile(link).record(figures())
    assert link.is_symlink()
    assert (tmp_path / "there" / "real.prom").exists()
    assert [path.name for path in (tmp_path / "there").iterdir()] == ["real.prom"]


def _record_many(path: Path, source: str) -> None:
    file = MetricsFile(path)
    for hours in range(20):
        file.record(figures(source, hours=hours))


def test_syncs_that_write_at_the_same_time_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "l.prom"
    at_once = multiprocessing.get_context("spawn")
    writers = [at_once.Process(target=_record_many, args=(path, source)) for source in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    last = [
        sample for sample in parse_samples(path.read_text()) if sample.metric.endswith("last_run_timestamp_seconds")
    ]
    assert [(sample.source, sample.value) for sample in last] == [
        (source, (NOON + timedelta(hours=19)).timestamp()) for source in "abc"
    ]
