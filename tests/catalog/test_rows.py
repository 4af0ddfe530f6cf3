import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.agora.names import parse_head, parse_utc
from indexer.agora.stamps import MAX_MS, MIN_MS
from indexer.catalog.answers import StreamSummary
from indexer.catalog.listed import ListedStream
from indexer.catalog.rows import pack_etag, shot_key, to_object, unpack_etag
from indexer.digest import digest
from indexer.model import EPOCH, ListedObject, ListedObjects, Shot, from_ms

# What stores send as ETags: printable ASCII without a quote (RFC 9110), nearly always 32 hexadecimal digits.
etags = st.one_of(
    st.binary(min_size=16, max_size=16).map(bytes.hex),
    st.binary(min_size=16, max_size=16).map(lambda raw: raw.hex().upper()),
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"'), max_size=40),
    st.integers(1, 99).map(lambda parts: f"{'a' * 32}-{parts}"),
)


@given(etags)
def test_every_etag_comes_back_as_it_was(etag: str) -> None:
    assert unpack_etag(pack_etag(etag)) == etag


def test_an_md5_takes_sixteen_bytes() -> None:
    assert len(pack_etag("d41d8cd98f00b204e9800998ecf8427e")) == 16


def test_a_text_of_fifteen_characters_is_not_taken_for_an_md5() -> None:
    assert unpack_etag(pack_etag("x" * 15)) == "x" * 15


HEAD = "d/ab_room__uid_s_7__uid_e_video_"
shots = st.builds(
    lambda captured_ms, size, etag, modified_s, tier: ListedObject(
        shot_key(HEAD, captured_ms), size, etag, modified_s, tier
    ),
    st.integers(MIN_MS, MAX_MS),
    st.integers(0, 2**40),
    etags,
    st.integers(0, 2**35),
    st.one_of(st.none(), st.sampled_from(["GLACIER", "STANDARD_IA"])),
)


@given(st.lists(shots, unique_by=lambda listed: listed.key, min_size=1).map(sorted), st.integers(0, 9))
def test_listed_objects_come_back_from_their_rows_however_they_were_paged(
    objects: list[ListedObject], cut: int
) -> None:
    head = parse_head(HEAD)
    assert head is not None
    stream = ListedStream(head, HEAD)
    for page in (objects[:cut], objects[cut:]):
        if page:
            stream.extend(
                ListedObjects.of(page), [parse_utc(listed.key[len(HEAD) : -4]) or 0 for listed in page], seed=3
            )
    rows = stream.rows()
    assert [to_object(row, HEAD) for row in rows] == objects
    assert list(stream.inserts(5)) == [(5, *row) for row in rows]
    assert (stream.size, stream.digest) == (sum(listed.size for listed in objects), digest(objects, seed=3))
    assert stream.newest_s == max(listed.modified_s for listed in objects)


def shot_of(listed: ListedObject, captured_ms: int, *, shots: int = 1) -> Shot:
    """A shot as a lookup makes it, of a stream that had so many of them then."""
    stream = StreamSummary(1, "prod", "d/", "", "ab", "room", "7", HEAD, shots, 5, EPOCH, EPOCH)
    lag_s = listed.modified_s - captured_ms // 1000
    return Shot(stream, (captured_ms, 1, listed.size, lag_s, pack_etag(listed.etag), listed.tier))


@given(shots)
def test_a_shot_tells_what_was_listed(listed: ListedObject) -> None:
    captured_ms = parse_utc(listed.key[len(HEAD) : -4])
    assert captured_ms is not None
    shot = shot_of(listed, captured_ms)
    assert (shot.key, shot.size, shot.etag, shot.tier) == (listed.key, listed.size, listed.etag, listed.tier)
    assert (shot.captured_at, shot.last_modified) == (from_ms(captured_ms), from_ms(listed.modified_s * 1000))
    assert from_ms(captured_ms + shot.lag_ms) == shot.last_modified
    assert pickle.loads(pickle.dumps(shot)) == shot  # noqa: S301 - our own


def test_shots_are_equal_if_they_tell_the_same() -> None:
    listed = ListedObject(shot_key(HEAD, 5), 3, "x", 1, None)
    one, later, another = shot_of(listed, 5), shot_of(listed, 5, shots=2), shot_of(listed, 6)
    assert one == later
    assert len({one, later, another}) == 2
    assert one != listed
    assert repr(one) == (
        f"Shot(key={listed.key!r}, source='prod', directory='d/', bak=None, sid='ab', cname='room', uid='7', "
        f"captured_at={from_ms(5)!r}, size=3, etag='x', last_modified={from_ms(1000)!r}, tier=None)"
    )
    with pytest.raises(AttributeError):
        one.size = 4  # type: ignore[misc]
