"""`livestills storyboard`."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cli.machine import Record
from cli.notes import note, warn
from cli.options import Selector, common, parse_length, selection_options, with_app
from cli.output import Output
from cli.progress import counting
from cli.signals import stopping
from cli.texts import counted, human_bytes, human_length, shown
from indexer.errors import ConfigError, ExitStatus

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.jobs.storyboard_estimate import Estimate
    from indexer.jobs.storyboard_files import Result

_FIELDS: Final = (
    *("cname", "sid", "uid", "state", "vtt", "media_vtt", "json", "sprites", "tiles", "gaps", "no_picture", "bytes"),
    *("from_thumbnails", "wall_s", "media_s", "left_out", "message", "media_message"),
)
_ESTIMATE: Final = (
    *("series", "tiles", "gaps", "sprites", "from_thumbnails", "without_picture", "get_requests", "bytes_read"),
    *("files", "bytes_written", "usd_get", "usd_transfer", "usd_put", "usd_put_single_tiles"),
)


@click.command(
    epilog="For example:\n\n\b\n"
    "  livestills storyboard --user 1002 --since 1d --to boards\n"
    "  livestills storyboard --session 82c90eb4d5c47d2c0a8081f527033515 --tile 256x144 --to boards\n"
    "  livestills storyboard --user 1002 --estimate"
)
@selection_options()
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="FOLDER",
    help="Where to write.",
)
@click.option("--every", metavar="LENGTH", help="At most one shot in so much time, such as 1m.")
@click.option("--tile", default="160x90", metavar="WxH", show_default=True, help="Size of a tile.")
@click.option("--grid", default="10x10", metavar="CxR", show_default=True, help="Columns and rows of a sprite.")
@click.option("--base-url", default="", metavar="URL", help="What to write before the names of sprites in WebVTT.")
@click.option("--no-media", is_flag=True, help="Look for no recording: only the clock of the wall.")
@click.option(
    "--workers", type=click.IntRange(1, 256), metavar="N", help="Processes; as many as processors if not said."
)
@click.option("--again", is_flag=True, help="Make also those that an earlier run has made.")
@click.option("--estimate", is_flag=True, help="Tell requests, bytes and money; fetch and write nothing.")
@with_app
def storyboard(
    app: "App",
    out: Output,
    *,
    select: Selector,
    folder: Path,
    every: str | None,
    tile: str,
    grid: str,
    base_url: str,
    no_media: bool,
    workers: int | None,
    again: bool,
    estimate: bool,
) -> None:
    """Make storyboards of a user or a session, one a series: sprites, WebVTT for players, and JSON.

    Time 0 is the first shot, or the beginning of the period where the user had been seen before.  Of who was recorded
    too, there is a second WebVTT in the media time of the recording.  Gaps and broken pictures have tiles that say so.
    Thumbnails of the tile's size, or of 320x180, are used where they exist.
    """
    from indexer.jobs.storyboard_estimate import estimate as estimated
    from indexer.jobs.storyboard_plan import Places, Wishes
    from indexer.jobs.storyboards import Follow, make
    from indexer.render.storyboard import Board
    from indexer.render.webvtt import fits_in_url

    if base_url and not fits_in_url(base_url):
        raise ConfigError(f'--base-url {base_url!r}: an address in WebVTT is visible ASCII without # & < > " and -->')
    wishes = Wishes(
        Board.from_strings(tile, grid),
        None if every is None else parse_length(every, "--every"),
        media=not no_media,
        base_url=base_url,
    )
    selection = select(app)
    thumbnails = None if app.settings.derivatives is None else app.derivatives()
    places = Places({source.name: app.address(source) for source in app.sources()}, thumbnails, folder)
    with app.catalog_for(selection) as catalog, stopping() as check:
        terms = app.terms(catalog)
        if estimate:
            _tell_estimate(out, estimated(catalog, selection, wishes, places, terms=terms, check=check))
            return
        folder.mkdir(parents=True, exist_ok=True)
        with counting(common(), "tiles") as progress:
            answer = _Answer(out)
            answer.tell(
                make(
                    catalog,
                    selection,
                    wishes,
                    places,
                    terms=terms,
                    workers=workers or os.cpu_count() or 1,
                    follow=Follow(check, progress),
                    again=again,
                )
            )
    answer.end()


class _Answer:
    """Tells storyboards as they come."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._series = 0
        self._incomplete = False
        self._flawed: Counter[str] = Counter()

    def tell(self, results: Iterator["Result"]) -> None:
        """Write what was made; warn of what was not."""
        if self._out.for_people:
            for result in self._watched(results):
                self._line(result)
        else:
            self._out.write(map(_record, self._watched(results)), fields=_FIELDS)

    def _watched(self, results: Iterator["Result"]) -> Iterator["Result"]:
        for result in results:
            self._series += 1
            who = f"user {shown(result.uid)} in channel {shown(result.cname)}, session {shown(result.sid)}"
            if result.failure is not None:
                warn(f"{who}: no storyboard: {shown(result.failure)}")
            if result.media_failure is not None:
                warn(f"{who}: no media time: {shown(result.media_failure)}")
            for text in result.notes:
                self._out.note(f"{who}: {shown(text)}")
            for key, reason in result.samples:
                note(f"no picture: {shown(key)} ({reason})")
            self._flawed += result.flawed
            self._incomplete |= bool(result.failure or result.media_failure or result.flawed)
            yield result

    def _line(self, result: "Result") -> None:
        if result.vtt is None:
            return
        out = self._out
        out.line(shown(str(result.vtt)))
        if result.media_vtt is not None:
            out.line(shown(str(result.media_vtt)))
        if result.state == "there":
            out.tell("  an earlier run has made the same")
            return
        parts = [
            counted(result.tiles, "shot"),
            counted(result.gaps, "gap"),
            f"{counted(result.sprites, 'sprite')}, {human_bytes(result.bytes)}",
            human_length(result.wall.total_seconds()),
        ]
        if result.media_vtt is not None and result.media is not None:
            parts.append(f"{human_length(result.media.total_seconds())} of it recorded")
            if result.left_out:
                parts.append(f"{counted(result.left_out, 'shot')} in no recording")
        out.tell(f"  {out.dot.join(parts)}")

    def end(self) -> None:
        """Say what is true of all."""
        if not self._series:
            self._out.note("the catalog has no shot that matches, so there is no storyboard")
        for reason, count in self._flawed.most_common():
            note(f"no picture: {counted(count, 'shot')}, {reason}")
        if self._incomplete:
            raise click.exceptions.Exit(ExitStatus.PARTIAL)


