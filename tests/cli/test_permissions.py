"""What the operating system forbids is one line and a status, never an empty answer."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import Answer, done, process
from tests.cli.worlds import configure, folder, series

_POWERS = "-dac_override,-dac_read_search"


@pytest.fixture
def forbidden() -> Iterator[list[Path]]:
    """Files and folders put in here may be used by nobody, until the test is over."""
    paths: list[Path] = []
    yield paths
    for path in paths:
        path.chmod(0o700)


def _powerless(*arguments: str) -> Answer:
    """As somebody whom permissions concern, which root is not."""
    if os.geteuid() != 0:
        return process(*arguments)
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root without setpriv may read and write everything")
    return process(*arguments, under=[setpriv, "--bounding-set", _POWERS, "--inh-caps", _POWERS])


def test_a_catalog_or_source_out_of_reach_is_status_4(forbidden: list[Path]) -> None:
    bucket, catalog = Path("bucket"), Path("catalog")
    folder(bucket, [*series(directory="a/"), *series(directory="b/")])
    catalog.mkdir()
    configure(a="file:bucket", more='[catalog]\nurl = "sqlite:///catalog/c.db"\n')
    done("sync")
    for path, command, mode in [
        (bucket / "b", "sync", 0o000),
        (catalog / "c.db", "sync", 0o400),
        (catalog / "c.db", "stats", 0o000),
        (catalog, "sync", 0o500),
        (catalog, "stats", 0o000),
    ]:
        path.chmod(mode)
        forbidden.append(path)
        answer = _powerless(command)
        assert (answer.status, answer.out) == (4, ""), (path, command, answer.err)
        assert "permission" in answer.error
        path.chmod(0o700)

    forbidden.append(bucket)
    bucket.chmod(0)
    answer = _powerless("doctor")
    assert answer.status == 20
    assert any(line.startswith("fail  source a: ") and "permission" in line for line in answer.lines)


def test_a_configuration_out_of_reach_is_wrong_usage(forbidden: list[Path]) -> None:
    file = configure()
    forbidden.append(file)
    file.chmod(0)
    answer = _powerless("stats")
    assert (answer.status, answer.error) == (
        2,
        f"the configuration file {file.absolute()} cannot be read: Permission denied",
    )
    closed = Path("closed")
    closed.mkdir(mode=0o000)
    forbidden.append(closed)
    assert _powerless("-c", "closed/x.toml", "init").error == "closed/x.toml cannot be written: Permission denied"
