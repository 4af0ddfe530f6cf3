"""C programs that benchmarks need: compiled when they are, in build/."""

import subprocess
import tempfile
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent
BUILD: Final = _FOLDER.parent / "build" / "benchmarks"


class MissingToolError(RuntimeError):
    """Something that a benchmark needs is not on this machine.  The text says what, and how to get it."""


def compiled(source: str, *, includes: tuple[str, ...] = (), build: Path = BUILD) -> Path:
    """The program made from a C file of this folder, made anew when that or what it includes is newer.

    Raises `MissingToolError` without a compiler.
    """
    program = build / Path(source).stem
    newest = max((_FOLDER / name).stat().st_mtime for name in (source, *includes))
    if program.exists() and program.stat().st_mtime > newest:
        return program
    build.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder:
        made = Path(folder) / program.name
        command = ["gcc", "-std=gnu11", "-O2", "-Wall", "-pthread", "-o", str(made), str(_FOLDER / source)]
        try:
            run = subprocess.run(command, capture_output=True, text=True, check=False)
        except FileNotFoundError as exc:
            raise MissingToolError("no C compiler; on Debian: apt-get install gcc libc6-dev") from exc
        if run.returncode:
            raise MissingToolError(f"gcc cannot compile {source}: {run.stderr.strip().splitlines()[0]}")
        made.replace(program)  # at once: another run may start the program just now
    return program
