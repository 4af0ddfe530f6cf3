"""Presigned addresses, followed by a program that has no credentials."""

import time
import urllib.error
import urllib.request
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from indexer.errors import ConfigError
from indexer.storage.options import S3Options
from indexer.storage.s3 import S3Store, open_s3
from tests.servers import S3Server

KEYS = [
    "plain.jpg",
    "with space/é.jpg",
    "50% + more & <less>?#.jpg",
    "a=b;c,d:e@f$g!h*i(j)~.jpg",
    "%2F+%20.jpg",
    "𝄞'\".jpg",
]


@pytest.fixture
def store(weed: S3Server) -> S3Store:
    return open_s3(weed.new_bucket(), S3Options(weed.endpoint_url), session=weed.session)


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address) as answer:  # noqa: S310 - an address that this test made
        return bytes(answer.read())


@pytest.mark.parametrize("key", KEYS)
def test_whoever_has_the_address_can_read_the_object(store: S3Store, key: str) -> None:
    store.put(key, key.encode(), content_type="image/jpeg")
    assert fetch(store.presign(key)) == key.encode()


def test_an_address_is_good_for_its_object_alone(store: S3Store) -> None:
    store.put("a", b"a", content_type="image/jpeg")
    store.put("b", b"b", content_type="image/jpeg")
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        fetch(store.presign("a").replace("/a?", "/b?"))
    caught.value.close()


def test_an_address_ends_with_its_lifetime(store: S3Store) -> None:
    store.put("a", b"a", content_type="image/jpeg")
    address = store.presign("a", lifetime=timedelta(seconds=1))
    assert fetch(address) == b"a"
    time.sleep(2.1)
    with pytest.raises(urllib.error.HTTPError, match="403") as caught:
        fetch(address)
    caught.value.close()


ANYBODY = boto3.Session("AKIAIOSFODNN7EXAMPLE", "not-a-secret", region_name="us-east-1")


def test_the_lifetime_is_a_quarter_of_an_hour_by_default() -> None:
    address = open_s3("bucket", S3Options("s3.example.com"), session=ANYBODY).presign("a")
    query = parse_qs(urlsplit(address).query)
    assert query["X-Amz-Expires"] == ["900"]
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(milliseconds=900), timedelta(days=7, seconds=1)])
def test_a_lifetime_that_no_storage_takes_is_a_wrong_argument(lifetime: timedelta) -> None:
    with pytest.raises(ConfigError, match="seven days"):
        open_s3("bucket", S3Options("s3.example.com"), session=ANYBODY).presign("a", lifetime=lifetime)


@pytest.mark.parametrize(
    ("options", "address"),
    [
        (S3Options("s3.example.com"), "https://s3.example.com/acme-shots/a%20b?"),
        (S3Options("s3.example.com", addressing_style="virtual"), "https://acme-shots.s3.example.com/a%20b?"),
        (S3Options("127.0.0.1:9000"), "http://127.0.0.1:9000/acme-shots/a%20b?"),
        (S3Options("http://minio:9000/", addressing_style="path"), "http://minio:9000/acme-shots/a%20b?"),
        (S3Options(region="eu-west-3"), "https://acme-shots.s3.eu-west-3.amazonaws.com/a%20b?"),
        (S3Options(region="cn-north-1"), "https://acme-shots.s3.cn-north-1.amazonaws.com.cn/a%20b?"),
        (
            S3Options(region="eu-west-3", addressing_style="path"),
            "https://s3.eu-west-3.amazonaws.com/acme-shots/a%20b?",
        ),
    ],
)
def test_the_bucket_stands_where_the_storage_wants_it(options: S3Options, address: str) -> None:
    assert open_s3("acme-shots", options, session=ANYBODY).presign("a b").startswith(address)
