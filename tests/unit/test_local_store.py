"""What only a folder does: names that are no keys, links, other programs, permissions."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    ObjectNotFoundError,
    StorageError,
    UnsupportedKeyError,
)
from indexer.storage import local
from indexer.storage.base import Page
from indexer.storage.local import LocalStore
from indexer.storage.memory import MemoryStore
from indexer.storage.paging import pages


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def put(store: LocalStore | MemoryStore, *keys: str) -> None:
    for key in keys:
        store.put(key, b"x", content_type="image/jpeg")


def all_keys(store: LocalStore, prefix: str = "") -> list[str]:
    return [listed.key for page in pages(store, prefix) for listed in page.objects]


# --- keys


@pytest.mark.parametrize(
    "key",
    [
        "/a",
        "a/",
        "a//b",
        "/",
        ".",
        "..",
        "./a",
        "a/.",
        "a/../b",
        "../a",
        "a/..",
        "a\0b",
        "n" * 256,
        "é" * 128,
        "a/" + "n" * 256 + "/b",
        "/".join(["long"] * 2000),
        ".livestills-tmp-x",
        "a/.livestills-tmp-",
    ],
    ids=lambda key: ascii(key[:20]),
)
def test_a_key_that_is_no_path_below_the_folder_is_refused(root: Path, key: str) -> None:
    (root.parent / "a").write_bytes(b"outside")
    store = LocalStore(root)
    with pytest.raises(UnsupportedKeyError, match="cannot hold"):
        put(store, key)
    with pytest.raises(ObjectNotFoundError):
        store.get(key)
    assert store.head(key) is None
    store.delete(key)
    assert (root.parent / "a").read_bytes() == b"outside"
    assert list(root.iterdir()) == []


def test_a_folder_holds_no_two_keys_of_which_one_is_a_folder(root: Path) -> None:
    store = LocalStore(root)
    put(store, "a", "b/c/d")
    for key in ("a/b", "a/b/c", "b", "b/c"):
        with pytest.raises(UnsupportedKeyError, match="a file and a folder would have the same name"):
            put(store, key)
    assert all_keys(store) == ["a", "b/c/d"]
    assert sorted(path.name for path in root.rglob("*")) == ["a", "b", "c", "d"]


def test_dots_inside_of_names_are_fine(root: Path) -> None:
    store = LocalStore(root)
    put(store, ".hidden", "...", "a..b", "..a/b.", ".livestills/thumb")
    assert all_keys(store) == sorted([".hidden", "...", "a..b", "..a/b.", ".livestills/thumb"])


def test_names_that_are_not_utf8_are_listed_with_a_replacement(root: Path) -> None:
    for name in (b"a\xff", b"a\xfe", b"z", b"\xc3\xa9", b"d\xff/x"):
        path = Path(os.fsdecode(bytes(root) + b"/" + name))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    store = LocalStore(root)
    assert all_keys(store) == ["a\ufffd", "d\ufffd/x", "z", "é"]
    assert store.head("a\ufffd") is None


# --- what is no object


def test_links_are_neither_listed_nor_followed(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    (root / "file").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    (root / "circle").symlink_to(root)
    (root / "nowhere").symlink_to(root / "missing")
    store = LocalStore(root)
    put(store, "real")
    assert all_keys(store) == ["real"]
    for key in ("file", "folder/secret", "circle/real", "nowhere"):
        assert store.head(key) is None
        with pytest.raises(ObjectNotFoundError):
            store.get(key)
        with pytest.raises(UnsupportedKeyError):
            put(store, key)
        store.delete(key)
    assert (outside / "secret").read_bytes() == b"secret"
    assert (root / "file").is_symlink()


def test_a_root_may_be_a_link(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    put(LocalStore(link), "a")
    assert all_keys(LocalStore(root)) == ["a"]


def test_pipes_are_no_objects(root: Path) -> None:
    os.mkfifo(root / "pipe")
    store = LocalStore(root)
    assert all_keys(store) == []
    assert store.head("pipe") is None
    with pytest.raises(ObjectNotFoundError):
        store.get("pipe")  # and does not wait for a writer


def test_files_that_are_being_written_are_not_listed(root: Path) -> None:
    (root / ".livestills-tmp-abc").write_bytes(b"half a")
    assert all_keys(LocalStore(root)) == []


def test_empty_folders_hold_nothing(root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    assert LocalStore(root).list_page(delimiter="/") == Page([], [], None)


# --- writing


def test_a_written_file_is_for_its_owner(root: Path) -> None:
    put(LocalStore(root), "a/b")
    assert stat.S_IMODE((root / "a" / "b").stat().st_mode) == 0o600


def test_folders_that_become_empty_go_with_their_last_file(root: Path) -> None:
    store = LocalStore(root)
    put(store, "a/b/c", "a/d")
    store.delete("a/b/c")
    assert [path.name for path in root.rglob("*")] == ["a", "d"]
    store.delete("a/d")
    assert root.is_dir()
    assert list(root.iterdir()) == []


def test_a_write_that_fails_leaves_nothing_behind(root: Path) -> None:
    store = LocalStore(root)
    with pytest.raises(TypeError):
        store.put("a", "no bytes", content_type="image/jpeg")  # type: ignore[arg-type]
    assert list(root.iterdir()) == []


def test_an_etag_changes_with_each_write_and_is_no_md5(root: Path) -> None:
    store = LocalStore(root)
    etags = set()
    for _ in range(50):  # faster than the clock of the file system ticks
        put(store, "a")
        etags.add(store.list_page().objects[0].etag)
    assert len(etags) == 50
    assert all(len(etag) != 32 for etag in etags)


def test_a_file_is_newer_than_the_one_it_replaces_even_if_the_clock_stands_still(root: Path) -> None:
    for name in ("old", "new"):
        (root / name).write_bytes(b"x")
        os.utime(root / name, ns=(5, 5))
    local._make_newer(root / "new", root / "old")
    assert (root / "new").stat().st_mtime_ns == 6
    local._make_newer(root / "new", root / "missing")
    assert (root / "new").stat().st_mtime_ns == 6


def test_a_copy_of_the_folder_with_its_times_lists_the_same(root: Path) -> None:
    put(LocalStore(root), "a/b", "c")
    copy = root.parent / "copy"
    for path in sorted(root.rglob("*")):
        target = copy / path.relative_to(root)
        if path.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            os.utime(target, ns=(0, path.stat().st_mtime_ns))
    assert LocalStore(copy).list_page() == LocalStore(root).list_page()


# --- what the system refuses


@contextmanager
def as_nobody() -> Iterator[None]:
    """Without the right of root to read everything, where the tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def guarded(root: Path) -> Iterator[Path]:
    """A folder which nobody may enter, in one that everybody may read."""
    put(LocalStore(root), "guarded/a", "open")
    for folder in (root, *root.parents):
        if os.access(folder, os.W_OK) and folder.owner() == Path(root).owner() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
        if folder.name.startswith("pytest-of-"):
            break
    (root / "guarded").chmod(0)
    yield root
    (root / "guarded").chmod(0o700)


