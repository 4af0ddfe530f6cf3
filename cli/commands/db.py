"""`livestills db`."""

from typing import TYPE_CHECKING

import click

from cli.options import common_options, with_app
from cli.output import Column, Output
from cli.texts import shown
from indexer.errors import ExitStatus

if TYPE_CHECKING:
    from indexer.app import App


@click.group()
@common_options
def db() -> None:
    """The catalog's database: upgrade it, see its version, check it."""


@db.command()
@with_app
def current(app: "App", out: Output) -> None:
    """Show the schema of the catalog, and whether this version can use it.  Exit 12 if it cannot."""
    from indexer.catalog.catalog import Catalog
    from indexer.catalog.versions import HEAD, State

    with Catalog.open_any(app.settings.catalog.url) as catalog:
        found = catalog.schema()
        record = {"catalog": catalog.name, "schema": found.version, "wanted": HEAD, "state": str(found.state)}
    out.record(record, [Column(name, name) for name in record])
    if found.state is not State.CURRENT:
        raise click.exceptions.Exit(ExitStatus.SCHEMA)


@db.command()
@with_app
def upgrade(app: "App", out: Output) -> None:
    """Bring the catalog to the schema of this version, behind a copy of the old file."""
    from indexer.catalog.catalog import Catalog

    with Catalog.open_any(app.settings.catalog.url) as catalog:
        done = catalog.upgrade(now=app.now())
        record = {
            "catalog": catalog.name,
            "upgraded": done is not None,
            "before": None if done is None else done.before,
            "after": catalog.schema().version,
            "backup": None if done is None or done.backup is None else str(done.backup),
        }
    if not out.for_people:
        out.record(record, ())
    elif done is None:
        out.line(f"{shown(str(record['catalog']))} has schema {record['after']}: nothing to do")
    else:
        kept = f"; the old one is kept at {shown(str(record['backup']))}" if done.backup is not None else ""
        out.line(f"{shown(str(record['catalog']))} upgraded to schema {record['after']}{kept}")


@db.command()
@with_app
def check(app: "App", out: Output) -> None:
    """Read the whole catalog and verify that its sums equal its rows.  Exit 20 if they do not."""
    from indexer.catalog.verification import problems

    with app.catalog_to_read() as catalog:
        found = [{"problem": problem} for problem in problems(catalog)]
        out.rows(found, [Column("problem", "problem")], fields=("problem",))
        if found:
            raise click.exceptions.Exit(ExitStatus.CHECK_FAILED)
        out.note(f"{shown(catalog.name)} is sound")
