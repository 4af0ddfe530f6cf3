"""How timelines, their runs and their gaps are told to programs and people."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Final

from cli.clock import Stretch
from cli.lanes import ON
from cli.machine import Record
from cli.output import Output
from cli.shots import recorder
from cli.sparkline import BLOCKS, DIGITS, Ink
from cli.texts import counted, human_length, percent, shown
from indexer.model import Shot
from indexer.people import Names
from indexer.timeline.days import Day
from indexer.timeline.figures import Timeline
from indexer.timeline.gaps import Gap
from indexer.timeline.scenes import Scene
from indexer.timeline.series import CaptureInterval, Origin, Run, RunLooks

RUN_FIELDS: Final = (
    *("uid", "cname", "sid", "first_at", "last_at", "length_s", "shots", "baks", "recorders", "gap_before_s"),
    *("overlapping", "missing", "frozen"),
    *("looked_at", "black_s", "covered_s", "placeholder_s", "still_s"),
)
GAP_FIELDS: Final = (
    *("uid", "cname", "sid", "since", "until", "length_s", "missing", "cause", "evidence"),
    *("camera_on", "name", "told_by"),
)
SERIES_FIELDS: Final = (
    *("uid", "name", "cname", "sid", "sources", "since", "until", "interval_s", "interval_configured"),
    *("interval_from", "interval_confidence", "shots", "presence", "capture", "concurrent", "runs", "gaps"),
)

DAY_FIELDS: Final = (
    *("uid", "name", "cname", "day", "since", "until", "sids", "shots", "presence", "capture", "runs", "gaps"),
)

_OF_SERIES: Final = frozenset({"uid", "cname", "sid", "name"})
"""What runs and gaps that stand inside their series need not say again."""


def run_records(series: Timeline) -> Iterator[Record]:
    """The runs, as records of `RUN_FIELDS`.

    `frozen` is null where it cannot be known, the lengths of looks where nobody looked.
    """
    before: Run | None = None
    for run in series.runs:
        yield {
            "uid": series.uid,
            "cname": series.cname,
            "sid": series.sid,
            "first_at": run.first_at,
            "last_at": run.last_at,
            "length_s": run.length.total_seconds(),
            "shots": run.shots,
            "baks": run.baks,
            "recorders": [recorder(bak) for bak in run.baks],
            "gap_before_s": None if before is None else (run.first_at - before.last_at).total_seconds(),
            "overlapping": run.overlapping,
            "missing": run.missing,
            "frozen": None
            if run.frozen is None
            else [{"first_at": each.first_at, "last_at": each.last_at, "shots": each.shots} for each in run.frozen],
            **_looks_record(run),
        }
        before = run


def _looks_record(run: Run) -> Record:
    looks = run.looks
    lengths = {} if looks is None else looks_lengths(looks)
    told = {f"{kind}_s": lengths[kind].total_seconds() if kind in lengths else None for kind in _LOOKS}
    return {"looked_at": 0 if looks is None else looks.shots, **told}


def looks_lengths(looks: RunLooks) -> Mapping[str, timedelta]:
    """How long a run looked how."""
    return {kind: getattr(looks, kind) for kind in _LOOKS}


_LOOKS: Final = ("black", "covered", "placeholder", "still")


def gap_record(series: Timeline, gap: Gap, names: Names) -> Record:
    """A gap, as a record of `GAP_FIELDS`."""
    return {
        "uid": series.uid,
        "cname": series.cname,
        "sid": series.sid,
        "since": gap.since,
        "until": gap.until,
        "length_s": gap.length.total_seconds(),
        "missing": gap.missing,
        "cause": str(gap.cause),
        "evidence": gap.evidence,
        "camera_on": gap.on,
        "name": names.name_of(series.cname, series.uid),
        "told_by": str(gap.told_by),
    }


def blind_record(series: Timeline, scene: Scene[Shot], names: Names) -> Record:
    """A stretch of shots in which nobody is to be seen, told as a gap: `cause` is what they look like."""
    return {
        "uid": series.uid,
        "cname": series.cname,
        "sid": series.sid,
        "since": scene.since,
        "until": scene.until,
        "length_s": scene.length.total_seconds(),
        "missing": 0,
        "cause": str(scene.kind),
        "evidence": f"{counted(scene.shots, 'picture')} in a row",
        "camera_on": True,
        "name": names.name_of(series.cname, series.uid),
        "told_by": "pictures",
    }


def series_record(series: Timeline, names: Names) -> Record:
    """A timeline with its figures, runs and gaps, as a record of `SERIES_FIELDS`."""
    return {
        "uid": series.uid,
        "name": names.name_of(series.cname, series.uid),
        "cname": series.cname,
        "sid": series.sid,
        "sources": series.sources,
        "since": series.since,
        "until": series.until,
        **_interval_record(series.interval),
        "shots": series.shots,
        "presence": series.presence,
        "capture": series.capture,
        "concurrent": series.concurrent,
        "runs": [_inside(run) for run in run_records(series)],
        "gaps": [_inside(gap_record(series, gap, names)) for gap in series.gaps],
    }


def day_record(day: Day, names: Names) -> Record:
    """What was shown on a day in a channel, as a record of `DAY_FIELDS`; runs and gaps tell their session."""
    return {
        "uid": day.uid,
        "name": names.name_of(day.cname, day.uid),
        "cname": day.cname,
        "day": day.day.isoformat(),
        "since": day.since,
        "until": day.until,
        "sids": [series.sid for series in day.timelines],
        "shots": day.shots,
        "presence": day.presence,
        "capture": day.capture,
        "runs": [{"sid": each.sid, **_inside(run)} for each in day.timelines for run in run_records(each)],
        "gaps": [
            {"sid": each.sid, **_inside(gap_record(each, gap, names))} for each in day.timelines for gap in each.gaps
        ],
    }


def _interval_record(interval: CaptureInterval | None) -> Record:
    return {
        "interval_s": None if interval is None else interval.length.total_seconds(),
        "interval_configured": None if interval is None else interval.origin is Origin.CONFIGURATION,
        "interval_from": None if interval is None else str(interval.origin),
        "interval_confidence": None if interval is None else interval.confidence,
    }


def _inside(record: Record) -> Record:
    return {field: value for field, value in record.items() if field not in _OF_SERIES}


# For people.


def person(uid: str, name: str | None) -> str:
    """Who it is, safe for a terminal."""
    return shown(uid) if name is None else f"{shown(uid)} {shown(name)}"


def interval_text(interval: CaptureInterval | None) -> str:
    """`, one every 10s (97 % agree)`, where it is from if not from these shots, or nothing if it is not known."""
    if interval is None:
        return ""
    told = [] if interval.origin is Origin.SERIES else [_ORIGINS[interval.origin]]
    if interval.origin is Origin.SERIES or interval.confidence < _DOUBTFUL:
        told.append(f"{percent(interval.confidence)} agree")
    return f", one every {human_length(interval.length.total_seconds())} ({'; '.join(told)})"


_ORIGINS: Final = {Origin.CONFIGURATION: "configured", Origin.SESSION: "as in the session"}
_DOUBTFUL: Final = 0.5
"""Where fewer distances agree with a configured interval, the shots speak against it."""


def figures_text(presence: float, capture: float | None) -> list[str]:
    """`presence 83 %`, `capture 99 %`; the second one only where anything is expected."""
    return [f"presence {percent(presence)}", *([] if capture is None else [f"capture {percent(capture)}"])]


def recorders_text(run: Run) -> str:
    """Who took a run, and what is odd about it."""
    parts = [", ".join(recorder(bak) for bak in run.baks)]
    if run.overlapping:
        parts.append(f"{counted(run.overlapping, 'shot')} taken twice")
    if run.missing:
        parts.append(f"{counted(run.missing, 'shot')} missing")
    if run.frozen:
        length_s = sum((still.last_at - still.first_at).total_seconds() for still in run.frozen)
        times = "" if len(run.frozen) == 1 else f"{len(run.frozen):,} times, "
        pictures = counted(sum(still.shots for still in run.frozen), "equal picture")
        parts.append(f"frozen {times}for {human_length(length_s)}, {pictures}")
    if run.looks is not None:
        for kind, length in looks_lengths(run.looks).items():
            if length:
                parts.append(f"{kind} for {human_length(length.total_seconds())}")
    return "; ".join(parts)


def gap_text(gap: Gap) -> str:
    """Why there is a gap."""
    return f"{gap.cause}: {gap.evidence}" if gap.evidence else str(gap.cause)


def ink(out: Output) -> Ink:
    """What coverage is drawn with on this stdout."""
    return BLOCKS if out.can_write(BLOCKS.levels + BLOCKS.none) else DIGITS


# What is drawn.


def covered(series: Timeline) -> Iterator[Stretch]:
    """The stretches with shots."""
    return ((run.first_at, run.last_at) for run in series.runs)


def stretches(series: Timeline) -> Iterator[tuple[Stretch, str]]:
    """The stretches with shots, and those without by their cause."""
    for stretch in covered(series):
        yield stretch, ON
    for gap in series.gaps:
        yield (gap.since, gap.until), str(gap.cause)
