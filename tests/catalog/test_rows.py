from hypothesis import given
from hypothesis import strategies as st

from indexer.agora.stamps import MAX_MS, MIN_MS
from indexer.catalog.rows import pack_etag, to_inserts, to_object, to_row, unpack_etag
from indexer.model import ListedObject

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


@given(
    st.integers(MIN_MS, MAX_MS),
    st.integers(0, 2**40),
    etags,
    st.integers(0, 2**35),
    st.one_of(st.none(), st.sampled_from(["GLACIER", "STANDARD_IA"])),
)
def test_a_listed_object_comes_back_from_its_row(
    captured_ms: int, size: int, etag: str, modified_s: int, tier: str | None
) -> None:
    head = "d/ab_room__uid_s_7__uid_e_video_"
    row = to_row(ListedObject("", size, etag, modified_s, tier), captured_ms)
    listed = to_object(row, head)
    assert listed[1:] == (size, etag, modified_s, tier)
    assert to_row(listed, captured_ms) == row
    assert to_inserts(5, [listed], [captured_ms]) == [(5, *row)]
