"""Whatever happens to a bucket, after a sync the catalog equals the listing."""

from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.agora.names import RecordingName, parse
from indexer.catalog.verification import problems
from indexer.model import ListedObject
from tests.catalogs import Urls, dump, opened, shots_in, shots_of, take_over

SID = "1cd3d60b784382f12ce30fa615421852"
TIMES = ["20261105140000000", "20261105140010000", "20261105140020000", "20261105150000001"]
NESTED = f"{SID}_a__uid_s_7__uid_e_video_{TIMES[1]}__uid_s_9__uid_e_video_"

HEADS = [
    f"{directory}{bak}{sid}_{cname}__uid_s_{uid}__uid_e_video_"
    for directory in ("", "d/", "d/ab_/", "/", "a//")
    for bak in ("", "bak0_", "bak1_")
    for sid in ("ab", SID)
    for cname, uid in (("a", "7"), ("a_", "7"), ("a", "70"))
]
# Names inside names: their keys lie among those of `…_a__uid_s_7__uid_e_video_`.
HEADS += [NESTED, f"d/{NESTED}", f"{NESTED}{TIMES[2]}__uid_s_1__uid_e_video_"]

keys = st.one_of(
    st.builds(lambda head, time: f"{head}{time}.jpg", st.sampled_from(HEADS), st.sampled_from(TIMES)),
    st.builds(lambda head, time: f"{head}{time}.ts", st.sampled_from(HEADS), st.sampled_from(TIMES)),
    st.builds(lambda head: f"{head.removesuffix('_')}.m3u8", st.sampled_from(HEADS)),
    st.sampled_from(["README.txt", "d/", "d/ab_/notes", "zz", f"{HEADS[0]}20261305140000000.jpg", "d/ab_x", " "]),
)
buckets = st.dictionaries(
    keys,
    st.tuples(st.integers(0, 3), st.sampled_from(["a" * 32, "b" * 32, "x-2"]), st.sampled_from([None, "GLACIER"])),
    max_size=40,
)


def listing(bucket: dict[str, tuple[int, str, str | None]]) -> list[ListedObject]:
    return [
        ListedObject(key, size, etag, 1_793_000_000 + size, tier)
        for key, (size, etag, tier) in sorted(bucket.items(), key=lambda item: item[0].encode())
    ]


histories = given(history=st.lists(buckets, min_size=1, max_size=4), page=st.integers(1, 7), rows=st.integers(1, 12))


@settings(max_examples=60)
@histories
def test_the_catalog_equals_each_listing_of_a_history(
    in_sqlite: Urls, history: list[dict[str, tuple[int, str, str | None]]], page: int, rows: int
) -> None:
    _equals_each(in_sqlite, history, page, rows)


@settings(max_examples=10)  # the rules are those of SQLite, and an example takes four times as long
@histories
def test_the_catalog_equals_each_listing_in_postgresql(
    in_postgres: Urls, history: list[dict[str, tuple[int, str, str | None]]], page: int, rows: int
) -> None:
    _equals_each(in_postgres, history, page, rows)


def _equals_each(urls: Urls, history: list[dict[str, tuple[int, str, str | None]]], page: int, rows: int) -> None:
    with opened(urls) as catalog:
        source = catalog.add_source("s", "memory://s/")
        for bucket in history:
            objects = listing(bucket)
            take_over(catalog, source, objects, page=page, rows=rows)
            assert shots_in(catalog) == shots_of(objects)
            assert list(problems(catalog)) == []
            stats = catalog.overview.stats()[0]
            assert stats.recordings == sum(isinstance(parse(found.key), RecordingName) for found in objects)
            assert stats.unfinished_units == 0


@settings(max_examples=20)
@given(bucket=buckets, page=st.integers(1, 7), rows=st.integers(1, 12))
def test_a_second_sync_writes_nothing_but_when_it_looked(
    catalog_urls: Urls, bucket: dict[str, tuple[int, str, str | None]], page: int, rows: int
) -> None:
    with opened(catalog_urls) as catalog:
        source = catalog.add_source("s", "memory://s/")
        take_over(catalog, source, listing(bucket), page=page, rows=rows)
        before = dump(catalog)
        take_over(catalog, source, listing(bucket), page=rows, rows=page)
        assert dump(catalog) == before
