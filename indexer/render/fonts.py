"""Text in the fonts at hand.  Pillow and PDFs write a text in one font; here each letter gets one that has it.

We ship no font.  Pillow's own has ASCII and some signs; whatever else a name needs comes from the fonts of the system,
and letters that none of them has are reported, so that somebody can be told which package to install.
"""

import os
import re
import unicodedata
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from PIL import ImageDraw, ImageFont

from indexer.errors import LivestillsError

FOLDERS: Final = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("~/.local/share/fonts"),
    Path("~/.fonts"),
    Path("/System/Library/Fonts"),
    Path("/Library/Fonts"),
    Path("~/Library/Fonts"),
)

_KNOWN: Final = {
    # File name: index of the wanted face in it.  In order of preference, those with few letters first.
    "DejaVuSans.ttf": 0,
    "NotoSans-Regular.ttf": 0,
    "LiberationSans-Regular.ttf": 0,
    "NotoSansCJK-Regular.ttc": 2,  # simplified Chinese; it has Japanese and Korean letters too
    "NotoSansCJKsc-Regular.otf": 0,
    "SourceHanSansSC-Regular.otf": 0,
    "wqy-microhei.ttc": 0,
    "wqy-zenhei.ttc": 0,
    "DroidSansFallbackFull.ttf": 0,
    "DroidSansFallback.ttf": 0,
    "PingFang.ttc": 0,
    "Hiragino Sans GB.ttc": 0,
    "AppleSDGothicNeo.ttc": 0,
    "Arial Unicode.ttf": 0,
    "Symbola_hint.ttf": 0,
    "Symbola.ttf": 0,
}

_FOR_SIGNS: Final = frozenset({"Symbola_hint.ttf", "Symbola.ttf"})
"""Fonts not to write a whole name in because of one sign in it."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories of characters that show nothing or change how others show: controls, direction marks, lone surrogates."""

_NOBODY_HAS: Final = "\U0010fffe"  # never a character (Unicode 23.7), so it shows what a font draws for lack of one
_PROBE_PX: Final = 24
_WIDER_BLANK: Final = 0.1  # of an em, on top of 0.2
_CJK: Final = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "IDEOGRAPHIC", "FULLWIDTH", "HALFWIDTH")


@dataclass(frozen=True, slots=True)
class Style:
    """How a text looks."""

    size: int
    """Of an em: pixels, or what a page is measured in."""
    colour: str
    weight: float = 0.0
    """Pixels that strokes are thickened by, because Pillow's own font has no bold."""


class Face(Protocol):
    """One font, as text is laid out with it."""

    @property
    def is_for_signs(self) -> bool:
        """Not to write a whole name in because of one sign in it."""
        ...

    def has_all(self, text: str) -> bool:
        """Whether it has all letters."""
        ...

    def width(self, text: str, size: int) -> float:
        """How much room a text takes, in the unit of `size`."""
        ...


_F = TypeVar("_F", bound=Face)


class Run(NamedTuple, Generic[_F]):
    """A piece of text that is in one font."""

    face: _F | None
    """None where no font has the letters: a box is drawn for each."""
    text: str


