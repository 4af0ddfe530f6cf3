"""A sheet of 10x10: ours as JPEG page, PDF and HTML against ImageMagick's montage, ffmpeg's tile filter and libvips.

All get the same files and one thread.  Ours writes a header and a caption under each tile, the others pictures alone.
Everybody's start is taken off: of commands, what they take to tell their version; of libraries, everything before the
second sheet.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Final

from PIL.JpegImagePlugin import JpegImageFile

from benchmarks.compiling import MissingToolError
from benchmarks.measuring import Figure, Scale, child_cost
from benchmarks.thumbnailers import environment, peer_python, program
from indexer.render.contact_sheet import QUALITY, ContactSheet
from indexer.render.fonts import Fonts
from indexer.render.sheet_html import HtmlSheet
from indexer.render.sheet_layout import Layout
from indexer.render.sheet_model import Document, SheetHead, Tile
from indexer.render.sheet_pdf import PdfFonts, PdfSheet
from indexer.render.thumbnail import ThumbSpec, thumbnails
from tests.pictures import photo_jpeg

LEAD_FROM_THUMBNAILS: Final = 2.0
"""So many times less CPU time than the best of the others shall ours take."""

_SIDE: Final = 10
_TILE: Final = ThumbSpec(320, 180)
_SOURCE: Final = 1280, 720
_NOON: Final = datetime(2026, 11, 5, 12, tzinfo=UTC)
_MORE_ROUNDS: Final = 3

Turn = Callable[[], float]


def measure(scale: Scale) -> Iterator[Figure]:
    """CPU milliseconds a sheet."""
    rounds = 1 if scale.rounds == 1 else _MORE_ROUNDS * scale.rounds
    frames = [photo_jpeg(*_SOURCE, seed) for seed in range(2 if rounds == 1 else 12)]
    originals = [frames[number % len(frames)] for number in range(_SIDE * _SIDE)]
    small = [thumbnails(frame, [_TILE]).made[0].jpeg for frame in frames]
    ready = [small[number % len(small)] for number in range(_SIDE * _SIDE)]
    yield from _compared("sheet of 10x10 from 720p", originals, rounds, lead=1.0, shrink=True)
    yield from _compared("sheet of 10x10 from thumbnails", ready, rounds, lead=LEAD_FROM_THUMBNAILS, shrink=False)


def _compared(what: str, jpegs: Sequence[bytes], rounds: int, *, lead: float, shrink: bool) -> Iterator[Figure]:
    ours: dict[str, Turn] = {name: _ours(make, jpegs, shrink=shrink) for name, make in _DOCUMENTS.items()}
    turns = dict(ours)
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        folder = Path(name)
        for number, jpeg in enumerate(jpegs):
            (folder / f"{number:03}.jpg").write_bytes(jpeg)
        for peer, command in _COMMANDS.items():
            if peer == _QUARTER and not shrink:  # what is small already would be blown up again
                continue
            try:
                turns[peer] = _command(command(folder, folder / "out.jpeg"), folder / "out.jpeg")
            except MissingToolError as exc:
                yield Figure(f"{what}: {peer} left out: {exc}", "", 0)
        try:
            turns[_PYVIPS] = stack.enter_context(_pyvips(folder, folder / "out.jpeg"))
        except MissingToolError as exc:
            yield Figure(f"{what}: {_PYVIPS} left out: {exc}", "", 0)
        spent = _taking_turns(turns, rounds)
    peers = {each: spent[each] for each in spent if each not in ours}
    page = spent[_PAGE]
    for each, peer_ms in peers.items():
        yield Figure(f"{what}, {_PAGE}", "ms CPU", page, peer_ms, each)
    for each in ours:
        if peers:
            best = min(peers, key=peers.__getitem__)
            told = f"the best, {best}" if lead == 1 else f"bound: 1/{lead:g} of the best, {best}"
            yield Figure(f"{what}, {each}", "ms CPU", spent[each], peers[best] / lead, told)
        else:
            yield Figure(f"{what}, {each}", "ms CPU", spent[each])


def _taking_turns(turns: Mapping[str, Turn], rounds: int) -> dict[str, float]:
    """The best of the rounds, because what else runs on the machine only ever adds to it."""
    times: dict[str, list[float]] = {each: [] for each in turns}
    order, chance = list(turns), Random(0)
    for _ in range(rounds):
        chance.shuffle(order)
        for each in order:
            times[each].append(turns[each]())
    return {each: min(found) for each, found in times.items()}


# --- Ours -----------------------------------------------------------------------------------------------------------

_PAGE: Final = "JPEG page with captions"
_LAYOUT: Final = Layout(_TILE, _SIDE, _SIDE)

_DOCUMENTS: Final[Mapping[str, Callable[[SheetHead], Document]]] = {
    _PAGE: lambda head: ContactSheet(head, zone=UTC, fonts=Fonts(), layout=_LAYOUT),
    "PDF": lambda head: PdfSheet(head, zone=UTC, fonts=PdfFonts(), layout=_LAYOUT),
    "HTML": lambda head: HtmlSheet(head, zone=UTC, layout=_LAYOUT),
}


def _ours(document: Callable[[SheetHead], Document], jpegs: Sequence[bytes], *, shrink: bool) -> Turn:
    head = SheetHead("User 2814733029", (("Channel", "algebra-7b"),), tiles=len(jpegs))

    def make() -> bytes:
        tiles = (
            Tile(
                _NOON + timedelta(seconds=10 * number),
                thumbnails(jpeg, [_TILE], listed_size=len(jpeg)).made[0].jpeg if shrink else jpeg,
            )
            for number, jpeg in enumerate(jpegs)
        )
        (file,) = (b"".join(pieces) for pieces in document(head).files(tiles))
        return file

    def turn() -> float:
        start = time.process_time_ns()
        make()
        return (time.process_time_ns() - start) / 1e6

    turn()
    return turn


# --- Theirs ---------------------------------------------------------------------------------------------------------

_QUARTER: Final = "ffmpeg tile, decoding a quarter"
_PYVIPS: Final = "pyvips, thumbnail and arrayjoin"


def _montage(folder: Path, out: Path) -> Sequence[Sequence[str]]:
    size = str(_TILE)
    options = ["-geometry", f"{size}+8+8", "-tile", f"{_SIDE}x{_SIDE}", "-quality", str(QUALITY)]
    hint = ["-define", f"jpeg:size={size}"]
    files = [str(each) for each in sorted(folder.glob("*.jpg"))]
    return [[program("montage", "imagemagick"), *hint, *files, *options, f"jpeg:{out}"]]


def _ffmpeg(folder: Path, out: Path, *, lowres: int) -> Sequence[Sequence[str]]:
    options = ["-nostdin", "-loglevel", "error", "-y", "-threads", "1", "-filter_threads", "1"]
    options += ["-lowres", str(lowres)] if lowres else []
    drawn = f"scale={_TILE.width}:{_TILE.height},tile={_SIDE}x{_SIDE}:padding=16"
    made = ["-vf", drawn, "-frames:v", "1", "-q:v", "3", "-threads", "1", "-f", "mjpeg", str(out)]
    return [[program("ffmpeg", "ffmpeg"), *options, "-i", str(folder / "%03d.jpg"), *made]]


def _vips(folder: Path, out: Path) -> Sequence[Sequence[str]]:
    thumbs = folder / "thumbs"
    thumbs.mkdir(exist_ok=True)
    files = sorted(folder.glob("*.jpg"))
    joined = " ".join(str(thumbs / f"{each.stem}.v") for each in files)
    return [
        [program("vipsthumbnail", "libvips-tools"), "-s", str(_TILE), "-o", f"{thumbs}/%s.v", *map(str, files)],
        [
            *(program("vips", "libvips-tools"), "arrayjoin", joined, f"{out.with_suffix('.jpg')}[Q={QUALITY},strip]"),
            *("--across", str(_SIDE), "--shim", "16"),
        ],
        ["mv", str(out.with_suffix(".jpg")), str(out)],
    ]


_COMMANDS: Final[Mapping[str, Callable[[Path, Path], Sequence[Sequence[str]]]]] = {
    "ImageMagick montage": _montage,
    "ffmpeg tile": lambda folder, out: _ffmpeg(folder, out, lowres=0),
    _QUARTER: lambda folder, out: _ffmpeg(folder, out, lowres=2),
    "vipsthumbnail and vips arrayjoin": _vips,
}


def _command(lines: Sequence[Sequence[str]], out: Path) -> Turn:
    def run(commands: Sequence[Sequence[str]]) -> float:
        def work() -> None:
            for line in commands:
                subprocess.run(line, env=environment(), stdout=subprocess.DEVNULL, check=True)

        return 1000 * child_cost(work).cpu_s

    start_ms = min(
        run([[line[0], "-version" if "ffmpeg" in line[0] else "--version"] for line in lines]) for _ in range(3)
    )

    def turn() -> float:
        return run(lines) - start_ms

    turn()
    _check(out)
    return turn


@contextmanager
def _pyvips(folder: Path, out: Path) -> Iterator[Turn]:
    script = Path(__file__).with_name("peers") / "sheet.py"
    with subprocess.Popen(
        [peer_python(), str(script), str(folder), str(_TILE), str(QUALITY), str(out)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin
        assert child.stdout
        assert child.stderr
        orders, answers = child.stdin, child.stdout
        if not answers.readline():
            raise MissingToolError(child.stderr.read().strip().rpartition("\n")[2])
        _check(out)

        def turn() -> float:
            orders.write("\n")
            orders.flush()
            return float(answers.readline()) / 1e6

        yield turn
        orders.close()


def _check(out: Path) -> None:
    """That a sheet was drawn, and of that size: without outer margins it may be a little smaller than ours."""
    width, height = JpegImageFile(BytesIO(out.read_bytes())).size
    assert 0 <= width - _SIDE * _TILE.width <= 16 * _SIDE + 16, (width, height)
    assert 0 <= height - _SIDE * _TILE.height <= 16 * _SIDE + 16, (width, height)
    out.unlink()
