"""From settings to what jobs take: opened stores and catalogs."""

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from indexer import config
from indexer.errors import ConfigError
from indexer.model import Selection, Shot
from indexer.people import Names, read_csv
from indexer.storage.base import ObjectStore
from indexer.storage.options import CONNECTIONS
from indexer.storage.urls import Address, Location, S3Options, open_store

if TYPE_CHECKING:  # SQLAlchemy takes a sixth of a second that `doctor --help` need not wait for
    from indexer.catalog.catalog import Catalog
    from indexer.jobs.lookup import Terms
    from indexer.jobs.plan import Wishes
    from indexer.jobs.runs import Access
    from indexer.timeline.looks import Thresholds


_MODES: Final = {"auto": None, "delimiter": "discovery", "hop": "hop", "full": "full"}
"""What `discovery` of a source forces."""


@dataclass(frozen=True, slots=True)
class ConfiguredSource:
    """A source as the configuration describes it."""

    name: str
    location: Location
    settings: config.SourceSettings


class App:
    """The settings of one command and what it has opened."""

    def __init__(self, settings: config.Settings, *, file: Path | None) -> None:
        self.settings = settings
        self.file = file
        self.zone = config.zone(settings)

    @classmethod
    def open(cls, file: Path | None, *, catalog_url: str | None = None, tz: str | None = None) -> Self:
        """Find and read the configuration.  Raises `ConfigError`."""
        try:
            folder = Path.cwd()
        except FileNotFoundError as exc:
            raise ConfigError("the working folder has been deleted; change to another one") from exc
        found = config.find_file(file, environ=os.environ, folder=folder)
        settings = config.load(found, environ=os.environ, folder=folder)
        return cls(config.override(settings, catalog_url=catalog_url, tz=tz), file=found)

    @staticmethod
    def now() -> datetime:
        """The clock."""
        return datetime.now(UTC)

    def sources(self, names: Sequence[str] = ()) -> list[ConfiguredSource]:
        """The configured sources, or those named, in the order of the configuration.

        Raises `ConfigError` for an unknown name, an address that is none, and sources that lie inside each other:
        their objects would be cataloged twice.
        """
        if not self.settings.sources:
            where = self.file or "there is no configuration file"
            raise ConfigError(f"no source is configured ({where}); `livestills init` writes a configuration")
        every = [
            ConfiguredSource(name, _location(settings.url, f"sources.{name}.url"), settings)
            for name, settings in self.settings.sources.items()
        ]
        for one, other in combinations(every, 2):
            # Buckets of one name on two storages have nothing to do with each other.
            same_storage = one.settings.endpoint_url == other.settings.endpoint_url
            if same_storage and one.location.overlaps(other.location):
                raise ConfigError(
                    f"the sources {one.name!r} ({one.location}) and {other.name!r} ({other.location}) overlap; "
                    "keep one of them, or narrow their prefixes"
                )
        self._refuse_derivatives_inside(every)
        for name in names:
            if name not in self.settings.sources:
                raise self._unknown_source(name)
        return [source for source in every if not names or source.name in names]

    def _refuse_derivatives_inside(self, sources: Sequence[ConfiguredSource]) -> None:
        if self.settings.derivatives is None:
            return
        derivatives = _location(self.settings.derivatives.url, "derivatives.url")
        for source in sources:
            if source.location.contains(derivatives):
                raise ConfigError(
                    f"derivatives.url {derivatives} lies inside the source {source.name!r} ({source.location}); "
                    "give it a bucket, folder or prefix of its own"
                )

    def _unknown_source(self, name: str) -> ConfigError:
        close = difflib.get_close_matches(name, self.settings.sources, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"configured: {', '.join(self.settings.sources) or 'none'}"
        return ConfigError(f"no source is called {name!r}; {hint}")

    def names(self) -> Names:
        """What people are called, by the settings and the file that they name.  Raises `ConfigError`."""
        users = self.settings.users
        named = read_csv(Path(users.csv)) if users.csv is not None else {}
        named |= {(None, uid): name for uid, name in users.everywhere.items()}
        named |= {(cname, uid): name for cname, of in users.channels.items() for uid, name in of.items()}
        return Names(named)

    def open_store(self, source: ConfiguredSource) -> ObjectStore:
        """The storage of a source."""
        address = self.address(source)
        return open_store(address.location, address.options)

    def derivatives(self) -> Address:
        """Where what we make is kept.  Raises `ConfigError` if that is not configured, or lies inside a source."""
        if self.settings.derivatives is None:
            raise ConfigError("nowhere to keep pictures: set url in [derivatives] of the configuration")
        self.sources()
        settings = self.settings.derivatives
        location = _location(settings.url, "derivatives.url")
        if location.kind == "file":
            Path(location.place).mkdir(mode=0o700, parents=True, exist_ok=True)
        options = S3Options(
            endpoint_url=settings.endpoint_url,
            region=settings.region,
            profile=settings.profile,
            addressing_style=settings.addressing_style,
        )
        return Address(location, options)

    def address(self, source: ConfiguredSource) -> Address:
        """How any process opens the storage of a source."""
        settings = source.settings
        options = S3Options(
            max_connections=max(CONNECTIONS, self.settings.sync.in_flight),
            endpoint_url=settings.endpoint_url,
            region=settings.region,
            profile=settings.profile,
            addressing_style=settings.addressing_style,
            list_version=settings.list_version,
            url_encoding=settings.url_encoding,
        )
        return Address(source.location, options)

    def access(self, source: ConfiguredSource) -> "Access":
        """A source as a sync reaches it."""
        from indexer.jobs.runs import Access

        in_flight = self.settings.sync.in_flight
        return Access(self.open_store(source), source.location.prefix, self.address(source), in_flight=in_flight)

    def wishes(self, source: ConfiguredSource, *, full: bool, verify: float | None = None) -> "Wishes":
        """How a sync lists a source: all of it if `full`, and of what is settled another share than is configured."""
        from indexer.jobs.plan import Mode, Wishes

        forced = "full" if full else _MODES[source.settings.discovery]
        horizon = timedelta(hours=self.settings.sync.horizon_h)
        share = self.settings.sync.verify if verify is None else verify
        return Wishes(None if forced is None else Mode(forced), verify=share, anew=full, horizon=horizon)

    def catalog_to_read(self) -> "Catalog":
        """The catalog, for questions."""
        from indexer.catalog.catalog import Catalog

        return Catalog.open_to_read(self.settings.catalog.url)

    def catalog_for(self, selection: Selection) -> "Catalog":
        """The catalog, for questions about this selection.

        Raises `ConfigError` for a source that is neither configured nor, from earlier times, in the catalog.
        """
        catalog = self.catalog_to_read()
        try:
            self.refuse_unknown_source(catalog, selection)
        except BaseException:
            catalog.close()
            raise
        return catalog

    def refuse_unknown_source(self, catalog: "Catalog", selection: Selection) -> None:
        """Raise `ConfigError` for a source that is neither configured nor, from earlier times, in the catalog."""
        name = selection.source
        if name is not None and name not in self.settings.sources and catalog.source(name) is None:
            raise self._unknown_source(name)

    def catalog_to_write(self) -> "Catalog":
        """The catalog, made or upgraded where it must be."""
        from indexer.catalog.catalog import Catalog

        return Catalog.open_to_write(self.settings.catalog.url, now=self.now())

    def terms(self, catalog: "Catalog") -> "Terms":
        """What timelines are told by; what is configured of ETags overrules what the catalog has learned."""
        from indexer.jobs.lookup import Terms

        sources = self.settings.sources
        learned = dict.fromkeys(catalog.etags.md5_sources(), True)
        told = {name: each.etag_is_md5 for name, each in sources.items() if each.etag_is_md5 is not None}
        return Terms(
            intervals_s={name: each.capture_interval_s for name, each in sources.items()},
            horizon=timedelta(hours=self.settings.sync.horizon_h),
            now=self.now(),
            md5_sources=frozenset(name for name, is_md5 in {**learned, **told}.items() if is_md5),
        )

    def thresholds(self) -> "Thresholds":
        """What pictures are called by their looks."""
        from indexer.timeline.looks import Thresholds

        return Thresholds(**self.settings.looks.model_dump())

    def presigner(self, lifetime: timedelta) -> Callable[[Shot], str]:
        """A function that gives a shot's address, readable by whoever has it for `lifetime`.

        It raises `ConfigError` for a shot of a source that is not configured any more.
        """
        sources = {source.name: source for source in self.sources()}
        stores: dict[str, ObjectStore] = {}

        def presign(shot: Shot) -> str:
            if shot.source not in sources:
                raise ConfigError(
                    f"the source {shot.source!r} of {shot.key!r} is not configured, so no URL can be signed"
                )
            if shot.source not in stores:
                stores[shot.source] = self.open_store(sources[shot.source])
            return stores[shot.source].presign(shot.key, lifetime=lifetime)

        return presign


def _location(url: str, setting: str) -> Location:
    try:
        return Location.from_string(url)
    except ConfigError as exc:
        raise ConfigError(f"{setting}: {exc}") from exc
