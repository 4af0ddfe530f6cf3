"""`livestills scenes`."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from cli.machine import Record
from cli.options import Selector, parse_length, selection_options, with_app
from cli.output import Column, Kind, Output
from cli.texts import counted, shell_word, shown
from indexer.timeline import looks

if TYPE_CHECKING:
    from indexer.app import App
    from indexer.jobs.scenes import Scenery
    from indexer.model import Shot
    from indexer.people import Names
    from indexer.timeline.scenes import Scene

_SCENES: Final = (
    Column("since", "from", Kind.TIME),
    Column("until", "to", Kind.TIME),
    Column("length_s", "length", Kind.LENGTH),
    Column("shots", "shots", Kind.NUMBER),
    Column("kind", "kind"),
    Column("key", "first shot"),
)
_FIELDS: Final = ("uid", "name", "cname", "sid", "since", "until", "length_s", "shots", "kind", "source", "key")


@click.command(
    epilog="For example:\n\n\b\n"
    "  livestills scenes 1002 --since 7d\n"
    "  livestills scenes 1002 --kind still --min 5m\n"
    "  livestills scenes 1002 --kind black --kind covered --kind placeholder -o csv"
)
@click.argument("uid")
@selection_options(user=False)
@click.option("--min", "shortest", metavar="LENGTH", help="Only scenes of at least this length: 30s, 1m, 2h.")
@click.option(
    "--kind",
    "kinds",
    type=click.Choice([kind.value for kind in looks.Kind], case_sensitive=False),
    multiple=True,
    help="Only scenes of this kind; may be said several times.",
)
@with_app
def scenes(app: "App", out: Output, *, uid: str, select: Selector, shortest: str | None, kinds: Sequence[str]) -> None:
    """Fold what a user showed into scenes: pictures in a row that look alike, and what is none.

    still: three or more that look alike. moving: each differs from the one before it. black, covered (a lens that is
    covered, a dark room), placeholder (one even colour). unknown: nobody looked at them yet; `livestills thumbs`
    does. [looks] of the configuration has the thresholds.
    """
    from indexer.jobs.scenes import sceneries

    selection = select(app)
    least = timedelta() if shortest is None else parse_length(shortest, "--min")
    names = app.names()
    with app.catalog_for(selection) as catalog:
        found = sceneries(catalog, uid, selection, terms=app.terms(catalog), thresholds=app.thresholds())
        answer = _Answer(out, names, least, frozenset(map(looks.Kind, kinds or looks.Kind)))
        answer.tell(found)
    if not answer.shots:
        out.note(f"the catalog has no shot of user {shown(uid)} that matches")
    elif not answer.found:
        out.note("no scene matches")
    if answer.unseen:
        options = [("--channel", selection.cname), ("--session", selection.sid), ("--source", selection.source)]
        said = [f" {name} {shell_word(value)}" for name, value in options if value is not None]
        out.note(
            f"nobody has looked at {answer.unseen:,} of {counted(answer.shots, 'shot')} yet: "
            f"`livestills thumbs --user {shell_word(uid)}{''.join(said)}` does, where they can be read"
        )


class _Answer:
    """Tells scenes as they come, counting."""

    def __init__(self, out: Output, names: "Names", shortest: timedelta, kinds: frozenset[looks.Kind]) -> None:
        self._out, self._names = out, names
        self._shortest, self._kinds = shortest, kinds
        self.found = self.shots = self.unseen = 0

    def tell(self, found: Iterator["Scenery"]) -> None:
        """Write the scenes, for people in a block for each session."""
        if not self._out.for_people:
            self._out.write((record for each in found for record in self._records(each)), fields=_FIELDS)
            return
        for each in found:
            if records := list(self._records(each)):
                timeline = each.timeline
                name = self._names.name_of(timeline.cname, timeline.uid)
                heading = [f"channel {shown(timeline.cname)}", f"session {shown(timeline.sid)}"]
                self._out.block(self._out.dot.join([*heading, *([] if name is None else [shown(name)])]))
                self._out.table(records, _SCENES)

    def _records(self, each: "Scenery") -> Iterator[Record]:
        self.shots += each.timeline.shots
        self.unseen += each.unseen
        for scene in each.scenes:
            if scene.kind in self._kinds and scene.length >= self._shortest:
                self.found += 1
                yield self._record(scene)

    def _record(self, scene: "Scene[Shot]") -> Record:
        first = scene.first
        return {
            "uid": first.uid,
            "name": self._names.name_of(first.cname, first.uid),
            "cname": first.cname,
            "sid": first.sid,
            "since": scene.since,
            "until": scene.until,
            "length_s": scene.length.total_seconds(),
            "shots": scene.shots,
            "kind": str(scene.kind),
            "source": first.source,
            "key": first.key,
        }
