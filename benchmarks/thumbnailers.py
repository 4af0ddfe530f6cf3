"""Others that make thumbnails, each in processes of its own: libraries that stay, and commands that take batches.

Python libraries are in `.venv-bench`, sharp in `.venv-bench/node` (`make bench` fills both); vipsthumbnail and mogrify
are the system's.  All get the same pictures, size and quality, and one thread.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.children import ROOT
from benchmarks.compiling import MissingToolError
from benchmarks.measuring import child_cost

BARE: Final = frozenset({"simplejpeg", "OpenCV reduced decode"})
"""Those that only decode and encode, without looking at what they get."""

COPIES: Final = 100
"""Pictures of a batch, at least: a command starts once for so many."""

_PLACE: Final = ROOT / ".venv-bench"
_SCRIPTS: Final = Path(__file__).with_name("peers")
_ONE_THREAD: Final = {
    "VIPS_CONCURRENCY": "1",
    "MAGICK_THREAD_LIMIT": "1",
    "OMP_NUM_THREADS": "1",
    "OPENCV_FOR_THREADS_NUM": "1",
    "UV_THREADPOOL_SIZE": "1",
}


@dataclass(frozen=True, slots=True)
class Work:
    """What they shall do."""

    folder: Path
    """With the pictures, *.jpg."""
    width: int
    height: int
    quality: int


@dataclass(frozen=True, slots=True)
class Thumbnailer:
    """One that is ready."""

    name: str
    version: str
    made: Path
    """Where its thumbnails are, under the names of the pictures."""
    cpu_ms: Callable[[], float]
    """Make all once more: CPU milliseconds a picture."""


def environment() -> dict[str, str]:
    """Of all of them."""
    return {**os.environ, **_ONE_THREAD}


def program(name: str, package: str) -> str:
    """Where a program of the system is.  Raises `MissingToolError`."""
    found = shutil.which(name)
    if found is None:
        raise MissingToolError(f"{name} is not installed; on Debian: apt-get install {package}")
    return found


def peer_python() -> str:
    """The interpreter that has the libraries.  Raises `MissingToolError`."""
    python = _PLACE / "bin" / "python"
    if not python.exists():
        raise MissingToolError("it is not installed; `make bench` does that")
    return str(python)


def node_modules() -> str:
    """Where sharp is.  Raises `MissingToolError`."""
    modules = _PLACE / "node" / "node_modules"
    if shutil.which("node") is None or not (modules / "sharp").is_dir():
        raise MissingToolError("it is not installed; `make bench` does that where there is npm")
    return str(modules)


def _library(name: str, command: Callable[[], Sequence[str]]) -> Callable[[Work, Path], Iterator[Thumbnailer]]:
    def start(work: Work, made: Path) -> Iterator[Thumbnailer]:
        size, quality = f"{work.width}x{work.height}", str(work.quality)
        with subprocess.Popen(
            [*command(), str(work.folder), size, quality, str(made)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdin
            assert child.stdout
            assert child.stderr
            version = child.stdout.readline().strip()
            if not version:
                lines = child.stderr.read().strip().splitlines()
                raise MissingToolError(lines[-1] if lines else "it ended at once")
            orders, answers = child.stdin, child.stdout
            pictures = sum(1 for _ in made.iterdir())

            def cpu_ms() -> float:
                orders.write("\n")
                orders.flush()
                return float(answers.readline()) / pictures / 1e6

            yield Thumbnailer(name, version, made, cpu_ms)
            child.stdin.close()

    return start


def _batch(name: str, command: Callable[[Work, Path], Sequence[str]]) -> Callable[[Work, Path], Iterator[Thumbnailer]]:
    def start(work: Work, made: Path) -> Iterator[Thumbnailer]:
        begun = command(work, made)
        version = subprocess.run([begun[0], "--version"], capture_output=True, text=True, check=False).stdout
        numbers = re.search(r"[0-9]+(\.[0-9]+)+(-[0-9]+)?", version)
        pictures = sorted(work.folder.glob("*.jpg"))
        copies = made.parent / f"copies-of-{name}"
        copies.mkdir()
        for turn in range(-(-COPIES // len(pictures))):
            for picture in pictures:
                (copies / f"{turn}-{picture.name}").symlink_to(picture)
        batch = [str(each) for each in sorted(copies.iterdir())]

        def run(files: Sequence[str]) -> None:
            subprocess.run([*begun, *files], env=environment(), check=True)

        def cpu_ms() -> float:
            return 1000 * child_cost(lambda: run(batch)).cpu_s / len(batch)

        run([str(each) for each in pictures])
        wanted = {picture.name for picture in pictures}
        assert {each.name for each in made.iterdir()} == wanted
        yield Thumbnailer(f"{name}, {len(batch)} in a batch", numbers[0] if numbers else "?", made, cpu_ms)

    return start


def _vipsthumbnail(work: Work, made: Path) -> Sequence[str]:
    output = f"{made}/%s.jpg[Q={work.quality},optimize_coding=false,strip]"
    return [program("vipsthumbnail", "libvips-tools"), "-s", f"{work.width}x{work.height}", "-o", output]


def _mogrify(work: Work, made: Path) -> Sequence[str]:
    size = f"{work.width}x{work.height}"
    options = ["-define", f"jpeg:size={size}", "-thumbnail", size, "-quality", str(work.quality)]
    return [program("mogrify", "imagemagick"), *options, "-sampling-factor", "4:2:0", "-path", str(made)]


def _python(name: str) -> Callable[[], Sequence[str]]:
    return lambda: (peer_python(), str(_SCRIPTS / "thumbnails.py"), name)


_ALL: Final = (
    ("simplejpeg", _library("simplejpeg", _python("simplejpeg"))),
    ("OpenCV reduced decode", _library("OpenCV reduced decode", _python("opencv"))),
    ("pyvips thumbnail_buffer", _library("pyvips thumbnail_buffer", _python("pyvips"))),
    ("sharp", _library("sharp", lambda: ("node", str(_SCRIPTS / "thumbnails.cjs"), node_modules()))),
    ("vipsthumbnail", _batch("vipsthumbnail", _vipsthumbnail)),
    ("mogrify", _batch("mogrify", _mogrify)),
)


def starters() -> Iterator[tuple[str, Callable[[Work, Path], AbstractContextManager[Thumbnailer]]]]:
    """Each by its name; starting one raises `MissingToolError` where it is not installed or cannot do the work."""
    for name, start in _ALL:
        yield name, contextmanager(start)
