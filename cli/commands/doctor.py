"""`livestills doctor`."""

from collections.abc import Iterator

import click

from cli.options import with_app
from cli.output import Column, Output, fields_of, shown
from indexer.app import App
from indexer.errors import ConfigError, ExitStatus
from indexer.jobs.doctor import Finding, Verdict, examine_catalog, examine_source, examine_sqlite


@click.command()
@with_app
def doctor(app: App, out: Output) -> None:
    """Check configuration, storage and catalog, and say what is wrong.  Exit 20 if something is.

    Storage is asked for one page of its listing and one byte of an object; nothing is written anywhere.
    """
    failed = False

    def told() -> Iterator[Finding]:
        nonlocal failed
        for finding in _findings(app):
            failed |= finding.verdict is Verdict.FAIL
            if out.for_people:
                out.line(f"{finding.verdict:<4}  {finding.about}: {shown(finding.text)}")
            yield finding

    found = told()
    if out.for_people:
        for _ in found:
            pass
    else:
        out.rows(map(fields_of, found), [Column(name, name) for name in ("verdict", "about", "text")])
    if failed:
        raise click.exceptions.Exit(ExitStatus.CHECK_FAILED)


def _findings(app: App) -> Iterator[Finding]:
    try:
        sources = app.sources()
    except ConfigError as exc:
        yield Finding(Verdict.FAIL, "configuration", str(exc))
        sources = []
    else:
        names = ", ".join(source.name for source in sources)
        yield Finding(Verdict.OK, "configuration", f"{app.file or 'the environment'}: sources {names}")
    for source in sources:
        yield from examine_source(source.name, app.open_store(source), source.location.prefix)
    yield from examine_catalog(app.settings.catalog.url)
    yield examine_sqlite()
