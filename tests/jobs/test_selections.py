"""Whatever is selected comes once, in one order, on every database."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora.names import ScreenshotName, ShotHead
from indexer.agora.names import format as key_of
from indexer.catalog.catalog import Catalog
from indexer.jobs.lookup import Terms
from indexer.jobs.selections import shots_of_selection, timelines_of_selection
from indexer.jobs.sync import Access, Watch, sync
from indexer.model import Selection, TimeRange
from indexer.storage.memory import MemoryStore
from tests.catalogs import Urls, opened

START = datetime(2026, 11, 5, 9, tzinfo=UTC)
TERMS = Terms(intervals_s={}, horizon=timedelta(hours=96), now=START + timedelta(days=30))

names = st.lists(
    st.builds(
        lambda sid, cname, uid, minute, bak: ScreenshotName(
            ShotHead("", bak, sid, cname, uid), START + timedelta(minutes=minute)
        ),
        st.sampled_from(["a" * 32, "b" * 32]),
        st.sampled_from(["x.y", "x-y", "z"]),  # file names may write the first as the second
        st.sampled_from(["1", "2"]),
        st.integers(0, 30),
        st.sampled_from(["", "bak0_"]),
    ),
    unique=True,
    max_size=30,
)
minutes = st.one_of(st.none(), st.integers(-2, 32).map(lambda minute: START + timedelta(minutes=minute)))
selections = st.builds(
    Selection,
    cname=st.sampled_from([None, "x.y", "z"]),
    uid=st.sampled_from([None, "1"]),
    period=st.builds(TimeRange, minutes, minutes),
)


def _filled(catalog: Catalog, found: list[ScreenshotName]) -> None:
    store = MemoryStore()
    for name in found:
        store.put(key_of(name), b"x", content_type="image/jpeg")
    sync(Access(store, ""), catalog, "prod", watch=Watch(lambda: START))


def _is_meant(selection: Selection, name: ScreenshotName) -> bool:
    since, until = selection.period.since, selection.period.until
    spelled = {None: {name.head.cname}, "x.y": {"x.y", "x-y"}, "z": {"z"}}[selection.cname]
    return (
        name.head.cname in spelled
        and selection.uid in {None, name.head.uid}
        and (since is None or name.captured_at >= since)
        and (until is None or name.captured_at < until)
    )


@settings(max_examples=15)
@given(names, selections)
def test_every_shot_that_is_meant_comes_once_user_by_user(
    catalog_urls: Urls, found: list[ScreenshotName], selection: Selection
) -> None:
    with opened(catalog_urls) as catalog:
        _filled(catalog, found)
        told = list(shots_of_selection(catalog, selection))
    assert sorted(shot.key for shot in told) == sorted(key_of(name) for name in found if _is_meant(selection, name))
    users = [(shot.sid, shot.cname, shot.uid) for shot in told]
    changes = [user for number, user in enumerate(users) if number == 0 or users[number - 1] != user]
    assert len(changes) == len(set(changes))
    for user in changes:
        times = [shot.captured_at for shot in told if (shot.sid, shot.cname, shot.uid) == user]
        assert times == sorted(times)


@settings(max_examples=10)
@given(names)
def test_every_series_has_one_timeline(catalog_urls: Urls, found: list[ScreenshotName]) -> None:
    with opened(catalog_urls) as catalog:
        _filled(catalog, found)
        told = [(each.sid, each.cname, each.uid) for each in timelines_of_selection(catalog, Selection(), terms=TERMS)]
    assert sorted(told) == sorted({(name.head.sid, name.head.cname, name.head.uid) for name in found})
