"""How a session of the emulator is, and what came of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from indexer.agora.events import Details
from indexer.errors import LivestillsError
from indexer.service.emulator.uploading import Ending


class State(StrEnum):
    """Where a session is."""

    STARTING = "starting"
    RUNNING = "running"
    SILENT = "silent"
    """The recorder has failed, and no other one has taken over; Agora's API answers 404 meanwhile."""
    UPLOADING = "uploading"
    """It is over, and what it took is still being uploaded."""
    ENDED = "ended"
    LOST = "lost"
    """The recorder failed for the fourth time."""
    REFUSED = "refused"
    """The storage refused the uploads."""


class UploadingStatus(StrEnum):
    """What `stop` answers of the upload."""

    UPLOADED = "uploaded"
    BACKED_UP = "backuped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Told:
    """Something of which Agora would post a notice."""

    at: datetime
    """Aware UTC; never earlier than what was told before."""
    details: Details
    recorder_uid: str
    """Of the recorder at work: another one after a failover."""


@dataclass(frozen=True, slots=True)
class Status:
    """A session at a moment."""

    state: State
    started_at: datetime | None
    """When the first recorder began."""
    recorder_uid: str
    bak: int | None
    """Number of the failover recorder at work; None for the first one."""
    taken: int
    """Pictures, those that are lost included."""
    uploaded: int
    pending: int
    """Pictures under way or late."""
    lost: int
    """Never uploaded: by the scenario, or because they could not be."""
    late: int
    """Uploaded, or to be, later than at once, as the scenario wants."""
    backed_up: int
    """Could not be uploaded for now, and were kept."""
    refused: int
    """By the storage."""
    files: int
    """Playlists and slices in the storage, each playlist as often as it was written."""
    behind: timedelta
    """How far capturing is behind the clock, because the storage is too slow."""
    error: str | None = None
    """Why an upload failed last."""

    @property
    def uploading(self) -> UploadingStatus:
        """What `stop` answers."""
        if self.state not in {State.ENDED, State.LOST, State.REFUSED}:
            return UploadingStatus.UNKNOWN
        return UploadingStatus.BACKED_UP if self.pending else UploadingStatus.UPLOADED


@dataclass(slots=True)
class Counts:
    """What a session did.  Whoever changes it holds its lock."""

    taken: int = 0
    uploaded: int = 0
    lost: int = 0
    late: int = 0
    backed_up: int = 0
    refused: int = 0
    files: int = 0
    under_way: int = 0
    """Uploads that are not late, files included."""
    refused_in_a_row: int = 0
    behind: timedelta = timedelta()
    behind_most: timedelta = timedelta()
    progress: int = 0
    error: str | None = None
    closed: bool = False
    """Nothing more is taken."""

    @property
    def pending(self) -> int:
        """Pictures that are under way, late or in the backup."""
        return self.taken - self.uploaded - self.lost

    def picture(self, ending: Ending) -> None:
        """A picture came to this end."""
        match ending:
            case Ending.UPLOADED:
                self.uploaded += 1
            case Ending.REFUSED | Ending.GONE:
                self.lost += 1

    def file(self, ending: Ending) -> None:
        """A file came to this end."""
        self.files += ending is Ending.UPLOADED

    def upload(self, ending: Ending, error: LivestillsError | None) -> None:
        """Either of them did."""
        self.backed_up += ending is Ending.BACKED_UP
        self.refused += ending is Ending.REFUSED
        self.refused_in_a_row = self.refused_in_a_row + 1 if ending is Ending.REFUSED else 0
        self.error = self.error if error is None else str(error)
