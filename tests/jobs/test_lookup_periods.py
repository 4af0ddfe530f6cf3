"""Timelines of periods: which sessions they are of, in which sources, and as of which moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.catalog.catalog import Catalog
from indexer.catalog.witnesses import SessionFacts, Witnesses
from indexer.jobs.lookup import Terms, nearest_shot, timelines_of_session
from indexer.jobs.selections import timelines_of_selection
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import Selection, TimeRange
from indexer.storage.memory import MemoryStore
from indexer.timeline.figures import Timeline
from indexer.timeline.gaps import Cause
from tests.catalog.test_lookups import counted_selects
from tests.catalogs import Urls, opened
from tests.jobs.test_lookup import NOON, NOW, SID, TERMS, Bucket, after, every_ten


@pytest.fixture
def bucket(catalog: Catalog) -> Bucket:
    return Bucket(catalog)


def told(catalog: Catalog, uid: str | None, since: float, until: float, source: str | None = None) -> list[Timeline]:
    period = TimeRange(after(since), after(until))
    return list(timelines_of_selection(catalog, Selection(source, uid=uid, period=period), terms=TERMS))


def causes(found: Sequence[Timeline]) -> list[tuple[str, list[Cause]]]:
    return [(each.uid, [gap.cause for gap in each.gaps]) for each in found]


def test_a_period_between_two_recorders_is_a_gap_of_the_session(bucket: Bucket) -> None:
    for uid in ("7", "8"):
        bucket.has(uid, every_ten(0, 600))
        bucket.has(uid, every_ten(900, 1200), bak="bak0_")
    catalog = bucket.synced()
    assert causes(told(catalog, "7", 660, 840)) == [("7", [Cause.SESSION_SILENT])]
    assert told(catalog, "7", 660, 840) == told(catalog, None, 660, 840)[:1]
    found = nearest_shot(catalog, "7", Selection(), after(700))
    assert [shot.captured_at for shot in found] == [after(590)]


def test_who_left_a_session_that_goes_on_is_told_as_that(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 600))
    bucket.has("8", every_ten(0, 1200))
    catalog = bucket.synced()
    (found,) = told(catalog, "7", 800, 1000)
    assert (causes([found]), found.presence) == ([("7", [Cause.LEFT])], 0.0)
    assert told(catalog, "7", 1300, 1400) == []


def test_a_long_session_is_known_to_who_was_there_long_before(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 600))
    bucket.has("8", range(0, 72 * 3600, 1800))
    catalog = bucket.synced()
    assert causes(told(catalog, "7", 50 * 3600, 51 * 3600)) == [("7", [Cause.LEFT])]


def test_of_a_source_only_what_is_there_is_told_of_one_user_and_of_everybody(bucket: Bucket) -> None:
    bucket.has("7", every_ten(0, 600))
    bucket.has("9", every_ten(0, 600))
    catalog = bucket.synced()
    other = MemoryStore()
    for second in every_ten(300, 600):
        key = key_of(ScreenshotName(ShotHead("", "", SID, "room", "7"), after(second)))
        other.put(key, b"x", content_type="image/jpeg", modified=after(second))
    sync(Access(other, ""), catalog, "copy", watch=Watch(lambda: NOW))
    (found,) = told(catalog, None, 0, 600, source="copy")
    assert (found.sources, causes([found])) == (("copy",), [("7", [Cause.NOT_JOINED])])
    assert told(catalog, "7", 0, 600, source="copy") == [found]


def test_what_a_sync_adds_meanwhile_is_told_next_time(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for uid in ("7", "8"):
        bucket.has(uid, every_ten(0, 600))
    catalog = bucket.synced()
    facts_of = Witnesses.session

    def meanwhile(self: Witnesses, session_id: int) -> SessionFacts | None:
        found = facts_of(self, session_id)
        monkeypatch.undo()
        bucket.has("7", every_ten(1200, 1800))
        bucket.synced()
        return found

    monkeypatch.setattr(Witnesses, "session", meanwhile)
    before = told(catalog, "7", 0, 5000)
    assert [(each.since, each.until, each.shots, each.gaps) for each in before] == [(NOON, after(590), 60, ())]
    (found,) = told(catalog, "7", 0, 5000)
    assert (found.until, found.shots, len(found.gaps)) == (after(1790), 120, 1)


def test_a_silence_of_everybody_is_found_once(bucket: Bucket) -> None:
    everybody = [str(number) for number in range(40)]
    for number, uid in enumerate(everybody):
        bucket.has(uid, [*every_ten(0, 200), *every_ten(613, 800)] if number else every_ten(0, 800))
    for uid in everybody[1:]:
        bucket.has(uid, every_ten(1200, 1400), sid="ab" * 16)
        bucket.has(uid, every_ten(1613, 1800), sid="ab" * 16)
    catalog = bucket.synced()
    with counted_selects() as asked:
        silent = list(timelines_of_session(catalog, "ab" * 16, "room", terms=TERMS))
    assert {gap.cause for each in silent for gap in each.gaps} == {Cause.SESSION_SILENT}
    steps = [text for text in asked if " AS before" in text or "captured_ms) AS max" in text]
    assert len(steps) == 2  # of some of them what they did in it, and of all when they were seen beside it
    spoken = list(timelines_of_session(catalog, SID, "room", terms=TERMS))
    assert {gap.cause for each in spoken for gap in each.gaps} == {Cause.CAMERA_OFF}


names = st.lists(
    st.builds(
        lambda sid, uid, minute, bak: ScreenshotName(
            ShotHead("", bak, sid, "room", uid), NOON + timedelta(minutes=minute)
        ),
        st.sampled_from(["a" * 32, "b" * 32]),
        st.sampled_from(["1", "2", "3"]),
        st.one_of(st.integers(0, 30), st.integers(0, 3_000)),
        st.sampled_from(["", "bak0_"]),
    ),
    unique=True,
    max_size=20,
)
moments = st.one_of(st.none(), st.integers(-2, 3_002).map(lambda minute: NOON + timedelta(minutes=minute)))


@settings(max_examples=15)
@given(names, moments, moments)
def test_one_users_timelines_are_those_among_everybodys(
    catalog_urls: Urls, found: list[ScreenshotName], since: datetime | None, until: datetime | None
) -> None:
    period, terms = TimeRange(since, until), Terms({}, timedelta(hours=96), NOW)
    with opened(catalog_urls) as catalog:
        store = MemoryStore()
        for name in found:
            store.put(key_of(name), b"x", content_type="image/jpeg")
        sync(Access(store, ""), catalog, "prod", watch=Watch(lambda: NOW))
        everybody = list(timelines_of_selection(catalog, Selection(period=period), terms=terms))
        for uid in ("1", "2", "3"):
            alone = list(timelines_of_selection(catalog, Selection(uid=uid, period=period), terms=terms))
            assert sorted(alone, key=lambda each: each.sid) == sorted(
                (each for each in everybody if each.uid == uid), key=lambda each: each.sid
            )
