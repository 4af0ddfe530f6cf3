"""What tests share.  Each test process starts its own servers, once, when the first test asks for one."""

import signal
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

from indexer.catalog.catalog import Catalog
from tests.catalogs import Urls, opened, postgres_urls, sqlite_urls
from tests.postgres import PostgresServer, postgres_server
from tests.servers import S3Server, moto_server, seaweedfs

# How long an example takes says how busy the machine is, and nothing about the claim.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

LONGEST: Final = (
    "test_sync_real_s3",
    "test_sync_under_faults",
    "test_thumbnail_runs",
    "test_any_history",
    "test_equals_listing",
    "test_benchmarks",
    "test_dask",
    "test_processes",
)
"""Files that begin first, whatever else there is: one of them at the end would leave a core idle for a minute."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Tests send SIGINT, to themselves and to what they start; a shell lets its background jobs ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def weed() -> Iterator[S3Server]:
    with seaweedfs() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module")
def in_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Urls:
    return sqlite_urls(tmp_path_factory.mktemp("catalogs"))


@pytest.fixture(scope="module")
def in_postgres(postgres: PostgresServer) -> Urls:
    return postgres_urls(postgres)


@pytest.fixture(scope="module", params=["in_sqlite", "in_postgres"])
def catalog_urls(request: pytest.FixtureRequest) -> Urls:
    """Where empty catalogs are, on each database that can hold one."""
    urls: Urls = request.getfixturevalue(request.param)
    return urls


@pytest.fixture
def catalog(catalog_urls: Urls) -> Iterator[Catalog]:
    """An empty catalog, to be written."""
    with opened(catalog_urls) as made:
        yield made
