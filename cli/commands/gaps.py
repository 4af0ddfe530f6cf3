"""`livestills gaps`."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from itertools import groupby
from typing import TYPE_CHECKING, Final

import click

from cli.notes import warn
from cli.options import Selector, parse_length, selection_options, with_app
from cli.output import Column, Kind, Output
from cli.texts import counted, shown
from indexer.errors import ConfigError, ExitStatus
from indexer.model import Selection
from indexer.timeline.gaps import Cause

if TYPE_CHECKING:
    from cli.machine import Record
    from indexer.app import App
    from indexer.catalog.catalog import Catalog
    from indexer.jobs.lookup import Terms
    from indexer.model import Shot
    from indexer.people import Names
    from indexer.timeline.figures import Timeline
    from indexer.timeline.scenes import Scene

_GAPS = (
    Column("who", "user"),
    Column("from", "from"),
    Column("to", "to"),
    Column("length_s", "length", Kind.LENGTH),
    Column("missing", "missing", Kind.NUMBER),
    Column("cause", "cause"),
    Column("evidence", "evidence"),
)
_SUMS = (
    Column("cause", "cause"),
    Column("gaps", "gaps", Kind.NUMBER),
    Column("length_s", "length", Kind.LENGTH),
    Column("missing", "missing", Kind.NUMBER),
)


class Figure(StrEnum):
    """What `--fail-under` looks at."""

    CAPTURE = "capture"
    PRESENCE = "presence"


@click.command(
    epilog="For example:\n\n\b\n"
    "  livestills gaps 1002 --since 7d\n"
    "  livestills gaps --session 82c90eb4d5c47d2c0a8081f527033515 --min 30s\n"
    "  livestills gaps --channel math-101 --cause failover --cause unknown\n"
    "  livestills gaps --since 1d --fail-under 99"
)
@click.argument("uid", required=False)
@selection_options()
@click.option("--min", "shortest", metavar="LENGTH", help="Only gaps of at least this length: 30s, 1m, 2h.")
@click.option(
    "--cause",
    "causes",
    type=click.Choice([cause.value for cause in Cause], case_sensitive=False),
    multiple=True,
    help="Only gaps of this cause; may be said several times.",
)
@click.option(
    "--looks", is_flag=True, help="Also stretches in which nobody is to be seen: black, covered, placeholder."
)
@click.option(
    "--fail-under",
    metavar="PERCENT",
    help="Exit 20 if the figure of any user in any of the sessions is below this; whatever gaps are shown.",
)
@click.option(
    "--figure",
    type=click.Choice([figure.value for figure in Figure], case_sensitive=False),
    help=f"Which figure --fail-under looks at; {Figure.CAPTURE}, if it is not said.",
)
@with_app
def gaps(
    app: "App",
    out: Output,
    *,
    uid: str | None,
    select: Selector,
    shortest: str | None,
    causes: Sequence[str],
    looks: bool,
    fail_under: str | None,
    figure: str | None,
) -> None:
    """List where a user, or everybody of a selection, has no shots, and why.

    Each gap tells its cause and what that is known by; where evidence is missing it is `unknown`.  Users come session
    by session: one user's sessions oldest first, everybody's newest first.  --looks takes that `livestills thumbs` has
    looked at the pictures, and shows such stretches among the gaps, whatever --cause says; see `livestills scenes`.

    The capture that --fail-under looks at is the share of the pictures that one expects while the camera was on, the
    presence the share of the session's time in which it was.  Where there is nothing to look at, that fails, too.
    """
    from indexer.jobs.selections import timelines_of_selection

    selection = select(app)
    if uid is not None and selection.uid is not None:
        raise click.UsageError(f"{uid} and --user {selection.uid}: say the user once")
    if uid == "":
        raise click.UsageError("the UID is empty; say one, for example 1002")
    uid = selection.uid if uid is None else uid
    if uid is None and selection == Selection():
        raise click.UsageError(
            "whose gaps? Say a UID, --channel, --session, --source, --since or --until, "
            "for example `livestills gaps 1002` or `livestills gaps --since 7d`"
        )
    if figure is not None and fail_under is None:
        raise click.UsageError(f"--figure {figure} is what --fail-under looks at: say that, too, or leave --figure out")
    length = timedelta() if shortest is None else parse_length(shortest, "--min")
    least = None if fail_under is None else _share(fail_under)
    with app.catalog_for(selection) as catalog:
        shown_causes = frozenset(map(Cause, causes or Cause))
        answer = _Answer(out, app.names(), length, shown_causes, least, Figure(figure or Figure.CAPTURE))
        terms = app.terms(catalog)
        found = timelines_of_selection(catalog, replace(selection, uid=uid), terms=terms)
        answer.tell(_with_blind(app, catalog, found, selection, terms) if looks else ((each, ()) for each in found))
    if not answer.series:
        whose = "no shot" if uid is None else f"no shot of user {shown(uid)}"
        told = f"the catalog has {whose} that matches"
        if least is not None:
            # A mistyped channel must not pass a nightly check for ever.
            warn(f"{told}, so --fail-under has nothing to look at")
            raise click.exceptions.Exit(ExitStatus.CHECK_FAILED)
        out.note(told)
    elif not answer.found:
        out.note(f"no gap matches in {answer.series:,} series")
    if answer.failed:
        raise click.exceptions.Exit(ExitStatus.CHECK_FAILED)


_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%?")


def _share(text: str) -> float:
    """95, 99.5 or 95% as a share from 0 to 1.  Raises `ConfigError`."""
    found = _PERCENT.fullmatch(text)
    if found is None or float(found[1]) > 100:
        raise ConfigError(f"--fail-under {text!r} is no percentage; write for example 95 or 99.5")
    return float(found[1]) / 100


def _with_blind(
    app: "App", catalog: "Catalog", found: Iterator["Timeline"], selection: Selection, terms: "Terms"
) -> Iterator[tuple["Timeline", Sequence["Scene[Shot]"]]]:
    """Timelines with the scenes in which nobody is to be seen."""
    from indexer.jobs.scenes import scenery_of
    from indexer.timeline.looks import USELESS

    thresholds = app.thresholds()
    for series in found:
        told = scenery_of(catalog, series, selection, terms=terms, thresholds=thresholds)
        yield series, [scene for each in told for scene in each.scenes if scene.kind in USELESS]


class _Answer:
    """Tells gaps as they come, adding them up."""

    def __init__(
        self,
        out: Output,
        names: "Names",
        shortest: timedelta,
        causes: frozenset[Cause],
        least: float | None,
        figure: Figure,
    ) -> None:
        self._out, self._names = out, names
        self._shortest, self._causes = shortest, causes
        self._least, self._figure = least, figure
        self._counts: Counter[str] = Counter()
        self._blind = 0
        self._missing: Counter[str] = Counter()
        self._lengths: dict[str, timedelta] = {}
        self.series = 0
        """Series looked at."""
        self.failed = 0
        """Series of which the figure is too low."""

    @property
    def found(self) -> int:
        """Gaps told."""
        return self._counts.total()

    def tell(self, series: Iterator[tuple["Timeline", Sequence["Scene[Shot]"]]]) -> None:
        """Write the gaps, and for people what they come to."""
        from cli.series import GAP_FIELDS

        chosen = self._chosen(series)
        if not self._out.for_people:
            self._out.write((record for _, record in chosen), fields=GAP_FIELDS)
            return
        for (cname, sid), found in groupby(chosen, key=lambda pair: (pair[0].cname, pair[0].sid)):
            self._block(cname, sid, list(found))
        if self.found:
            self._sums()

    def _chosen(
        self, found: Iterator[tuple["Timeline", Sequence["Scene[Shot]"]]]
    ) -> Iterator[tuple["Timeline", "Record"]]:
        from cli.series import blind_record, gap_record

        for series, blind in found:
            self.series += 1
            self._check(series)
            records = [
                (gap.since, gap.length, gap_record(series, gap, self._names))
                for gap in series.gaps
                if gap.cause in self._causes
            ]
            records += [(scene.since, scene.length, blind_record(series, scene, self._names)) for scene in blind]
            for _, length, record in sorted(records, key=lambda row: row[0]):
                if length >= self._shortest:
                    self._count(record, length)
                    yield series, record

    def _count(self, record: "Record", length: timedelta) -> None:
        cause, missing = str(record["cause"]), record["missing"]
        self._counts[cause] += 1
        self._blind += cause not in _CAUSES
        self._missing[cause] += missing if isinstance(missing, int) else 0
        self._lengths[cause] = self._lengths.get(cause, timedelta()) + length

    def _check(self, series: "Timeline") -> None:
        share = series.capture if self._figure is Figure.CAPTURE else series.presence
        if self._least is None or share is None or share >= self._least - _ROUNDING:
            return
        self.failed += 1
        # Cut off rather than rounded: 94.96 % is not 95 %.
        warn(
            f"user {shown(series.uid)} in channel {shown(series.cname)}, session {shown(series.sid)}: "
            f"{self._figure} {int(share * 1000) / 10:g} % is below {self._least * 100:g} %"
        )

    def _block(self, cname: str, sid: str, found: Sequence[tuple["Timeline", "Record"]]) -> None:
        from cli.series import person

        out = self._out
        out.block(f"channel {shown(cname)}{out.dot}session {shown(sid)}")
        times = [(out.cell(row["since"], Kind.TIME), out.cell(row["until"], Kind.TIME)) for _, row in found]
        one_day = len({text[:_DATE] for pair in times for text in pair}) == 1
        if one_day:
            out.line(times[0][0][:_DATE])
        records = (
            {
                **row,
                "who": person(series.uid, self._names.name_of(series.cname, series.uid)),
                "from": since[_DATE + 1 :] if one_day else since,
                "to": until[_DATE + 1 :] if one_day else until,
            }
            for (series, row), (since, until) in zip(found, times, strict=True)
        )
        out.table(records, _GAPS)

    def _sums(self) -> None:
        told = counted(self.found - self._blind, "gap")
        if self._blind:
            told += f", and {counted(self._blind, 'time')} nobody to be seen,"
        self._out.block(f"{told} in {self.series:,} series, each one user in one session")
        records = (
            {
                "cause": cause,
                "gaps": number,
                "length_s": self._lengths[cause].total_seconds(),
                "missing": self._missing[cause],
            }
            for cause, number in self._counts.most_common()
        )
        self._out.table(records, _SUMS)


_CAUSES: Final = frozenset(map(str, Cause))
_DATE: Final = len("2026-11-05")
_ROUNDING: Final = 1e-9
