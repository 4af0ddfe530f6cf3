"""What tests ask of a whole catalog."""

from collections.abc import Iterable

from indexer.agora.names import ScreenshotName, parse
from indexer.catalog.catalog import Catalog
from indexer.model import ListedObject, Selection


def shots_in(catalog: Catalog) -> list[ListedObject]:
    """All shots, read as lookups read them."""
    found = []
    for user in catalog.users.every(Selection()):
        for series in catalog.shots.series(user.uid, Selection()):
            for shot, _ in catalog.shots.of(series, Selection().period):
                modified_s = round(shot.last_modified.timestamp())
                found.append(ListedObject(shot.key, shot.size, shot.etag, modified_s, shot.tier))
    return sorted(found)


def shots_of(objects: Iterable[ListedObject]) -> list[ListedObject]:
    """What a catalog should hold of a listing."""
    return sorted(found for found in objects if isinstance(parse(found.key), ScreenshotName))


def dump(catalog: Catalog) -> dict[str, list[tuple[object, ...]]]:
    """Everything that a sync writes about a bucket, to see whether it wrote."""
    tables = ("session", "unit", "stream", "shot", "recording", "rejected")
    with catalog.reading() as connection:
        return {
            table: [tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1, 2")]  # noqa: S608
            for table in tables
        }
