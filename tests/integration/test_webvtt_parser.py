"""Our WebVTT, validated by npm's webvtt-parser, which knows nothing of us."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from indexer.render.webvtt import LONGEST_MS, Box, ThumbnailCue, write_thumbnails

_ROOT: Final = Path(__file__).parents[2]
_PACKAGE: Final = "webvtt-parser@2.2.0"
_PLACE: Final = _ROOT / ".node"


@pytest.fixture(scope="module")
def modules() -> Path:
    """Where node finds the parser; installed into the project once, where there is npm and a network."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed, so webvtt-parser cannot judge")
    found = _PLACE / "node_modules"
    if not (found / "webvtt-parser").is_dir():
        command = ["npm", "install", "--prefix", str(_PLACE), "--no-audit", "--no-fund", "--ignore-scripts", _PACKAGE]
        try:
            installed = subprocess.run(command, capture_output=True, check=False, timeout=60)
        except subprocess.TimeoutExpired:
            pytest.skip("npm did not get webvtt-parser within a minute")
        if installed.returncode != 0:
            pytest.skip("npm cannot get webvtt-parser here")
    return found


def judged(modules: Path, *files: Path) -> list[dict[str, Any]]:
    script = str(_ROOT / "tests" / "node" / "check_webvtt.cjs")
    ended = subprocess.run(
        ["node", script, str(modules), *map(str, files)], capture_output=True, check=True, timeout=60
    )
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_storyboard_has_no_error_and_all_its_cues(modules: Path, tmp_path: Path) -> None:
    file, empty = tmp_path / "board.vtt", tmp_path / "empty.vtt"
    ends = [10_001, 3_600_000, 3_600_001, LONGEST_MS]
    cues = [
        ThumbnailCue(start, end, f"https://cdn.example/a%20b/storyboard_room_7-{end}.jpg", Box(160, 90, 160, 90))
        for start, end in zip([0, *ends], ends, strict=False)
    ]
    file.write_text("".join(write_thumbnails(cues)), encoding="utf-8", newline="")
    empty.write_text("".join(write_thumbnails([])), encoding="utf-8", newline="")
    board, nothing = judged(modules, file, empty)
    assert board["errors"] == nothing["errors"] == []
    assert nothing["cues"] == []
    assert [round(start * 1000) for start, _, _ in board["cues"]] == [0, *ends[:-1]]
    assert [round(end * 1000) for _, end, _ in board["cues"]] == ends
    assert [text for _, _, text in board["cues"]] == [f"{cue.url}#xywh=160,90,160,90" for cue in cues]


def test_the_judge_is_one(modules: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.vtt"
    file.write_text("WEBVTT\n\n00:00:05.000 --> 00:00:01.000\na.jpg\n")
    assert judged(modules, file)[0]["errors"]
