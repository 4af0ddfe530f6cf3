"""`livestills doctor`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from cli.options import with_app
from cli.output import Column, Output, fields_of
from cli.texts import shown
from indexer.errors import ConfigError, ExitStatus, LivestillsError

if TYPE_CHECKING:
    from indexer.app import App, ConfiguredSource
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
    from indexer.jobs.doctor import Finding, Verdict, examine_catalog, examine_database

    try:
        sources = app.sources()
    except ConfigError as exc:
        yield Finding(Verdict.FAIL, "configuration", str(exc))
        sources = []
    else:
        names = ", ".join(source.name for source in sources)
        yield Finding(Verdict.OK, "configuration", f"{app.file or 'the environment'}: sources {names}")
    for source in sources:
        yield from _of_source(app, source)
    yield from examine_catalog(app.settings.catalog.url)
    yield from examine_database(app.settings.catalog.url)


def _of_source(app: "App", source: "ConfiguredSource") -> Iterator["Finding"]:
    from indexer.jobs.doctor import Finding, Verdict, examine_doubts, examine_request, examine_source

    told = source.settings.from_request
    if told is not None:
        yield from examine_request(source.name, told)
    works = True
    try:
        store = app.open_store(source)
    except LivestillsError as exc:
        works = False
        yield Finding(Verdict.FAIL, f"source {source.name}", str(exc))
    else:
        for finding in examine_source(source.name, store, source.location.prefix):
            works &= finding.verdict == Verdict.OK
            yield finding
    if told is not None:
        yield from examine_doubts(source.name, told, works=works)
