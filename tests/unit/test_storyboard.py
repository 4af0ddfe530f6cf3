"""Sprites: geometry and pixels."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st
from PIL import Image

from indexer.derived import storyboard_name
from indexer.errors import ConfigError
from indexer.render.storyboard import LONGEST_SIDE, Board, NoPicture, Picture, draw_sprite
from indexer.render.thumbnail import ThumbSpec
from tests.pictures import hostile, photo_jpeg


def plain(colour: tuple[int, int, int], width: int = 320, height: int = 180) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(stream, "JPEG", quality=95)
    return stream.getvalue()


RED, GREEN, BLUE = (200, 30, 30), (30, 200, 30), (30, 30, 200)


def near(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(one - other) <= 12 for one, other in zip(pixel, colour, strict=True))


def pixels_of(jpeg: bytes) -> Image.Image:
    with Image.open(io.BytesIO(jpeg)) as picture:
        return picture.convert("RGB")


def test_tiles_stand_row_by_row_in_a_sprite_no_larger_than_they_need() -> None:
    board = Board(ThumbSpec(160, 90), 2, 10)
    sprite = draw_sprite(board, [Picture(plain(colour)) for colour in (RED, GREEN, BLUE)], count=3)
    picture = pixels_of(sprite.jpeg)
    assert picture.size == (sprite.width, sprite.height) == (320, 180)
    assert near(picture.getpixel((80, 45)), RED)
    assert near(picture.getpixel((240, 45)), GREEN)
    assert near(picture.getpixel((80, 135)), BLUE)


def test_a_picture_of_another_shape_stands_whole_in_the_middle_of_its_tile() -> None:
    sprite = draw_sprite(Board(ThumbSpec(160, 90), 1, 1), [Picture(plain(RED, 180, 320))], count=1)
    picture = pixels_of(sprite.jpeg)
    assert near(picture.getpixel((80, 45)), RED)
    assert not near(picture.getpixel((20, 45)), RED)
    assert not near(picture.getpixel((140, 45)), RED)


def test_a_bad_picture_is_a_tile_that_says_so_and_the_others_are_drawn() -> None:
    tiles: list[Picture | NoPicture] = [
        Picture(plain(RED)),
        Picture(b"<html>"),
        Picture(plain(BLUE), 5),
        NoPicture("no picture", "gone"),
    ]
    sprite = draw_sprite(Board(ThumbSpec(160, 90), 10, 1), tiles, count=4)
    assert sprite.flawed == {1: "not-jpeg", 2: "wrong-size"}
    assert near(pixels_of(sprite.jpeg).getpixel((80, 45)), RED)


def test_hostile_pictures_never_stop_a_sprite() -> None:
    pictures = [data for _, data in hostile(100)]
    sprite = draw_sprite(Board(), map(Picture, pictures), count=100)
    assert (sprite.width, sprite.height) == (1600, 900)
    assert len(sprite.flawed) > 10


def test_the_same_tiles_are_the_same_bytes() -> None:
    tiles: list[Picture | NoPicture] = [Picture(photo_jpeg()), NoPicture("no picture", "camera-off")]
    one, other = (draw_sprite(Board(), tiles, count=2) for _ in range(2))
    assert one == other


def test_a_sprite_has_no_metadata() -> None:
    sprite = draw_sprite(Board(), [Picture(photo_jpeg())], count=1)
    with Image.open(io.BytesIO(sprite.jpeg)) as picture:
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_tiny_tiles_are_hatched_even_if_no_letter_fits() -> None:
    board = Board(ThumbSpec(16, 16), 2, 1)
    assert draw_sprite(board, [NoPicture("no picture", "x" * 500)] * 2, count=2).width == 32


@example_settings(max_examples=100)
@given(st.integers(16, 512), st.integers(16, 512), st.integers(1, 12), st.integers(1, 12), st.data())
def test_tiles_tile_the_sprite(width: int, height: int, columns: int, rows: int, data: st.DataObject) -> None:
    if max(width * columns, height * rows) > LONGEST_SIDE:
        with pytest.raises(ConfigError, match="makes sprites of"):
            Board(ThumbSpec(width, height), columns, rows)
        return
    board = Board(ThumbSpec(width, height), columns, rows)
    count = data.draw(st.integers(1, board.capacity))
    boxes = [board.box(slot) for slot in range(count)]
    wide, high = board.size(count)
    assert len({(box.x, box.y) for box in boxes}) == count
    assert all(box.x % width == 0 and box.y % height == 0 for box in boxes)
    assert max(box.x + box.width for box in boxes) == wide <= LONGEST_SIDE
    assert max(box.y + box.height for box in boxes) == high <= LONGEST_SIDE
    assert Board.from_strings(str(board.tile), f"{columns}x{rows}") == board


@pytest.mark.parametrize("grid", ["10", "0x10", "10x0", "axb", "10x10x10", "99999x1", "-1x5", "١x١"])
def test_a_grid_that_is_none_is_refused(grid: str) -> None:
    with pytest.raises(ConfigError, match="grid"):
        Board.from_strings("160x90", grid)


def test_what_a_board_is_called_never_changes() -> None:
    assert str(Board()) == "160x90-10x10-q75"


@example_settings(max_examples=100)
@given(st.tuples(st.one_of(st.none(), st.text()), st.text(), st.text(), st.text(), st.text()))
def test_names_of_storyboards_are_safe(parts: tuple[str | None, str, str, str, str]) -> None:
    assert re.fullmatch(r"storyboard_[A-Za-z0-9_-]*_[0-9a-f]{16}", storyboard_name(*parts))
    assert len(storyboard_name(*parts)) < 100


@example_settings(max_examples=100)
@given(st.lists(st.tuples(*[st.sampled_from(["", "a", "a_b", "b", "a'", "\ud800", "None"])] * 5), unique=True))
def test_different_storyboards_have_different_names(things: list[tuple[str, str, str, str, str]]) -> None:
    names = {storyboard_name(*parts) for parts in things} | {storyboard_name(None, *parts[1:]) for parts in things}
    assert len(names) == len(things) + len({parts[1:] for parts in things})
