"""What the last syncs did, as a file that Prometheus' node_exporter picks up (its textfile collector).

The file is read back before it is written: it keeps what is known of sources that were not synced this time, and the
time of the last success of one that failed.
"""

import fcntl
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Final, NamedTuple

from indexer.errors import ConfigError, LivestillsError

_COUNTS: Final[Mapping[str, str]] = {
    "objects": "Objects that the last finished sync listed.",
    "shots": "Screenshots among them.",
    "added": "Shots that the last finished sync added.",
    "changed": "Shots that it found changed.",
    "gone": "Shots that it found gone from the storage.",
    "removed": "Shots that it removed from the catalog.",
    "unrecognised": "Objects among those listed whose keys are not Agora's.",
    "confirmed": "Shots that callbacks had announced and that it listed.",
    "announced_missing": "Shots that callbacks had announced, that it did not list, and that may still come.",
    "announced_dropped": "Shots that callbacks had announced and that it gave up.",
    "unannounced": "Shots that it added though no callback had announced them, unlike others of their session.",
}
_HELP: Final[Mapping[str, str]] = {
    "livestills_sync_success": "Whether the last sync of the source did all it should: 1 or 0.",
    "livestills_sync_last_run_timestamp_seconds": "When the last sync of the source ended, however it did.",
    "livestills_sync_last_success_timestamp_seconds": "When the last sync of the source ended that did all it should.",
    "livestills_sync_duration_seconds": "How long the last sync of the source took, however it ended.",
    **{f"livestills_sync_{name}": text for name, text in _COUNTS.items()},
    "livestills_sync_requests": "Requests to the storage of the last finished sync by kind, retries included.",
    "livestills_sync_list_requests": "LIST requests of the last finished sync by purpose.",
}
"""Every metric that we write, in the order of the file.  Names and labels are a contract."""

_LAST_SUCCESS: Final = "livestills_sync_last_success_timestamp_seconds"
_OF_EVERY_RUN: Final = {
    f"livestills_sync_{name}" for name in ("success", "last_run_timestamp_seconds", "duration_seconds")
}


class Sample(NamedTuple):
    """One value."""

    metric: str
    labels: tuple[tuple[str, str], ...]
    value: float

    @property
    def source(self) -> str:
        """What it is about."""
        return dict(self.labels)["source"]


@dataclass(frozen=True, slots=True)
class Finished:
    """What a sync that reached its end tells of itself."""

    counts: Mapping[str, int]
    requests: Mapping[str, int]
    list_requests: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SyncFigures:
    """One sync of one source."""

    source: str
    success: bool
    ended_at: datetime
    duration: timedelta
    finished: Finished | None
    """None if it did not: then what an earlier one told stays."""

    def samples(self) -> Iterator[Sample]:
        """The values that this sync tells anew."""
        ended_s = self.ended_at.timestamp()
        yield self._sample("success", int(self.success))
        yield self._sample("last_run_timestamp_seconds", ended_s)
        if self.success:
            yield self._sample("last_success_timestamp_seconds", ended_s)
        yield self._sample("duration_seconds", self.duration.total_seconds())
        if self.finished is not None:
            for name in _COUNTS:
                yield self._sample(name, self.finished.counts[name])
            for kind, count in self.finished.requests.items():
                yield self._sample("requests", count, kind=kind)
            for purpose, count in self.finished.list_requests.items():
                yield self._sample("list_requests", count, purpose=purpose)

    def replaces(self, sample: Sample) -> bool:
        """Whether the value is one of an earlier sync that this one tells anew, or has none of any more."""
        if sample.source != self.source:
            return False
        if sample.metric in _OF_EVERY_RUN:
            return True
        return self.success if sample.metric == _LAST_SUCCESS else self.finished is not None

    def _sample(self, name: str, value: float, **labels: str) -> Sample:
        return Sample(f"livestills_sync_{name}", (("source", self.source), *labels.items()), value)


