"""`livestills parse`: decode keys, without anything else."""

import json
import os

import pytest

from tests.cli.running import done, livestills, process
from tests.cli.worlds import shot

SHOT = shot("7", cname="room", bak="bak0_", directory="a/b/")
CONTRACT = [
    *("key", "kind", "source", "directory", "bak", "sid", "cname", "uid", "captured_at", "size", "etag"),
    "last_modified",
]


def test_the_fields_of_a_shot_are_the_contract_in_its_order() -> None:
    (record,) = done("parse", SHOT, "-o", "ndjson").records
    assert list(record) == CONTRACT
    assert record == {
        "key": SHOT,
        "kind": "screenshot",
        "source": None,
        "directory": "a/b/",
        "bak": 0,
        "sid": "0" * 32,
        "cname": "room",
        "uid": "7",
        "captured_at": "2026-11-05T12:00:00.000Z",
        "size": None,
        "etag": None,
        "last_modified": None,
    }


def test_the_fields_of_what_is_not_recognised_are_the_contract_in_its_order() -> None:
    (record,) = done("parse", "a/notes.txt", "-o", "ndjson").records
    assert list(record.items()) == [("key", "a/notes.txt"), ("kind", "unrecognised"), ("reason", "not-agora")]


def test_people_are_told_the_reason_in_a_sentence() -> None:
    lines = done("parse", SHOT, "a/notes.txt").lines
    assert "kind         screenshot" in lines
    assert "uid          7" in lines
    assert "reason       not-agora" in lines
    assert any(line.startswith("explanation  nothing in the name is Agora's") for line in lines)
    assert lines.count("") == 1


def test_csv_has_the_same_columns_whatever_comes_first() -> None:
    for keys in ([SHOT, "x"], ["x", SHOT]):
        rows = done("parse", *keys, "-o", "csv").rows
        assert [list(row) for row in rows] == [[*CONTRACT, "reason"]] * 2
        assert {row["key"]: (row["uid"], row["reason"]) for row in rows} == {SHOT: ("7", ""), "x": ("", "not-agora")}


def test_a_strange_key_is_no_error_unless_it_is_meant_to_be() -> None:
    assert livestills("parse", "x", "y", SHOT).status == 0
    answer = livestills("parse", "x", "y", SHOT, "--fail-on-unrecognised")
    assert (answer.status, answer.err) == (20, "not recognised: 2 not-agora\n")
    assert livestills("parse", SHOT, "--fail-on-unrecognised").status == 0


def test_keys_come_from_stdin_and_go_out_in_their_order() -> None:
    keys = [SHOT, "", "x y", "\t", shot("8"), SHOT + "\r", "中文/ключ.jpg"]
    answer = process("parse", "-", given="\n".join(keys).encode())
    assert (answer.status, answer.err) == (0, "")
    assert [record["key"] for record in answer.records] == keys
    assert process("parse", "-").out == ""


def test_what_is_not_utf8_comes_out_as_it_was() -> None:
    given = [b"a\xffb", b"\xed\xa0\x80.jpg", os.fsencode(SHOT), b"\xc3"]
    answer = process("parse", "-", given=b"\n".join(given) + b"\n")
    assert answer.status == 0
    assert [record["key"].encode("utf-8", "surrogateescape") for record in answer.records] == given
    answer = process("parse", "-", "-o", "csv", given=b"a\xffb\n")
    assert answer.rows[0]["key"].encode("utf-8", "surrogateescape") == b"a\xffb"
    assert process("parse", os.fsdecode(b"a\xffb")).lines[-1] == r"key          a\udcffb"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("output", ["table", "json", "ndjson", "csv"])
def test_any_key_can_be_written_whatever_the_encoding_of_the_terminal(encoding: str, output: str) -> None:
    answer = process("parse", "中\x1b\u202e", "-o", output, PYTHONIOENCODING=encoding)
    assert (answer.status, answer.err) == (0, "")
    match output:
        case "table":
            assert "\x1b" not in answer.out
            assert r"\x1b\u202e" in answer.out
        case "csv":
            assert answer.rows[0]["key"] == "中\x1b\u202e"
        case _:
            assert answer.out.isascii()
            assert json.loads(answer.out.strip("[]\n"))["key"] == "中\x1b\u202e"


def test_stdin_is_not_mixed_with_keys() -> None:
    answer = livestills("parse", "-", SHOT)
    assert (answer.status, answer.out) == (2, "")
    assert "name no other key beside it" in answer.error
