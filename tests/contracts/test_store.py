"""What every storage does, whatever is behind it: `ObjectStore` as claims."""

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Final, Literal, cast

import pytest

from indexer.errors import BrokenListingError, BucketNotFoundError, ObjectNotFoundError, UnsupportedKeyError
from indexer.storage.base import ObjectStore, Page
from indexer.storage.local import LocalStore
from indexer.storage.memory import MemoryStore
from indexer.storage.options import S3Options
from indexer.storage.paging import pages
from indexer.storage.s3 import open_s3
from indexer.storage.urls import Location
from tests.servers import S3Server

KINDS: Final = ["memory", "local", "moto, V2", "moto, V1", "SeaweedFS, V2", "SeaweedFS, V1"]

HOSTILE_KEYS: Final = [
    "plain.jpg",
    "with space",
    " ",
    "  two  ",
    "a+b",
    "+",
    "50%",
    "%2F",
    "%zz",
    "%C3%A9",
    "+%20 ",
    "R&D",
    "&amp;",
    "<x>",
    "]]>",
    "it's",
    'say "hi"',
    "h#sh",
    "que?ry",
    "k=v;w,x:y@z$!*()~",
    "{}|^`[]",
    "é",
    "e\u0301",
    "日本語",
    "𝄞",
    "\uffee",
    "\u2028",
    "n\x85el",
    "tab\there",
    "line\nfeed",
    "carriage\rreturn",
    "\x01\x1f\x7f",
    "folder/file",
    "folder/with space/é+%",
    "Agora/5e2a_room <1>&2__uid_s_7__uid_e_video_20261105083949359.jpg",
    "l" * 250,
    "/".join(["long"] * 200),
    # What some storages refuse or change, see `departs`:
    "double//slash",
    "/leading",
    "trailing/",
    "dots/../up",
    "./dot",
    "back\\slash",
    "newline behind\n",
    "m" * 300,
]


def departs(kind: str, key: str) -> bool:
    """Whether a storage is known not to hold an object of this key as it is."""
    names = key.split("/")
    if kind == "local":  # a documented limit of folders
        return not all(0 < len(name.encode()) <= 255 and name not in {".", ".."} for name in names)
    if kind.startswith("moto"):
        # Its routes do not match a line feed (404), and it repeats prefix and marker as they are, which for control
        # characters is no XML.
        return "\n" in key or "\x01" in key
    if kind.startswith("SeaweedFS"):
        # It keeps objects as files: drops empty components, refuses dots (400) and names above 255 bytes (KeyTooLong),
        # takes a backslash for a slash, and keeps no content under a key that ends with a slash.
        return "\\" in key or not all(0 < len(name.encode()) <= 255 and name not in {".", ".."} for name in names)
    return False


