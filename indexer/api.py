"""What the commands do, for programs in Python: ask a catalog, sign addresses, sync.  docs/python.md shows how."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypedDict, Unpack

from indexer.app import App
from indexer.model import Selection, Shot, TimeRange

if TYPE_CHECKING:  # SQLAlchemy takes its time, which a program that only signs addresses need not wait for
    from indexer.catalog.answers import SessionSummary, UserSummary
    from indexer.catalog.catalog import Catalog
    from indexer.jobs.runs import SyncReport
    from indexer.timeline.figures import Timeline
    from indexer.timeline.gaps import Gap

LIFETIME: Final = timedelta(minutes=15)
"""How long a signed address works where nothing is said."""


class Where(TypedDict, total=False):
    """What to select, all of it optional.  The period is half-open, [since, until)."""

    source: str
    """Name of a source in the configuration."""
    channel: str
    session: str
    """A sid."""
    user: str
    """A uid as names have it: text, because `007` and `7` are two.  It names a person only within a channel."""
    since: datetime
    """Aware, as all times are."""
    until: datetime


class Livestills:
    """A configuration and its catalog.  A context manager; what is asked of it is read while one iterates.

    Every error that is raised on purpose is a `LivestillsError`, whose text is one line, but for arguments that make
    no sense: those are a `TypeError` or `ValueError`.  Questions raise `CatalogNotFoundError` where nothing was ever
    synced, and `ConfigError` for a source that nobody knows.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._catalog: Catalog | None = None
        self._presigners: dict[timedelta, Callable[[Shot], str]] = {}
        self._names = app.names()
        self._is_closed = False

    @classmethod
    def open(cls, config: str | Path | None = None, *, catalog: str | None = None) -> Self:
        """Find and read a configuration as the commands do: the file named, or `LIVESTILLS_CONFIG`, or the folder's.

        `catalog` is the URL of another catalog than it says, such as `sqlite:///livestills.db`.  Nothing is connected
        to before it is asked.  Raises `ConfigError`.
        """
        return cls(App.open(None if config is None else Path(config), catalog_url=catalog))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up all connections.  Nothing can be asked any more."""
        self._is_closed = True
        if self._catalog is not None:
            self._catalog.close()
            self._catalog = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the configured sources."""
        return tuple(self._app.settings.sources)

    def sessions(self, **where: Unpack[Where]) -> Iterator["SessionSummary"]:
        """The sessions that match, the latest first."""
        selection = _selection(where)
        return self._asked(selection).sessions.every(selection)

    def users(self, **where: Unpack[Where]) -> Iterator["UserSummary"]:
        """Every uid that matches once, in byte order, with its sums over all channels and sessions."""
        selection = _selection(where)
        return self._asked(selection).users.every(selection)

    def shots(self, **where: Unpack[Where]) -> Iterator[Shot]:
        """The shots that match, session by session, user by user, in time order of each.

        One user's sessions come in the order of their beginning, everybody's with the latest first.
        """
        from indexer.jobs.selections import shots_of_selection

        selection = _selection(where)
        return shots_of_selection(self._asked(selection), selection)

    def nearest_shots(
        self,
        user: str,
        at: datetime,
        *,
        source: str | None = None,
        channel: str | None = None,
        session: str | None = None,
    ) -> Iterator[Shot]:
        """What the user showed at that moment: of each session that covers it the nearest shot, the nearest first.

        Where no session covers it, the nearest shot of all.
        """
        from indexer.jobs.lookup import nearest_shot

        _require_aware(at, "at")
        _require_text(user=user, source=source, channel=channel, session=session)
        selection = Selection(source, channel, session, user)
        return nearest_shot(self._asked(selection), user, selection, at)

    def timelines(self, **where: Unpack[Where]) -> Iterator["Timeline"]:
        """What each user of each session that matches showed: runs, gaps with their causes, and figures.

        They come in the order of `shots`; each is read when it is asked for, and cut to the period.
        """
        from indexer.jobs.elsewhere import with_concurrent
        from indexer.jobs.selections import timelines_of_selection

        selection = _selection(where)
        catalog = self._asked(selection)
        return with_concurrent(catalog, timelines_of_selection(catalog, selection, terms=self._app.terms(catalog)))

    def gaps(self, **where: Unpack[Where]) -> Iterator[tuple["Timeline", "Gap"]]:
        """The gaps of those timelines, each with the timeline that it is of, whose `concurrent` is not asked for."""
        from indexer.jobs.selections import timelines_of_selection

        selection = _selection(where)
        catalog = self._asked(selection)
        found = timelines_of_selection(catalog, selection, terms=self._app.terms(catalog))
        return ((timeline, gap) for timeline in found for gap in timeline.gaps)

    def name_of(self, channel: str, user: str) -> str | None:
        """What `[users]` of the configuration calls a user of a channel."""
        return self._names.name_of(channel, user)

    def presign(self, shot: Shot, *, lifetime: timedelta = LIFETIME) -> str:
        """An address of the picture that opens it without credentials for so long.  Keep it out of logs.

        Signing asks nobody, so the address of a picture that is gone leads nowhere.  Raises `ConfigError` for a shot
        of a source that is not configured.
        """
        if lifetime not in self._presigners:
            self._presigners[lifetime] = self._app.presigner(lifetime)
        return self._presigners[lifetime](shot)

    def sync(self, source: str, *, full: bool = False, dry_run: bool = False, removal: bool = False) -> "SyncReport":
        """Bring the catalog up to date with one source, making or upgrading it where it must be.

        `full` lists everything anew, `dry_run` writes nothing, `removal` allows what is else refused: removing more
        than a tenth of the shots at once (`SyncReport.outcome` is `refused` then).  Whatever ends it early, what was
        written stays and is right.  Raises `LockedError` while another sync of the source runs.

        A large source is listed by processes of their own, so a script needs its `if __name__ == "__main__"`.
        """
        from indexer.jobs.runs import Watch
        from indexer.jobs.sync import sync

        self._require_open()
        app = self._app
        (configured,) = app.sources([source])
        with app.catalog_to_write() as catalog:
            return sync(
                app.access(configured),
                catalog,
                source,
                watch=Watch(app.now),
                wishes=app.wishes(configured, full=full),
                dry_run=dry_run,
                allow_removal=removal,
            )

    def _asked(self, selection: Selection) -> "Catalog":
        self._require_open()
        if self._catalog is None:
            self._catalog = self._app.catalog_to_read()
        self._app.refuse_unknown_source(self._catalog, selection)
        return self._catalog

    def _require_open(self) -> None:
        if self._is_closed:
            raise ValueError("this Livestills is closed")


def _selection(where: Where) -> Selection:
    """The same in the words of the layers below.  Raises `TypeError`, `ValueError`."""
    if unknown := where.keys() - Where.__annotations__.keys():
        raise TypeError(f"{min(unknown)!r} selects nothing; known: {', '.join(Where.__annotations__)}")
    since, until = where.get("since"), where.get("until")
    for name, moment in (("since", since), ("until", until)):
        if moment is not None:
            _require_aware(moment, name)
    if since is not None and until is not None and since >= until:
        raise ValueError(f"since {since} is not before until {until}")
    source, channel, session, user = where.get("source"), where.get("channel"), where.get("session"), where.get("user")
    _require_text(source=source, channel=channel, session=session, user=user)
    return Selection(source, channel, session, user, TimeRange(since, until))


def _require_text(**texts: object) -> None:
    for name, text in texts.items():
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{name} must be text, not {text!r}")


def _require_aware(moment: datetime, name: str) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"{name} {moment} has no time zone; give it one, such as tzinfo=UTC")
