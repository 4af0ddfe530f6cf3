"""`livestills sheet`: the formats, what is said on the way, and what is refused."""

import stat
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfReader

from indexer.render.image import encode
from tests.cli.running import done, livestills
from tests.cli.worlds import configure, memory, series

HOSTILE = "<script>alert(1)<"


def _world(*, more: str = "", cname: str = "room") -> str:
    """Three users; of the second one pictures are missing, and the third one's do not change.  The storage's URL."""
    url, store = memory()
    keys = [
        *series("7", shots=30, cname=cname),
        *series("8", shots=5, cname=cname),
        *series("8", shots=5, start=250, cname=cname),
        *series("9", shots=4, bak="bak0_", cname=cname),
    ]
    for number, key in enumerate(keys):
        level = 200 if "__uid_s_9__" in key else 3 * number
        store.put(key, encode(Image.new("RGB", (320, 180), (level, 80, 120))), content_type="image/jpeg")
    configure(prod=url, more=more)
    done("sync")
    return url


def _read(format: str) -> bytes:  # noqa: A002  # the option's name
    (path,) = Path("out").glob(f"*.{format}")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return path.read_bytes()


def test_every_format_is_a_file_of_its_kind() -> None:
    _world(more='[users.everywhere]\n7 = "Maya Chen"\n')
    for kind, begin in (
        ("jpg", b"\xff\xd8\xff"),
        ("png", b"\x89PNG"),
        ("pdf", b"%PDF-1."),
        ("html", b"<!DOCTYPE html>"),
    ):
        answer = done("sheet", "--session", "0" * 32, "--format", kind, "--to", "out", "-o", "ndjson")
        assert [record["format"] for record in answer.records] == [kind] * len(answer.records)
        for record in answer.records:
            assert Path(record["file"]).read_bytes().startswith(begin)
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(_read("pdf"))).pages)
    page = _read("html").decode()
    for said in ("Maya Chen · user 7", "User 8", "camera-off: user 7 went", "bak0", "12:00:10"):
        assert said in text
        assert said in page


def test_pages_are_pictures_unless_something_else_is_asked_for() -> None:
    _world()
    (line,) = done("sheet", "--user", "7", "--to", "out").lines
    assert line.endswith("_1of1.jpg")


def test_equal_pictures_are_folded_where_etags_are_md5s_and_a_note_says_where_that_is_not_known() -> None:
    url = _world(more="etag_is_md5 = true\n")
    answer = done("sheet", "--user", "9", "--changed", "--format", "html", "--to", "out")
    assert answer.err == ""
    assert "×4" in _read("html").decode()
    configure(prod=url, more="etag_is_md5 = false\n")
    answer = done("sheet", "--user", "9", "--changed", "--format", "html", "--to", "out")
    assert "not determinable in prod" in answer.err
    assert "×4" not in _read("html").decode()


def test_captions_can_be_ones_own() -> None:
    _world()
    done("sheet", "--user", "9", "--format", "html", "--caption", "{uid} by {recorder}", "--to", "out")
    assert _read("html").decode().count("9 by bak0") == 4


@pytest.mark.parametrize("template", ["{foo}", "{time.__class__}", "{time"])
def test_a_caption_that_is_none_is_a_usage_error_that_names_the_fields(template: str) -> None:
    _world()
    answer = livestills("sheet", "--user", "7", "--caption", template, "--to", "out")
    assert answer.status == 2
    assert "{time}, {date}, {uid}, {name}, {channel}, {recorder}, {size}" in answer.error
    assert not Path("out").exists()


def test_a_hostile_channel_is_text_in_every_format() -> None:
    _world(cname=HOSTILE)
    for kind in ("jpg", "png", "pdf", "html"):
        for line in done("sheet", "--channel", HOSTILE, "--format", kind, "--to", "out").lines:
            assert Path(line).name.replace("_", "").replace("-", "").replace(".", "").isalnum()
    assert b"<script" not in _read("html")
    assert HOSTILE in PdfReader(BytesIO(_read("pdf"))).pages[0].extract_text()


def test_without_a_shot_there_is_no_sheet() -> None:
    _world()
    answer = done("sheet", "--user", "nobody", "--format", "pdf", "--to", "out")
    assert "no shot that matches" in answer.err
    assert not Path("out").exists()
