"""`livestills doctor`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from cli.options import with_app
from cli.output import Column, Output, fields_of
from cli.texts import shown
from indexer.errors import ConfigError, ExitStatus, LivestillsError

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.jobs.doctor import Finding

_FIELDS = ("verdict", "about", "text")


@click.command()
@with_app
def doctor(app: "App", out: Output) -> None:
    """Check configuration, storage and catalog, and say what is wrong.  Exit 20 if something is.

    Storage is asked for one page of its listing and one byte of an object; nothing is written anywhere.
    """
    failed = False

    def told() -> Iterator["Finding"]:
        nonlocal failed
        for finding in _findings(app):
            failed |= finding.verdict == "fail"
            yield finding

    if out.for_people:
        for finding in told():  # one by one, because a storage may take its time to answer
            out.line(f"{finding.verdict:<4}  {finding.about}: {shown(finding.text)}")
    else:
        out.rows(map(fields_of, told()), [Column(name, name) for name in _FIELDS], fields=_FIELDS)
    if failed:
        raise click.exceptions.Exit(ExitStatus.CHECK_FAILED)


def _findings(app: "App") -> Iterator["Finding"]:
    from indexer.jobs.doctor import Finding, Verdict, examine_catalog, examine_database, examine_source

    try:
        sources = app.sources()
    except ConfigError as exc:
        yield Finding(Verdict.FAIL, "configuration", str(exc))
        sources = []
    else:
        names = ", ".join(source.name for source in sources)
        yield Finding(Verdict.OK, "configuration", f"{app.file or 'the environment'}: sources {names}")
    for source in sources:
        try:
            store = app.open_store(source)
        except LivestillsError as exc:
            yield Finding(Verdict.FAIL, f"source {source.name}", str(exc))
        else:
            yield from examine_source(source.name, store, source.location.prefix)
    yield from examine_catalog(app.settings.catalog.url)
    yield from examine_database(app.settings.catalog.url)
