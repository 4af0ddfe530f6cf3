import shutil
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from indexer.render.fonts import Fonts, Style, packages_for, plain, system_fonts

STYLE = Style(20, "#000000")
CHINESE = "王小明"

any_text = st.text(st.characters(), max_size=60)


def drawn(fonts: Fonts, text: str, style: Style = STYLE) -> Image.Image:
    picture = Image.new("L", (400, 40), 255)
    fonts.draw(ImageDraw.Draw(picture), (4, 28), text, style)
    return picture


def has_chinese() -> bool:
    fonts = Fonts(system_fonts())
    fonts.width(CHINESE, STYLE)
    return not fonts.missing


def test_letters_that_no_font_has_are_reported_and_drawn_as_boxes() -> None:
    fonts = Fonts()
    assert drawn(fonts, f"Li {CHINESE}").getextrema() != (255, 255)
    assert fonts.missing == "".join(sorted(CHINESE))
    assert packages_for(fonts.missing) == ["fonts-wqy-microhei"]
    assert drawn(fonts, "王") == drawn(fonts, "小")
    assert fonts.width(CHINESE, STYLE) == pytest.approx(3 * fonts.width("王", STYLE))


@pytest.mark.skipif(not has_chinese(), reason="no font with Chinese letters is installed")
def test_a_font_of_the_system_is_taken_for_letters_that_ours_lacks() -> None:
    fonts = Fonts(system_fonts())
    assert drawn(fonts, "王") != drawn(fonts, "小")
    assert fonts.missing == ""


def test_an_accent_that_no_font_has_is_left_out_and_reported() -> None:
    fonts = Fonts()
    assert drawn(fonts, "Ramírez") == drawn(fonts, "Ramirez")
    assert fonts.missing == "í"
    assert packages_for("í") == ["fonts-dejavu-core"]


def test_plain_english_opens_no_font_of_the_system() -> None:
    files = iter([Path("/nowhere.ttf")])
    fonts = Fonts(files)
    drawn(fonts, "Maya Lindqvist, 14:04:20")
    assert next(files) == Path("/nowhere.ttf")


def test_a_file_that_is_no_font_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "DejaVuSans.ttf").write_bytes(b"\0" * 100)
    fonts = Fonts(system_fonts([tmp_path, tmp_path / "absent"]))
    drawn(fonts, "é")
    assert fonts.missing == "é"


def test_preferred_fonts_come_first_and_others_of_noto_last(tmp_path: Path) -> None:
    for name in ["a/NotoSansThai-Regular.ttf", "a/wqy-microhei.ttc", "b/DejaVuSans.ttf", "b/Other.ttf"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    shutil.copytree(tmp_path / "b", tmp_path / "c")
    found = [path.relative_to(tmp_path).as_posix() for path in system_fonts([tmp_path])]
    assert found == ["b/DejaVuSans.ttf", "a/wqy-microhei.ttc", "a/NotoSansThai-Regular.ttf"]


def test_a_sign_does_not_change_the_font_of_the_name_beside_it() -> None:
    fonts = Fonts(system_fonts())
    party = fonts.width("🎉 party", STYLE) - fonts.width("🎉 ", STYLE)
    assert party == pytest.approx(fonts.width("party", STYLE))


def test_what_is_invisible_or_turns_text_around_is_escaped() -> None:
    assert plain("a\u202egpj\x00\x1b[31m\u200b\n") == r"a\u202egpj\x00\x1b[31m\u200b\n"
    assert plain("one\u00a0two\u3000three") == "one two three"
    assert plain("\udc80") == r"\udc80"


@settings(deadline=None)
@given(any_text)
def test_plain_text_has_one_line_and_stays_as_it_is(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert not {unicodedata.category(char) for char in once} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


FONTS = Fonts()


@settings(deadline=None)
@given(any_text, st.integers(0, 400))
def test_elided_text_fits_and_keeps_both_ends(text: str, room: int) -> None:
    elided = FONTS.elided(text, STYLE, room)
    assert FONTS.width(elided, STYLE) <= room
    if elided != plain(text) and elided:
        head, tail = elided[: elided.index("…")], elided[elided.rindex("…") + 1 :]
        assert plain(text).startswith(head)
        assert plain(text).endswith(tail)


def test_text_is_shortened_in_its_middle_and_only_if_needed() -> None:
    assert FONTS.elided("algebra-7b", STYLE, 400) == "algebra-7b"
    shortened = FONTS.elided("algebra-" * 30 + "room-7b", STYLE, 200)
    assert shortened.startswith("algebra-")
    assert shortened.endswith("room-7b")


def test_an_accent_is_not_cut_off_its_letter() -> None:
    shortened = FONTS.elided("x\u0301" * 100, STYLE, 200)
    assert shortened.count("x") == shortened.count("\u0301")


@settings(deadline=None)
@given(any_text, st.integers(20, 300), st.integers(1, 4))
def test_wrapped_text_fits(text: str, room: int, lines: int) -> None:
    wrapped = FONTS.wrapped(text, STYLE, room, lines=lines)
    assert len(wrapped) <= lines
    assert all(FONTS.width(line, STYLE) <= room for line in wrapped if len(line) > 1)


def test_text_wraps_between_words_and_long_words_within() -> None:
    assert FONTS.wrapped("ends before its end marker", STYLE, 140, lines=3) == ["ends before its", "end marker"]
    assert len(FONTS.wrapped("x" * 60, STYLE, 200, lines=3)) == 3
    assert FONTS.wrapped("", STYLE, 200, lines=3) == []
