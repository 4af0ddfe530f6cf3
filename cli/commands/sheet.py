"""`livestills sheet`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.notes import note
from cli.options import Selector, parse_length, selection_options, with_app
from cli.output import Output
from cli.texts import shown

if TYPE_CHECKING:
    from indexer.app import App


@click.command()
@selection_options()
@click.option("--size", default="320x180", metavar="WxH", show_default=True, help="Of a tile.")
@click.option("--columns", type=click.IntRange(1, 64), metavar="N", help="Tiles side by side.")
@click.option("--every", metavar="LENGTH", help="At most one shot in so much time, such as 1m.")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="FOLDER",
    help="Where to write.",
)
@with_app
def sheet(
    app: "App", out: Output, *, select: Selector, size: str, columns: int | None, every: str | None, folder: Path
) -> None:
    """Draw contact sheets of a user, a session or a channel: JPEG pages with times, failovers and gaps.

    Pictures come from thumbnails of that size where they exist (`livestills thumbs`), else from the originals.
    """
    from indexer.jobs.sheets import Pictures, plan, write
    from indexer.render.fonts import Fonts, packages_for, system_fonts
    from indexer.render.sheet_layout import Layout
    from indexer.render.thumbnail import ThumbSpec
    from indexer.storage.urls import open_store

    layout = Layout(ThumbSpec.from_string(size), columns)
    spacing = None if every is None else parse_length(every, "--every")
    selection = select(app)
    with app.catalog_for(selection) as catalog:
        intervals_s = {name: source.capture_interval_s for name, source in app.settings.sources.items()}
        planned = plan(catalog, selection, every=spacing, intervals_s=intervals_s)
        if not planned.series:
            out.note("the catalog has no shot that matches, so there is no sheet")
            return
        folder.mkdir(parents=True, exist_ok=True)
        fonts = Fonts(system_fonts())
        target = app.derivatives() if app.settings.derivatives is not None else None
        pictures = Pictures(
            {source.name: app.open_store(source) for source in app.sources()},
            None if target is None else open_store(target.location, target.options),
            "" if target is None else target.location.prefix,
        )
        pages = write(planned, pictures, folder, layout=layout, zone=app.zone, fonts=fonts)
        if out.for_people:
            for path in pages:
                out.line(shown(str(path)))
        else:
            out.write(({"file": str(path)} for path in pages), fields=("file",))
    if fonts.missing:
        packages = ", ".join(packages_for(fonts.missing))
        note(f"no font has {fonts.missing!r}: drawn as boxes{f'; install {packages}' if packages else ''}")
