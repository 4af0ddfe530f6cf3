import pickle
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from indexer.errors import ConfigError
from indexer.render.image import BadPictureError, Flaw, encode
from indexer.render.thumbnail import LARGEST, SMALLEST, ThumbSpec, thumbnails
from tests.pictures import as_jpeg, hostile, photo, photo_jpeg

USUAL = ThumbSpec(320, 180)

sides = st.integers(SMALLEST, LARGEST)
specs = st.builds(ThumbSpec, sides, sides)


def opened(jpeg: bytes) -> Image.Image:
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as picture:
        picture.load()
        return picture


def only(data: bytes, spec: ThumbSpec) -> bytes:
    (made,) = thumbnails(data, [spec]).made
    return made.jpeg


def apart(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures are apart, in grey levels."""
    return ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB")).convert("L")).mean[0]


@given(specs)
def test_a_spec_is_its_text(spec: ThumbSpec) -> None:
    assert ThumbSpec.from_string(str(spec)) == spec


def test_the_text_of_a_spec_stays_what_it_is_in_keys() -> None:
    assert str(USUAL) == "320x180"


@pytest.mark.parametrize(
    "text",
    ["", "320", "x", "320x", "x180", "320X180", "320x180 ", "320x180\n", "+320x180", "0320x180", "٣٢٠x180", "3e2x180"],
)
def test_other_texts_are_no_spec(text: str) -> None:
    with pytest.raises(ConfigError, match="write for example 320x180"):
        ThumbSpec.from_string(text)


@pytest.mark.parametrize("text", ["15x180", "320x15", "4097x16", "16x4097", "99999x99999"])
def test_sizes_have_bounds(text: str) -> None:
    with pytest.raises(ConfigError, match="from 16 to 4096"):
        ThumbSpec.from_string(text)


@given(spec=specs, width=st.integers(1, 9000), height=st.integers(1, 9000))
def test_a_thumbnail_fits_inside_fills_one_side_and_keeps_its_shape(spec: ThumbSpec, width: int, height: int) -> None:
    wide, high = spec.inside(width, height)
    assert 1 <= wide <= min(width, spec.width)
    assert 1 <= high <= min(height, spec.height)
    assert (wide, high) == (width, height) or wide == spec.width or high == spec.height
    scale = min(1, spec.width / width, spec.height / height)
    assert abs(wide - width * scale) <= 1
    assert abs(high - height * scale) <= 1


@settings(deadline=None, max_examples=40)
@given(width=st.integers(1, 700), height=st.integers(1, 700), wide=st.integers(16, 400), high=st.integers(16, 400))
def test_any_source_becomes_a_jpeg_of_the_size_announced(width: int, height: int, wide: int, high: int) -> None:
    spec = ThumbSpec(wide, high)
    source = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    found = thumbnails(as_jpeg(source), [spec])
    assert (found.source_width, found.source_height) == (width, height)
    (made,) = found.made
    assert (made.spec, made.width, made.height) == (spec, *spec.inside(width, height))
    assert opened(made.jpeg).size == (made.width, made.height)
    assert opened(made.jpeg).mode == "RGB"


@pytest.mark.parametrize(
    ("size", "thumb"),
    [
        ((640, 360), (320, 180)),
        ((1280, 720), (320, 180)),
        ((1920, 1080), (320, 180)),
        ((1366, 768), (320, 180)),
        ((640, 480), (240, 180)),
        ((360, 640), (101, 180)),
        ((480, 480), (180, 180)),
        ((160, 90), (160, 90)),
        ((2000, 3), (320, 1)),
    ],
)
def test_looks_like_the_source_resampled_at_leisure(size: tuple[int, int], thumb: tuple[int, int]) -> None:
    source = photo(*size, seed=3)
    data = as_jpeg(source, quality=95)
    ours = opened(only(data, USUAL))
    assert ours.size == thumb
    slowly = encode(opened(data).resize(thumb, Image.Resampling.LANCZOS))
    assert apart(ours, opened(slowly)) < 3


def test_nothing_shifts_where_the_decoded_picture_has_a_partial_row_and_column() -> None:
    # Seen as a quarter of a pixel of drift towards the right and lower edge when `box` is left out.
    source = Image.new("RGB", (2562, 1442))
    source.paste((255, 255, 255), (1281, 0, 2562, 1442))
    ours = opened(only(as_jpeg(source, quality=95), ThumbSpec(160, 90))).convert("L")
    assert abs(ImageStat.Stat(ours).mean[0] - 127.5) < 0.5


def test_the_same_bytes_come_out_each_time() -> None:
    several = [ThumbSpec(640, 360), USUAL, ThumbSpec(160, 160)]
    assert thumbnails(photo_jpeg(1280, 720), several) == thumbnails(photo_jpeg(1280, 720), several)


def test_metadata_of_the_source_has_no_influence_on_the_bytes() -> None:
    buffer = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees: not applied
    photo().save(
        buffer,
        "JPEG",
        quality=80,
        subsampling="4:2:0",
        comment=b"hello",
        exif=exif,
        icc_profile=b"x" * 500,
        xmp=b"<x/>",
    )
    assert b"hello" in buffer.getvalue()
    assert only(buffer.getvalue(), USUAL) == only(photo_jpeg(), USUAL)
    found = opened(only(buffer.getvalue(), USUAL))
    assert not found.info.keys() & {"exif", "icc_profile", "comment", "xmp"}


def test_several_sizes_keep_the_order_they_were_asked_in() -> None:
    asked = [ThumbSpec(160, 90), ThumbSpec(640, 360), USUAL, ThumbSpec(160, 90)]
    found = thumbnails(photo_jpeg(1280, 720), asked)
    assert [made.spec for made in found.made] == asked
    assert found.made[0] == found.made[3]


def test_the_largest_of_several_sizes_is_the_same_as_alone_and_smaller_ones_look_it() -> None:
    data = photo_jpeg(1280, 720, 2)
    large, small, smallest = (
        made.jpeg for made in thumbnails(data, [ThumbSpec(640, 360), USUAL, ThumbSpec(64, 64)]).made
    )
    assert large == only(data, ThumbSpec(640, 360))
    assert apart(opened(small), opened(only(data, USUAL))) < 2
    assert apart(opened(smallest), opened(only(data, ThumbSpec(64, 64)))) < 2


def test_a_small_source_is_never_blown_up_and_encoded_once_for_all() -> None:
    found = thumbnails(photo_jpeg(100, 60), [USUAL, ThumbSpec(1280, 720)])
    assert [(made.width, made.height) for made in found.made] == [(100, 60), (100, 60)]
    assert found.made[0].jpeg is found.made[1].jpeg


def test_without_sizes_the_source_is_only_measured() -> None:
    found = thumbnails(photo_jpeg(), [])
    assert (found.source_width, found.source_height, found.made) == (640, 360, ())


def test_what_goes_to_a_worker_and_back_can_be_pickled() -> None:
    found = thumbnails(photo_jpeg(), [USUAL])
    assert pickle.loads(pickle.dumps((USUAL, found))) == (USUAL, found)  # noqa: S301 - our own


def test_a_picture_of_another_length_than_listed_gives_none() -> None:
    with pytest.raises(BadPictureError) as caught:
        thumbnails(photo_jpeg(), [USUAL], listed_size=1)
    assert caught.value.reason is Flaw.WRONG_SIZE


def test_hostile_files_give_a_thumbnail_or_a_reason() -> None:
    reasons = set()
    for _, data in hostile(200):
        try:
            (made,) = thumbnails(data, [USUAL]).made
        except BadPictureError as error:
            reasons.add(error.reason)
        else:
            assert opened(made.jpeg).size == (made.width, made.height)
    assert reasons == set(Flaw) - {Flaw.WRONG_SIZE}