def _record(result: "Result") -> Record:
    return {
        "cname": result.cname,
        "sid": result.sid,
        "uid": result.uid,
        "state": result.state,
        "vtt": None if result.vtt is None else str(result.vtt),
        "media_vtt": None if result.media_vtt is None else str(result.media_vtt),
        "json": None if result.json is None else str(result.json),
        "sprites": result.sprites,
        "tiles": result.tiles,
        "gaps": result.gaps,
        "no_picture": dict(result.flawed),
        "bytes": result.bytes,
        "from_thumbnails": result.from_thumbnails,
        "wall_s": result.wall.total_seconds(),
        "media_s": None if result.media is None else result.media.total_seconds(),
        "left_out": result.left_out,
        "message": result.failure,
        "media_message": result.media_failure,
    }


def _tell_estimate(out: Output, found: "Estimate") -> None:
    from indexer.jobs.storyboard_estimate import GET_PRICE_USD, PUT_PRICE_USD, TRANSFER_PRICE_USD

    if not out.for_people:
        out.write([_estimate_record(found)], fields=_ESTIMATE)
        return
    gaps = f" and {counted(found.gaps, 'gap')}" if found.gaps else ""
    out.line(f"{found.series:,} series: {counted(found.tiles, 'shot')}{gaps} in {counted(found.sprites, 'sprite')}")
    out.line(
        f"  {counted(found.gets, 'GET request')}, about {human_bytes(found.bytes_read)}: "
        f"{counted(found.from_thumbnails, 'thumbnail')}, "
        f"{counted(found.tiles - found.from_thumbnails - found.without_picture, 'original')}"
    )
    if found.without_picture:
        out.line(
            f"  {counted(found.without_picture, 'shot')} without a picture: archived, too large, or not configured"
        )
    out.line(f"  {counted(found.files, 'file')} to write, about {human_bytes(found.bytes_written)}")
    out.line(
        f"  {_usd(found.usd_gets)} for the requests, at {GET_PRICE_USD:g} USD for 1,000; "
        f"{_usd(found.usd_transfer)} for the transfer, if it leaves the region, at {TRANSFER_PRICE_USD:g} USD a GB"
    )
    out.line(
        f"  {_usd(found.usd_puts)} to put the files into a bucket, at {PUT_PRICE_USD:g} USD for 1,000; "
        f"as single thumbnails {_usd(found.usd_single)}"
    )


def _usd(amount: float) -> str:
    return "less than 0.01 USD" if 0 < amount < 0.01 else f"{amount:,.2f} USD"


def _estimate_record(found: "Estimate") -> Record:
    return {
        "series": found.series,
        "tiles": found.tiles,
        "gaps": found.gaps,
        "sprites": found.sprites,
        "from_thumbnails": found.from_thumbnails,
        "without_picture": found.without_picture,
        "get_requests": found.gets,
        "bytes_read": found.bytes_read,
        "files": found.files,
        "bytes_written": found.bytes_written,
        "usd_get": found.usd_gets,
        "usd_transfer": found.usd_transfer,
        "usd_put": found.usd_puts,
        "usd_put_single_tiles": found.usd_single,
    }