def _open_s3_on(server: S3Server, bucket: str, version: str) -> ObjectStore:
    list_version = cast("Literal[1, 2]", int(version[1:]))
    options = S3Options(endpoint_url=server.endpoint_url, list_version=list_version, max_attempts=2)
    return open_s3(bucket, options, session=server.session)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty storage."""
    match kind.split(", "):
        case ["memory"]:
            return MemoryStore()
        case ["local"]:
            return LocalStore(tmp_path)
        case [name, version]:
            server: S3Server = request.getfixturevalue("moto" if name == "moto" else "weed")
            return _open_s3_on(server, server.new_bucket(), version)
        case _:
            raise AssertionError(kind)


def put(store: ObjectStore, *keys: str, data: bytes = b"x") -> None:
    for key in keys:
        store.put(key, data, content_type="image/jpeg")


def put_many(store: ObjectStore, keys: list[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: put(store, key), keys))


def listed_keys(page: Page) -> list[str]:
    return [listed.key for listed in page.objects]


def all_keys(store: ObjectStore, prefix: str = "", *, after: str = "") -> list[str]:
    return [key for page in pages(store, prefix, after=after) for key in listed_keys(page)]


def by_pages_of(
    limit: int, store: ObjectStore, prefix: str = "", *, after: str = "", delimiter: str = ""
) -> list[Page]:
    found = [store.list_page(prefix, after=after, delimiter=delimiter, limit=limit)]
    while (token := found[-1].next_token) is not None:
        found.append(store.list_page(prefix, token=token, delimiter=delimiter, limit=limit))
        assert len(found) < 1000, "the listing goes in a circle"
    return found


# --- listing


def test_nothing_is_listed_in_an_empty_storage(store: ObjectStore) -> None:
    assert store.list_page() == Page([], [], None)
    assert store.list_page("folder/", after="folder/a", delimiter="/") == Page([], [], None)


def test_keys_are_listed_in_byte_order_each_once(store: ObjectStore) -> None:
    names = ["b", "a", "é", "Z", "𝄞", "\uffee", "a-", "A/2", "A/10", "folder/x", "folder0", "B_", "B0", "Ba"]
    put(store, *names)
    assert all_keys(store) == sorted(names, key=str.encode)


def test_a_folder_is_sorted_with_its_slash(store: ObjectStore, kind: str) -> None:
    put(store, "a/b", "a.b", "a0", "a b/c")
    if kind.startswith("SeaweedFS"):  # sorts the names in each folder, without it: we must not believe such a listing
        with pytest.raises(BrokenListingError, match="out of order"):
            all_keys(store)
    else:
        assert all_keys(store) == ["a b/c", "a.b", "a/b", "a0"]


THOUSANDS: Final = [f"d/{number:08x}_{number % 7}.jpg" for number in range(0, 2_500_000, 1000)]


@pytest.fixture(scope="session")
def full_buckets() -> dict[str, str]:
    return {}


@pytest.fixture
def thousands(
    store: ObjectStore, kind: str, full_buckets: dict[str, str], request: pytest.FixtureRequest
) -> ObjectStore:
    """A storage with `THOUSANDS`; on a server with the first 1,100 of them, as each takes 4 to 6 ms."""
    name, _, version = kind.partition(", ")
    if not version:
        put_many(store, THOUSANDS)
        return store
    server: S3Server = request.getfixturevalue("moto" if name == "moto" else "weed")
    if name not in full_buckets:
        full_buckets[name] = server.new_bucket()
        put_many(_open_s3_on(server, full_buckets[name], version), THOUSANDS[:1100])
    return _open_s3_on(server, full_buckets[name], version)


def test_more_than_a_thousand_keys_come_in_pages(thousands: ObjectStore, kind: str) -> None:
    count = 1100 if ", " in kind else len(THOUSANDS)
    found = list(pages(thousands))
    assert [key for page in found for key in listed_keys(page)] == THOUSANDS[:count]
    assert [len(page.objects) for page in found] == [1000] * (count // 1000) + [count % 1000]
    assert found[-1].next_token is None
    assert thousands.requests["list"] == len(found)


def test_a_listing_starts_behind_a_key_in_the_middle_of_thousands(thousands: ObjectStore) -> None:
    page = thousands.list_page(after=THOUSANDS[700], limit=3)
    assert listed_keys(page) == THOUSANDS[701:704]
    assert listed_keys(thousands.list_page(token=page.next_token, limit=3)) == THOUSANDS[704:707]
    assert listed_keys(thousands.list_page("d/", after=f"{THOUSANDS[1050]}!", limit=2)) == THOUSANDS[1051:1053]


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_pages_of_any_size_join_to_the_whole(store: ObjectStore, limit: int) -> None:
    keys = [f"{folder}/{number:02}" for folder in ("a", "b") for number in range(9)]
    put_many(store, keys)
    found = by_pages_of(limit, store)
    assert [key for page in found for key in listed_keys(page)] == keys
    assert all(len(page.objects) == limit for page in found[:-1])


def test_a_page_can_be_asked_for_again(store: ObjectStore) -> None:
    put(store, "a", "b", "c", "d", "e")
    token = store.list_page(limit=2).next_token
    once = store.list_page(token=token, limit=2)
    assert listed_keys(once) == ["c", "d"]
    assert store.list_page(token=token, limit=2).objects == once.objects


def test_only_keys_behind_after_are_listed(store: ObjectStore) -> None:
    put(store, "a", "b/1", "b/2", "c")
    assert all_keys(store, after="a") == ["b/1", "b/2", "c"]
    assert all_keys(store, after="aa") == ["b/1", "b/2", "c"]
    assert all_keys(store, after="b/") == ["b/1", "b/2", "c"]
    assert all_keys(store, after="b/1") == ["b/2", "c"]
    assert all_keys(store, after="b/1/") == ["b/2", "c"]
    assert all_keys(store, after="c") == []
    assert [key for page in by_pages_of(1, store, after="a") for key in listed_keys(page)] == ["b/1", "b/2", "c"]


def test_the_name_of_a_folder_is_a_place_before_what_is_in_it(store: ObjectStore, kind: str) -> None:
    put(store, "b/1", "b/2", "c")
    if kind.startswith("SeaweedFS"):  # takes it for the folder: never start a range there
        assert all_keys(store, after="b") == ["c"]
    else:
        assert all_keys(store, after="b") == ["b/1", "b/2", "c"]


def test_only_keys_with_the_prefix_are_listed(store: ObjectStore) -> None:
    put(store, "dir1/a", "dir1/b", "dir10/a", "dir2/a", "other")
    assert all_keys(store, "dir1/") == ["dir1/a", "dir1/b"]
    assert all_keys(store, "dir1") == ["dir1/a", "dir1/b", "dir10/a"]
    assert all_keys(store, "dir1/a") == ["dir1/a"]
    assert all_keys(store, "dir1/", after="dir1/a") == ["dir1/b"]
    assert all_keys(store, "nothing/") == []


def test_keys_with_the_delimiter_are_answered_as_groups(store: ObjectStore) -> None:
    put(store, "a/1", "a/2", "b/c/3", "d", "e/4")
    page = store.list_page(delimiter="/")
    assert (listed_keys(page), page.prefixes) == (["d"], ["a/", "b/", "e/"])
    page = store.list_page("b/", delimiter="/")
    assert (listed_keys(page), page.prefixes) == ([], ["b/c/"])
    page = store.list_page("b/c/", delimiter="/")
    assert (listed_keys(page), page.prefixes) == (["b/c/3"], [])


def test_any_character_can_be_the_delimiter(store: ObjectStore) -> None:
    put(store, "x/s1_a_1", "x/s1_b_2", "x/s2_a_1", "x/plain", "x/with space_1", "x/r&d+%_2")
    page = store.list_page("x/", delimiter="_")
    assert listed_keys(page) == ["x/plain"]
    assert page.prefixes == ["x/r&d+%_", "x/s1_", "x/s2_", "x/with space_"]


def test_groups_come_in_pages_too(store: ObjectStore, kind: str) -> None:
    put(store, "a/1", "a/2", "b", "c/3", "c/4", "d", "e/5")
    if kind == "moto, V1":  # sends all groups with each page
        return
    found = by_pages_of(2, store, delimiter="/")
    names = [name for page in found for name in sorted([*listed_keys(page), *page.prefixes])]
    assert names == ["a/", "b", "c/", "d", "e/"]
    assert all(len(page.objects) + len(page.prefixes) <= 2 for page in found)


def test_a_listing_can_start_behind_a_group(store: ObjectStore, kind: str) -> None:
    if kind == "moto, V1":  # does not let groups start behind a marker
        return
    # What discovery does instead of using tokens, which loop on SeaweedFS: the backtick is the successor of `_`.
    put(store, "s1_a", "s1_b", "s2_a", "s3_a")
    assert store.list_page(after="s1`", delimiter="_", limit=2).prefixes == ["s2_", "s3_"]


# --- one object

# The version of LIST makes no difference to these.
one_version = pytest.mark.parametrize("kind", [kind for kind in KINDS if "V1" not in kind], indirect=True)


@one_version
def test_bytes_come_back_as_they_were(store: ObjectStore) -> None:
    data = bytes(range(256)) * 1000
    put(store, "every byte", data=data)
    put(store, "no byte", data=b"")
    assert store.get("every byte") == data
    assert store.get("no byte") == b""


@one_version
@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (0, 4, b"0123"),
        (3, 4, b"3456"),
        (9, 1, b"9"),
        (8, 100, b"89"),
        (10, None, b""),
        (10, 5, b""),
        (99, 1, b""),
        (3, 0, b""),
    ],
)
def test_a_part_of_an_object_is_read(store: ObjectStore, start: int, length: int | None, expected: bytes) -> None:
    put(store, "digits", data=b"0123456789")
    assert store.get("digits", start=start, length=length) == expected


@one_version
def test_a_part_of_an_empty_object_is_empty(store: ObjectStore) -> None:
    put(store, "empty", data=b"")
    assert store.get("empty", start=0, length=10) == b""
    assert store.get("empty", start=5) == b""


@one_version
def test_a_missing_object_is_missing(store: ObjectStore, kind: str) -> None:
    put(store, "there/below", "other")
    keys = ["missing", "there", "there/below/it", "other2", ""]
    if not kind.startswith("SeaweedFS"):  # answers these with the folder, with the object `other`, and with status 400
        keys += ["there/", "/other", "..", "../other"]
    for key in keys:
        assert store.head(key) is None
        with pytest.raises(ObjectNotFoundError):
            store.get(key)
        with pytest.raises(ObjectNotFoundError):
            store.get(key, length=0)


@one_version
def test_the_head_of_an_object_is_what_a_listing_says(store: ObjectStore) -> None:
    put(store, "a", data=b"12345")
    (listed,) = store.list_page().objects
    assert store.head("a") == listed
    assert listed.key == "a"
    assert listed.size == 5
    assert listed.tier is None


@one_version
def test_the_time_of_an_object_is_when_it_was_put(store: ObjectStore) -> None:
    before = math.floor(time.time())
    put(store, "a")
    (listed,) = store.list_page().objects
    assert before <= listed.modified_s <= time.time()


@one_version
def test_an_etag_is_bare_and_tells_contents_apart(store: ObjectStore) -> None:
    put(store, "a", data=b"one")
    etags = [store.list_page().objects[0].etag]
    for data in (b"two", b"six", b"eleven"):
        put(store, "a", data=data)
        etags.append(store.list_page().objects[0].etag)
    assert len(set(etags)) == 4
    assert not any('"' in etag or "&" in etag or etag != etag.lower() for etag in etags)


@one_version
def test_a_second_put_replaces_the_first(store: ObjectStore) -> None:
    put(store, "a", data=b"first, and longer")
    put(store, "a", data=b"second")
    assert store.get("a") == b"second"
    assert [(listed.key, listed.size) for listed in store.list_page().objects] == [("a", 6)]


@one_version
def test_a_deleted_object_is_gone_and_its_neighbours_stay(store: ObjectStore) -> None:
    put(store, "a/1", "a/2", "b/c/d")
    store.delete("a/1")
    store.delete("b/c/d")
    assert all_keys(store) == ["a/2"]
    assert store.head("a/1") is None
    put(store, "a/1", "b", data=b"again")
    assert store.get("a/1") == b"again"
    assert all_keys(store) == ["a/1", "a/2", "b"]


def test_deleting_twice_is_deleting_once(store: ObjectStore) -> None:
    put(store, "a/b")
    store.delete("a/b")
    store.delete("a/b")
    for key in ("never", "a/b/c", "a", ""):
        store.delete(key)
    assert store.list_page().objects == []


def test_any_key_comes_back_as_it_was(store: ObjectStore, kind: str) -> None:
    for key in HOSTILE_KEYS:
        if departs(kind, key):
            continue
        put(store, key, data=key.encode())
        (listed,) = store.list_page(key).objects
        assert listed.key == key
        assert store.head(key) == listed
        assert store.get(key) == key.encode()
        store.delete(key)
    assert all_keys(store) == []


def test_all_those_keys_are_listed_together(store: ObjectStore, kind: str) -> None:
    keys = [key for key in HOSTILE_KEYS if not departs(kind, key)]
    put_many(store, keys)
    assert all_keys(store) == sorted(keys)
    by_fives = by_pages_of(5, store)
    assert [key for page in by_fives for key in listed_keys(page)] == sorted(keys)
    for key in sorted(keys)[::6]:
        assert all_keys(store, after=key) == sorted(keys)[sorted(keys).index(key) + 1 :]


@one_version
@pytest.mark.parametrize("key", ["", "\udc80", "a\ud800"], ids=ascii)
def test_what_no_storage_can_hold_is_refused_by_all(store: ObjectStore, key: str) -> None:
    with pytest.raises(UnsupportedKeyError):
        put(store, key)
    with pytest.raises(UnsupportedKeyError):
        store.presign(key)
    with pytest.raises(ObjectNotFoundError):
        store.get(key)
    assert store.head(key) is None
    store.delete(key)


@one_version
def test_a_reader_sees_the_old_object_or_the_new_one(store: ObjectStore) -> None:
    old, new = b"o" * 30_000, b"n" * 20_000
    put(store, "a", data=old)
    done = threading.Event()

    def write() -> None:
        for turn in range(20):
            put(store, "a", data=old if turn % 2 else new)
        done.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not done.is_set():
            assert store.get("a") in (old, new)
            assert [listed.size for listed in store.list_page().objects] in ([30_000], [20_000])
        writing.result()


@one_version
def test_threads_share_a_storage(store: ObjectStore) -> None:
    def work(number: int) -> bytes:
        key = f"thread/{number}"
        put(store, key, data=str(number).encode())
        assert key in all_keys(store, "thread/")
        data = store.get(key)
        store.delete(key)
        return data

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(24))) == [str(number).encode() for number in range(24)]
    assert all_keys(store) == []


def test_requests_are_counted_by_kind(store: ObjectStore) -> None:
    put(store, "a", "b")
    store.list_page()
    store.get("a")
    store.head("a")
    store.delete("a")
    assert dict(store.requests) == {"put": 2, "list": 1, "get": 1, "head": 1, "delete": 1}


@one_version
def test_the_url_is_a_location(store: ObjectStore, kind: str) -> None:
    location = Location.from_string(store.url)
    assert location.kind == (kind if kind == "memory" else "file" if kind == "local" else "s3")
    assert location.prefix == ""


@one_version
def test_a_presigned_address_names_the_object(store: ObjectStore) -> None:
    address = store.presign("a b/é+%&?.jpg", lifetime=timedelta(minutes=1))
    assert "a%20b/%C3%A9%2B%25%26%3F.jpg" in address


# --- what is missing as a whole


@pytest.fixture
def nowhere(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore | None:
    """A storage whose bucket or folder is not there.  Memory always is."""
    match kind.split(", "):
        case ["local"]:
            return LocalStore(tmp_path / "missing")
        case [name, version]:
            return _open_s3_on(request.getfixturevalue("moto" if name == "moto" else "weed"), "no-such-bucket", version)
        case _:
            return None


@one_version
@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.list_page(),
        lambda store: store.list_page("a/", delimiter="/"),
        lambda store: store.get("a"),
        lambda store: store.get("a", length=0),
        lambda store: store.head("a"),
        lambda store: store.put("a", b"x", content_type="image/jpeg"),
        lambda store: store.delete("a"),
    ],
    ids=["list", "list groups", "get", "get nothing", "head", "put", "delete"],
)
def test_a_missing_bucket_is_said_to_be_missing(
    nowhere: ObjectStore | None, ask: Callable[[ObjectStore], object]
) -> None:
    if nowhere is None:
        return
    with pytest.raises(BucketNotFoundError, match=r"no-such-bucket|missing"):
        ask(nowhere)


# --- storages that break the rules


class Broken(MemoryStore):
    """A memory store whose listings can be spoilt: `spoil` gets each page, with the token that asked for it."""

    def __init__(self, spoil: Callable[[Page, str | None], Page]) -> None:
        super().__init__("broken")
        self._spoil = spoil

    def list_page(
        self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 1000
    ) -> Page:
        page = super().list_page(prefix, after=after, token=token, delimiter=delimiter, limit=min(limit, 2))
        return self._spoil(page, token)


def _keys_until_the_error(store: ObjectStore, prefix: str = "", *, after: str = "") -> Iterator[str]:
    try:
        for page in pages(store, prefix, after=after):
            yield from listed_keys(page)
    except BrokenListingError as error:
        assert "nothing was concluded" in str(error)  # noqa: PT017 - what was listed before it matters here
    else:
        pytest.fail("the listing ended as if it were whole")


@pytest.mark.parametrize(
    ("spoil", "listed_before"),
    [
        pytest.param(lambda page, _: Page(page.objects[::-1], [], page.next_token), [], id="backwards"),
        pytest.param(lambda page, _: Page(page.objects[:1] * 2, [], page.next_token), [], id="twice in a page"),
        pytest.param(
            lambda page, _: Page(page.objects, [], "c" if page.next_token else None), list("abcd"), id="twice"
        ),
        pytest.param(lambda _page, _: Page([], [], "same"), [], id="empty, one token"),
        pytest.param(lambda _page, token: Page([], [], "1" if token == "2" else "2"), [], id="empty, two tokens"),
        pytest.param(lambda page, token: Page([], [], "c") if token else page, list("ab"), id="stuck in the middle"),
    ],
)
def test_a_listing_against_the_rules_is_an_error(
    spoil: Callable[[Page, str | None], Page], listed_before: list[str]
) -> None:
    store = Broken(spoil)
    put(store, *"abcdefg")
    assert list(_keys_until_the_error(store)) == listed_before


def test_a_storage_that_ignores_the_prefix_is_an_error() -> None:
    class Deaf(MemoryStore):
        def list_page(
            self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 1000
        ) -> Page:
            del prefix
            return super().list_page(after=after, token=token, delimiter=delimiter, limit=limit)

    store = Deaf()
    put(store, "a/1", "b/1")
    assert list(_keys_until_the_error(store, "b/")) == []


def test_a_storage_that_ignores_where_to_start_is_an_error() -> None:
    class Deaf(MemoryStore):
        def list_page(
            self, prefix: str = "", *, after: str = "", token: str | None = None, delimiter: str = "", limit: int = 1000
        ) -> Page:
            del after
            return super().list_page(prefix, token=token, delimiter=delimiter, limit=limit)

    store = Deaf()
    put(store, "a", "b", "c")
    assert list(_keys_until_the_error(store, after="b")) == []


def test_empty_pages_on_the_way_are_allowed() -> None:
    store = Broken(lambda page, token: page if token else Page([], [], "a"))
    put(store, *"abc")
    assert all_keys(store) == ["a", "b", "c"]
