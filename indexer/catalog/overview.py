"""Questions about the catalog as a whole."""

from sqlalchemy import Connection, Engine, distinct, func, select

from indexer.catalog.answers import Rejection, Run, SourceStats
from indexer.catalog.listed import SAMPLES
from indexer.catalog.owners import is_unfinished
from indexer.catalog.schema import recording, rejected, session, source, stream, sync_run, unit
from indexer.catalog.selecting import optional_time
from indexer.model import from_ms


class Overview:
    """Asks for sums; changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def shots_in(self, source_id: int) -> int:
        """How many shots the catalog has of a source."""
        query = select(func.coalesce(func.sum(stream.c.shots), 0)).where(stream.c.source_id == source_id)
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def objects_of_last_run(self, source_name: str) -> int | None:
        """How many objects the last complete sync of a source listed; None without one.  A list of keys is none."""
        query = (
            select(sync_run.c.counts)
            .join(source)
            .where(source.c.name == source_name, sync_run.c.outcome == "done", sync_run.c.mode != "keys")
            .order_by(sync_run.c.started_ms.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            counts = connection.scalar(query)
        return None if counts is None else counts["objects"]

    def stats(self) -> list[SourceStats]:
        """The sums of every source, by name."""
        with self._engine.connect() as connection:
            return [
                _stats(connection, row.id, row.name, row.url)
                for row in connection.execute(select(source).order_by(source.c.name))
            ]

    def rejections(self, source_name: str | None = None) -> list[Rejection]:
        """What was not recognised at the last complete sync, most frequent first."""
        query = select(rejected, source.c.name).join(source).order_by(rejected.c.unit_id)
        if source_name is not None:
            query = query.where(source.c.name == source_name)
        found: dict[tuple[str, str], Rejection] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                before = found.get((row.name, row.reason))
                objects, samples = (before.objects, before.samples) if before else (0, ())
                found[row.name, row.reason] = Rejection(
                    row.name, row.reason, objects + row.objects, (*samples, *row.samples[: SAMPLES - len(samples)])
                )
        return sorted(found.values(), key=lambda rejection: (-rejection.objects, rejection.reason))

    def runs(self, *, limit: int = 10) -> list[Run]:
        """The latest syncs, newest first."""
        query = (
            select(sync_run, source.c.name).join(source).order_by(sync_run.c.started_ms.desc(), sync_run.c.id.desc())
        )
        with self._engine.connect() as connection:
            return [
                Run(
                    source=row.name,
                    mode=row.mode,
                    outcome=row.outcome,
                    message=row.message,
                    started_at=from_ms(row.started_ms),
                    finished_at=optional_time(row.finished_ms),
                    requests=row.requests,
                    counts=row.counts,
                )
                for row in connection.execute(query.limit(limit))
            ]


def _stats(connection: Connection, source_id: int, name: str, url: str) -> SourceStats:
    sums = connection.execute(
        select(
            func.coalesce(func.sum(stream.c.shots), 0).label("shots"),
            func.coalesce(func.sum(stream.c.bytes), 0).label("bytes"),
            func.count().label("streams"),
            func.coalesce(func.sum(stream.c.announced), 0).label("announced"),
            func.count(distinct(stream.c.session_id)).label("sessions"),
            func.min(stream.c.first_ms).label("first_ms"),
            func.max(stream.c.last_ms).label("last_ms"),
        ).where(stream.c.source_id == source_id)
    ).one()
    people = (
        select(session.c.cname, stream.c.uid)
        .join(session, session.c.id == stream.c.session_id)
        .where(stream.c.source_id == source_id)
        .distinct()
        .subquery()
    )
    users, channels = connection.execute(select(func.count(), func.count(distinct(people.c.cname)))
        .select_from(people)).one()  # fmt: skip
    of_source = unit.c.source_id == source_id
    return SourceStats(
        source=name,
        url=url,
        shots=int(sums.shots),
        bytes=int(sums.bytes),
        streams=sums.streams,
        sessions=sums.sessions,
        channels=channels,
        users=users,
        recordings=int(
            connection.scalar(
                select(func.coalesce(func.sum(recording.c.objects), 0))
                .join(unit, unit.c.id == recording.c.unit_id)
                .where(of_source)
            )
            or 0
        ),
        unrecognised=int(
            connection.scalar(
                select(func.coalesce(func.sum(rejected.c.objects), 0)).where(rejected.c.source_id == source_id)
            )
            or 0
        ),
        unfinished_units=connection.scalar(select(func.count()).select_from(unit).where(of_source, is_unfinished()))
        or 0,
        first_at=optional_time(sums.first_ms),
        last_at=optional_time(sums.last_ms),
        synced_at=optional_time(
            connection.scalar(
                select(func.max(sync_run.c.started_ms)).where(
                    sync_run.c.source_id == source_id, sync_run.c.outcome == "done"
                )
            )
        ),
        announced=int(sums.announced),
    )
