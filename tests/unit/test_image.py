import pickle
import struct
import time
from collections import Counter
from io import BytesIO
from random import Random

import pytest
from PIL import Image

from indexer.render import image
from indexer.render.image import BadPictureError, Decoded, Flaw, decode, encode, open_jpeg
from tests.pictures import (
    HTML,
    SVG,
    as_jpeg,
    as_png,
    declaring,
    hostile,
    many_baseline_scans,
    many_scans,
    photo,
    photo_jpeg,
    scan_start,
    with_segment,
    zeroed,
)


def decoded(data: bytes, at_least: tuple[int, int] = (320, 180)) -> Decoded:
    return decode(open_jpeg(data), at_least=at_least)


def refused(data: bytes, *, listed_size: int | None = None) -> BadPictureError:
    with pytest.raises(BadPictureError) as caught:
        decode(open_jpeg(data, listed_size=listed_size), at_least=(320, 180))
    return caught.value


def test_the_reasons_keep_their_texts() -> None:
    assert [str(flaw) for flaw in Flaw] == [
        "empty",
        "wrong-size",
        "not-jpeg",
        "truncated",
        "unsupported",
        "too-large",
        "too-many-scans",
        "corrupt",
    ]


def test_a_good_picture_is_passed_on_as_it_is() -> None:
    assert image._checked(photo_jpeg()) is photo_jpeg()


@pytest.mark.parametrize(
    ("at_least", "size"),
    [
        ((1280, 720), (1280, 720)),
        ((641, 300), (1280, 720)),
        ((640, 360), (640, 360)),
        ((320, 180), (320, 180)),
        ((160, 90), (160, 90)),
        ((16, 9), (160, 90)),
    ],
)
def test_decodes_to_the_smallest_scale_that_is_not_too_small(at_least: tuple[int, int], size: tuple[int, int]) -> None:
    found = decoded(photo_jpeg(1280, 720), at_least)
    assert found.picture.size == size
    assert found.box == (0, 0, *size)


def test_the_box_says_how_much_of_the_last_row_and_column_is_picture() -> None:
    found = decoded(photo_jpeg(645, 363), (161, 90))
    assert found.picture.size == (162, 91)
    assert found.box == (0, 0, 161.25, 90.75)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_become_rgb_and_look_the_same(mode: str) -> None:
    source = Image.new("RGB", (64, 64), (90, 90, 90)).convert(mode)
    buffer = BytesIO()
    source.save(buffer, "JPEG", quality=95)
    found = decoded(buffer.getvalue(), (64, 64)).picture
    assert found.mode == "RGB"
    red, green, blue = found.resize((1, 1)).tobytes()
    assert max(abs(red - 90), abs(green - 90), abs(blue - 90)) <= 3


def test_progressive_pictures_and_restart_markers_are_welcome() -> None:
    restarts = BytesIO()
    photo().save(restarts, "JPEG", restart_marker_blocks=1)
    for data in (as_jpeg(photo(), progressive=True), restarts.getvalue()):
        assert decoded(data).picture.size == (320, 180)


def test_metadata_never_reaches_pillow() -> None:
    exif = Image.Exif()
    exif[0x010E] = "a street and a number"
    buffer = BytesIO()
    photo().save(
        buffer,
        "JPEG",
        quality=80,
        comment=b"a comment",
        exif=exif,
        icc_profile=bytes(70_000),
        xmp=b"<x:xmpmeta/>",
        dpi=(72, 72),
    )
    with_all = with_segment(buffer.getvalue(), 0xED, b"Photoshop 3.0\0" + bytes(100))
    jpeg = open_jpeg(with_all)
    assert {name for name, _ in jpeg.applist} == {"APP0"}
    assert jpeg.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}
    plain = decoded(as_jpeg(photo())).picture
    assert decode(jpeg, at_least=(320, 180)).picture.tobytes() == plain.tobytes()


