"""The generic package names are safe to live with (docs/adr/0001-package-names.md)."""

import os
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest

import cli

ROOT = Path(__file__).parents[2]


def test_no_other_distribution_ships_our_package_names() -> None:
    owners = {
        distribution.metadata["Name"]
        for distribution in distributions()
        for file in distribution.files or ()
        if file.parts[0] in {"indexer", "cli"} and file.suffix == ".py"
    }
    assert owners <= {"livestills"}


def test_the_cli_package_is_empty() -> None:
    assert Path(str(cli.__file__)).read_text() == ""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_two_packages_and_their_migrations(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"indexer", "cli"}
    assert "indexer/catalog/migrations/versions/0001_first.py" in names
    assert {"indexer/py.typed", "cli/py.typed"} <= set(names)


def test_the_wheel_runs_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    """Unpacked in front of everything else, so that nothing comes from this checkout."""
    unpacked = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(unpacked)
    (tmp_path / "elsewhere").mkdir()
    program = "import sys, indexer, cli.livestills as c; print(indexer.__file__); sys.exit(c.run(sys.argv[1:]))"

    def livestills(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=tmp_path / "elsewhere",
            env={**os.environ, "PYTHONPATH": str(unpacked)},
            check=True,
            capture_output=True,
            text=True,
        )
        origin, _, answer = done.stdout.partition("\n")
        assert origin.startswith(str(unpacked))
        return answer

    (tmp_path / "bucket").mkdir()
    livestills("init", "--url", (tmp_path / "bucket").as_uri())
    assert "0 shots among 0 objects" in livestills("sync")
    assert "nothing to do" in livestills("db", "upgrade")
