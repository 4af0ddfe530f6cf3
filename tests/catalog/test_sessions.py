"""What the catalog tells of a session's units."""

from datetime import UTC, datetime

from sqlalchemy import insert

from indexer.catalog.answers import UnitState, UnitSummary
from indexer.catalog.catalog import Catalog
from indexer.catalog.schema import unit
from indexer.model import to_ms
from tests.catalogs import Urls, opened

NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
EARLIER = datetime(2026, 11, 1, tzinfo=UTC)


def test_units_tell_whether_more_can_arrive_and_when_they_were_listed(catalog: Catalog) -> None:
    ids = [catalog.add_source(name, f"memory://{name}/").id for name in ("b", "a")]
    times = {"newest_ms": to_ms(EARLIER), "listed_ms": to_ms(NOON), "verified_ms": to_ms(NOON)}
    unknown = dict.fromkeys(times)
    rows = [
        {"source_id": ids[0], "prefix": "z/x_", "sid": "x", "objects": 3, "digest": 1, "settled": True, **times},
        {"source_id": ids[0], "prefix": "d/x_", "sid": "x", "objects": 2, "digest": 1, "settled": False, **times},
        {"source_id": ids[1], "prefix": "z/x_", "sid": "x", "objects": 1, "digest": None, "settled": True, **unknown},
        {"source_id": ids[0], "prefix": "z/y_", "sid": "y", "objects": 3, "digest": 1, "settled": True, **times},
    ]
    with catalog._writing() as connection:
        connection.execute(insert(unit), rows)
    assert catalog.sessions.units("x") == [
        UnitSummary("a", "z/x_", 1, UnitState.UNFINISHED, None, None, None),
        UnitSummary("b", "d/x_", 2, UnitState.WATCHED, EARLIER, NOON, NOON),
        UnitSummary("b", "z/x_", 3, UnitState.SETTLED, EARLIER, NOON, NOON),
    ]
    assert catalog.sessions.units("") == []


def test_the_units_of_a_session_are_found_by_an_index(in_sqlite: Urls) -> None:
    with opened(in_sqlite) as catalog, catalog.reading() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT unit.id, source.name FROM unit JOIN source ON source.id = unit.source_id "
            "WHERE unit.source_id IN (SELECT id FROM source) AND unit.sid = 'a' ORDER BY source.name, unit.prefix"
        ).all()
    assert any("unit USING INDEX ix_unit_source_id_sid (source_id=? AND sid=?)" in row.detail for row in plan)
