"""Lists of keys from elsewhere: every line is a key, is counted as another, or is told with its number."""

import io
import json
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cli.shots import machine_shot
from indexer.agora.names import parse, to_json
from indexer.catalog.answers import StreamSummary
from indexer.catalog.rows import pack_etag
from indexer.errors import InterruptedRunError
from indexer.jobs.key_lists import LONGEST_LINE, SAMPLES, BadLine, KeysRead, key_pages
from indexer.model import ListedObject, Shot, rfc3339, to_ms

SHOT = "d/ab12_room__uid_s_7__uid_e_video_20261105083949123.jpg"
CAPTURED = datetime(2026, 11, 5, 8, 39, 49, 123000, tzinfo=UTC)
CAPTURED_S = int(CAPTURED.timestamp())
ETAG = "9dd4e461268c8034f5c8564e155c67a6"


def read(data: bytes | str, prefix: str = "") -> tuple[list[ListedObject], KeysRead]:
    counts = KeysRead()
    file = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return list(chain.from_iterable(key_pages(file, counts, prefix, chunk_rows=3))), counts


def bare(key: str) -> ListedObject:
    return ListedObject(key, 0, "", 0, None)


def test_a_plain_key_was_uploaded_when_it_was_captured() -> None:
    found, counts = read(f"{SHOT}\nother.txt\n")
    assert found == [ListedObject(SHOT, 0, "", CAPTURED_S, None), bare("other.txt")]
    assert counts == KeysRead(lines=2, keys=2)


def test_a_record_says_what_it_knows() -> None:
    lines = [
        {"key": "a", "size": 5, "etag": f'"{ETAG.upper()}"', "last_modified": "2026-11-05T08:39:49.123Z"},
        {"key": "b", "size": 5},
        {"key": "c", "size": None, "etag": None, "last_modified": None, "tier": None},
        {"key": "d", "last_modified": "2026-11-05T09:39:49+01:00", "tier": "GLACIER", "kind": "screenshot"},
        {"key": SHOT, "etag": "x-1"},
    ]
    found, counts = read("\n".join(map(json.dumps, lines)))
    assert found == [
        ListedObject("a", 5, ETAG, CAPTURED_S, None),
        ListedObject("b", 5, "", 0, None),
        bare("c"),
        ListedObject("d", 0, "", CAPTURED_S, "GLACIER"),
        ListedObject(SHOT, 0, "x-1", CAPTURED_S, None),
    ]
    assert counts == KeysRead(lines=5, keys=5)


def test_our_own_records_are_read_back() -> None:
    stream = StreamSummary(1, "prod", "d/", "", "ab12", "room", "7", SHOT[:-21], 1, 5, CAPTURED, CAPTURED)
    record = machine_shot(Shot(stream, (to_ms(CAPTURED), 1, 5, 0, pack_etag(ETAG), "GLACIER")))
    text = json.dumps(record, default=lambda value: rfc3339(value) if isinstance(value, datetime) else str(value))
    assert read(text)[0] == [ListedObject(SHOT, 5, ETAG, CAPTURED_S, "GLACIER")]
    assert read(to_json(parse(SHOT), SHOT))[0] == [ListedObject(SHOT, 0, "", CAPTURED_S, None)]


def test_keys_come_in_order_and_the_last_line_of_each_wins() -> None:
    lines = [
        "b",
        '{"key": "a", "size": 1}',
        "é",
        "\uffee",
        "𝄞",
        '{"key": "b", "size": 2}',
        '{"key": "a", "size": 3}',
        "Z",
    ]
    found, counts = read("\n".join(lines))
    assert [(listed.key, listed.size) for listed in found] == [
        ("Z", 0),
        ("a", 3),
        ("b", 2),
        ("é", 0),
        ("\uffee", 0),
        ("𝄞", 0),
    ]
    assert counts.keys == 8


def test_keys_outside_of_the_source_are_counted_apart() -> None:
    found, counts = read("d/a\nd/b\ne/a\n", "d/")
    assert found == [bare("d/a"), bare("d/b")]
    assert counts == KeysRead(lines=3, keys=2, outside=1, outside_samples=["e/a"])


def test_empty_lines_and_the_marks_of_windows_are_no_part_of_a_key() -> None:
    found, counts = read(b"\xef\xbb\xbfa b \r\n\r\n\n  c\r\n\xef\xbb\xbfd")
    assert [listed.key for listed in found] == ["  c", "a b ", "\ufeffd"]
    assert counts.keys == 3
    assert not counts.unreadable


