"""A library that makes thumbnails, in an environment of its own: `python thumbnails.py LIBRARY FOLDER WxH QUALITY OUT`.

Reads all pictures of the folder, writes a thumbnail of each to OUT and prints one line with its version.  Then, for
every line on its standard input, it makes them all once more from memory and prints the CPU time of that in
nanoseconds, of all threads.  One thread is all it may use.
"""

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Make = Callable[[bytes], bytes]


def simplejpeg(width: int, height: int, quality: int) -> tuple[str, Make]:
    library = importlib.import_module("simplejpeg")

    def make(data: bytes) -> bytes:
        pixels = library.decode_jpeg(data, min_width=width, min_height=height, min_factor=1)
        if pixels.shape[:2] != (height, width):
            raise SystemExit("it decodes only to scales of libjpeg")
        return bytes(library.encode_jpeg(pixels, quality=quality, colorsubsampling="420"))

    return importlib.import_module("importlib.metadata").version("simplejpeg"), make


def opencv(width: int, height: int, quality: int) -> tuple[str, Make]:
    """The largest scale that is not below the size, and its own resize where that is not the size."""
    library: Any = importlib.import_module("cv2")
    library.setNumThreads(1)
    flags = {
        1: library.IMREAD_COLOR,
        2: library.IMREAD_REDUCED_COLOR_2,
        4: library.IMREAD_REDUCED_COLOR_4,
        8: library.IMREAD_REDUCED_COLOR_8,
    }
    numpy: Any = importlib.import_module("numpy")
    options = [library.IMWRITE_JPEG_QUALITY, quality]

    def make(data: bytes) -> bytes:
        wide, high = _declared(data)
        scale = max(each for each in flags if wide // each >= width and high // each >= height)
        pixels = library.imdecode(numpy.frombuffer(data, numpy.uint8), flags[scale])
        if pixels.shape[:2] != (height, width):
            pixels = library.resize(pixels, (width, height), interpolation=library.INTER_AREA)
        return bytes(library.imencode(".jpg", pixels, options)[1])

    return str(library.__version__), make


def pyvips(width: int, height: int, quality: int) -> tuple[str, Make]:
    library: Any = importlib.import_module("pyvips")  # VIPS_CONCURRENCY is in the environment
    library.cache_set_max(0)

    def make(data: bytes) -> bytes:
        picture = library.Image.thumbnail_buffer(data, width, height=height)
        return bytes(picture.jpegsave_buffer(Q=quality, subsample_mode="on", keep="none"))

    return f"{library.__version__}, libvips {library.version(0)}.{library.version(1)}", make


def _declared(data: bytes) -> tuple[int, int]:
    """Width and height, which OpenCV does not tell before it decodes.  Costs microseconds."""
    at = 2
    while data[at + 1] not in {0xC0, 0xC1, 0xC2}:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")


def main(name: str, folder: str, size: str, quality: str, out: str) -> None:
    width, height = map(int, size.split("x"))
    version, make = {"simplejpeg": simplejpeg, "opencv": opencv, "pyvips": pyvips}[name](width, height, int(quality))
    files = sorted(Path(folder).glob("*.jpg"))
    pictures = [file.read_bytes() for file in files]
    for file, picture in zip(files, pictures, strict=True):
        (Path(out) / file.name).write_bytes(make(picture))
    print(version, flush=True)
    for _ in sys.stdin:
        start = time.process_time_ns()
        for picture in pictures:
            make(picture)
        print(time.process_time_ns() - start, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
