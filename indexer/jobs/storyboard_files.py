"""The texts of a storyboard: WebVTT on the clock of the wall and in media time, and JSON that says what is what."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from indexer.agora.playlists import PRECISION
from indexer.jobs.media import Media
from indexer.jobs.storyboard_drawing import Drawn
from indexer.jobs.storyboard_plan import Plan, Sheet
from indexer.jobs.written import Text, write_file
from indexer.model import Shot, rfc3339
from indexer.render.image import Flaw
from indexer.render.storyboard import Board, NoPicture, draw_sprite
from indexer.render.thumbnail import ThumbSpec
from indexer.render.webvtt import Box, ThumbnailCue, UnshowableError, write_thumbnails
from indexer.timeline.cues import Cell, Cue, Placed, left_out, media_cues

SAMPLES: Final = 20
"""Shots without a picture that a result names."""

VERSION: Final = 1
"""Of the JSON."""
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(slots=True)
class Result:
    """What became of one series."""

    cname: str
    sid: str
    uid: str
    state: str = "made"
    """`made`, `there` (an earlier run made the same), or `failed`."""
    vtt: Path | None = None
    media_vtt: Path | None = None
    json: Path | None = None
    sprites: int = 0
    tiles: int = 0
    """Shots, with and without a picture."""
    gaps: int = 0
    bytes: int = 0
    """Of all files."""
    from_thumbnails: int = 0
    wall: timedelta = timedelta()
    media: timedelta | None = None
    left_out: int = 0
    """Shots that are in no recording, of a series that was recorded."""
    flawed: Counter[str] = field(default_factory=Counter)
    """Shots without a picture, by reason."""
    samples: list[tuple[str, str]] = field(default_factory=list)
    """Keys of some of them, with the reason."""
    notes: list[str] = field(default_factory=list)
    failure: str | None = None
    """Why there is no storyboard."""
    media_failure: str | None = None
    """Why there is none in media time, although the series was recorded."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be written for a series."""

    inputs: str
    """A digest of everything that it is made from."""
    sprites: frozenset[str]
    """Their names, without the one that is shown where media time has no cell."""
    tile: ThumbSpec
    media: bool
    """Whether there is to be WebVTT in media time."""


_LASTING: Final = frozenset(map(str, Flaw)) - {str(Flaw.WRONG_SIZE)}
"""Reasons that are in the bytes that were cataloged.  All others may pass, and nothing that is cataloged tells when:
an object is put back, a source is configured, one that was archived gets a thumbnail."""

HEAD_LENGTH: Final = 512
"""Of the first line of the JSON: all reasons there are, each with a count of ten digits, take less."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first line of the JSON, by which a later run knows what it was made from and what became of that."""

    inputs: str
    flawed: Mapping[str, int]
    blank: bool
    """Whether media time shows the sprite that says that there is no cell."""

    def __str__(self) -> str:
        facts = {"version": VERSION, "inputs": self.inputs, "no_picture": self.flawed, "blank": self.blank}
        return (_json(facts).removesuffix("}") + ",").ljust(HEAD_LENGTH - 1) + "\n"


@dataclass(frozen=True, slots=True)
class Files:
    """What the files of a series are called."""

    folder: Path
    stem: str
    earlier: frozenset[str] = frozenset()
    """Sprites of it that earlier runs have left."""

    @property
    def vtt(self) -> Path:
        """On the clock of the wall."""
        return self.folder / f"{self.stem}.vtt"

    @property
    def media_vtt(self) -> Path:
        """In media time."""
        return self.folder / f"{self.stem}.media.vtt"

    @property
    def json(self) -> Path:
        """What is what."""
        return self.folder / f"{self.stem}.json"

    def sprite(self, sheet: Sheet) -> str:
        """The name of a sprite."""
        return f"{self.stem}-{sheet.number + 1:04d}-{sheet.digest()}.jpg"

    def blank(self, tile: ThumbSpec) -> str:
        """The name of the sprite that is shown where media time has no cell."""
        return f"{self.stem}-none-{tile}.jpg"

    def hold(self, wanted: Wanted) -> Counter[str] | None:
        """Its shots without a picture, if an earlier run has written just this, and would not do better today."""
        told = self._told(wanted.inputs)
        if told is None:
            return None
        flawed, sprites = told.flawed, wanted.sprites | ({self.blank(wanted.tile)} if told.blank else set())
        texts = (self.vtt, self.media_vtt) if wanted.media else (self.vtt,)
        whole = sprites <= self.earlier and all(path.is_file() for path in texts)
        return Counter(flawed) if whole and flawed.keys() <= _LASTING else None

    def _told(self, inputs: str) -> Head | None:
        """What the JSON begins with, if it was made from the same and by a run that wrote as we do."""
        try:
            with self.json.open(encoding="utf-8") as file:
                line = file.readline(HEAD_LENGTH + 1)
            found = json.loads(line.rstrip().removesuffix(",") + "}")
            flawed = {reason: int(count) for reason, count in found["no_picture"].items()}
            head = Head(inputs, flawed, blank=bool(found["blank"]))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return None
        return head if str(head) == line else None