def test_keys_that_start_with_a_brace_are_keys() -> None:
    assert [listed.key for listed in read("{1}/a.jpg\n{\n{{x}}\n")[0]] == ["{", "{1}/a.jpg", "{{x}}"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b'{"key": "\xff"}', "not UTF-8"),
        (b'{"key": "cut off', "not JSON, though it begins so"),
        (b'{"key": "a"} {"key": "b"}', "not JSON, though it begins so"),
        (b'{"key": "a", "x": ' + b"[" * 60_000, "not JSON, though it begins so"),
        (b"{}", "a JSON object without a key"),
        (b'{"Key": "a"}', "a JSON object without a key"),
        (b'{"key": 7}', "a JSON object without a key"),
        (b'{"key": ""}', "a JSON object without a key"),
        (b'{"key": "\\ud800"}', "a JSON object without a key"),
        (b'{"key": "a", "size": "5"}', "size is no number of bytes"),
        (b'{"key": "a", "size": true}', "size is no number of bytes"),
        (b'{"key": "a", "size": -1}', "size is no number of bytes"),
        (b'{"key": "a", "size": 5.0}', "size is no number of bytes"),
        (b'{"key": "a", "size": 9223372036854775808}', "size is no number of bytes"),
        (b'{"key": "a", "size": 1e999}', "size is no number of bytes"),
        (b'{"key": "a", "size": ' + b"9" * 5000 + b"}", "not JSON, though it begins so"),
        (b'{"key": "a", "etag": 7}', "etag is no text"),
        (b'{"key": "a", "etag": "\\udc00"}', "etag is no text"),
        (b'{"key": "a", "tier": 7}', "tier is no text"),
        (b'{"key": "a", "last_modified": "yesterday"}', "last_modified is no time of RFC 3339"),
        (b'{"key": "a", "last_modified": 1762332000}', "last_modified is no time of RFC 3339"),
        (b'{"key": "a", "last_modified": "2026-11-05T08:39:49"}', "last_modified has no time zone"),
        (b"x" * LONGEST_LINE, "longer than 65,536 bytes"),
        (b"x" * (3 * LONGEST_LINE + 5), "longer than 65,536 bytes"),
    ],
)
def test_an_unreadable_line_is_told_with_its_number(line: bytes, reason: str) -> None:
    found, counts = read(b"a\n\n" + line + b"\nb")
    assert found == [bare("a"), bare("b")]
    assert (counts.lines, counts.keys, counts.unreadable) == (4, 2, 1)
    (sample,) = counts.samples
    assert (sample.number, sample.reason) == (3, reason)
    assert sample.start.isprintable()
    assert len(sample.start) < 1000


def test_only_a_few_unreadable_lines_are_kept() -> None:
    found, counts = read(b"{}\n" * 100)
    assert found == []
    assert counts.unreadable == 100
    assert [sample.number for sample in counts.samples] == list(range(1, SAMPLES + 1))
    assert counts.samples[0] == BadLine(1, "a JSON object without a key", "{}")


@given(st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode)), max_size=20))
@example([b'{"key":"a","last_modified":"0001-01-01T00:00:00+23:59"}'])
@example([b'{"key":"a","last_modified":"9999-12-31T23:59:59-23:59"}'])
def test_no_line_is_lost_whatever_it_is(lines: list[bytes]) -> None:
    data = b"\n".join(lines)
    found, counts = read(data)
    physical = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    assert counts.keys + counts.outside + counts.unreadable == sum(line not in {b"", b"\r"} for line in physical)
    assert len(found) <= counts.keys
    assert [listed.key for listed in found] == sorted({listed.key for listed in found}, key=str.encode)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), min_size=1)))
def test_both_forms_of_a_key_are_the_same(keys: list[str]) -> None:
    as_records, _ = read("".join(json.dumps({"key": key}) + "\n" for key in keys))
    assert [listed.key for listed in as_records] == sorted(set(keys), key=str.encode)
    plain = [key for key in keys if not key.startswith(("{", "\ufeff"))]
    as_lines, _ = read("".join(f"{key}\n" for key in plain))
    assert [listed.key for listed in as_lines] == sorted(set(plain), key=str.encode)


def test_many_lines_come_in_pages_and_are_watched(tmp_path: Path) -> None:
    file = io.BytesIO("".join(f"{number * 7919 % 2500:04}\n" for number in range(2500)).encode())
    told: list[int] = []
    counts = KeysRead()
    pages = key_pages(file, counts, folder=tmp_path, lines_read=told.append, chunk_rows=500)
    first = next(pages)
    assert counts.keys == 2500
    assert told == [1000, 2000, 2500]
    found = [*first, *chain.from_iterable(pages)]
    assert [listed.key for listed in found] == [f"{number:04}" for number in range(2500)]


def test_reading_can_be_stopped() -> None:
    def stop(_lines: int) -> None:
        raise InterruptedRunError("stopped")

    with pytest.raises(InterruptedRunError):
        list(key_pages(io.BytesIO(b"a\n"), KeysRead(), lines_read=stop))
