"""Objects through the short way, beside a proxy that hurts answers: right, or boto3's to settle."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.awsrequest import AWSRequest
from botocore.retries.standard import ExponentialBackoff

from indexer.errors import AccessDeniedError, ObjectNotFoundError, StorageUnavailableError
from indexer.storage.base import THROTTLED
from indexer.storage.options import S3Options
from indexer.storage.s3 import S3Store, open_s3
from indexer.storage.s3_direct import LARGEST_PUT, MISSES
from tests.faults import LOUD, Fault, Faulty, faulty
from tests.servers import S3Server

KEY = "d/é a+b%20&<1>//x.jpg"
DATA = bytes(range(256)) * 500
SIGNED = "AWS4-HMAC-SHA256 Credential=me/20261105/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
NOT_NOTICED = {Fault.SHORTENED, Fault.OK_WITH_ERROR, Fault.EMPTY}
"""Whole answers with another body: what a listing said of the size tells, and nothing that HTTP has."""


@pytest.fixture
def faults(weed: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda _self, _context: 0.0)
    with faulty(weed.endpoint_url, seed=5, rates={}) as proxy:
        yield proxy


@pytest.fixture
def store(weed: S3Server, faults: Faulty) -> S3Store:
    options = S3Options(faults.address, region="us-east-1", max_attempts=2, read_timeout_s=5)
    opened = open_s3(weed.new_bucket(), options, session=weed.session)
    opened.put(KEY, DATA, content_type="image/jpeg")  # by boto3, and from now on not
    return opened


def is_direct(store: S3Store) -> bool:
    return store._direct._place is not None


def test_what_is_read_and_written_is_the_same_by_either_way(weed: S3Server, store: S3Store) -> None:
    assert is_direct(store)
    assert store.get(KEY) == DATA
    for number, data in enumerate([b"", b"x", DATA, bytes(LARGEST_PUT), bytes(LARGEST_PUT + 1)]):
        store.put(f"{KEY}{number}", data, content_type="image/x-test")
        assert store.get(f"{KEY}{number}") == data
        found = weed.client.get_object(Bucket=store.url.removeprefix("s3://"), Key=f"{KEY}{number}")
        with found["Body"] as body:
            assert (body.read(), found["ContentType"]) == (data, "image/x-test")
    assert store.requests == {"get": 6, "put": 6}
    assert is_direct(store)


@pytest.mark.parametrize("fault", [fault for fault in LOUD if fault not in NOT_NOTICED], ids=lambda fault: fault.name)
def test_what_passes_is_never_noticed_and_what_does_not_is_an_error(
    store: S3Store, faults: Faulty, fault: Fault
) -> None:
    for most in (1, 2):
        faults.rates, faults.most = {fault: 1.0}, most
        assert store.get(KEY) == DATA
        faults.rates, faults.most = {fault: 1.0}, most
        store.put("other", DATA, content_type="image/jpeg")
        faults.calm()
        assert store.get("other") == DATA
    faults.rates, faults.most = {fault: 1.0}, None
    with pytest.raises(StorageUnavailableError):
        store.get(KEY)
    assert (store.requests.get(THROTTLED, 0) > 0) == (fault is Fault.SLOW_DOWN)


def test_missing_is_missing_and_denied_is_denied(weed: S3Server, store: S3Store) -> None:
    for _ in range(5):
        with pytest.raises(ObjectNotFoundError):
            store.get("missing")
    store.put(KEY, b"new", content_type="image/jpeg")
    assert store.get(KEY) == b"new"
    assert is_direct(store)
    access, secret = S3Server.WRITE_ONLY
    weed_session = type(weed)(weed.name, weed.endpoint_url, access, secret).session
    bucket = store.url.removeprefix("s3://")
    writer = open_s3(bucket, S3Options(weed.endpoint_url, region="us-east-1"), session=weed_session)
    for _ in range(3):
        writer.put("other", DATA, content_type="image/jpeg")
        with pytest.raises(AccessDeniedError):
            writer.get("other")


def test_after_misses_in_a_row_it_is_left_to_boto3(store: S3Store, faults: Faulty) -> None:
    for _ in range(MISSES):
        assert is_direct(store)
        faults.rates, faults.most = {Fault.CUT_BETWEEN_CHUNKS: 1.0}, 1
        assert store.get(KEY) == DATA
    assert not is_direct(store)
    before = store.requests["get"]
    assert store.get(KEY) == DATA
    assert store.requests["get"] == before + 1


def test_a_store_that_is_closed_keeps_no_connection(store: S3Store) -> None:
    store.close()
    assert store.get(KEY) == DATA
    assert store._direct._idle == []


def test_a_way_is_learned_from_the_request_of_the_same_thread(weed: S3Server) -> None:
    """A key may end like the one that another thread asks for at the same time."""
    store = open_s3(weed.new_bucket(), S3Options(weed.endpoint_url, region="us-east-1"), session=weed.session)
    weed.client.put_object(Bucket=store.url.removeprefix("s3://").strip("/"), Key="a.jpg", Body=b"a")
    with ThreadPoolExecutor(1) as other:
        request = AWSRequest("GET", f"{weed.endpoint_url}/bucket/old/a.jpg", {"Authorization": SIGNED})
        other.submit(store._direct.see, request).result()
        assert store.get("a.jpg") == b"a"
        other.submit(store._direct.learn, "a.jpg").result()
    place = store._direct._place
    assert place is not None
    assert place.base == f"{weed.endpoint_url}/{store.url.removeprefix('s3://').strip('/')}/"


def test_objects_that_are_gone_do_not_end_the_short_way(store: S3Store) -> None:
    for _ in range(MISSES + 1):
        with pytest.raises(ObjectNotFoundError):
            store.get("gone.jpg")
    assert is_direct(store)
    assert store.get(KEY) == DATA


def test_a_kept_connection_is_not_used_for_another_place(store: S3Store, weed: S3Server) -> None:
    assert store.get(KEY) == DATA
    (kept,) = store._direct._idle
    assert store._direct._place is not None
    elsewhere = store._direct._place._replace(port=int(weed.endpoint_url.rpartition(":")[2]))
    connection = store._direct._connection(elsewhere)
    assert connection is not kept[2]
    assert connection.getpeername()[1] == elsewhere.port
    connection.close()
