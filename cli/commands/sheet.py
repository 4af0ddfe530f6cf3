"""`livestills sheet`."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cli.notes import note
from cli.options import Selector, parse_length, selection_options, with_app
from cli.output import Output
from cli.texts import shown

if TYPE_CHECKING:
    from datetime import tzinfo

    from indexer.app import App
    from indexer.jobs.sheets import Pictures, Sheet
    from indexer.render.sheet_layout import Layout
    from indexer.render.sheet_model import Document, SheetHead


class SheetFormat(StrEnum):
    """What a sheet is written as; also how its files end."""

    JPG = "jpg"
    PNG = "png"
    PDF = "pdf"
    HTML = "html"


_FIELDS: Final = ("file", "format")


@click.command(
    epilog="For example:\n\n\b\n"
    "  livestills sheet --user 1002 --since 1d --to sheets\n"
    "  livestills sheet --session 82c90eb4d5c47d2c0a8081f527033515 --format pdf --every 1m\n"
    "  livestills sheet --channel math-101 --format html --changed --caption '{time} {recorder}'"
)
@selection_options()
@click.option(
    "--format",
    "sheet_format",
    type=click.Choice(SheetFormat, case_sensitive=False),
    default=str(SheetFormat.JPG),
    show_default=True,
    help="Pages as pictures, one PDF, or one HTML file that needs nothing else.",
)
@click.option("--size", default="320x180", metavar="WxH", show_default=True, help="Of a tile.")
@click.option("--columns", type=click.IntRange(1, 64), metavar="N", help="Tiles side by side.")
@click.option("--every", metavar="LENGTH", help="At most one shot in so much time, such as 1m.")
@click.option(
    "--changed", is_flag=True, help="One tile for pictures in a row that look alike, with their number and times."
)
@click.option(
    "--caption",
    metavar="TEMPLATE",
    help="Under tiles in place of the time, such as '{date} {time} {name}'; also {uid}, {channel}, {recorder}, {size}.",
)
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
    app: "App",
    out: Output,
    *,
    select: Selector,
    sheet_format: SheetFormat,
    size: str,
    columns: int | None,
    every: str | None,
    changed: bool,
    caption: str | None,
    folder: Path,
) -> None:
    """Draw contact sheets of a user, a session or a channel: captioned pictures, and gaps with their causes.

    There is a block for each user in each session, with the figures of its timeline.  Pictures come from thumbnails of
    that size where they exist (`livestills thumbs`), else from the originals.  A PDF takes the extra `pdf`.
    """
    from indexer.jobs.sheets import EqualBytes, Style, plan, write
    from indexer.render.sheet_layout import Layout
    from indexer.render.sheet_words import Template
    from indexer.render.thumbnail import ThumbSpec

    template = None if caption is None else Template(caption)
    layout = Layout(ThumbSpec.from_string(size), columns, lines=1 if template is None else _LINES)
    spacing = None if every is None else parse_length(every, "--every")
    drawing = _Drawing(sheet_format, layout, app.zone)
    selection = select(app)
    names = app.names()
    with app.catalog_for(selection) as catalog:
        terms = app.terms(catalog)
        likeness = EqualBytes(terms.md5_sources) if changed else None
        thresholds = app.thresholds()
        planned = plan(catalog, selection, terms=terms, every=spacing, likeness=likeness, thresholds=thresholds)
        if not planned.shots:
            out.note("the catalog has no shot that matches, so there is no sheet")
            return
        folder.mkdir(parents=True, exist_ok=True)
        style = Style(app.zone, layout.tile, names, template)
        files = write(planned, _pictures(app), folder, style=style, suffix=str(sheet_format), document=drawing.document)
        if out.for_people:
            for path in files:
                out.line(shown(str(path)))
        else:
            out.write(({"file": str(path), "format": str(sheet_format)} for path in files), fields=_FIELDS)
    drawing.note_missing_letters()
    _note_untold(out, planned)


_LINES: Final = 2
"""Under a tile, where somebody says what stands there."""


class _Drawing:
    """How sheets become documents of a format."""

    def __init__(self, sheet_format: SheetFormat, layout: "Layout", zone: "tzinfo") -> None:
        from indexer.render.fonts import Fonts, Letters, system_fonts

        self._fonts: Letters[Any] | None = None  # browsers have their own
        self.document: Callable[[SheetHead], Document]
        if sheet_format is SheetFormat.HTML:
            from indexer.render.sheet_html import HtmlSheet

            self.document = partial(HtmlSheet, zone=zone, layout=layout)
        elif sheet_format is SheetFormat.PDF:
            from indexer.render.sheet_pdf import PdfFonts, PdfSheet

            self._fonts = fonts = PdfFonts(system_fonts())
            self.document = partial(PdfSheet, zone=zone, fonts=fonts, layout=layout)
        else:
            from indexer.render.contact_sheet import ContactSheet, PageFormat

            page_format = PageFormat.PNG if sheet_format is SheetFormat.PNG else PageFormat.JPEG
            self._fonts = letters = Fonts(system_fonts())
            self.document = partial(ContactSheet, zone=zone, fonts=letters, layout=layout, page_format=page_format)

    def note_missing_letters(self) -> None:
        """Say which letters no font has, and what to install."""
        from indexer.render.fonts import packages_for

        if self._fonts is not None and (missing := self._fonts.missing):
            packages = ", ".join(packages_for(missing))
            note(f"no font has {missing!r}: drawn as boxes{f'; install {packages}' if packages else ''}")


def _pictures(app: "App") -> "Pictures":
    from indexer.jobs.sheets import Pictures
    from indexer.storage.urls import open_store

    target = app.derivatives() if app.settings.derivatives is not None else None
    return Pictures(
        {source.name: app.open_store(source) for source in app.sources()},
        None if target is None else open_store(target.location, target.options),
        "" if target is None else target.location.prefix,
    )


def _note_untold(out: Output, planned: "Sheet") -> None:
    if untold := planned.untold_sources:
        out.note(
            f"equal pictures: not determinable in {', '.join(map(shown, untold))}, where nobody has looked at all of "
            "them (`livestills thumbs` does) and it is not known that ETags are MD5s (`etag_is_md5`)"
        )