def test_colours_said_by_an_adobe_segment_survive() -> None:
    buffer = BytesIO()
    Image.new("RGB", (64, 64), (200, 30, 60)).save(buffer, "JPEG", quality=95, keep_rgb=True, comment=b"drop me")
    assert b"Adobe" in buffer.getvalue()
    red, green, blue = decoded(buffer.getvalue(), (64, 64)).picture.resize((1, 1)).tobytes()
    assert (abs(red - 200) <= 3, abs(green - 30) <= 3, abs(blue - 60) <= 3) == (True, True, True)


def test_an_encoded_picture_has_no_metadata_and_half_the_chroma() -> None:
    picture = photo(64, 48)
    picture.info["comment"] = b"a comment"
    picture.info["exif"] = b"Exif\0\0"
    data = encode(picture)
    assert encode(picture) == data
    jpeg = open_jpeg(data)
    assert image._checked(data) is data, "nothing was dropped"
    assert [name for name, _ in jpeg.applist] == ["APP0"]
    assert [layer[1:3] for layer in jpeg.layer] == [(2, 2), (1, 1), (1, 1)]


def test_a_picture_is_as_long_as_it_was_listed() -> None:
    data = photo_jpeg()
    assert open_jpeg(data, listed_size=len(data)).size == (640, 360)
    error = refused(data, listed_size=len(data) + 1)
    assert error.reason is Flaw.WRONG_SIZE
    assert str(error) == f"has {len(data):,} bytes where {len(data) + 1:,} were listed"
    assert refused(b"", listed_size=10).reason is Flaw.WRONG_SIZE


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (as_png(Image.new("RGB", (64, 64))), "is a PNG, not a JPEG"),
        (SVG, "is an XML document (an SVG, or an error of a storage), not a JPEG"),
        (HTML, "is an HTML page, not a JPEG"),
        (b"\xef\xbb\xbf  <HTML>", "is an HTML page, not a JPEG"),
        (b"GIF89a" + bytes(20), "is a GIF, not a JPEG"),
        (b"\x00" * 100, "is something else, not a JPEG"),
        (b"\xff", "is something else, not a JPEG"),
    ],
)
def test_other_formats_are_refused_by_their_content(data: bytes, text: str) -> None:
    error = refused(data)
    assert (error.reason, str(error)) == (Flaw.NOT_JPEG, text)


def test_nothing_is_empty() -> None:
    assert refused(b"").reason is Flaw.EMPTY


@pytest.mark.parametrize("progressive", [False, True])
def test_a_truncated_picture_is_refused_wherever_it_ends(progressive: bool) -> None:
    data = as_jpeg(photo(160, 90), progressive=progressive)
    for end in range(3, len(data) - 1, 37):
        assert refused(data[:end]).reason is Flaw.TRUNCATED
    assert refused(data[:-1]).reason is Flaw.TRUNCATED


def test_bytes_behind_the_end_do_no_harm() -> None:
    assert decoded(photo_jpeg() + bytes(512)).picture.size == (320, 180)


@pytest.mark.parametrize("size", [(50_000, 50_000), (65_500, 65_500), (9_000, 4_001)])
def test_more_pixels_than_the_cap_are_refused_by_the_header(size: tuple[int, int]) -> None:
    error = refused(declaring(photo_jpeg(), *size))
    assert error.reason is Flaw.TOO_LARGE
    assert f"declares {size[0]:,} x {size[1]:,} pixels" in str(error)


def test_more_bytes_than_the_cap_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "MAX_BYTES", 30_000)
    assert refused(photo_jpeg()).reason is Flaw.TOO_LARGE


@pytest.mark.parametrize("size", [(0, 360), (640, 0), (0, 0)])
def test_no_pixels_are_refused(size: tuple[int, int]) -> None:
    assert refused(declaring(photo_jpeg(), *size)).reason is Flaw.CORRUPT


