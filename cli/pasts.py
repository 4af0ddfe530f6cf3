"""Writing a past for `emulate --backfill`."""

import time
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.options import common, parse_time
from cli.output import Output, fields_of
from cli.progress import counting
from cli.signals import stopping
from cli.texts import counted, human_bytes
from indexer.errors import ConfigError, InterruptedRunError
from indexer.model import rfc3339

if TYPE_CHECKING:
    from indexer.service.emulator.backfill import Written

_ATTEMPTS: Final = 5
"""Of a request to the storage, where nothing is tried again later."""

_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""No past begins before; Agora is younger."""


@dataclass(frozen=True, slots=True)
class WantedPast:
    """What `--backfill` writes, as it was said."""

    shots: int
    request: Path
    until: str
    days: int
    seed: int


def write_past(out: Output, wanted: WantedPast, *, s3_endpoint: str | None, notices: Path | None) -> None:
    """Write it, and say what was written, and how the same is written again: `now` is another past each time.

    Raises `ConfigError`, `StorageError` if the storage does not take it, and `InterruptedRunError`.
    """
    from indexer.agora.request import parse_start, read_json
    from indexer.agora.vendors import prefix_of
    from indexer.service.emulator.backfill import Past, backfill
    from indexer.service.emulator.callbacks import appending
    from indexer.service.emulator.orders import open_storage

    start = parse_start(read_json(wanted.request))
    if start.snapshot is None:
        raise ConfigError(f"{wanted.request} has no snapshotConfig, so that it takes no pictures")
    past = Past(
        until=_until(wanted, datetime.now(UTC)),
        shots=wanted.shots,
        seed=wanted.seed,
        days=wanted.days,
        interval=timedelta(seconds=start.snapshot.capture_interval),
        prefix=prefix_of(start.storage.file_name_prefix),
    )
    store = open_storage(start.storage, s3_endpoint=s3_endpoint, attempts=_ATTEMPTS)
    again = f"--until {rfc3339(past.until)} --days {past.days} --seed {past.seed} writes the same again"
    begun = time.monotonic()
    with (
        nullcontext() if notices is None else appending(notices) as file,
        stopping() as check,
        counting(common(), "pictures") as progress,
    ):

        def came(done: int, of: int) -> None:
            if done == 1:  # if nothing is taken, nothing need be repeated
                out.note(again)
            progress(done, of)

        try:
            written = backfill(store, past, progress=came, check=check, notices=file)
        except InterruptedRunError as exc:
            raise type(exc)(f"stopped; what was written stays, {again}") from exc
    _tell_written(out, written, str(store.url), past.prefix, time.monotonic() - begun)


def _until(wanted: WantedPast, now: datetime) -> datetime:
    """When it ends.  Raises `ConfigError` for what is no past."""
    until = parse_time(wanted.until, "--until", UTC, now)
    if until > now:
        raise ConfigError(f"--until {wanted.until} is still to come: a past ends now at the latest")
    if until - _FIRST < timedelta(days=wanted.days):
        raise ConfigError(
            f"{wanted.days:,} days before {rfc3339(until)} no past begins: {rfc3339(_FIRST)} is the first"
        )
    return until


def _tell_written(out: Output, written: "Written", bucket: str, prefix: str, took_s: float) -> None:
    """Say what past was made."""
    record = {**fields_of(written), "channels": sorted(written.channels), "took_s": round(took_s, 3)}
    if not out.for_people:
        out.record(record, ())
        return
    rate = written.shots / max(took_s, 0.001)
    since, until = (None if at is None else rfc3339(at) for at in (written.since, written.until))
    out.tell(
        f"{counted(written.shots, 'picture')} ({human_bytes(written.size)}) of {counted(written.sessions, 'session')}"
        f" in {counted(len(written.channels), 'channel')} are in {bucket.rstrip('/')}/{prefix}, {rate:,.0f} a second"
    )
    out.tell(f"from {since} to {until}, with {counted(written.failovers, 'failover')}; {written.lost:,} more were lost")
    if written.notices:
        out.tell(counted(written.notices, "notice"))