class MetricsFile:
    """The file.  Several syncs may write to one at the same time."""

    def __init__(self, path: Path) -> None:
        """Raises `ConfigError` if the file is somebody else's, or could not be written."""
        self._path = path.resolve()  # a link stays one
        try:
            self._known()
            with self._beside():
                pass
        except OSError as exc:
            raise ConfigError(f"metrics file {path} cannot be written: {exc.strerror}") from exc

    def record(self, figures: SyncFigures) -> None:
        """Put one sync in.  Readers see the file before or behind that, never in between.

        Raises `LivestillsError` if it cannot be written; the file is as it was then.
        """
        try:
            with _locked(self._path.parent):
                kept = [sample for sample in self._known() if not figures.replaces(sample)]
                samples = [*kept, *figures.samples()]
                with self._beside() as file:
                    file.write(format_samples(samples))
                    file.flush()
                    # Whoever collects the metrics is somebody else.
                    os.fchmod(file.fileno(), 0o644)
                    os.fsync(file.fileno())
                    Path(file.name).replace(self._path)
        except OSError as exc:
            raise LivestillsError(f"metrics file {self._path} cannot be written: {exc.strerror}") from exc

    def _known(self) -> list[Sample]:
        if not self._path.exists():
            return []
        if not self._path.is_file():
            # The new file would take the place of a device.
            raise ConfigError(f"metrics file {self._path} is no regular file; name another one")
        try:
            return parse_samples(self._path.read_text(encoding="utf-8"))
        except ValueError as exc:
            raise ConfigError(f"{self._path} holds other things than metrics of syncs; name another file") from exc

    @contextmanager
    def _beside(self) -> Iterator[IO[str]]:
        # Its name does not end in .prom, so nobody collects it.
        file = NamedTemporaryFile(  # noqa: SIM115  # closed below
            "w", encoding="utf-8", dir=self._path.parent, prefix=f".{self._path.name}.", suffix=".new", delete=False
        )
        try:
            with file:
                yield file
        finally:
            Path(file.name).unlink(missing_ok=True)  # gone already if it took the place of the other


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one sync at a time read and write the file.  Where a folder cannot be locked (NFS), they must take turns."""
    number = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


# The text exposition format, as much of it as we write.


def format_samples(samples: list[Sample]) -> str:
    """The text of a file with these values, metric by metric, sorted."""
    lines = []
    for metric, text in _HELP.items():
        of_metric = sorted(sample for sample in samples if sample.metric == metric)
        if of_metric:
            lines += [f"# HELP {metric} {text}", f"# TYPE {metric} gauge"]
            lines += [f"{metric}{_labels(sample)} {_number(sample.value)}" for sample in of_metric]
    return "".join(f"{line}\n" for line in lines)


def parse_samples(text: str) -> list[Sample]:
    """The values in a text of `format_samples`.  Raises `ValueError` for any other text."""
    return [_sample(line) for line in text.split("\n") if line and not _COMMENT.match(line)]


_COMMENT: Final = re.compile(r"# (?:HELP|TYPE) livestills_")
_LINE: Final = re.compile(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)+)\} ([0-9.e+-]+)')
_LABEL: Final = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')
_ESCAPES: Final = {"\\": "\\\\", "\n": "\\n", '"': '\\"'}
_ESCAPED: Final = {escaped: char for char, escaped in _ESCAPES.items()}


def _sample(line: str) -> Sample:
    found = _LINE.fullmatch(line)
    if found is None or found[1] not in _HELP:
        raise ValueError(line)
    labels = tuple((name, _unescaped(value)) for name, value in _LABEL.findall(found[2]))
    if labels[0][0] != "source":
        raise ValueError(line)
    return Sample(found[1], labels, float(found[3]))


def _labels(sample: Sample) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels) + "}"


def _escaped(value: str) -> str:
    return "".join(_ESCAPES.get(char, char) for char in value)


def _unescaped(value: str) -> str:
    return re.sub(r"\\.", lambda escape: _ESCAPED.get(escape[0], escape[0]), value)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.3f}"
