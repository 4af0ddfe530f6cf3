"""Thumbnails: CPU time of one, ours against libjpeg-turbo called from C and against all that others use.

The C floor (floor.c) is compiled here; without a compiler or libjpeg-turbo's headers a row says what is missing.
It uses the system's libjpeg-turbo, Pillow the one in its wheel.  It does not resample, so it has no figure for 1080p
to 320x180, which is no scale of libjpeg.
"""

import ctypes
import gc
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Final, TypeAlias

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from benchmarks.compiling import MissingToolError
from benchmarks.measuring import Figure, Scale, cost
from benchmarks.thumbnailers import BARE, Work, starters
from indexer.render.image import QUALITY, BadPictureError, decode, encode
from indexer.render.thumbnail import ThumbSpec, thumbnails, thumbnails_with_sight
from tests.pictures import hostile, photo_jpeg

Make: TypeAlias = Callable[[bytes], bytes]

SOURCES: Final = (
    (640, 360, "320x180", 2, (1.25, 1.4, 1.55)),
    (1280, 720, "320x180", 4, (1.18, 1.4, 1.30)),
    (1920, 1080, "480x270", 4, None),
    (1920, 1080, "320x180", None, None),
)
"""Width, height, thumbnail; the scale at which libjpeg decodes to exactly that, and how many times the C floor ours may
cost without its guards, with them, and with the signature too."""
MORE_ROUNDS: Final = 5
"""A round is short here, and the bounds are narrow."""
BEHIND_BARE: Final = 1.2
"""So many times the CPU time of the fastest library that only decodes and encodes may ours take."""

_OURS: Final = "decode and encode alone"
_GUARDED: Final = "with guards"
_SIGNED: Final = "with guards and signature"
_DEFAULT: Final = "Pillow's thumbnail()"
_FLOOR: Final = "C floor"


def measure(scale: Scale) -> Iterator[Figure]:
    """CPU milliseconds a picture, how close to slow resampling it looks, and what refusing costs."""
    frames, rounds = (2, 1) if scale.rounds == 1 else (12, MORE_ROUNDS * scale.rounds)
    with floor() as found:
        if isinstance(found, str):
            yield Figure(f"C floor left out: {found}", "", 0)
        for width, height, size, denominator, bounds in SOURCES:
            jpegs = [photo_jpeg(width, height, seed) for seed in range(frames)]
            at_floor = found(denominator) if denominator and not isinstance(found, str) else None
            yield from _compared(
                f"{width}x{height} -> {size}", jpegs, ThumbSpec.from_string(size), at_floor, bounds, rounds
            )
    yield _refusals()


