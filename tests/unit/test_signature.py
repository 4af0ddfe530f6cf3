"""Looks tell what pictures show, and whether anything happened between two."""

from collections import Counter
from contextlib import suppress
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from indexer.config import LooksSettings
from indexer.render.image import BadPictureError
from indexer.render.thumbnail import ThumbSpec, thumbnails, thumbnails_with_sight
from indexer.timeline.looks import CELLS, Change, Kind, Look, Step, Thresholds, described
from tests.pictures import as_jpeg, hostile, photo_jpeg
from tests.sights import PAIRS, PICTURES, kinds, seen, steps

levels = st.integers(0, 255)
halves = st.integers(0, 255).map(lambda half: half / 2)
changes = st.builds(Change, st.integers(1, 2**32 - 1), st.integers(0, 255 * 256).map(lambda part: part / 256), levels)
looks = st.builds(Look, levels, halves, levels, st.integers(0, 2**64 - 1), st.none() | changes)

USUAL = Thresholds()


@given(looks)
def test_a_look_is_its_eighteen_bytes(look: Look) -> None:
    assert Look.unpack(look.pack()) == look
    assert len(look.pack()) == 18


@given(st.binary(min_size=CELLS, max_size=CELLS), st.binary(min_size=CELLS, max_size=CELLS), st.integers(1, 2**32 - 1))
def test_whatever_was_seen_can_be_kept(one: bytes, other: bytes, after_ms: int) -> None:
    look = described(one, contrast=max(one) - min(one), dhash=0).compared(one, other, after_ms=after_ms)
    assert Look.unpack(look.pack()) == look
    assert look.compared(one, one, after_ms=after_ms).change == Change(after_ms, 0, 0)


def test_what_is_too_far_apart_to_be_kept_is_not_compared() -> None:
    look = described(bytes(CELLS), contrast=0, dhash=0)
    assert look.compared(bytes(CELLS), bytes(CELLS), after_ms=2**32).change is None


def test_figures_of_what_is_known() -> None:
    half = bytes(CELLS // 2) + b"\xc8" * (CELLS // 2)
    assert described(half, contrast=200, dhash=7) == Look(mean=100, spread=100, contrast=200, dhash=7)
    assert seen(Image.linear_gradient("L").rotate(90).resize((640, 360)).convert("RGB")).look.dhash in {0, 2**64 - 1}


def test_the_same_thumbnails_come_out_with_a_sight_and_without() -> None:
    specs = [ThumbSpec(320, 180), ThumbSpec(64, 64)]
    made, sight = thumbnails_with_sight(photo_jpeg(), specs)
    assert made == thumbnails(photo_jpeg(), specs)
    assert sight == thumbnails_with_sight(photo_jpeg(), specs)[1]


@pytest.mark.parametrize("size", [(1, 1), (16, 9), (33, 17), (2562, 1442), (9, 700)])
def test_pictures_of_any_shape_have_a_look(size: tuple[int, int]) -> None:
    _, sight = thumbnails_with_sight(as_jpeg(Image.new("RGB", size, (200, 200, 200))), [ThumbSpec(320, 180)])
    assert (sight.look.mean, sight.look.spread, sight.look.contrast) == (200, 0, 0)


def test_whatever_gives_a_thumbnail_has_a_look() -> None:
    seen = 0
    for _, data in hostile(90):
        with suppress(BadPictureError):
            thumbnails_with_sight(data, [ThumbSpec(160, 90)])[1].look.pack()
            seen += 1
    assert seen


def test_the_look_hardly_depends_on_the_size_of_the_thumbnail() -> None:
    sights = [thumbnails_with_sight(photo_jpeg(1280, 720), [ThumbSpec(*size)])[1] for size in ((320, 180), (160, 90))]
    change = sights[0].look.compared(sights[0].cells, sights[1].cells, after_ms=1).change
    assert change is not None
    assert USUAL.step(change) is not Step.CHANGED


def test_kinds_are_told_by_one_picture() -> None:
    right = Counter(name for name, truth, told in kinds(8) if told == truth)
    assert all(right[name] >= 7 for name in PICTURES), right


def test_what_happened_is_told_by_two_pictures_and_never_the_opposite() -> None:
    found = list(steps(8))
    right = Counter(name for name, truth, told in found if told == truth)
    assert all(right[name] >= 7 for name in PAIRS), right
    assert {told for _, truth, told in found if told != truth} <= {"uncertain"}


def test_between_the_thresholds_nothing_is_claimed() -> None:
    steps = [USUAL.step(Change(1, *each)) for each in ((0.25, 3), (0.26, 3), (0.25, 4), (0.34, 8), (0.35, 0), (0, 9))]
    assert steps == [Step.ALIKE, Step.UNCERTAIN, Step.UNCERTAIN, Step.UNCERTAIN, Step.CHANGED, Step.CHANGED]


def test_thresholds_can_be_told() -> None:
    grey = Look(60, 2, 3, 0)
    assert USUAL.kind(grey) is Kind.PLACEHOLDER
    assert Thresholds(black_mean=60).kind(grey) is Kind.BLACK
    assert Thresholds(flat_contrast=2).kind(grey) is None


def test_settings_are_the_thresholds_with_the_same_defaults() -> None:
    assert LooksSettings().model_dump() == {each.name: each.default for each in fields(Thresholds)}
