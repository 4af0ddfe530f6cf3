"""Lanes: one line a user on a common clock, with a mark for what was going on in each of its columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Final

from cli.clock import Stretch, axis, column_of
from cli.texts import shown
from indexer.timeline.days import usable

ON: Final = "on"
PARTLY: Final = "partly on"


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands for what.  Letters and signs, not colours: it must be read in a log, too."""

    of: Mapping[str, str]
    """By what a legend calls it: `on`, `partly on`, and the causes of gaps."""
    pointer: str
    """Where a recorder took over."""
    ellipsis: str


_CAUSES: Final = {
    "failover": "F",
    "camera-off": "o",
    "session-silent": "s",
    "pending": "~",
    "expired": "x",
    "unknown": "?",
}
SIGNS: Final = Marks(
    MappingProxyType({ON: "█", PARTLY: "▄", **_CAUSES, "not-joined": "·", "left": "-"}), pointer="▼", ellipsis="…"
)
LETTERS: Final = Marks(
    MappingProxyType({ON: "#", PARTLY: "+", **_CAUSES, "not-joined": ".", "left": "-"}), pointer="v", ellipsis="~"
)
"""Where the terminal's encoding has no blocks."""

_WHOLE: Final = 0.95
"""The share of a column that is on where a gap in it is not worth a mark of its own."""


def lane(stretches: Iterable[tuple[Stretch, str]], span: Stretch, width: int) -> list[str | None]:
    """What is said of each of `width` columns of the span: `on`, `partly on`, the cause of most of a gap, or None.

    `stretches` say `on` or a cause.  What is on for a moment only is still seen.
    """
    since, until = span
    found: list[dict[str, float]] = [{} for _ in range(width)]
    cell = (until - since) / width
    for (first, last), what in stretches:
        begin, end = column_of(first, span, width), column_of(last, span, width)
        for column in range(begin, end + 1):
            if not cell:
                share = 1.0
            else:
                starts = since + cell * column
                share = max(min(last, starts + cell) - max(first, starts), timedelta()) / cell
            # A stretch of one moment has a column, one that ends where a column begins has none there.
            if share > 0 or (what == ON and first == last):
                found[column][what] = found[column].get(what, 0.0) + share
    return [_mark(shares) for shares in found]


def _mark(shares: Mapping[str, float]) -> str | None:
    if not shares:
        return None
    if ON in shares:
        rest = sum(share for what, share in shares.items() if what != ON)
        return ON if shares[ON] >= _WHOLE or rest <= 1 - _WHOLE else PARTLY
    return max(shares, key=lambda what: shares[what])


def drawn(lane: Sequence[str | None], marks: Marks) -> str:
    """A lane as text, a character a column."""
    return "".join(" " if what is None else marks.of.get(what, "?") for what in lane)


def legend(used: Iterable[str], marks: Marks) -> str:
    """What the marks mean that occur, in the order in which they are defined."""
    wanted = set(used)
    return "  ".join(f"{mark} {what}" for what, mark in marks.of.items() if what in wanted)


def pointers(moments: Sequence[tuple[datetime, str]], span: Stretch, width: int, marks: Marks) -> str:
    """A line with a pointer at each moment, in time order, and its word where there is place for it."""
    columns = [column_of(moment, span, width) for moment, _ in moments]
    line = ""
    for (_, word), column, following in zip(moments, columns, [*columns[1:], width + 1], strict=True):
        if column < len(line):
            continue
        line = line.ljust(column) + marks.pointer
        if column + 2 + len(word) < following:
            line += f" {word}"
    return line


@dataclass(frozen=True, slots=True)
class Sheet:
    """The measures of a page of lanes."""

    span: Stretch
    zone: tzinfo
    name_columns: int
    lane_columns: int
    marks: Marks

    @classmethod
    def fitting(
        cls, span: Stretch, zone: tzinfo, names: Iterable[str], *, columns: int, marks: Marks = SIGNS
    ) -> "Sheet":
        """Measures for a page of `columns` on which these names stand at the left and two figures at the right."""
        longest = max((display_columns(shown(name)) for name in names), default=0)
        name_columns = min(max(longest, len(_USER)), _LONGEST_NAME)
        lane_columns = max(columns - name_columns - len(_FIGURES) - _SPACE, _SHORTEST_LANE)
        return cls(span, usable(zone, span), name_columns, lane_columns, marks)

    def head(self, failovers: Sequence[tuple[datetime, str]] = ()) -> Iterator[str]:
        """The lines above the lanes: the clock, and where recorders took over, if any did."""
        yield self._line(_USER, axis(self.span, self.lane_columns, self.zone), _FIGURES)
        if failovers:
            yield self._line("", pointers(failovers, self.span, self.lane_columns, self.marks), "")

    def line(self, name: str, lane: Sequence[str | None], presence: str, capture: str) -> str:
        """The line of one user.  The name may be anything."""
        left, right = _FIGURES.split("  ")
        figures = f"{presence:>{len(left)}}  {capture:>{len(right)}}"
        return self._line(shown(name), drawn(lane, self.marks), figures)

    def _line(self, name: str, middle: str, figures: str) -> str:
        cut = cut_to(name, self.name_columns, self.marks)
        padding = " " * (self.name_columns - display_columns(cut))
        return f"{cut}{padding}  {middle:<{self.lane_columns}}  {figures}".rstrip()


_USER: Final = "user"
_FIGURES: Final = "presence  capture"
_SPACE: Final = 4
_LONGEST_NAME: Final = 24
_SHORTEST_LANE: Final = 20


def display_columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    from rich.cells import cell_len

    return cell_len(text)


def cut_to(text: str, columns: int, marks: Marks = SIGNS) -> str:
    """The text, cut off with an ellipsis where it takes more than `columns` of a terminal."""
    from rich.cells import set_cell_size

    if display_columns(text) <= columns:
        return text
    return set_cell_size(text, columns - 1).rstrip(" ") + marks.ellipsis
