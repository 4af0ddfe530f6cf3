"""Thumbnails: CPU time of one, ours against Pillow's default and against libjpeg-turbo called from C.

The C floor (floor.c) is compiled here; without a compiler or libjpeg-turbo's headers a row says what is missing.
It uses the system's libjpeg-turbo, Pillow the one in its wheel.  It does not resample, so it has no figure for 1080p
to 320x180, which is no scale of libjpeg.
"""

import ctypes
import gc
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from random import Random
from statistics import fmean, median
from typing import Final, TypeAlias

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from benchmarks.measuring import Figure, Scale, cost
from indexer.render.image import QUALITY, BadPictureError, decode, encode
from indexer.render.thumbnail import ThumbSpec, thumbnails
from tests.pictures import hostile, photo_jpeg

Make: TypeAlias = Callable[[bytes], bytes]

SOURCES: Final = (
    (640, 360, "320x180", 2, (1.25, 1.4)),
    (1280, 720, "320x180", 4, (1.18, 1.4)),
    (1920, 1080, "480x270", 4, None),
    (1920, 1080, "320x180", None, None),
)
"""Width, height, thumbnail; the scale at which libjpeg decodes to exactly that, and how many times the C floor ours may
cost without and with its guards."""
MORE_ROUNDS: Final = 5
"""A round is short here, and the bounds are narrow."""


def measure(scale: Scale) -> Iterator[Figure]:
    """CPU milliseconds a picture, how close to slow resampling it looks, and what refusing costs."""
    frames, rounds = (2, 1) if scale.rounds == 1 else (12, MORE_ROUNDS * scale.rounds)
    with floor() as found:
        if isinstance(found, str):
            yield Figure(f"C floor left out: {found}", "", 0)
        for width, height, size, denominator, bounds in SOURCES:
            jpegs = [photo_jpeg(width, height, seed) for seed in range(frames)]
            spec = ThumbSpec.from_string(size)
            makers: list[Make] = [bare(spec), guarded(spec), pillow(spec)]
            if denominator and not isinstance(found, str):
                makers.append(found(denominator))
                assert _size(makers[-1](jpegs[0])) == _size(makers[0](jpegs[0])), "the floor does the same work"
            alone, whole, default, *least = _cpu_ms(makers, jpegs, rounds)
            what = f"{width}x{height} -> {size}"
            yield Figure(f"{what}, with guards", "ms", whole, default, "Pillow's thumbnail()")
            for floor_ms in least:
                yield Figure(f"{what}, with guards", "ms", whole, floor_ms, "C floor")
                yield Figure(f"{what}, decode and encode alone", "ms", alone, floor_ms, "C floor")
                if bounds:
                    yield Figure(f"{what}, decode and encode alone", "x floor", alone / floor_ms, bounds[0], "bound")
                    yield Figure(f"{what}, with guards", "x floor", whole / floor_ms, bounds[1], "bound")
            yield _likeness(what, jpegs[: max(1, frames // 4)], spec)
    yield _refusals()


def _size(jpeg: bytes) -> tuple[int, int]:
    return JpegImageFile(BytesIO(jpeg)).size


def _cpu_ms(makers: Sequence[Make], jpegs: Sequence[bytes], rounds: int) -> list[float]:
    """Of each maker, a picture: the median of the rounds.

    They take turns, in another order each round, with all pictures in a row as a worker has them: taking turns at
    every picture finds the caches full of another library each time and adds 0.15 of the floor to ours at 360p.
    """
    times: list[list[int]] = [[] for _ in makers]
    order, chance = list(range(len(makers))), Random(0)
    gc.collect()
    gc.freeze()
    for _ in range(rounds):
        chance.shuffle(order)
        for each in order:
            start = time.process_time_ns()
            for jpeg in jpegs:
                makers[each](jpeg)
            times[each].append(time.process_time_ns() - start)
    gc.unfreeze()
    return [median(found) / len(jpegs) / 1e6 for found in times]


# --- Who makes them -------------------------------------------------------------------------------------------------


def guarded(spec: ThumbSpec) -> Make:
    """What the command does."""
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


def _likeness(what: str, jpegs: Sequence[bytes], spec: ThumbSpec) -> Figure:
    """Of pixels, before they are encoded, to those of a full decode resampled with LANCZOS."""
    ours, theirs = [], []
    for jpeg in jpegs:
        with Image.open(BytesIO(jpeg)) as source:
            best = source.resize(spec.inside(*source.size), Image.Resampling.LANCZOS)
        with Image.open(BytesIO(jpeg)) as source:
            source.thumbnail((spec.width, spec.height))
            theirs.append(ssim(source, best))
        ours.append(ssim(_shrunk(JpegImageFile(BytesIO(jpeg)), spec), best))
    beside = f"to LANCZOS; Pillow's thumbnail() {fmean(theirs):.4f}"
    return Figure(f"{what}, structural similarity (SSIM)", "", fmean(ours), None, beside)


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
