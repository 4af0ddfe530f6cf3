"""Where a source lies: addresses read and written back."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import ConfigError
from indexer.storage.local import LocalStore
from indexer.storage.memory import MemoryStore
from indexer.storage.s3 import S3Store
from indexer.storage.urls import Location, S3Options, open_store


@pytest.mark.parametrize(
    ("text", "location"),
    [
        ("s3://acme-shots", Location("s3", "acme-shots")),
        ("s3://acme-shots/", Location("s3", "acme-shots")),
        ("s3://acme-shots/directory1/directory2/", Location("s3", "acme-shots", "directory1/directory2/")),
        ("s3://acme-shots/directory1", Location("s3", "acme-shots", "directory1/")),
        ("s3://acme-shots//x/", Location("s3", "acme-shots", "/x/")),
        ("s3://acme-shots/a b/50%/c+d?e#f/%20/", Location("s3", "acme-shots", "a b/50%/c+d?e#f/%20/")),
        ("S3://Acme_Shots.1/é", Location("s3", "Acme_Shots.1", "é/")),
        ("memory://here", Location("memory", "here")),
        ("memory://here/x", Location("memory", "here", "x/")),
        ("file:///srv/shots", Location("file", "/srv/shots")),
        ("file:///srv/shots/", Location("file", "/srv/shots")),
        ("file:///srv//x/../shots/.", Location("file", "/srv/shots")),
        ("file:///my shots/50%25/%C3%A9", Location("file", "/my shots/50%/é")),
        ("file:///%FF", Location("file", "/\udcff")),
        ("file:///", Location("file", "/")),
    ],
)
def test_an_address_is_read(text: str, location: Location) -> None:
    assert Location.from_string(text) == location


@pytest.mark.parametrize(
    "text",
    [
        "",
        "acme-shots",
        "/srv/shots",
        "./shots",
        "C:\\shots",
        "s3:acme-shots",
        "s3:/acme-shots",
        "s3://",
        "s3:///x/",
        "s3://acme shots/",
        "s3://user:secret@host/",
        "s3://acme-shots?region=x",
        "s3://acme-shots/\udc80/",
        "file://srv/shots",
        "file://",
        "file:///a%00b",
        "https://s3.example.com/acme-shots",
        "gs://acme-shots",
        "memory://",
        "memory://a b",
    ],
)
def test_what_is_no_address_is_a_wrong_configuration(text: str) -> None:
    with pytest.raises(ConfigError, match="is no address of a storage") as caught:
        Location.from_string(text)
    assert "\n" not in str(caught.value)


def test_a_plain_path_is_told_how_to_write_it() -> None:
    with pytest.raises(ConfigError, match=r"the folder of this name is file:///srv/my%20shots"):
        Location.from_string("/srv/my shots")


names = st.from_regex(r"[A-Za-z0-9._-]{1,60}", fullmatch=True)
prefixes = st.text(st.characters(exclude_categories=["Cs"])).map(lambda text: text and f"{text}/")
folders = st.lists(
    st.binary(min_size=1, max_size=20)
    .filter(lambda name: b"/" not in name and b"\0" not in name and name not in {b".", b".."})
    .map(lambda name: name.decode("utf-8", "surrogateescape"))
).map(lambda parts: "/" + "/".join(parts))
locations = st.one_of(
    st.builds(Location, st.sampled_from(["s3", "memory"]), names, prefixes),
    st.builds(Location, st.just("file"), folders),
)


@given(locations)
def test_every_location_is_read_from_its_text(location: Location) -> None:
    assert Location.from_string(str(location)) == location


def at(text: str) -> Location:
    return Location.from_string(text)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("s3://b", "s3://b"),
        ("s3://b", "s3://b/x/"),
        ("s3://b/x/", "s3://b/x/y/"),
        ("file:///srv", "file:///srv"),
        ("file:///srv", "file:///srv/shots"),
        ("file:///", "file:///srv"),
        ("memory://m", "memory://m/x/"),
    ],
)
def test_a_location_contains_itself_and_what_lies_below(outer: str, inner: str) -> None:
    assert at(outer).contains(at(inner))
    assert at(outer).overlaps(at(inner))
    assert at(inner).overlaps(at(outer))
    assert at(inner).contains(at(outer)) == (outer == inner)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("s3://b/x/", "s3://b/y/"),
        ("s3://b/directory1/", "s3://b/directory10/"),
        ("s3://b", "s3://b2"),
        ("s3://b", "memory://b"),
        ("file:///srv/shots", "file:///srv/shots2"),
        ("file:///b", "s3://b"),
    ],
)
def test_neighbours_do_not_overlap(one: str, other: str) -> None:
    assert not at(one).overlaps(at(other))
    assert not at(other).overlaps(at(one))


def test_the_storage_of_a_location_is_opened(tmp_path: Path) -> None:
    bucket = open_store(at("s3://bucket/x/"), S3Options(endpoint_url="localhost:1", region="us-east-1"))
    assert isinstance(bucket, S3Store)
    assert bucket.url == "s3://bucket"
    folder = open_store(at(tmp_path.as_uri()))
    assert isinstance(folder, LocalStore)
    assert folder.url == tmp_path.as_uri()
    memory = open_store(at("memory://shared/x/"))
    assert isinstance(memory, MemoryStore)
    assert memory.url == "memory://shared"


def test_a_memory_store_is_the_same_wherever_it_is_opened() -> None:
    open_store(at("memory://twice")).put("a", b"x", content_type="image/jpeg")
    assert open_store(at("memory://twice/a/")).get("a") == b"x"
    assert open_store(at("memory://other")).head("a") is None


def test_addresses_are_read_without_a_client() -> None:
    # `livestills parse` must not pay for boto3, and neither must a configuration that is only checked.
    code = "import sys; import indexer.storage.urls; print('boto3' in sys.modules or 'botocore' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"


def test_a_secret_in_an_address_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        Location.from_string("s3://AKIAKEY:topsecret@bucket/")
    assert "topsecret" not in str(caught.value)