class Letters(Generic[_F]):
    """Finds a font for each letter of a text: the own one, then those of `files`, opened only when a letter asks."""

    def __init__(self, own: _F, opened: Callable[[Path], _F], files: Iterable[Path] = ()) -> None:
        self._own = own
        self._faces = [own]
        self._open = opened
        self._unopened = iter(files)
        self._missing: set[str] = set()

    @property
    def missing(self) -> str:
        """The letters that were asked for so far and that no font has, each once, in order."""
        return "".join(sorted(self._missing))

    def width(self, text: str, style: Style) -> float:
        """The room that `text` takes."""
        return sum(run_width(run, style) for run in self.runs(text))

    def elided(self, text: str, style: Style, room: float) -> str:
        """`text` as it fits into `room`: its middle gives way, as both ends of a name tell it from others."""
        text = plain(text)
        if self.width(text, style) <= room:
            return text
        letters = _letters(text)

        def shortened(kept: int) -> str:
            head = (kept + 1) // 2
            return f"{''.join(letters[:head])}…{''.join(letters[len(letters) - (kept - head) :])}"

        fitting = bisect(range(len(letters)), False, key=lambda kept: self.width(shortened(kept), style) > room)
        return shortened(fitting - 1) if fitting else ""

    def wrapped(self, text: str, style: Style, room: float, *, lines: int) -> list[str]:
        """`text` on at most `lines` lines of `room`, the last one elided if need be."""
        rest = _letters(plain(text))
        done: list[str] = []
        while rest and len(done) < lines - 1 and self.width("".join(rest), style) > room:
            fitting = self._fitting(rest, style, room)
            spaces = [index for index, letter in enumerate(rest[: fitting + 1]) if letter == " "]
            cut = spaces[-1] if spaces and spaces[-1] else fitting
            done.append("".join(rest[:cut]).strip())
            rest = rest[cut:]
        last = "".join(rest).strip()
        return [*done, self.elided(last, style, room)] if last else done

    def _fitting(self, letters: Sequence[str], style: Style, room: float) -> int:
        """How many of `letters` fit into `room`, at least one."""
        lengths = range(1, len(letters) + 1)
        return max(1, bisect(lengths, False, key=lambda length: self.width("".join(letters[:length]), style) > room))

    def runs(self, text: str) -> Iterable[Run[_F]]:
        """Cut a text where another font is needed."""
        text = plain(text)
        if text.isascii():
            return self._of_own(text)
        face = self._face_for(text)
        return (Run(face, text),) if face and not face.is_for_signs else self._mixed_runs(text)

    def _of_own(self, text: str) -> Iterable[Run[_F]]:
        """The runs of what the own font has."""
        return (Run(self._own, text),)

    def _mixed_runs(self, text: str) -> Iterator[Run[_F]]:
        """Cut where another font is needed.  A blank stays with what is before it."""
        pieces: list[tuple[str, _F | None]] = []
        for letter in _letters(text):
            before = pieces[-1][1] if pieces else None
            pieces.append((letter, before) if letter == " " and before else self._shown(letter))
        for face, piece in groupby(pieces, key=itemgetter(1)):
            part = "".join(shown for shown, _ in piece)
            yield from self._of_own(part) if face is self._own else (Run(face, part),)

    def _shown(self, letter: str) -> tuple[str, _F | None]:
        """What is drawn for a letter, and in which font: itself, its base without accents, or a box."""
        if face := self._face_for(letter):
            return letter, face
        self._missing.update(char for char in letter if not self._face_for(char))
        base = "".join(char for char in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(char))
        if base and (face := self._face_for(base)):
            return base, face
        return "□", None

    def _face_for(self, text: str) -> _F | None:
        """The first font that has all letters of `text`."""
        return next((face for face in self._all_faces() if face.has_all(text)), None)

    def _all_faces(self) -> Iterator[_F]:
        yield from self._faces
        for path in self._unopened:
            try:
                face = self._open(path)
            except OSError:  # not readable, or not the font that its name says: the next one may do
                continue
            self._faces.append(face)
            yield face


class Fonts(Letters["_Face"]):
    """The fonts to draw with: Pillow's own, then `files` in their order."""

    def __init__(self, files: Iterable[Path] = ()) -> None:
        super().__init__(_Face(None), _Face, files)

    def draw(self, canvas: ImageDraw.ImageDraw, at: tuple[float, float], text: str, style: Style) -> float:
        """Write `text` from `at`, the left end of its baseline.  Return where it ends."""
        x, baseline = at
        for run in self.runs(text):
            if run.face is None:
                _draw_boxes(canvas, (x, baseline), len(run.text), style)
            else:
                font = run.face.font(style.size)
                canvas.text(
                    (x, baseline),
                    run.text,
                    style.colour,
                    font,
                    anchor="ls",
                    stroke_width=style.weight,
                    stroke_fill=style.colour,
                )
            x += run_width(run, style)
        return x

    def _of_own(self, text: str) -> "Iterable[Run[_Face]]":
        """The blanks of Pillow's own font are so narrow that words run together at small sizes: they are widened."""
        if " " not in text:
            return (Run(self._own, text),)
        return (Run(self._own, word) for word in re.findall("[^ ]* |[^ ]+", text))