@pytest.mark.parametrize("marker", [0xC3, 0xC5, 0xC9, 0xCA])
def test_rare_kinds_of_jpeg_are_refused(marker: int) -> None:
    data = photo_jpeg().replace(b"\xff\xc0", bytes((0xFF, marker)), 1)
    error = refused(data)
    assert error.reason is Flaw.UNSUPPORTED
    assert f"FF{marker:02X}" in str(error)


def test_twelve_bits_and_two_channels_are_refused() -> None:
    data = photo_jpeg()
    frame = data.index(b"\xff\xc0")
    assert refused(data[: frame + 4] + b"\x0c" + data[frame + 5 :]).reason is Flaw.UNSUPPORTED
    two = data[: frame + 2] + b"\x00\x0e" + data[frame + 4 : frame + 9] + b"\x02" + data[frame + 10 :]
    assert refused(two).reason in {Flaw.UNSUPPORTED, Flaw.CORRUPT}


def test_a_progressive_bomb_is_refused_before_it_costs_time() -> None:
    bomb = many_scans(500)
    assert len(bomb) < 200_000
    start = time.process_time()
    error = refused(bomb)
    assert time.process_time() - start < 0.5
    assert error.reason is Flaw.TOO_MANY_SCANS
    assert str(error) == "has 510 scans of 4,000 x 4,000 pixels"


def test_many_scans_of_a_large_picture_are_refused_where_a_small_one_may_have_them() -> None:
    assert decoded(many_scans(80, 640, 360)).picture.size == (320, 180)
    assert refused(many_scans(80, 4000, 4000)).reason is Flaw.TOO_MANY_SCANS


def test_a_baseline_file_can_be_a_bomb_too() -> None:
    assert refused(many_baseline_scans(photo_jpeg(), 500)).reason is Flaw.TOO_MANY_SCANS


def test_what_looks_like_scans_but_is_data_of_something_else_is_not_counted() -> None:
    looks = b"\xff\xda" * 1000
    baseline, progressive = photo_jpeg(), as_jpeg(photo(), progressive=True)
    assert decoded(with_segment(baseline, 0xE1, looks)).picture.size == (320, 180)
    assert decoded(with_segment(progressive, 0xE1, looks)).picture.size == (320, 180)
    assert decoded(progressive + looks).picture.size == (320, 180), "behind the end"
    between = progressive.rindex(b"\xff\xda")
    comment = b"\xff\xfe" + (2 + len(looks)).to_bytes(2) + looks
    assert decoded(progressive[:between] + comment + progressive[between:]).picture.size == (320, 180)


def test_scans_cannot_hide_behind_markers_without_length() -> None:
    bomb = many_scans(500, 640, 360)
    head, scans, scan = bomb[: scan_start(bomb)], bomb[scan_start(bomb) :], b"\xff\xda\x00\x0c\x03\x01"
    for lone in (b"\xff\x01", b"\xff\xd0", b"\xff\xff", b"\x00\xff\x00"):
        assert refused(head + scans.replace(scan, lone + scan)).reason is Flaw.TOO_MANY_SCANS
    endless = bomb[:-2] + b"\xff\xfe\x00\x02" * 100_000 + bomb[-2:]
    assert refused(endless).reason is Flaw.TOO_MANY_SCANS


def test_headers_that_cost_time_are_refused() -> None:
    data = photo_jpeg()
    start = time.process_time()
    for header in (b"\xff\xe1\x00\x02" * 500_000, b"\xff\xdb\x00\x43\x00" + bytes(64)):
        assert refused(data[:2] + header * (1 if len(header) > 100_000 else 20_000) + data[2:]).reason is Flaw.CORRUPT
    assert decoded(data[:2] + b"\xff" * 2_000_000 + data[2:]).picture.size == (320, 180), "filling is dropped"
    assert time.process_time() - start < 2


def test_damage_inside_the_scan_may_pass_unseen() -> None:
    # Not what one would wish: libjpeg only warns, and Pillow does not pass its warnings on.  That the object has its
    # listed size and digest is the guard against this, and belongs to whoever fetches it.
    data = photo_jpeg()
    damaged = zeroed(data, scan_start(data) + 10_000)
    found = decoded(damaged).picture
    assert found.size == (320, 180)
    assert found.tobytes() != decoded(data).picture.tobytes()


