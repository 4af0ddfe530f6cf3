"""Grouping reads names exactly as `parse` does, and its stretches tile the key space."""

from itertools import islice, pairwise

from hypothesis import given
from hypothesis import strategies as st

from indexer.agora.names import RecordingName, ScreenshotName, Unrecognised, parse
from indexer.catalog.listed import ListedStream, ListedUnit
from indexer.catalog.rows import shot_key
from indexer.jobs.stretches import Seen, stretches
from indexer.model import DERIVATIVES_DIR, ListedObject, to_ms

TIMES = ("20261105140000000", "20261105140010000", "20261305140010000", "2026110514001000", "٢0261105140010000")
pieces = st.sampled_from(
    ["ab", "bak0_", "_", "__uid_s_", "7", "__uid_e_video_", "__uid_e_", ".jpg", ".ts", ".m3u8", "/", "é", *TIMES]
)
keys = st.one_of(
    st.lists(pieces, max_size=9).map("".join),
    st.builds(
        "{}ab_c__uid_s_{}__uid_e_video_{}.jpg".format, st.sampled_from(["", "d/"]), pieces, st.sampled_from(TIMES)
    ),
)
listings = st.lists(keys.filter(bool), unique=True, max_size=40).map(
    lambda found: [ListedObject(key, 1, "e", 0, None) for key in sorted(found, key=str.encode)]
)


@given(listings, st.integers(1, 9), st.integers(1, 9))
def test_grouping_reads_what_parse_reads(listing: list[ListedObject], page: int, rows: int) -> None:
    seen = Seen()
    iterator = iter(listing)
    pages = iter(lambda: list(islice(iterator, page)), [])
    found = list(stretches(pages, seen, seed=1, rows=rows))

    grouped = {
        key: (stream.head, captured_ms)
        for stretch in found
        for stream in stretch.streams
        for key, captured_ms in zip(keys_in(stream), stream.captured_ms, strict=True)
    }
    parsed = {listed.key: parse(listed.key) for listed in listing}
    shots = {
        key: (name.head, to_ms(name.captured_at)) for key, name in parsed.items() if isinstance(name, ScreenshotName)
    }
    assert grouped == shots
    assert seen.objects == len(listing)
    assert seen.shots == len(shots)
    assert seen.recordings == sum(isinstance(name, RecordingName) for name in parsed.values())
    assert seen.unrecognised == sum(isinstance(name, Unrecognised) for name in parsed.values())

    assert found[0].start == ""
    assert found[-1].stop is None
    assert all(one.stop == other.start for one, other in pairwise(found))
    for stretch in found:
        for stream in stretch.streams:
            for key in keys_in(stream):
                assert stretch.start <= key
                assert stretch.stop is None or key < stretch.stop
    units: dict[str, ListedUnit] = {}
    for part in (part for stretch in found for part in stretch.units):
        units.setdefault(part.prefix, ListedUnit(part.prefix)).add(part)
    assert seen.recordings == sum(total.objects for unit in units.values() for total in unit.recordings.values())
    rejected = [keys for unit in units.values() for keys in unit.rejected.values()]
    assert seen.unrecognised == sum(keys.objects for keys in rejected)
    assert all(
        key.startswith(unit.prefix)
        for unit in units.values()
        for keys in unit.rejected.values()
        for key in keys.samples
    )


def keys_in(stream: ListedStream) -> list[str]:
    return [shot_key(stream.key_head, captured_ms) for captured_ms in stream.captured_ms]


def test_markers_and_our_own_derivatives_are_ignored() -> None:
    shot = "ab_c__uid_s_7__uid_e_video_20261105140000000.jpg"
    listing = [f"{DERIVATIVES_DIR}/thumb/320x180/{shot}", f"d/{DERIVATIVES_DIR}/{shot}", "dir/"]
    seen = Seen()
    found = list(stretches([[ListedObject(key, 0, "e", 0, None) for key in listing]], seen, seed=1))
    assert (seen.ignored, seen.shots, seen.unrecognised) == (3, 0, 0)
    assert all(not stretch.streams for stretch in found)


def test_a_marker_with_content_is_not_ignored() -> None:
    seen = Seen()
    list(stretches([[ListedObject("dir/", 5, "e", 0, None)]], seen, seed=1))
    assert seen.unrecognised == 1


def test_samples_of_what_is_not_recognised_are_bounded() -> None:
    seen = Seen()
    listing = [ListedObject(f"{number:05}.txt", 1, "e", 0, None) for number in range(1500)]
    (found,) = stretches([listing], seen, seed=1)
    assert seen.unrecognised == 1500
    assert [(keys.objects, len(keys.samples)) for unit in found.units for keys in unit.rejected.values()] == [
        (1500, 1000)
    ]


def test_a_long_stream_is_cut_inside() -> None:
    head = "ab_c__uid_s_7__uid_e_video_20261105"
    listing = [ListedObject(f"{head}{number:09}.jpg", 1, "e", 0, None) for number in range(60)]
    found = list(stretches(([each] for each in listing), Seen(), seed=1, rows=2))
    assert len(found) == 6
    assert max(len(stretch.streams[0]) for stretch in found) == 10
