"""Servers that tests share.  Each test process starts its own, once, when the first test asks for it."""

from collections.abc import Iterator

import pytest

from tests.servers import S3Server, moto_server, seaweedfs


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Server]:
    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def weed() -> Iterator[S3Server]:
    with seaweedfs() as server:
        yield server