def test_an_error_travels_between_processes() -> None:
    error = refused(b"")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(copy), copy.reason, str(copy)) == (BadPictureError, Flaw.EMPTY, "is empty")


@pytest.mark.parametrize("exception", [MemoryError(), OSError("broken data stream"), ValueError("x"), SyntaxError("x")])
def test_whatever_pillow_raises_becomes_a_reason(exception: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    jpeg = open_jpeg(photo_jpeg())

    def fail() -> None:
        raise exception

    monkeypatch.setattr(jpeg, "load", fail)
    with pytest.raises(BadPictureError) as caught:
        decode(jpeg, at_least=(320, 180))
    assert caught.value.reason is (Flaw.TOO_LARGE if isinstance(exception, MemoryError) else Flaw.CORRUPT)
    assert caught.value.__cause__ is exception


def test_hostile_files_give_a_picture_or_a_reason_in_bounded_time() -> None:
    files = list(hostile(200))
    assert len(files) == 200
    assert files == list(hostile(200)), "the corpus follows from its seed"
    outcomes: Counter[tuple[str, str]] = Counter()
    texts: list[str] = []
    for what, data in files:
        start = time.process_time()
        try:
            found = decoded(data).picture
        except BadPictureError as error:
            outcomes[what, error.reason] += 1
            texts.append(str(error))
        else:
            outcomes[what, "decoded"] += 1
            assert encode(found)
        assert time.process_time() - start < 2, what
    assert all(text and text.isprintable() for text in texts)
    by_kind = {what: {outcome for kind, outcome in outcomes if kind == what} for what, _ in outcomes}
    assert by_kind["truncated"] == {Flaw.TRUNCATED}
    assert by_kind["500 scans"] == by_kind["500 baseline scans"] == {Flaw.TOO_MANY_SCANS}
    assert by_kind["declares 50,000 x 50,000"] == {Flaw.TOO_LARGE}
    assert by_kind["PNG"] == by_kind["SVG"] == by_kind["HTML"] == {Flaw.NOT_JPEG}
    assert by_kind["empty"] == {Flaw.EMPTY}
    assert by_kind["segments without end"] == by_kind["tables without end"] == {Flaw.CORRUPT}
    assert by_kind["header of noise"] <= {Flaw.CORRUPT, Flaw.TRUNCATED, Flaw.UNSUPPORTED}
    assert "decoded" in by_kind["zeroed"]  # see test_damage_inside_the_scan_may_pass_unseen


@pytest.mark.parametrize("seed", range(5))
def test_headers_at_random_never_raise_anything_else(seed: int) -> None:
    """Mutations that keep the structure intact get further than blind ones: lengths right, contents wrong."""
    chance = Random(seed)
    data = [photo_jpeg(160, 90), as_jpeg(photo(160, 90), progressive=True), as_jpeg(photo(90, 160).convert("CMYK"))]
    outcomes: Counter[str] = Counter()
    for _ in range(300):
        jpeg = bytearray(chance.choice(data))
        segments = []
        at = 2
        while jpeg[at + 1] != 0xDA:
            segments.append(at)
            at += 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
        at = chance.choice([*segments, at])
        end = at + 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
        for _ in range(chance.randrange(1, 4)):
            jpeg[chance.randrange(at + 4, end)] = chance.randrange(256)
        try:
            encode(decoded(bytes(jpeg), (80, 45)).picture)
        except BadPictureError as error:
            outcomes[error.reason] += 1
        else:
            outcomes["decoded"] += 1
    assert outcomes["decoded"] > 30
    assert outcomes.keys() <= {"decoded", Flaw.CORRUPT, Flaw.TRUNCATED, Flaw.UNSUPPORTED, Flaw.TOO_LARGE}
