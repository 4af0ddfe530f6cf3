"""What an upgrade keeps, whichever database keeps the catalog."""

from sqlalchemy import text

from indexer.agora.facts import Fact, FactKind
from indexer.catalog.catalog import Catalog
from indexer.catalog.dialects import WRITE
from indexer.catalog.opening import open_database
from indexer.catalog.verification import problems
from indexer.catalog.versions import HEAD, State
from indexer.model import ListedObject
from tests.catalogs import MADE_AT, Urls, shots_in, take_over

SID = "1cd3d60b784382f12ce30fa615421852"
SHOTS = [
    ListedObject(f"d/{SID}_room__uid_s_{uid}__uid_e_video_202611051400{second:02}000.jpg", 5, "a" * 32, 7, None)
    for uid in "78"
    for second in range(9)
]
BACK_TO_0006 = (
    "DROP TABLE fact",
    "DROP TABLE announced",
    "ALTER TABLE stream DROP COLUMN announced",
    "ALTER TABLE unit DROP COLUMN awaited_ms",
    "UPDATE alembic_version SET version_num = '0006'",
)


def test_a_catalog_from_before_callbacks_keeps_what_it_has_and_takes_them_in(catalog_urls: Urls) -> None:
    url = catalog_urls()
    with Catalog.open_to_write(url, now=MADE_AT) as catalog:
        take_over(catalog, catalog.add_source("s", "memory://s/"), SHOTS)
    database = open_database(url, create=False)
    with database.engine.execution_options(**{WRITE: True}).begin() as connection:
        for statement in BACK_TO_0006:
            connection.execute(text(statement))
    database.engine.dispose()
    with Catalog.open_any(url) as catalog:
        assert (catalog.schema().state, catalog.schema().version) == (State.OLDER, "0006")
        done = catalog.upgrade(now=MADE_AT)
        assert done is not None
        assert (done.before, done.after) == ("0006", HEAD)
    with Catalog.open_to_write(url, now=MADE_AT) as catalog:
        assert shots_in(catalog) == SHOTS
        assert list(problems(catalog)) == []
        source = catalog.add_source("s", "memory://s/")
        assert catalog.announce(source, [(SHOTS[0].key, 1), (SHOTS[0].key.replace("1400", "1500"), 1)]).new == 1
        assert catalog.facts.record([Fact(SID, "room", "7", 1, FactKind.CAMERA_OFF)]) == 1
        take_over(catalog, source, SHOTS)
        assert len(shots_in(catalog)) == len(SHOTS) + 1
        assert list(problems(catalog)) == []
