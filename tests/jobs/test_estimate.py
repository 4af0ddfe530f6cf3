"""What an estimate says, against what the sync then does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.catalog.catalog import Catalog
from indexer.catalog.planning import Known
from indexer.jobs.estimate import Certainty, Estimate, Sample, Size, duration_s, estimate, extrapolated, list_requests
from indexer.jobs.plan import Mode, Wishes, choose
from indexer.jobs.sync import Access, SyncReport, Watch, sync
from indexer.storage.memory import MemoryStore
from tests.catalogs import dump

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
NOW = START + timedelta(days=9)


def fill(store: MemoryStore, *, sessions: int, shots: int, front: str = "", start: datetime = START) -> None:
    random = Random(sessions)
    for _ in range(sessions):
        sid = f"{random.getrandbits(128):032x}"
        for number in range(shots):
            moment = start + timedelta(seconds=10 * number)
            key = f"{front}{sid}_room__uid_s_7__uid_e_video_{moment:%Y%m%d%H%M%S}000.jpg"
            store.put(key, b"jpeg", content_type="image/jpeg", modified=start)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog.open_to_write(f"sqlite:///{tmp_path}/c.db", now=START) as opened:
        yield opened


def estimated(store: MemoryStore, catalog: Catalog, *, prefix: str = "", wishes: Wishes | None = None) -> Estimate:
    """By a clock on which every request takes a tenth of a second."""
    ticks = count()
    access = Access(store, prefix)
    return estimate(access, catalog, "prod", wishes=wishes or Wishes(), clock=lambda: next(ticks) / 10)


def synced(store: MemoryStore, catalog: Catalog, *, wishes: Wishes | None = None) -> SyncReport:
    return sync(Access(store, ""), catalog, "prod", watch=Watch(lambda: NOW), wishes=wishes)


def test_a_small_source_is_counted(store: MemoryStore, catalog: Catalog) -> None:
    fill(store, sessions=3, shots=10)
    found = estimated(store, catalog)
    assert (found.choice.mode, found.choice.reason) == (Mode.FULL, "the catalog knows nothing of it yet")
    assert (found.size, found.probes) == (Size(30, Certainty.COUNTED), 1)
    assert (found.list_requests, found.usd) == ({"full": 1}, 0.005 / 1000)
    assert found.latency_s == pytest.approx(0.1)
    assert found.duration_s == pytest.approx(0.1)
    assert synced(store, catalog).list_requests == found.list_requests


@pytest.mark.parametrize(("sessions", "shots"), [(4_000, 10), (400, 120), (130, 400)])
def test_a_large_new_source_is_told_by_a_page_of_each_sixteenth(
    store: MemoryStore, catalog: Catalog, sessions: int, shots: int
) -> None:
    fill(store, sessions=sessions, shots=shots, front="d/")
    found = estimated(store, catalog, prefix="d/")
    assert found.size.certainty is Certainty.EXTRAPOLATED
    assert found.probes == 17
    assert sessions * shots / 2 < found.size.objects < sessions * shots * 2
    assert found.list_requests == {"full": -(-found.size.objects // 1000)}


def test_of_sessions_longer_than_a_page_it_is_said_how_many_there_are_at_least(
    store: MemoryStore, catalog: Catalog
) -> None:
    fill(store, sessions=16, shots=1_500)
    found = estimated(store, catalog)
    assert found.size.certainty is Certainty.AT_LEAST
    assert 8_000 <= found.size.objects <= 24_000


def test_a_lower_bound_is_half_of_what_sixteen_places_tell() -> None:
    random = Random(7)
    right = 0
    for _ in range(300):
        # 16,000 sessions of 1,001 keys and more: the distance between two ids is exponential.
        samples = [Sample(1_000, False, random.expovariate(16_000), 0) for _ in range(16)]
        size = extrapolated(samples, others=False)
        assert size.certainty is Certainty.AT_LEAST
        right += size.objects <= 16_000 * 1_001
    assert right >= 290


@pytest.mark.parametrize("other", ["zz/notes.txt", "0/notes.txt"])
def test_keys_elsewhere_make_it_a_lower_bound(store: MemoryStore, catalog: Catalog, other: str) -> None:
    fill(store, sessions=300, shots=5)
    store.put(other, b"x", content_type="text/plain")
    if other > "g":
        assert estimated(store, catalog).size == Size(1_500, Certainty.AT_LEAST)
    else:
        assert estimated(store, catalog).size == Size(1_501, Certainty.COUNTED)


def test_where_no_session_id_comes_first_only_the_first_page_is_known(store: MemoryStore, catalog: Catalog) -> None:
    fill(store, sessions=300, shots=5, front="2026/")
    found = estimated(store, catalog)
    assert (found.size, found.probes) == (Size(1_000, Certainty.AT_LEAST), 1)
    assert estimated(store, catalog, prefix="2026/").size == Size(1_500, Certainty.COUNTED)


def test_of_a_known_source_the_requests_are_those_of_the_sync(store: MemoryStore, catalog: Catalog) -> None:
    fill(store, sessions=30, shots=200)
    synced(store, catalog)
    fill(store, sessions=1, shots=100, start=NOW)
    synced(store, catalog, wishes=Wishes(verify=0))
    before = dump(catalog)
    found = estimated(store, catalog)
    assert dump(catalog) == before
    assert found.choice == choose(catalog.planning.known(1, page_size=1_000), Wishes(), lambda: True)
    assert (found.choice.mode, found.choice.reason) == (Mode.DISCOVERY, "only 1 of 31 units can have changed")
    assert (found.size, found.probes) == (Size(6_100, Certainty.CATALOG), 3)
    report = synced(store, catalog)
    assert report.mode == found.choice.mode
    assert set(found.list_requests) == set(report.list_requests)
    assert abs(sum(found.list_requests.values()) - sum(report.list_requests.values())) <= 2


def test_what_was_asked_for_is_estimated(store: MemoryStore, catalog: Catalog) -> None:
    fill(store, sessions=30, shots=200)
    synced(store, catalog)
    full, hop = (estimated(store, catalog, wishes=Wishes(mode)) for mode in (Mode.FULL, Mode.HOP))
    assert (full.choice.reason, full.list_requests) == ("it was asked for", {"full": 6})
    assert hop.list_requests == {"discovery": 30, "active": 0, "verification": 1}
    assert hop.duration_s == pytest.approx(3.0), "from unit to unit is one request behind the other"
    assert estimated(store, catalog, wishes=Wishes(verify=1)).choice.reason == "everything is to be verified"


def test_an_estimate_can_be_stopped(store: MemoryStore, catalog: Catalog) -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        estimate(Access(store, ""), catalog, "prod", wishes=Wishes(), clock=lambda: 0.0, check=stop)
    assert store.requests.get("list", 0) == 0


# --- the arithmetic


def test_a_hundred_million_keys_take_requests_time_and_money() -> None:
    known = Known(units=100_000, objects=100_000_000, unsettled_units=300, unsettled_pages=300)
    full = list_requests(Mode.FULL, known, Wishes())
    assert full == {"full": 100_000}
    assert duration_s(full, known.objects, latency_s=0.06, in_flight=16) == pytest.approx(1_000)
    nightly = list_requests(Mode.DISCOVERY, known, Wishes())
    assert nightly == {"discovery": 101, "active": 300, "verification": 3_334}
    assert duration_s(nightly, known.objects, latency_s=0.06, in_flight=16) == pytest.approx(36.34)


def test_a_quick_storage_is_waited_for_by_nobody() -> None:
    assert duration_s({"full": 1_000}, 1_000_000, latency_s=0.0001, in_flight=16) == pytest.approx(10)


@given(share=st.floats(1e-6, 1 / 16), keys=st.integers(1, 1_000), cut=st.integers(0, 16), counted=st.integers(0, 1_000))
def test_no_extrapolation_is_less_than_what_was_seen(share: float, keys: int, cut: int, counted: int) -> None:
    samples = [Sample(keys, False, share, 3)] * cut + [Sample(counted, True, 1 / 16, 0)] * (16 - cut)
    size = extrapolated(samples, others=False)
    assert size.objects >= keys * cut + counted * (16 - cut)
    assert size.certainty is (Certainty.EXTRAPOLATED if cut else Certainty.COUNTED)
    assert extrapolated(samples, others=True).certainty is Certainty.AT_LEAST


def test_session_ids_of_nothing_but_zeros_tell_nothing() -> None:
    assert extrapolated([Sample(1_000, False, 0.0, 0)] * 16, others=False) == Size(16_000, Certainty.AT_LEAST)
