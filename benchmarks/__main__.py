"""`python -m benchmarks [SUBJECT...] [--quick] [--json FILE]`: measure, and print one table."""

import argparse
import json
import os
import platform
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.compiling import MissingToolError
from benchmarks.measuring import FULL, QUICK, Figure, Scale, cost, row

SUBJECTS: Final = (
    "names",
    "parse",
    "listing",
    "sync",
    "catalog",
    "imaging",
    "sheets",
    "pictures_s3",
    "emulator",
    "robustness",
    "race",
    "nightly",
    "vast",
    "peaks",
    "lookups",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure against peers, floors, bounds.")
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"some of: {', '.join(SUBJECTS)}")
    parser.add_argument("--quick", action="store_true", help="a smoke run: small, one round, the figures mean little")
    parser.add_argument("--shots", type=int, metavar="N", help="shots of the histories of lookups, for one million")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write machine and figures there too")
    options = parser.parse_args()
    scale = QUICK if options.quick else FULL
    if options.shots is not None:
        scale = replace(scale, history_shots=options.shots)
    unknown = sorted(set(options.subjects) - set(SUBJECTS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(SUBJECTS)}")
    about = machine()
    print("; ".join(f"{name} {text}" for name, text in about.items()))
    print(row("", "unit", "ours", "peer", "ratio", "peer is"))
    figures: list[Figure] = []
    for subject in options.subjects or SUBJECTS:
        measure: Callable[[Scale], Iterator[Figure]] = import_module(f"benchmarks.{subject}").measure
        for figure in _until_missing(subject, measure(scale)):
            print(figure, flush=True)
            figures.append(figure)
    if options.json:
        rows = [
            {"what": each.what, "unit": each.unit, "ours": each.ours, "peer": each.peer}
            | {"peer_name": each.peer_name, "ratio": each.ratio}
            for each in figures
        ]
        options.json.write_text(json.dumps({"about": about, "figures": rows}, indent=1) + "\n")


def _until_missing(subject: str, measured: Iterator[Figure]) -> Iterator[Figure]:
    """The figures of a subject; where something is missing on this machine, a row in place of the rest."""
    try:
        yield from measured
    except MissingToolError as exc:
        yield Figure(f"{subject}: the rest left out: {exc}", "", 0)


def machine() -> dict[str, str]:
    """Where the figures come from."""
    load = os.getloadavg()[0]
    return {
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, load {load:.1f}",
        "speed": f"{speed():.0f} ns a turn of an empty loop",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "boto3": version("boto3"),
        "Pillow": version("pillow"),
        "SQLAlchemy": version("sqlalchemy"),
        "commit": commit(),
    }


def speed() -> float:
    """How fast this machine is just now, to compare runs by: it is seldom alone, and may be slowed by half."""
    turns = 2_000_000

    def work() -> None:
        for _ in range(turns):
            pass

    return cost(work).cpu_s / turns * 1e9


def commit() -> str:
    """What was measured, as far as Git knows."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty=+changes"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


if __name__ == "__main__":
    main()
