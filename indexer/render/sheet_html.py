"""Contact sheets as one HTML file that needs nothing else: pictures are in it, and it runs no script.

Everything from outside is text, written through `_text`; attributes hold what we made ourselves, or the same text.
Behind that, a policy forbids scripts, forms and whatever is not in the file, should one ever slip through.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from html import escape
from typing import Final

from indexer.model import rfc3339
from indexer.render.embedding import embedded
from indexer.render.fonts import plain
from indexer.render.image import BadPictureError
from indexer.render.sheet_layout import Layout
from indexer.render.sheet_model import Block, Cell, Coming, Gap, SheetHead, Tile
from indexer.render.sheet_words import (
    MADE_BY,
    Badge,
    Caption,
    Clock,
    facts,
    frame_of,
    gap_caption,
    gap_title,
    legend,
    tile_caption,
)

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_NARROWEST_PX: Final = 220  # of a tile where the window decides how many stand side by side

_STYLE: Final = """
:root{color-scheme:light;--ink:#101828;--text:#344054;--muted:#667085;--rule:#e4e7ec;--mat:#f2f4f7;--hatch:#d5dae1}
*{box-sizing:border-box}
body{margin:0;padding:2rem clamp(1rem,3vw,3rem);background:#fff;color:var(--text);
 font:14px/1.45 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;font-variant-numeric:tabular-nums}
h1{margin:0 0 .75rem;color:var(--ink);font-size:1.9em;line-height:1.2;overflow-wrap:anywhere}
h2{margin:0 0 .25rem;color:var(--ink);font-size:1.3em;line-height:1.3;overflow-wrap:anywhere}
dl{display:flex;flex-wrap:wrap;gap:.35rem 1.75rem;margin:0}
dl div{min-width:0;max-width:100%}
dt{color:var(--muted);font-size:.8em}
dd{margin:0;overflow-wrap:anywhere}
section dl div{display:flex;gap:.35rem}
section dt{font-size:inherit}
header{padding-bottom:1.25rem;border-bottom:2px solid var(--rule)}
section{margin-top:1.75rem}
.legend{display:flex;flex-wrap:wrap;gap:.4rem 1.5rem;margin:1rem 0 0;padding:0;list-style:none;color:var(--muted);
 font-size:.85em}
.legend li{display:flex;align-items:center;gap:.4rem}
.swatch{display:inline-block;width:2rem;height:1rem;border:1px solid #d0d5dd;border-radius:3px}
.grid{display:grid;grid-template-columns:COLUMNS;gap:1.1rem .9rem;margin:.9rem 0 0;padding:0;list-style:none}
.grid li{min-width:0;break-inside:avoid}
.tile{display:flex;flex-direction:column;align-items:center;justify-content:center;width:100%;aspect-ratio:RATIO;
 overflow:hidden;border:1px solid #d0d5dd;border-radius:5px;background:var(--mat);text-align:center}
.tile img{display:block;width:100%;height:100%;object-fit:contain}
.tile p{margin:0;padding:0 .75rem;max-width:100%;overflow-wrap:anywhere}
.tile b{color:var(--text)}
.why{font-size:.85em;color:var(--muted)}
.gap{background:repeating-linear-gradient(-45deg,#f9fafb 0 7px,var(--hatch) 7px 9px)}
.tile.gap p{background:#f9fafbd9;border-radius:4px}
.cap{display:flex;flex-wrap:wrap;align-items:baseline;gap:.1rem .4rem;margin:.3rem 0 0}
.cap .own{flex:1;min-width:0;overflow-wrap:anywhere}
.cap .space{flex:1}
.badge{padding:0 .4em;border-radius:4px;font-size:.8em;font-weight:600;white-space:nowrap}
.offset{color:var(--muted)}
.none{padding:3rem;border:1px solid var(--rule);border-radius:5px;background:var(--mat);text-align:center}
footer{margin-top:2rem;color:var(--muted);font-size:.85em}
@media print{@page{size:A4 landscape;margin:10mm}
 body{padding:0;font-size:8.5pt}
 .grid{grid-template-columns:PRINTED;gap:3mm 2.5mm}
 h2,section dl{break-after:avoid}
 .tile,.badge,.swatch{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""


class HtmlSheet:
    """A sheet as one page of HTML, written as cells come: nothing of it is held but the cell at hand."""

    file_count = 1

    def __init__(self, head: SheetHead, *, zone: tzinfo, layout: Layout | None = None) -> None:
        self._head = head
        self._zone = zone
        self._layout = layout or Layout()

    def files(self, cells: Iterable[Block | Cell]) -> Iterator[Iterable[bytes]]:
        """Yield the file.  Equal cells give equal bytes.

        A picture that cannot be read is a cell that says why.  Raises `BrokenPromiseError` if there are not as many
        cells as the head says.
        """
        yield (piece.encode() for piece in self._pieces(Coming(cells, self._head)))

    def _pieces(self, coming: Coming) -> Iterator[str]:
        yield self._beginning()
        for cells in self._head.blocks or (self._head.cells,):
            block = coming.block() if self._head.blocks else None
            yield "<section>\n" if block is None else f"<section>\n<h2>{_name(block.title)}</h2>\n{_list(block.facts)}"
            yield '<ol class="grid">\n'
            clock = Clock(self._zone)
            for _ in range(cells):
                yield self._cell(coming.cell(), clock)
            yield "</ol>\n</section>\n"
        coming.end()
        if not self._head.cells:
            yield '<p class="none">No shots</p>\n'
        yield f"<footer>{MADE_BY}</footer>\n</body>\n</html>\n"

    def _beginning(self) -> str:
        head, tile = self._head, self._layout.tile
        columns = self._layout.columns
        usual = f"repeat(auto-fill,minmax(min(100%,{min(tile.width, _NARROWEST_PX)}px),1fr))"
        style = (
            _STYLE.replace("COLUMNS", usual if columns is None else f"repeat({columns},minmax(0,1fr))")
            .replace("PRINTED", f"repeat({self._layout.columns_for(head.cells)},minmax(0,1fr))")
            .replace("RATIO", f"{tile.width}/{tile.height}")
        )
        entries = "".join(
            f"<li>{''.join(map(_badge, entry.badges))}"
            + ("" if entry.swatch is None else f'<span class="swatch {entry.swatch}"></span>')
            + f"<span>{_text(entry.text)}</span></li>\n"
            for entry in legend(head.marks)
        )
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n'
            f"<title>{_text(head.title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
            f"<header>\n<h1>{_name(head.title)}</h1>\n{_list(facts(head, self._zone))}"
            + (f'<ul class="legend">\n{entries}</ul>\n' if entries else "")
            + "</header>\n"
        )

    def _cell(self, cell: Cell, clock: Clock) -> str:
        if isinstance(cell, Gap):
            tile = _said("tile gap", gap_title(cell), cell.cause or "", cell.note or "")
            return f"<li>{tile}{self._caption(gap_caption(cell, clock), cell.since, cell.until)}</li>\n"
        caption = tile_caption(cell, clock)
        return f"<li>{self._picture(cell)}{self._caption(caption, cell.captured_at, cell.until)}</li>\n"

    def _picture(self, tile: Tile) -> str:
        missing = tile.note or "there is none"
        if tile.picture is not None:
            try:
                made = embedded(tile.picture, self._layout.tile)
            except BadPictureError as exc:
                missing = f"the file {exc}"
            else:
                frame = "" if tile.bak is None else f' style="border:2px solid {frame_of(tile.bak)}"'
                # No `loading`: what is not yet on the screen would be missing from a print.
                return (
                    f'<div class="tile"{frame}><img width="{made.width}" height="{made.height}" decoding="async" '
                    f'alt="{_local(tile.captured_at, self._zone)}" '
                    f'src="data:image/jpeg;base64,{b64encode(made.jpeg).decode("ascii")}"></div>'
                )
        return _said("tile", "no picture", "", missing)

    def _caption(self, caption: Caption, since: datetime, until: datetime | None) -> str:
        badges = "".join(map(_badge, caption.badges))
        told = _utc(since) if until is None else f"{_utc(since)} to {_utc(until)}"
        if caption.text is not None:
            return f'<p class="cap"><bdi class="own" title="{told}">{_text(caption.text)}</bdi>{badges}</p>'
        day = f"<b>{caption.date}</b>" if caption.date else ""
        time = f'<time datetime="{rfc3339(since)}" title="{told}">{_text(caption.time)}</time>'
        offset = f'<span class="offset">{_text(caption.offset)}</span>' if caption.offset else ""
        return f'<p class="cap">{day}{time}{offset}<span class="space"></span>{badges}</p>'


def _said(kind: str, title: str, cause: str, note: str) -> str:
    why = _text(": ".join(filter(None, (cause, note))))
    return f'<div class="{kind}"><p><b>{_text(title)}</b></p>' + (f'<p class="why">{why}</p>' if why else "") + "</div>"


def _list(told: Iterable[tuple[str, str]]) -> str:
    items = "".join(f"<div><dt>{_text(name)}</dt><dd>{_name(value)}</dd></div>\n" for name, value in told)
    return f"<dl>\n{items}</dl>\n"


def _badge(badge: Badge) -> str:
    return f'<span class="badge" style="color:{badge.ink};background:{badge.ground}">{_text(badge.text)}</span>'


def _name(text: str) -> str:
    """A name, which must not turn the direction of what is beside it."""
    return f"<bdi>{_text(text)}</bdi>"


def _text(text: str) -> str:
    """Text from outside, as it may stand between tags and in quotes."""
    return escape(plain(text))


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _local(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S}"
