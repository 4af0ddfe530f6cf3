"""Our reading of real listings against botocore's own, on keys made to break it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from indexer.errors import BrokenListingError
from indexer.model import ListedObject
from indexer.storage.options import S3Options
from indexer.storage.paging import pages
from indexer.storage.s3 import S3Store, open_s3
from tests.servers import S3Server

HOSTILE_KEYS = [
    'Agora/5e2a_room <1> & "2"__uid_s_7__uid_e_video_20261105083949359.jpg',
    "Agora/5e2a_it's 100% +1__uid_s_7__uid_e_video_20261105083949359.jpg",
    "plain",
    "space in it",
    " space before",
    "space behind ",
    "a+b",
    "c%d",
    "%2F",
    "%2525",
    "%C3%A9",
    "+%20",
    "R&D",
    "&amp;",
    "&#65;",
    "<tag>",
    "]]>",
    'quo"te',
    "#",
    "?x=y&z",
    "=",
    "$,;:@!*()~'",
    "{}|^`[]",
    "tab\t",
    "cr\r",
    "crlf\r\nx",
    "lf\nlf",
    "lf behind\n",
    "\x01\x02\x1b\x1f\x7f",
    "nel\x85ls\u2028",
    "é",
    "e\u0301",
    "日本語/한국어",
    "𝄞/😀",
    "\ufffd\uffee\ufffe",
    "a//b",
    "/leading",
    "trailing/",
    "dir/x",
    "dir/y_1",
    "dir/y_2",
    "back\\slash",
    "n" * 250,
    "/".join(["long"] * 200),
    "m" * 1000,
]


def holds(server: S3Server, key: str) -> bool:
    """Whether a server takes an object of this key and keeps it as it is."""
    if server.name == "moto":
        return "\n" not in key  # 404: no route of it matches a line feed
    # SeaweedFS keeps files: it drops empty components, takes `\\` for `/`, and refuses names above 255 bytes.
    names = key.split("/")
    return "\\" not in key and all(0 < len(name.encode()) <= 255 for name in names)


def spoils_places(key: str) -> bool:
    """Whether XML cannot hold the key.  Both servers write it down as it is where they repeat or give a place."""
    return any((sign < " " and sign not in "\t\n\r") or sign == "\ufffe" for sign in key)


@dataclass(frozen=True)
class Filled:
    """A bucket full of hostile keys."""

    server: S3Server
    bucket: str
    keys: list[str]

    def open(self, list_version: Literal[1, 2], **options: Any) -> S3Store:
        chosen = S3Options(self.server.endpoint_url, list_version=list_version, **options)
        return open_s3(self.bucket, chosen, session=self.server.session)


def fill(server: S3Server, keys: list[str]) -> Filled:
    bucket = server.new_bucket()

    def put(key: str) -> None:
        # With a default client: the buckets that we read are filled by others.
        server.client.put_object(Bucket=bucket, Key=key, Body=key.encode())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, keys))
    return Filled(server, bucket, sorted(keys))


@pytest.fixture(scope="module", params=["moto", "weed"])
def filled(request: pytest.FixtureRequest) -> Filled:
    server: S3Server = request.getfixturevalue(request.param)
    return fill(server, [key for key in HOSTILE_KEYS if holds(server, key)])


def listed_by_botocore(filled: Filled, version: int, **request: Any) -> tuple[list[ListedObject], list[str]]:
    """The same listing by a boto3 client that we did not touch, page by page."""
    client = filled.server.client
    paginator = client.get_paginator("list_objects_v2") if version == 2 else client.get_paginator("list_objects")
    objects, prefixes = [], []
    for page in paginator.paginate(Bucket=filled.bucket, **request):
        for row in page.get("Contents", []):
            tier = row.get("StorageClass")
            modified_s = int(row["LastModified"].timestamp())
            etag = row["ETag"].strip('"')
            objects.append(
                ListedObject(row["Key"], row["Size"], etag, modified_s, None if tier == "STANDARD" else tier)
            )
        prefixes += [group["Prefix"] for group in page.get("CommonPrefixes", [])]
    return objects, prefixes


@pytest.mark.parametrize("version", [1, 2])
def test_every_key_is_listed_as_it_was_put(filled: Filled, version: Literal[1, 2]) -> None:
    listed = [each for page in pages(filled.open(version)) for each in page.objects]
    assert [(each.key, each.size) for each in listed] == [(key, len(key.encode())) for key in filled.keys]


@pytest.mark.parametrize("version", [1, 2])
def test_botocore_lists_the_same(filled: Filled, version: Literal[1, 2]) -> None:
    page = filled.open(version).list_page()
    assert (page.objects, page.prefixes) == listed_by_botocore(filled, version)


@pytest.mark.parametrize("delimiter", ["/", "_", "%", " "])
@pytest.mark.parametrize("version", [1, 2])
def test_botocore_makes_the_same_groups(filled: Filled, version: Literal[1, 2], delimiter: str) -> None:
    page = filled.open(version).list_page(delimiter=delimiter)
    groups = {key[: key.index(delimiter) + 1] for key in filled.keys if delimiter in key}
    assert page.prefixes == sorted(groups)
    assert [each.key for each in page.objects] == [key for key in filled.keys if delimiter not in key]
    if (filled.server.name, version) != ("moto", 1):  # does not encode groups; botocore decodes them nevertheless
        assert (page.objects, page.prefixes) == listed_by_botocore(filled, version, Delimiter=delimiter)


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("version", [1, 2])
def test_pages_join_to_the_same(filled: Filled, version: Literal[1, 2], limit: int) -> None:
    if (filled.server.name, version) == ("SeaweedFS", 2):  # see test_a_place_that_seaweedfs_loses_is_an_error
        filled = fill(filled.server, [key for key in filled.keys if not spoils_places(key)])
    store = filled.open(version)
    page = store.list_page(limit=limit)
    objects = list(page.objects)
    while page.next_token is not None:
        page = store.list_page(token=page.next_token, limit=limit)
        assert len(page.objects) <= limit
        objects += page.objects
    assert [each.key for each in objects] == filled.keys
    if (filled.server.name, version) != ("SeaweedFS", 1):  # see test_botocore_loses_its_place
        assert objects == listed_by_botocore(filled, version, PaginationConfig={"PageSize": limit})[0]


@pytest.mark.parametrize("version", [1, 2])
def test_a_listing_can_start_behind_each_key(filled: Filled, version: Literal[1, 2]) -> None:
    store = filled.open(version)
    for number, key in enumerate(filled.keys):
        if filled.server.name == "moto" and spoils_places(key):
            continue
        if filled.server.name == "SeaweedFS" and key == "%C3%A9":  # decodes the place again, and leaves out `é`
            continue
        behind = [each.key for each in store.list_page(after=key).objects]
        assert behind == filled.keys[number + 1 :]


@pytest.mark.parametrize("version", [1, 2])
def test_without_url_encoding_printable_keys_are_listed_too(filled: Filled, version: Literal[1, 2]) -> None:
    printable = [key for key in filled.keys if key.startswith(("Agora/", "a+", "c%", "R&", "<tag>", "dir/", "é"))]
    store = filled.open(version, url_encoding=False)
    for key in printable:
        assert [each.key for each in store.list_page(key).objects] == [key]


def test_botocore_loses_its_place_in_v1_on_seaweedfs_but_we_do_not(weed: S3Server) -> None:
    filled = fill(weed, ["a b", "a!", "a+b", "a+c"])
    answer = weed.client.list_objects(Bucket=filled.bucket, MaxKeys=3)
    assert answer["NextMarker"] == "a b", "the marker `a+b`, decoded though it was not encoded"
    assert filled.open(1).list_page(limit=3).next_token == "a+b"


def test_a_place_that_seaweedfs_loses_is_an_error(weed: S3Server) -> None:
    filled = fill(weed, ["\x01", "a", "b", "c"])
    assert len(listed_by_botocore(filled, 2, PaginationConfig={"PageSize": 1})[0]) == 1, "it goes on behind U+FFFD"
    with pytest.raises(BrokenListingError, match="has lost characters"):
        filled.open(2).list_page(limit=1)
    assert filled.open(1).list_page(limit=1).next_token == "\x01"