def _compared(
    what: str,
    jpegs: Sequence[bytes],
    spec: ThumbSpec,
    at_floor: Make | None,
    bounds: tuple[float, float, float] | None,
    rounds: int,
) -> Iterator[Figure]:
    makers = {_OURS: bare(spec), _GUARDED: guarded(spec), _SIGNED: signed(spec), _DEFAULT: pillow(spec)}
    if at_floor is not None:
        makers[_FLOOR] = at_floor
        assert _size(at_floor(jpegs[0])) == _size(makers[_OURS](jpegs[0])), "the floor does the same work"
    best = [_resampled(jpeg, spec) for jpeg in jpegs[: max(1, len(jpegs) // 4)]]
    with tempfile.TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        turns: dict[str, Callable[[], float]] = {each: _turn(make, jpegs) for each, make in makers.items()}
        alike = {each: _likeness([make(jpeg) for jpeg in jpegs[: len(best)]], best) for each, make in makers.items()}
        for each, start in starters():
            folder = Path(name) / each.replace(" ", "-")
            try:
                ready = stack.enter_context(start(_work(folder, jpegs, spec), _made_in(folder)))
            except MissingToolError as exc:
                yield Figure(f"{what}: {each} left out: {exc}", "", 0)
                continue
            turns[each] = ready.cpu_ms
            made = [path.read_bytes() for path in sorted(ready.made.iterdir())]
            assert {_size(jpeg) for jpeg in made} == {_size(makers[_OURS](jpegs[0]))}, "all make the same size"
            alike[each] = _likeness(made[: len(best)], best)
        spent = _cpu_ms(turns, rounds)
    whole = spent[_SIGNED]
    for each in spent:
        if each not in {_OURS, _GUARDED, _SIGNED}:
            beside = f"{each}, SSIM {alike[each]:.4f}"
            yield Figure(f"{what}, {_SIGNED}, SSIM {alike[_OURS]:.4f}", "ms", whole, spent[each], beside)
    if at_floor is not None:
        for each, bound in zip((_OURS, _GUARDED, _SIGNED), bounds or (None, None, None), strict=True):
            yield Figure(f"{what}, {each}", "x floor", spent[each] / spent[_FLOOR], bound, "bound" if bound else "")
    if behind := [spent[each] for each in spent if each in BARE]:
        for each in (_OURS, _SIGNED):
            yield Figure(
                f"{what}, {each}", "x bare", spent[each] / min(behind), BEHIND_BARE, "bound: the faster of those"
            )


def _work(folder: Path, jpegs: Sequence[bytes], spec: ThumbSpec) -> Work:
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for number, jpeg in enumerate(jpegs):
        (pictures / f"{number:03}.jpg").write_bytes(jpeg)
    return Work(pictures, spec.width, spec.height, QUALITY)


def _made_in(folder: Path) -> Path:
    made = folder / "made"
    made.mkdir(parents=True)
    return made


def _size(jpeg: bytes) -> tuple[int, int]:
    return JpegImageFile(BytesIO(jpeg)).size


def _turn(make: Make, jpegs: Sequence[bytes]) -> Callable[[], float]:
    def turn() -> float:
        start = time.process_time_ns()
        for jpeg in jpegs:
            make(jpeg)
        return (time.process_time_ns() - start) / len(jpegs) / 1e6

    return turn


def _cpu_ms(turns: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Of each, a picture: the best of the rounds, because what else runs on the machine only ever adds to it.

    They take turns, in another order each round, with all pictures in a row as a worker has them: taking turns at
    every picture finds the caches full of another library each time and adds 0.15 of the floor to ours at 360p.
    """
    times: dict[str, list[float]] = {each: [] for each in turns}
    order, chance = list(turns), Random(0)
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        chance.shuffle(order)
        for each in order:
            times[each].append(turns[each]())
    gc.unfreeze()
    return {each: min(found) for each, found in times.items()}


# --- Who makes them -------------------------------------------------------------------------------------------------


def signed(spec: ThumbSpec) -> Make:
    """What `thumbs` does."""
    return lambda data: thumbnails_with_sight(data, [spec], listed_size=len(data))[0].made[0].jpeg


def guarded(spec: ThumbSpec) -> Make:
    """What a sheet does with an original."""
    return lambda data: thumbnails(data, [spec], listed_size=len(data)).made[0].jpeg


def bare(spec: ThumbSpec) -> Make:
    """The same without looking at the file first."""

    def make(data: bytes) -> bytes:
        jpeg = JpegImageFile(BytesIO(data))
        return encode(_shrunk(jpeg, spec))

    return make


def _shrunk(jpeg: JpegImageFile, spec: ThumbSpec) -> Image.Image:
    size = spec.inside(*jpeg.size)
    decoded = decode(jpeg, at_least=size)
    if decoded.picture.size == size:
        return decoded.picture
    return decoded.picture.resize(size, Image.Resampling.BICUBIC, decoded.box, 2.0)


def pillow(spec: ThumbSpec) -> Make:
    """What one would write first."""

    def make(data: bytes) -> bytes:
        with Image.open(BytesIO(data)) as picture:
            picture.thumbnail((spec.width, spec.height))
            buffer = BytesIO()
            picture.save(buffer, "JPEG", quality=QUALITY)
            return buffer.getvalue()

    return make


@contextmanager
def floor() -> Iterator[Callable[[int], Make] | str]:
    """The C floor by the denominator of its scale, or what is missing for it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        library = Path(name) / "floor.so"
        source = Path(__file__).with_name("floor.c")
        command = ["cc", "-O2", "-std=c11", "-shared", "-fPIC", "-o", str(library), str(source), "-ljpeg"]
        try:
            built = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError:
            yield "no C compiler; on Debian: apt-get install gcc libc6-dev libjpeg62-turbo-dev"
            return
        if built.returncode:
            missing = "jpeglib.h" in built.stderr or "-ljpeg" in built.stderr
            yield (
                "no headers of libjpeg-turbo; on Debian: apt-get install libjpeg62-turbo-dev"
                if missing
                else f"cc says {built.stderr.strip().splitlines()[0]}"
            )
            return
        compiled = ctypes.CDLL(str(library))
        compiled.floor_thumbnail.restype = ctypes.c_ulong
        compiled.floor_thumbnail.argtypes = [
            ctypes.c_char_p,
            ctypes.c_ulong,
            ctypes.c_int,
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_void_p),
        ]
        compiled.floor_free.argtypes = [ctypes.c_void_p]

        def by_scale(denominator: int) -> Make:
            def make(data: bytes) -> bytes:
                out = ctypes.c_void_p()
                length = compiled.floor_thumbnail(data, len(data), denominator, QUALITY, ctypes.byref(out))
                jpeg = ctypes.string_at(out, length)
                compiled.floor_free(out)
                return jpeg

            return make

        yield by_scale


# --- How it looks ---------------------------------------------------------------------------------------------------


def _resampled(jpeg: bytes, spec: ThumbSpec) -> Image.Image:
    """What all are compared with: a full decode resampled with LANCZOS."""
    with Image.open(BytesIO(jpeg)) as source:
        return source.resize(spec.inside(*source.size), Image.Resampling.LANCZOS)


def _likeness(made: Sequence[bytes], best: Sequence[Image.Image]) -> float:
    """Of thumbnails as they are in their files."""
    return fmean(ssim(JpegImageFile(BytesIO(jpeg)), picture) for jpeg, picture in zip(made, best, strict=True))


_WINDOW: Final = 8


def ssim(one: Image.Image, other: Image.Image) -> float:
    """Mean structural similarity of two pictures in grey, in windows of 8x8 that overlap by half (Wang et al. 2004)."""
    width, height = one.size
    a, b = one.convert("L").tobytes(), other.convert("L").tobytes()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    count = _WINDOW * _WINDOW
    found = []
    for top in range(0, height - _WINDOW + 1, _WINDOW // 2):
        for left in range(0, width - _WINDOW + 1, _WINDOW // 2):
            starts = range(top * width + left, (top + _WINDOW) * width + left, width)
            x = b"".join(a[start : start + _WINDOW] for start in starts)
            y = b"".join(b[start : start + _WINDOW] for start in starts)
            mean_x, mean_y = sum(x) / count, sum(y) / count
            var_x = sum(v * v for v in x) / count - mean_x**2
            var_y = sum(v * v for v in y) / count - mean_y**2
            both = sum(v * w for v, w in zip(x, y, strict=True)) / count - mean_x * mean_y
            found.append(
                (2 * mean_x * mean_y + c1) * (2 * both + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
            )
    return fmean(found)


# --- What refusing costs --------------------------------------------------------------------------------------------


def _refusals() -> Figure:
    """The dearest of 200 hostile files, whether it was refused or not."""
    spec = ThumbSpec(320, 180)

    dearest = 0.0
    for _, data in hostile(200):

        def attempt(data: bytes = data) -> None:
            with suppress(BadPictureError):
                thumbnails(data, [spec])

        dearest = max(dearest, 1000 * cost(attempt).cpu_s)
    return Figure("the dearest of 200 hostile files, refused or not", "ms", dearest)
