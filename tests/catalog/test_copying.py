"""A catalog moves from one database to another."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from indexer.agora.facts import Fact, FactKind
from indexer.catalog.catalog import Catalog
from indexer.catalog.copying import Copied, copy
from indexer.catalog.dialects import WRITE
from indexer.catalog.opening import open_database
from indexer.catalog.schema import metadata, shot
from indexer.catalog.verification import problems
from indexer.catalog.versions import State
from indexer.errors import CatalogSchemaError, ConfigError, InterruptedRunError
from indexer.model import ListedObject
from tests.catalogs import MADE_AT, shots_in, take_over
from tests.cli.running import done, livestills
from tests.postgres import PostgresServer

SID = "1cd3d60b784382f12ce30fa615421852"


def objects(cname: str) -> list[ListedObject]:
    heads = [f"d/{SID}_{cname}__uid_s_{uid}__uid_e_video_202611051400" for uid in range(10, 20)]
    shots = [
        ListedObject(f"{head}{second:02}000.jpg", second, "a" * 32 if second % 2 else "x-2", 0, "GLACIER")
        for head in heads
        for second in range(10)
    ]
    return [*shots, ListedObject("d/foreign\x00", 1, "", 0, None), ListedObject(f"{heads[0]}00001.ts", 1, "", 0, None)]


ANNOUNCED = [objects("a")[0].key.replace("140000", "150000"), objects("z")[0].key]


def filled(url: str) -> None:
    with Catalog.open_to_write(url, now=MADE_AT) as catalog:
        source = catalog.add_source("s", "memory://s/")
        run = catalog.begin_run(source, mode="full", now=MADE_AT)
        take_over(catalog, source, sorted([*objects("a"), *objects("b\x01")]))
        take_over(catalog, source, sorted(objects("a")))  # what is removed is remembered
        catalog.announce(source, [(key, 1) for key in ANNOUNCED])
        catalog.facts.record([Fact(SID, "a", "10", 1, FactKind.CAMERA_OFF)])
        requests, counts = {"list": 1}, {"objects": 2}
        catalog.end_run(run, mode="full", outcome="done", message="\x00", requests=requests, counts=counts, now=MADE_AT)


def rows(catalog: Catalog) -> dict[str, list[tuple[object, ...]]]:
    with catalog.reading() as connection:
        return {
            name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]
            for name, table in metadata.tables.items()
        }


Places = Callable[[str], str]


@pytest.fixture
def place(postgres: PostgresServer, tmp_path: Path) -> Places:
    """The URL of a database of a kind in which nothing is."""
    return lambda kind: (
        postgres.url(postgres.new_database()) if kind == "postgresql" else f"sqlite:///{tmp_path}/{kind}.db"
    )


def copied(origin: str, target: str, **how: Callable[..., None]) -> Copied:
    with Catalog.open_to_read(origin) as catalog:
        return copy(catalog, target, now=MADE_AT, **how)


@pytest.mark.parametrize(
    ("one", "other"), [("a", "postgresql"), ("postgresql", "a"), ("a", "b"), ("postgresql", "postgresql")]
)
def test_a_copy_is_the_same_catalog(place: Places, one: str, other: str) -> None:
    origin, target = place(one), place(other)
    filled(origin)
    told: list[tuple[int, int]] = []
    result = copied(origin, target, progress=lambda done, total: told.append((done, total)))
    assert (result.shots, result.problems, told[-1]) == (102, [], (102, 102))
    with Catalog.open_to_write(origin, now=MADE_AT) as before, Catalog.open_to_write(target, now=MADE_AT) as after:
        assert rows(after) == rows(before)
        assert all(count == len(rows(after)[name]) for name, count in result.rows.items())
        for catalog in (before, after):  # and it goes on as one
            source = catalog.add_source("s", "memory://s/")
            take_over(catalog, source, sorted([*objects("a"), *objects("c")]))
            assert catalog.add_source("t", "memory://t/").id > source.id
            assert list(problems(catalog)) == []
        assert shots_in(after) == shots_in(before)


@pytest.mark.parametrize("kind", ["b", "postgresql"])
def test_a_copy_that_is_stopped_is_no_catalog_and_begins_anew(place: Places, kind: str) -> None:
    origin, target = place("a"), place(kind)
    filled(origin)

    def stop(done: int, _total: int) -> None:
        if done:
            raise InterruptedRunError("enough")

    with pytest.raises(InterruptedRunError):
        copied(origin, target, progress=stop)
    for opening in (Catalog.open_to_read, lambda url: Catalog.open_to_write(url, now=MADE_AT)):
        with pytest.raises(
            CatalogSchemaError, match="is a copy that is not whole; run `livestills db copy` to it again"
        ):
            opening(target)
    with Catalog.open_any(target) as catalog:
        assert catalog.schema().state is State.UNFINISHED
    assert copied(origin, target).problems == []
    with Catalog.open_to_read(origin) as before, Catalog.open_to_read(target) as after:
        assert rows(after) == rows(before)


@pytest.mark.parametrize("kind", ["b", "postgresql"])
def test_what_holds_a_catalog_is_not_written_over(place: Places, kind: str) -> None:
    origin, target = place("a"), place(kind)
    for url in (origin, target):
        filled(url)
    with pytest.raises(ConfigError, match="holds a catalog already; name an empty database or a new file"):
        copied(origin, target)
    with pytest.raises(ConfigError, match="holds a catalog already"):
        copied(origin, origin)
    with Catalog.open_to_read(target) as catalog:
        assert len(shots_in(catalog)) == 102


def test_a_sync_that_goes_on_meanwhile_is_not_in_it(place: Places) -> None:
    origin, target = place("a"), place("postgresql")
    filled(origin)
    with Catalog.open_to_write(origin, now=MADE_AT) as other:

        def write(_done: int, _total: int) -> None:
            take_over(other, other.add_source("s", "memory://s/"), sorted(objects("c")))

        assert copied(origin, target, progress=write).problems == []
    with Catalog.open_to_read(target) as catalog:
        assert {found.key for found in shots_in(catalog)} == {
            *(found.key for found in objects("a") if found.key.endswith(".jpg")),
            *ANNOUNCED,
        }


def test_a_copy_of_what_does_not_add_up_says_so_and_is_not_used(place: Places) -> None:
    origin, target = place("a"), place("postgresql")
    filled(origin)
    damaged = open_database(origin, create=False)
    with damaged.engine.execution_options(**{WRITE: True}).begin() as connection:
        connection.execute(delete(shot).where(shot.c.size == 3))
    damaged.engine.dispose()
    assert len(copied(origin, target).problems) == 10
    with pytest.raises(CatalogSchemaError):
        Catalog.open_to_read(target)


def test_db_copy_is_the_command(place: Places) -> None:
    origin, target = place("a"), place("postgresql")
    filled(origin)
    answer = done("db", "copy", "--catalog", origin, "--to", target, "-o", "json")
    assert (answer.document["rows"]["shot"], answer.document["problems"]) == (102, [])
    assert answer.document["copy"].startswith("postgresql://")
    again = livestills("db", "copy", "--catalog", origin, "--to", target)
    assert (again.status, again.out) == (2, "")
    assert "holds a catalog already" in again.error
    there = done("db", "copy", "--catalog", target, "--to", f"{place('b')}")
    assert "102 shots, and all of it adds up" in there.err