def test_what_may_not_be_read_is_denied_and_not_missing(guarded: Path) -> None:
    store = LocalStore(guarded)
    with as_nobody():
        with pytest.raises(AccessDeniedError, match=r"guarded/?: check its permissions"):
            store.list_page()
        with pytest.raises(AccessDeniedError, match="guarded"):
            store.get("guarded/a")
        with pytest.raises(AccessDeniedError, match="guarded"):
            store.head("guarded/a")
        with pytest.raises(AccessDeniedError, match="guarded"):
            put(store, "guarded/b")


def test_a_file_in_the_place_of_the_root_is_no_root(root: Path) -> None:
    (root / "file").write_bytes(b"x")
    store = LocalStore(root / "file")
    for ask in (store.list_page, lambda: store.get("a"), lambda: store.head("a"), lambda: put(store, "a")):
        with pytest.raises(BucketNotFoundError, match="there is no folder"):
            ask()


def test_a_full_disk_is_an_error_of_the_storage() -> None:
    full = Path("/dev/full")
    if not full.exists():  # not on macOS
        return
    store = LocalStore(Path("/dev"))
    with pytest.raises(StorageError), store._own_errors(full):
        full.write_bytes(b"x")


# --- listing


def test_a_listing_goes_on_in_another_process(root: Path) -> None:
    put(LocalStore(root), *[f"{folder}/{number}" for folder in "ab" for number in range(5)])
    first = LocalStore(root).list_page(limit=3)
    rest = LocalStore(root).list_page(token=first.next_token)
    assert [listed.key for listed in rest.objects] == ["a/3", "a/4", *[f"b/{number}" for number in range(5)]]


