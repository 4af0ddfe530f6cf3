"""pyvips draws a sheet of 10 columns: `python sheet.py FOLDER WxH QUALITY OUT`, spoken to as thumbnails.py is."""

import importlib
import sys
import time
from pathlib import Path
from typing import Any

vips: Any = importlib.import_module("pyvips")


def main(folder: str, size: str, quality: str, out: str) -> None:
    vips.cache_set_max(0)
    width, height = map(int, size.split("x"))
    files = [str(file) for file in sorted(Path(folder).glob("*.jpg"))]

    def make() -> None:
        tiles = [vips.Image.thumbnail(file, width, height=height) for file in files]
        vips.Image.arrayjoin(tiles, across=10, shim=16).jpegsave(out, Q=int(quality), subsample_mode="on", keep="none")

    make()
    print(f"{vips.__version__}, libvips {vips.version(0)}.{vips.version(1)}", flush=True)
    for _ in sys.stdin:
        start = time.process_time_ns()
        make()
        print(time.process_time_ns() - start, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