_SPRITE: Final = re.compile(r"(storyboard_.*_[0-9a-f]{16})-(?:[0-9]{4,}-[0-9a-f]{12}|none-[0-9]+x[0-9]+)\.jpg")


def earlier_sprites(folder: Path) -> dict[str, frozenset[str]]:
    """The sprites in a folder, by what the files of their series begin with."""
    found: dict[str, set[str]] = {}
    for name in os.listdir(folder):  # noqa: PTH208 - a path for each of a million files takes longer than all the rest
        sprite = _SPRITE.fullmatch(name)
        if sprite is not None:
            found.setdefault(sprite[1], set()).add(name)
    return {stem: frozenset(names) for stem, names in found.items()}


class Writing:
    """The files of a series that is at work.  Sprites may come in any order; what is told of them is in theirs."""

    def __init__(self, plan: Plan, media: Media, result: Result, inputs: str, files: Files) -> None:
        self._plan, self._media, self._result, self._files = plan, media, result, files
        self._inputs = inputs
        self._expected: dict[int, tuple[Sheet, str]] = {}
        self._waiting: dict[int, Drawn | None] = {}
        self._next = 0
        self._last: int | None = None
        self._sprites: list[tuple[str, Drawn]] = []
        self._placed: list[Placed] = []
        self._shown: list[tuple[int, int]] = []
        """Of each cell: the number of its sprite, and its slot."""
        self._text = Text(files.json)
        self._text.write(
            str(Head(inputs, {}, blank=False))
            + "".join(f'"{name}": {_json(value)},\n' for name, value in self._facts())
        )
        self._text.write('"tiles": [')

    def _facts(self) -> Iterator[tuple[str, object]]:
        plan, board = self._plan, self._plan.wishes.board
        yield "cname", plan.series.cname
        yield "sid", plan.series.sid
        yield "uid", plan.series.uid
        yield "begins_at", rfc3339(plan.begin)
        yield "vtt", self._files.vtt.name
        yield "tile", {"width": board.tile.width, "height": board.tile.height}
        yield "grid", {"columns": board.columns, "rows": board.rows}

    def expect(self, sheet: Sheet, *, is_last: bool) -> str:
        """A sprite is on its way; the name to write it under."""
        name = self._files.sprite(sheet)
        self._expected[sheet.number] = sheet, name
        if is_last:
            self._last = sheet.number
        return name

    def take(self, number: int, drawn: Drawn | None) -> None:
        """A sprite is there, or will never be."""
        self._waiting[number] = drawn
        while self._next in self._waiting:
            sheet, name = self._expected.pop(self._next)
            found = self._waiting.pop(self._next)
            self._next += 1
            if found is None:
                self._result.state = "failed"
                self._result.failure = f"sprite {sheet.number + 1:,} took too long, or ended its worker: run it again"
            else:
                self._tell(sheet, name, found)

    @property
    def is_done(self) -> bool:
        """Whether the last sprite has been told."""
        return self._last is not None and self._next > self._last

    def _tell(self, sheet: Sheet, name: str, drawn: Drawn) -> None:
        result, clock, board = self._result, self._media.clock, self._plan.wishes.board
        self._sprites.append((name, drawn))
        result.bytes += drawn.bytes
        result.from_thumbnails += drawn.from_thumbnails
        for cell, slot in zip(sheet.cells, sheet.slots, strict=True):
            out = clock is not None and left_out(cell, clock)
            result.left_out += out
            self._text.write("\n" if not self._shown else ",\n")
            self._shown.append((sheet.number, slot))
            self._placed.append(Placed(cell.since, cell.until, out))
            reason = drawn.reasons.get(slot) if cell.gap is None else str(cell.gap.cause)
            if cell.shot is not None and reason is not None:
                result.flawed[reason] += 1
                if len(result.samples) < SAMPLES:
                    result.samples.append((cell.shot.key, reason))
            place = {"sprite": name, **_place(board.box(slot))}
            self._text.write(_json({**self._times(cell), **place, **_described(cell), "no_picture": reason}))

    def _times(self, cell: Cell[Shot]) -> dict[str, float]:
        return {"start": self._wall_ms(cell.since) / 1000, "end": self._wall_ms(cell.until) / 1000}

    def _wall_ms(self, moment: datetime) -> int:
        return (moment - self._plan.begin) // _MILLISECOND

    def end(self) -> Result:
        """Write the texts, remove what an earlier run has left, and tell what there is now."""
        if self._result.failure is None:
            try:
                self._end()
            except UnshowableError as exc:
                self._result.state, self._result.failure = "failed", str(exc)
        self.close()
        return self._result

    def _end(self) -> None:
        result, files = self._result, self._files
        wall = (
            Cue(self._wall_ms(each.since), self._wall_ms(each.until), index) for index, each in enumerate(self._placed)
        )
        result.bytes += self._write_vtt(files.vtt, wall)
        result.vtt = files.vtt
        media: list[Cue] = []
        blank = False
        if self._media.clock is not None and result.media_failure is None:
            media = media_cues(self._placed, self._media.clock, pause=self._plan.pause)
            blank = any(cue.cell is None for cue in media)
            if blank:
                self._write_blank()
            result.bytes += self._write_vtt(files.media_vtt, media)
            result.media_vtt = files.media_vtt
        self._text.write("\n],\n")
        self._text.write(f'"sprites": {_json([_sprite(*each) for each in self._sprites])},\n')
        self._text.write(f'"media": {_json(self._told_media(media))}}}\n')
        self._text.write_over(str(Head(self._inputs, result.flawed, blank=blank)))
        result.bytes += self._text.end()
        result.json = files.json
        kept = {name for name, _ in self._sprites}
        for name in files.earlier - kept:
            (files.folder / name).unlink(missing_ok=True)
        if result.media_vtt is None:
            files.media_vtt.unlink(missing_ok=True)

    def _told_media(self, cues: Sequence[Cue]) -> object:
        if self._result.media_vtt is None:
            return None
        return {
            "vtt": self._files.media_vtt.name,
            "playlists": [{"source": source, "key": key} for source, key in self._media.playlists],
            "precision_s": PRECISION.total_seconds(),
            "left_out": self._result.left_out,
            "cues": [{"start": cue.start_ms / 1000, "end": cue.end_ms / 1000, "tile": cue.cell} for cue in cues],
        }

    def _write_blank(self) -> None:
        tile = self._plan.wishes.board.tile
        blank = draw_sprite(Board(tile, 1, 1), [NoPicture("no picture")], count=1)
        name = self._files.blank(tile)
        write_file(self._files.folder / name, blank.jpeg)
        self._sprites.append((name, Drawn(len(blank.jpeg), blank.width, blank.height, {}, 0)))
        self._result.bytes += len(blank.jpeg)

    def _write_vtt(self, path: Path, cues: Iterable[Cue]) -> int:
        text = Text(path)
        try:
            for part in write_thumbnails(map(self._cue, cues)):
                text.write(part)
            return text.end()
        finally:
            text.close()

    def _cue(self, cue: Cue) -> ThumbnailCue:
        board, base = self._plan.wishes.board, self._plan.wishes.base_url
        if cue.cell is None:
            box = Box(0, 0, board.tile.width, board.tile.height)
            return ThumbnailCue(cue.start_ms, cue.end_ms, base + self._files.blank(board.tile), box)
        number, slot = self._shown[cue.cell]
        return ThumbnailCue(cue.start_ms, cue.end_ms, base + self._sprites[number][0], board.box(slot))

    def close(self) -> None:
        """Leave nothing half-written."""
        self._text.close()


_json: Final = json.JSONEncoder().encode  # ASCII, whatever a channel is called


def _place(box: Box) -> dict[str, int]:
    return {"x": box.x, "y": box.y, "w": box.width, "h": box.height}


def _described(cell: Cell[Shot]) -> dict[str, object]:
    if cell.shot is not None:
        shot = cell.shot
        captured_at = rfc3339(shot.captured_at)
        return {
            "captured_at": captured_at,
            "source": shot.source,
            "key": shot.key,
            "etag": shot.etag or None,
            "bak": shot.bak,
        }
    nothing: dict[str, object] = dict.fromkeys(("captured_at", "source", "key", "etag", "bak"))
    if cell.gap is None:
        return nothing
    gap = cell.gap
    return {
        **nothing,
        "gap": {"since": rfc3339(gap.since), "until": rfc3339(gap.until), "evidence": gap.evidence},
    }


def _sprite(name: str, drawn: Drawn) -> dict[str, object]:
    return {"file": name, "width": drawn.width, "height": drawn.height, "bytes": drawn.bytes}
