"""Listing over `S3Store` against boto3's paginator, from the same server: CPU time of the client alone."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.request import urlopen
from xml.etree import ElementTree as ET

import boto3

from benchmarks.list_server import BUCKET, list_server
from benchmarks.measuring import Cost, Figure, Scale, cost, taking_turns
from benchmarks.world import PREFIX
from indexer.model import EPOCH, ListedObject
from indexer.storage.base import PAGE_SIZE, Page
from indexer.storage.options import S3Options
from indexer.storage.paging import pages
from indexer.storage.s3 import S3Store, open_s3
from indexer.storage.xml_pages import read_v2

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READ_A_ROUND: Final = 20
_NAMESPACE: Final = "{http://s3.amazonaws.com/doc/2006-03-01/}"


def measure(scale: Scale) -> Iterator[Figure]:
    """CPU per key, and keys per CPU second."""
    with list_server(scale.listed_keys) as endpoint:
        bucket, client = store(endpoint), session().client("s3", endpoint_url=endpoint)
        assert list(islice(ours(bucket), 1500)) == list(islice(plainly(client), 1500))
        few, all_keys, peer = taking_turns(
            scale.rounds,
            lambda: _listing(lambda: islice(ours(bucket), scale.plain_keys)),
            lambda: _listing(lambda: ours(bucket)),
            lambda: _listing(lambda: islice(plainly(client), scale.plain_keys)),
        )
        page = _first_page(endpoint)
    paginator = "boto3's paginator"
    per_key = few.cpu_s / scale.plain_keys * 1e6, peer.cpu_s / scale.plain_keys * 1e6
    rate, peer_rate = scale.listed_keys / all_keys.cpu_s, scale.plain_keys / peer.cpu_s
    yield Figure(f"listing, {scale.plain_keys:,} keys by each", "µs CPU/key", *per_key, paginator)
    yield Figure(f"listing, {scale.listed_keys:,} keys by ours", "keys/CPU-s", rate, peer_rate, paginator)
    yield Figure(
        f"listing, {scale.listed_keys:,} keys by ours",
        "keys/s",
        scale.listed_keys / all_keys.wall_s,
        scale.plain_keys / peer.wall_s,
        paginator,
    )
    assert read_v2(page).objects == by_tree(page)
    read, tree = taking_turns(
        2 * scale.rounds + 1, lambda: _reading(lambda: read_v2(page)), lambda: _reading(lambda: by_tree(page))
    )
    per_page = read.cpu_s / _READ_A_ROUND * 1000, tree.cpu_s / _READ_A_ROUND * 1000
    yield Figure("reading one answer of 1,000 keys", "ms CPU", *per_page, "ElementTree and a loop")


def store(endpoint: str) -> S3Store:
    """The bucket of a LIST server."""
    return open_s3(BUCKET, S3Options(endpoint_url=endpoint), session=session())


def session() -> boto3.Session:
    """Credentials that a LIST server does not look at."""
    return boto3.Session(aws_access_key_id="any", aws_secret_access_key="any", region_name="us-east-1")  # noqa: S106


def bucket_pages(bucket: S3Store) -> Iterator[Page]:
    return pages(bucket, PREFIX)


def ours(bucket: S3Store) -> Iterator[ListedObject]:
    for page in bucket_pages(bucket):
        yield from page.objects


def plainly(client: "S3Client") -> Iterator[ListedObject]:
    """The peer: boto3 as its documentation shows it."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=PREFIX):
        for row in page.get("Contents", []):
            modified_s = (row["LastModified"] - EPOCH) // timedelta(seconds=1)
            yield ListedObject(row["Key"], row["Size"], row["ETag"].strip('"'), modified_s, None)


def by_tree(body: bytes) -> list[ListedObject]:
    """The peer of reading alone."""
    found = []
    for row in ET.fromstring(body).iter(f"{_NAMESPACE}Contents"):  # noqa: S314 - our own page
        texts = {child.tag.removeprefix(_NAMESPACE): child.text or "" for child in row}
        modified_s = (datetime.fromisoformat(texts["LastModified"]) - EPOCH) // timedelta(seconds=1)
        found.append(ListedObject(texts["Key"], int(texts["Size"]), texts["ETag"].strip('"'), modified_s, None))
    return found


def _first_page(endpoint: str) -> bytes:
    asked = f"{endpoint}/{BUCKET}?list-type=2&encoding-type=url&max-keys={PAGE_SIZE}"
    with urlopen(asked) as answer:  # noqa: S310 - our own address
        body: bytes = answer.read()
    return body


def _listing(listed: Callable[[], Iterator[ListedObject]]) -> Cost:
    return cost(lambda: sum(1 for _ in listed()))


def _reading(read: Callable[[], object]) -> Cost:
    return cost(lambda: [read() for _ in range(_READ_A_ROUND)])
