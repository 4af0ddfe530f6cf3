"""Catalog the screenshots of Agora Cloud Recording and look them up.  What is public is imported when it is used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from indexer.agora.names import RecordingName, ScreenshotName, Unrecognised, parse
    from indexer.api import Livestills, Where
    from indexer.catalog.answers import SessionSummary, UserSummary
    from indexer.errors import CatalogError, ConfigError, LivestillsError, LockedError, StorageError
    from indexer.jobs.runs import SyncReport
    from indexer.model import Shot
    from indexer.timeline.figures import Timeline
    from indexer.timeline.gaps import Cause, Gap, ToldBy
    from indexer.timeline.series import CaptureInterval, Frozen, Run

__version__ = "0.1.0"

__all__ = [
    "CaptureInterval",
    "CatalogError",
    "Cause",
    "ConfigError",
    "Frozen",
    "Gap",
    "Livestills",
    "LivestillsError",
    "LockedError",
    "RecordingName",
    "Run",
    "ScreenshotName",
    "SessionSummary",
    "Shot",
    "StorageError",
    "SyncReport",
    "Timeline",
    "ToldBy",
    "Unrecognised",
    "UserSummary",
    "Where",
    "__version__",
    "parse",
]

_HOMES: Final = {
    "indexer.agora.names": ("RecordingName", "ScreenshotName", "Unrecognised", "parse"),
    "indexer.api": ("Livestills", "Where"),
    "indexer.catalog.answers": ("SessionSummary", "UserSummary"),
    "indexer.errors": ("CatalogError", "ConfigError", "LivestillsError", "LockedError", "StorageError"),
    "indexer.jobs.runs": ("SyncReport",),
    "indexer.model": ("Shot",),
    "indexer.timeline.figures": ("Timeline",),
    "indexer.timeline.gaps": ("Cause", "Gap", "ToldBy"),
    "indexer.timeline.series": ("CaptureInterval", "Frozen", "Run"),
}


def __getattr__(name: str) -> Any:  # type checkers read the imports above
    for home, names in _HOMES.items():
        if name in names:
            found = globals()[name] = getattr(import_module(home), name)
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
