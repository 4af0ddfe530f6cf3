"""`livestills db`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cli.options import common, common_options, with_app
from cli.output import Column, Output
from cli.progress import counting
from cli.signals import stopping
from cli.texts import shown
from indexer.errors import ExitStatus, InterruptedRunError

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


@db.command()
@click.option("--to", required=True, metavar="URL", help="Where to: a new file or an empty database, as for --catalog.")
@with_app
def copy(app: "App", out: Output, *, to: str) -> None:
    """Copy the catalog to another database, in PostgreSQL or SQLite, and verify the copy.  Exit 20 if it differs.

    One state of the catalog is copied, while syncs may go on; what they write later is not in it.  Set url in [catalog]
    to the copy afterwards.  One that is stopped is no catalog: begin it again.
    """
    from indexer.catalog.copying import copy as copy_catalog

    with app.catalog_to_read() as catalog, counting(common(), "shots") as progress, _stopping() as check:
        name = catalog.name
        copied = copy_catalog(catalog, to, now=app.now(), progress=progress, check=check)
    if out.for_people:
        for problem in copied.problems:
            out.line(shown(problem))
    else:
        out.record({"catalog": name, "copy": copied.name, "rows": copied.rows, "problems": copied.problems}, ())
    if copied.problems:
        out.note(f"{shown(copied.name)} does not add up, and is not used as a catalog; see `livestills db check`")
        raise click.exceptions.Exit(ExitStatus.CHECK_FAILED)
    out.note(f"{shown(name)} copied to {shown(copied.name)}: {copied.shots:,} shots, and all of it adds up")


@contextmanager
def _stopping() -> Iterator[Callable[[], None]]:
    """As `stopping`, saying what that means here."""
    try:
        with stopping() as check:
            yield check
    except InterruptedRunError as exc:
        raise type(exc)("stopped; the copy is not whole, and begins anew next time") from exc
