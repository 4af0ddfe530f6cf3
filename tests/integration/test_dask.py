"""Thumbnail runs on a Dask cluster of real processes, some of which are killed."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from subprocess import Popen

import pytest

from indexer.compute import dask
from indexer.compute.base import Done
from indexer.compute.dask import Cluster
from indexer.derived import thumbnail_key
from indexer.errors import ClusterUnavailableError, ConfigError
from tests.cli.running import livestills
from tests.clusters import DaskCluster, dask_cluster, started_worker, worker_pids
from tests.integration.test_thumbnail_runs import SIZE, START, Folder
from tests.pictures import photo_jpeg

SHOTS = 240


def key(number: int) -> str:
    moment = START + timedelta(seconds=10 * number)
    return f"{'b' * 32}_room__uid_s_{number % 4}__uid_e_video_{moment:%Y%m%d%H%M%S}000.jpg"


ALL = {thumbnail_key("prod", key(number), SIZE) for number in range(SHOTS)}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder(tmp_path_factory.mktemp("template"))
    pictures = [photo_jpeg(640, 360, seed=seed) for seed in range(4)]
    for number in range(SHOTS):
        made.bucket.put(key(number), pictures[number % 4], content_type="image/jpeg")
    made.run("sync")
    return made


@pytest.fixture
def folder(template: Folder, tmp_path: Path) -> Folder:
    """Shots that are in the catalog, and no thumbnails."""
    made = Folder(tmp_path)
    shutil.copytree(template.path, tmp_path, dirs_exist_ok=True)
    return made


def wait_until(what: Callable[[], bool], process: "Popen[str]") -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def start(folder: Folder, cluster: DaskCluster) -> "Popen[str]":
    return folder.start("thumbs", "--size", SIZE, "--shared-folders", "--dask", cluster.address)


def test_interrupted_and_robbed_of_a_worker_runs_make_every_thumbnail_once(folder: Folder, tmp_path: Path) -> None:
    with dask_cluster(tmp_path, workers=2) as cluster:
        stopped = start(folder, cluster)
        wait_until(lambda: len(folder.thumbnails()) > 20, stopped)
        stopped.send_signal(signal.SIGINT)
        _, errors = stopped.communicate(timeout=60)
        assert (stopped.returncode, len(errors.splitlines())) == (130, 1), errors
        before = len(folder.recorded())
        assert before < SHOTS

        robbed = start(folder, cluster)
        pids = worker_pids(cluster.address, at_least=2)
        assert len(pids) == 2
        there = len(folder.thumbnails())
        wait_until(lambda: len(folder.thumbnails()) > there or robbed.poll() is not None, robbed)
        os.kill(pids[0], signal.SIGKILL)
        answer, errors = robbed.communicate(timeout=120)
        assert robbed.returncode == 0, errors
        assert f'"made": {SHOTS - before}' in answer, "each is counted once"
        assert errors == ""
        assert worker_pids(cluster.address) == pids[1:]
    assert {Path(made).name for made in ALL} == folder.thumbnails()
    assert folder.recorded() == ALL


def test_a_lost_scheduler_ends_the_run_in_one_line_and_what_was_made_stays(folder: Folder, tmp_path: Path) -> None:
    with dask_cluster(tmp_path, workers=1) as cluster:
        run = start(folder, cluster)
        wait_until(lambda: len(folder.thumbnails()) > 60, run)
        cluster.stop_scheduler()
        began = time.monotonic()
        _, errors = run.communicate(timeout=120)
        assert time.monotonic() - began < 30
    assert run.returncode == 5, errors
    assert len(errors.splitlines()) == 1, errors
    line = errors
    assert "scheduler" in line
    assert cluster.address in line
    recorded = folder.recorded()
    assert recorded
    assert recorded < ALL
    assert {Path(made).name for made in recorded} <= folder.thumbnails()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A cluster without workers."""
    with dask_cluster(tmp_path_factory.mktemp("dask"), workers=0) as cluster:
        yield cluster


def test_a_cluster_that_gets_no_workers_is_given_up(empty: DaskCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "NO_WORKERS_S", 0.5)
    monkeypatch.setattr(dask, "LOOK_S", 0.1)
    warnings: list[str] = []
    with pytest.raises(ClusterUnavailableError, match="no workers"):
        list(Cluster(empty.address, warn=warnings.append).carry_out(str, [1], timeout_s=5))
    (warning,) = warnings
    assert "no workers yet" in warning


def test_a_stopped_run_ends_while_it_waits(empty: DaskCluster) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Cluster(empty.address, stop).carry_out(str, [1], timeout_s=5))


def test_a_worker_without_livestills_is_told_in_one_line(empty: DaskCluster, tmp_path: Path) -> None:
    (tmp_path / "without.py").write_text("import sys\nsys.modules['indexer'] = None\n")
    cluster = Cluster(empty.address)
    with (
        started_worker(empty, tmp_path, "--preload", str(tmp_path / "without.py")),
        pytest.raises(ConfigError, match="cannot import 'indexer': install the same version of livestills"),
    ):
        list(cluster.carry_out(str, [1], timeout_s=5))


def test_other_versions_than_here_are_told(empty: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import versions

    real = versions._version_cached
    monkeypatch.setattr(versions, "_version_cached", lambda name: "99.1" if name == "livestills" else real(name))
    warnings: list[str] = []
    with started_worker(empty, tmp_path):
        worker_pids(empty.address, at_least=1)
        assert list(Cluster(empty.address, warn=warnings.append).carry_out(str, [1], timeout_s=5)) == [Done(1, "1")]
    (warning,) = warnings
    assert warning.startswith(f"1 of 1 workers of {empty.address} have livestills ")
    assert warning.endswith("; here it is 99.1")


def test_a_scheduler_that_is_not_there_is_one_line(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "CONNECT_S", 0.5)
    monkeypatch.chdir(folder.path)
    monkeypatch.setenv("LIVESTILLS_COMPUTE__DASK", "tcp://127.0.0.1:1")
    answer = livestills("thumbs", "--shared-folders")
    assert answer.status == 5
    assert answer.error.startswith("the Dask scheduler tcp://127.0.0.1:1 cannot be reached: ")


@pytest.mark.parametrize("address", ["scheduler", "tcp://scheduler", "http://scheduler:8786", "tcp://a b:1"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a Dask scheduler: write tcp://host:8786"):
        list(Cluster(address).carry_out(str, [1], timeout_s=5))


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"pip install 'livestills\[dask\]'"):
        list(Cluster("tcp://127.0.0.1:1").carry_out(str, [1], timeout_s=5))


def test_folders_are_refused_unless_they_are_shared(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.path)
    answer = livestills("thumbs", "--dask", "tcp://127.0.0.1:1")
    assert answer.status == 2
    assert "--shared-folders" in answer.error
    answer = livestills("thumbs", "--dask", "tcp://127.0.0.1:1", "--workers", "2")
    assert answer.status == 2
    assert "say one of them" in answer.error
