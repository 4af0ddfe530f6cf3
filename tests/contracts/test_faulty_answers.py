"""A listing is right or an error, whatever becomes of the answers on their way."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count, islice
from typing import Final, Literal

import pytest
from botocore.retries.standard import ExponentialBackoff

from indexer.errors import StorageError, StorageUnavailableError
from indexer.storage.base import ObjectStore, Page
from indexer.storage.options import S3Options
from indexer.storage.s3 import S3Store, open_s3
from tests.faults import IN_THE_BODY, LOUD, Fault, Faulty, faulty
from tests.servers import S3Server

KEYS: Final = [
    f"{directory}{number:032x}_room & <{number}>__uid_s_{uid}__uid_e_video_20261105083949{uid:03}.jpg"
    for directory in ("", "halls/", "halls_b/")
    for number in range(3)
    for uid in (1, 2)
] + ["README.txt", "halls/é 50%+1"]
LIMIT: Final = 7
ATTEMPTS: Final = 3
ASKED_AGAIN: Final = [fault for fault in LOUD if fault is not Fault.EMPTY]
"""An answer with nothing in it is taken for a storage of another kind, where asking again would not help."""

each_version = pytest.mark.parametrize("version", [1, 2])
each_fault = pytest.mark.parametrize("fault", LOUD, ids=lambda fault: fault.name)


@dataclass(frozen=True)
class Filled:
    """A bucket with `KEYS`, and a proxy in front of it."""

    server: S3Server
    bucket: str
    faults: Faulty

    def open(self, version: Literal[1, 2], *, attempts: int = ATTEMPTS) -> S3Store:
        options = S3Options(self.faults.address, list_version=version, max_attempts=attempts, read_timeout_s=5)
        return open_s3(self.bucket, options, session=self.server.session)


@pytest.fixture(scope="module")
def bucket(weed: S3Server) -> str:
    name = weed.new_bucket()
    for key in KEYS:
        weed.client.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


@pytest.fixture
def filled(weed: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Filled]:
    # How long boto3 waits before it asks again has no part in what it makes of the answer.
    monkeypatch.setattr(ExponentialBackoff, "delay_amount", lambda _self, _context: 0.0)
    with faulty(weed.endpoint_url, seed=5, rates={}) as faults:
        yield Filled(weed, bucket, faults)


def listed(store: ObjectStore, *, prefix: str = "", delimiter: str = "", limit: int = LIMIT) -> Iterator[Page]:
    token = None
    while True:
        page = store.list_page(prefix, token=token, delimiter=delimiter, limit=limit)
        yield page
        token = page.next_token
        if token is None:
            return


def test_a_calm_proxy_changes_nothing(filled: Filled) -> None:
    """Signatures stay valid, also of what has a body, and what the server refuses stays refused."""
    direct = open_s3(filled.bucket, S3Options(filled.server.endpoint_url), session=filled.server.session)
    through = filled.open(2)
    assert list(listed(through)) == list(listed(direct))
    assert sorted(each.key for page in listed(through) for each in page.objects) == sorted(KEYS)
    data = bytes(range(256)) * 2000
    through.put("other/new", data, content_type="image/jpeg")
    assert direct.get("other/new") == through.get("other/new") == data
    assert through.head("other/new") == direct.head("other/new")
    assert through.head("other/missing") is None
    through.delete("other/new")
    assert direct.head("other/new") is None
    assert filled.faults.answers > 0
    assert not filled.faults.injected


@each_version
@pytest.mark.parametrize("fault", ASKED_AGAIN, ids=lambda fault: fault.name)
def test_what_passes_before_the_attempts_end_is_never_noticed(
    filled: Filled, version: Literal[1, 2], fault: Fault
) -> None:
    right = list(listed(filled.open(version)))
    assert len(right) > 2
    for first in range(len(right)):
        assert _under(filled, version, fault, first=first, most=ATTEMPTS - 1) == right


@each_version
@each_fault
def test_what_does_not_pass_is_an_error(filled: Filled, version: Literal[1, 2], fault: Fault) -> None:
    right = list(listed(filled.open(version)))
    for first in range(len(right)):
        with pytest.raises(StorageError) as caught:
            _under(filled, version, fault, first=first, most=None)
        if fault is not Fault.EMPTY:
            assert type(caught.value) is StorageUnavailableError
        assert "\n" not in str(caught.value)


def _under(filled: Filled, version: Literal[1, 2], fault: Fault, *, first: int, most: int | None) -> list[Page]:
    """The listing of which page `first` and those behind it suffer from `fault`."""
    faults = filled.faults
    faults.calm()
    before = faults.injected[fault]
    listing = listed(filled.open(version))
    found = list(islice(listing, first))
    faults.rates, faults.most = {fault: 1.0}, most
    found += listing
    assert faults.injected[fault] - before == most
    return found


def test_a_body_cut_at_any_byte_is_never_a_page(filled: Filled) -> None:
    """Complete for HTTP, so nobody but the reader of the XML can notice."""
    store = filled.open(2, attempts=1)
    whole = store.list_page("halls/", limit=2)
    assert len(whole.objects) == 2
    filled.faults.rates = {Fault.SHORTENED: 1.0}
    for keep in count():
        filled.faults.keep = keep
        try:
            page = store.list_page("halls/", limit=2)
        except StorageError:
            continue
        assert page == whole
        # An empty body is asked for twice more, because nobody else does that.
        assert filled.faults.injected[Fault.SHORTENED] == keep + 2 > 500
        return


@each_version
@pytest.mark.parametrize("delimiter", ["", "_"])
def test_many_listings_at_once_through_a_storm_are_right_or_errors(
    filled: Filled, version: Literal[1, 2], delimiter: str
) -> None:
    limit = 100 if delimiter else 3  # SeaweedFS repeats groups where pages of them meet
    store = filled.open(version)
    right = list(listed(store, delimiter=delimiter, limit=limit))
    filled.faults.rates = dict.fromkeys(Fault, 0.5 / len(Fault))

    def outcome(_: int) -> list[Page] | None:
        try:
            return list(listed(store, delimiter=delimiter, limit=limit))
        except StorageError:
            return None

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(outcome, range(60)))
    assert all(found in (None, right) for found in outcomes)
    assert right in outcomes
    assert filled.faults.injected.keys() >= IN_THE_BODY