def system_fonts(folders: Iterable[Path] = FOLDERS) -> Iterator[Path]:
    """Find fonts of the system that have many letters, the preferred ones first.  Reads no folder before asked."""
    found: dict[str, Path] = {}
    for folder in folders:
        for parent, subfolders, names in os.walk(folder.expanduser()):
            subfolders.sort()
            for name in sorted(names):
                if name in _KNOWN or (name.startswith("NotoSans") and name.endswith(("-Regular.ttf", "-Regular.otf"))):
                    found.setdefault(name, Path(parent, name))
    yield from (found.pop(name) for name in _KNOWN if name in found)
    yield from (found[name] for name in sorted(found))


def face_number(path: Path) -> int:
    """Which of the fonts in a file is meant."""
    return _KNOWN.get(path.name, 0)


def is_for_signs(path: Path) -> bool:
    """Whether it is a font not to write a whole name in."""
    return path.name in _FOR_SIGNS


def packages_for(missing: Iterable[str]) -> list[str]:
    """The packages of Debian and Ubuntu whose fonts have these letters."""
    return sorted(set(map(_package_for, missing)))


def _package_for(char: str) -> str:
    if unicodedata.name(char, "").startswith(_CJK):
        return "fonts-wqy-microhei"
    if char < "\u0700" or "\u1e00" <= char < "\u2c00":  # Latin, Greek, Cyrillic, Hebrew, Arabic; signs and arrows
        return "fonts-dejavu-core"
    return "fonts-symbola" if unicodedata.category(char) == "So" else "fonts-noto-core"


def plain(text: str) -> str:
    """Text from outside as it may stand in a line: what is invisible or turns others around is escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_plain, unicodedata.normalize("NFC", text)))


def _plain(char: str) -> str:
    category = unicodedata.category(char)
    if category in _HIDDEN:
        return char.encode("unicode_escape", "surrogatepass").decode("ascii")
    if "\ufe00" <= char <= "\ufe0f":
        return ""  # variation selectors choose between shapes that our fonts do not have
    return " " if category == "Zs" else char


def _letters(text: str) -> list[str]:
    """Characters with the marks that sit on them, which must not be cut off or get another font."""
    letters: list[str] = []
    for char in text:
        if letters and unicodedata.category(char).startswith("M"):
            letters[-1] += char
        else:
            letters.append(char)
    return letters


class _Face:
    """One font file in all sizes."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.font = cache(self._opened)
        self.width = lru_cache(1024)(self._measured)
        self._has = cache(self._probed)
        self._unknown = self._drawn(_NOBODY_HAS)

    @property
    def is_for_signs(self) -> bool:
        return self._path is not None and is_for_signs(self._path)

    def has_all(self, text: str) -> bool:
        return all(map(self._has, text))

    def _measured(self, text: str, size: int) -> float:
        wider = size * _WIDER_BLANK if self._path is None and text.endswith(" ") else 0.0
        return self.font(size).getlength(text) + wider

    def _probed(self, char: str) -> bool:
        """Pillow does not tell what a font has, but one that lacks a letter draws what it draws for none."""
        return self._drawn(char) != self._unknown

    def _drawn(self, char: str) -> tuple[float, tuple[int, int], bytes]:
        font = self.font(_PROBE_PX)
        mask = font.getmask(char)
        return font.getlength(char), mask.size, bytes(mask)

    def _opened(self, size: int) -> ImageFont.FreeTypeFont:
        if self._path is not None:
            # Not `ImageFont.truetype`: where that cannot open a file, it looks for others of this name.
            return ImageFont.FreeTypeFont(self._path, size, index=face_number(self._path))
        font = ImageFont.load_default(size)
        if not isinstance(font, ImageFont.FreeTypeFont):  # pragma: no cover - Pillow's wheels all have FreeType
            raise LivestillsError("this Pillow was built without FreeType, which writing on pictures needs")
        return font


def run_width(run: Run[Any], style: Style) -> float:
    """The room that a run takes."""
    if run.face is None:
        return len(run.text) * box_pitch(style)
    return float(run.face.width(run.text, style.size))


def box_pitch(style: Style) -> float:
    """From one box that stands for a letter to the next."""
    return style.size * 0.72


def _draw_boxes(canvas: ImageDraw.ImageDraw, at: tuple[float, float], count: int, style: Style) -> None:
    x, baseline = at
    for index in range(count):
        left = x + index * box_pitch(style) + style.size * 0.08
        corners = (round(left), round(baseline - style.size * 0.7), round(left + style.size * 0.54), round(baseline))
        canvas.rectangle(corners, outline=style.colour, width=max(1, style.size // 16))
