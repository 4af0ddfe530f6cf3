"""That the benchmarks of listing and catalog run; what they find is for people to read."""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.measuring import Figure

SUBJECTS = ("names", "parse", "listing", "sync", "catalog")
ROOT = Path(__file__).parents[2]


def test_a_smoke_run_prints_every_row(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks", *SUBJECTS, "--quick", "--json", str(file)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    figures = json.loads(file.read_text())["figures"]
    about, heading, *rows = run.stdout.splitlines()
    assert "SQLite" in about
    assert heading.split() == ["unit", "ours", "peer", "ratio", "peer", "is"]
    assert len(rows) == len(figures)
    for row, figure in zip(rows, figures, strict=True):
        assert row.startswith(figure["what"])
        assert figure["ours"] > 0
    subjects = {
        "parse, ": 4,
        "parse_": 2,
        "parse + ": 3,
        "livestills parse": 4,
        "listing, ": 3,
        "reading ": 1,
        "sync, ": 10,
        "catalog of ": 2,
        "one user, ": 4,
        "a ": 2,
    }
    found = {start: sum(figure["what"].startswith(start) for figure in figures) for start in subjects}
    assert found == subjects
    assert sum(found.values()) == len(rows)


def test_an_unknown_subject_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "nonsense"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "nonsense" in run.stderr


def test_a_ratio_above_one_is_in_our_favour() -> None:
    assert Figure("rate", "keys/s", 300, 100).ratio == 3
    assert Figure("cost", "ms", 10, 40).ratio == 4
    assert Figure("alone", "keys/s", 10).ratio is None
