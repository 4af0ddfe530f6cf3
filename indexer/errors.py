"""What can go wrong, as values: each error is one line for a person and one exit status for a program.

The text of an error says what failed, which thing, and what to do about it.
"""

from enum import IntEnum
from typing import ClassVar


class ExitStatus(IntEnum):
    """The exit statuses of the command line.  They are a contract: never renumber one."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    PARTIAL = 3
    DENIED = 4
    TEMPORARY = 5
    NOT_FOUND = 10
    LOCKED = 11
    SCHEMA = 12
    CHECK_FAILED = 20
    INTERRUPTED = 130
    TERMINATED = 143


class LivestillsError(Exception):
    """Anything this package raises on purpose.  `str(error)` is one line."""

    status: ClassVar[ExitStatus] = ExitStatus.ERROR


class ConfigError(LivestillsError):
    """The configuration, an option or an argument is wrong."""

    status = ExitStatus.USAGE


class StorageError(LivestillsError):
    """A storage answered in a way that ends what was asked of it."""


class AccessDeniedError(StorageError):
    """Credentials are missing, refused or expired, or lack a permission."""

    status = ExitStatus.DENIED


class BucketNotFoundError(StorageError):
    """The bucket or folder of a source does not exist."""

    status = ExitStatus.NOT_FOUND


class ObjectNotFoundError(StorageError):
    """No object has this key."""


class StorageUnavailableError(StorageError):
    """The storage could not be reached, throttles, or fails for now: the same call may work later."""

    status = ExitStatus.TEMPORARY


class BrokenListingError(StorageError):
    """A listing broke the rules that make it complete (order, tokens, truncation): nothing can be concluded."""


class UnsupportedKeyError(StorageError):
    """This storage cannot hold an object of this key."""


class CatalogError(LivestillsError):
    """The catalog cannot do what was asked."""


class CatalogNotFoundError(CatalogError):
    """There is no catalog at this URL."""

    status = ExitStatus.NOT_FOUND


class NotACatalogError(CatalogError):
    """The database belongs to something else, or the file is no database."""

    status = ExitStatus.USAGE


class CatalogSchemaError(CatalogError):
    """The catalog was written by another version, older or newer, than this command can use."""

    status = ExitStatus.SCHEMA


class CatalogAccessError(CatalogError):
    """The operating system does not let us read or write the catalog."""

    status = ExitStatus.DENIED


class CatalogBusyError(CatalogError):
    """The database stayed locked by another program for longer than we wait."""

    status = ExitStatus.TEMPORARY


class CatalogLostError(CatalogBusyError):
    """The database cannot be reached, or the connection to it was lost; another one may be had at once."""


class ClusterUnavailableError(LivestillsError):
    """A cluster could not be reached, was lost, or has no workers: the same call may work later."""

    status = ExitStatus.TEMPORARY


class LockedError(LivestillsError):
    """Another run is at work on the same source."""

    status = ExitStatus.LOCKED


class InterruptedRunError(LivestillsError):
    """The run was stopped from outside, by SIGINT if not said otherwise, and ended between two batches."""

    status = ExitStatus.INTERRUPTED


class TerminatedRunError(InterruptedRunError):
    """The run was stopped by SIGTERM."""

    status = ExitStatus.TERMINATED


class OutOfTimeError(InterruptedRunError):
    """The run had the time that it was given, and ended between two batches."""

    status = ExitStatus.PARTIAL