def test_a_listing_survives_what_is_deleted_on_its_way(root: Path) -> None:
    store = LocalStore(root)
    put(store, *"abcdef", "g/1", "h/1")
    seen = []
    token: str | None = None
    while True:
        page = store.list_page(token=token, limit=1)
        seen += [listed.key for listed in page.objects]
        token = page.next_token
        if token is None:
            break
        if seen == ["a"]:
            for key in ("b", "d", "g/1"):
                store.delete(key)
    assert seen == ["a", "c", "e", "f", "h/1"]


def test_many_listings_at_a_time_do_not_disturb_each_other(root: Path) -> None:
    store = LocalStore(root)
    put(store, *[f"{number:02}" for number in range(40)])
    tokens: list[str | None] = [store.list_page(limit=1).next_token for _ in range(30)]
    found: list[list[str]] = [["00"] for _ in tokens]
    while any(tokens):
        for index, token in enumerate(tokens):
            if token is not None:
                page = store.list_page(token=token, limit=1 + index % 3)
                found[index] += [listed.key for listed in page.objects]
                tokens[index] = page.next_token
    assert all(keys == [f"{number:02}" for number in range(40)] for keys in found)


components = st.text(st.sampled_from("ab.0_é\U0001f600"), min_size=1, max_size=3).filter(lambda name: name.strip("."))
keys = st.lists(components, min_size=1, max_size=3).map("/".join)
parts = st.text(st.sampled_from("ab/.0_é\U0001f600"), max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(keys, max_size=15), parts, parts, st.sampled_from(["", "/", "_", "a", "b/"]), st.integers(1, 4))
def test_a_folder_lists_as_memory_does(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], prefix: str, after: str, delimiter: str, limit: int
) -> None:
    folder, memory = LocalStore(tmp_path_factory.mktemp("root")), MemoryStore()
    for name in sorted(names):
        try:
            put(folder, name)
        except UnsupportedKeyError:
            continue
        put(memory, name)
    for store_limit in (limit, 1000):
        pages_found = []
        for store in (folder, memory):
            page = store.list_page(prefix, after=after, delimiter=delimiter, limit=store_limit)
            listed = [page]
            while page.next_token is not None:
                page = store.list_page(prefix, token=page.next_token, delimiter=delimiter, limit=store_limit)
                listed.append(page)
            pages_found.append([([each.key for each in page.objects], page.prefixes) for page in listed])
        assert pages_found[0] == pages_found[1]


@given(st.sets(keys, max_size=15), parts, parts, st.sampled_from(["", "/", "_", "a", "b/"]))
def test_memory_lists_by_the_definition(names: set[str], prefix: str, after: str, delimiter: str) -> None:
    memory = MemoryStore()
    put(memory, *names)
    fitting = [name for name in sorted(names) if name.startswith(prefix) and name > after]
    grouped = {name: name.find(delimiter, len(prefix)) if delimiter else -1 for name in fitting}
    page = memory.list_page(prefix, after=after, delimiter=delimiter)
    assert [listed.key for listed in page.objects] == [name for name in fitting if grouped[name] < 0]
    groups = {name[: end + len(delimiter)] for name, end in grouped.items() if end >= 0}
    assert page.prefixes == sorted(groups)
