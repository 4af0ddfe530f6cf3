"""Tasks on the workers of a Dask cluster that somebody else has started.

Tasks travel in batches, because each that travels alone waits some ten milliseconds, and a thumbnail takes no more.
Dask cannot stop what a worker is at: a task that is over its time is left to its thread, and counts as lost.
"""

import logging
import pickle
import re
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from indexer.compute.base import Done, Lost
from indexer.errors import ClusterUnavailableError, ConfigError, LivestillsError

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as Asked

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_log = logging.getLogger(__name__)

CONNECT_S: Final = 10.0
"""For the scheduler to answer, at the beginning and whenever it is asked who works."""

NO_WORKERS_S: Final = 120.0
"""How long a cluster may have no worker at all: one that grows on demand starts machines meanwhile."""

BATCH_S: Final = 0.5
"""What a batch should take: long beside the way to a worker and back, short beside the wish to stop."""

BATCH_MOST: Final = 50

BATCHES: Final = 3
"""Handed out for each thread: one at work, one ready beside it, one on its way."""

CHECK_S: Final = 0.2
"""Between two looks whether the run is to be stopped."""

LOOK_S: Final = 5.0
"""Between two looks at how many work: clusters grow and shrink."""

_FETCH_S: Final = 5.0
"""For a result to arrive; it may have gone with its worker, and be made again."""

_LOGGERS: Final = ("asyncio", "distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application")
_ADDRESS: Final = re.compile(r"(tcp|tls)://(\[[0-9a-fA-F:.]+\]|[^\s/:@\[\]]+):[0-9]{1,5}")
_COMPARED: Final = ("livestills", "python", "distributed")


@dataclass(frozen=True, slots=True)
class Cluster:
    """The Dask cluster whose scheduler is at an address, as an `Executor`."""

    address: str
    """Such as tcp://10.0.0.5:8786; of a cluster with TLS, Dask's own configuration says the certificates."""
    check: Callable[[], None] = lambda: None
    """Called several times a second; what it raises ends the run."""
    warn: Callable[[str], None] = _log.warning
    """Takes what is wrong, but need not be the end."""

    def carry_out(
        self, function: Callable[[_Task], _Result], tasks: Iterable[_Task], *, timeout_s: float
    ) -> Iterator[Done[_Task, _Result]]:
        """See `Executor.carry_out`.  Tasks that have begun when the iterator is closed are carried out to their end.

        Raises `ConfigError` if Dask is not installed here or livestills on a worker, and `ClusterUnavailableError` if
        the cluster cannot be reached, is lost, or has no workers for a long time.
        """
        with _connected(self.address) as client, _losses(self.address):
            self._compare(client)
            crew = _Crew(client, self.address, self.warn)
            work = _Work(client, function, self.address, timeout_s)
            waiting = iter(tasks)
            while True:
                while work.batches < BATCHES * crew.threads and (batch := list(islice(waiting, work.batch_size))):
                    work.submit(batch)
                if not work.batches and not work.submit_suspect():
                    return
                self.check()
                yield from work.next()
                crew.look()

    def _compare(self, client: "Client") -> None:
        """Warn of workers, or a scheduler, with other versions than are here."""
        try:
            found = _untyped(client).get_versions(packages=["livestills"])
        except OSError as exc:
            raise _unreachable(self.address, exc) from exc
        here = found["client"]["packages"]
        others = Counter(
            (name, _told(name, versions["packages"].get(name)))
            for versions in found["workers"].values()
            for name in _COMPARED
            if _told(name, versions["packages"].get(name)) != _told(name, here[name])
        )
        for (name, version), count in others.items():
            number = f"{count} of {len(found['workers'])} workers"
            self.warn(f"{number} of {self.address} have {name} {version}; here it is {_told(name, here[name])}")
        scheduler = found["scheduler"]["packages"].get("distributed")
        if scheduler != here["distributed"]:
            self.warn(f"the scheduler {self.address} has distributed {scheduler}; here it is {here['distributed']}")


def _told(name: str, version: str | None) -> str:
    """A version as far as it matters: patch releases of Python understand each other."""
    if version is None:
        return "not installed"
    return ".".join(version.split(".")[:2]) if name == "python" else version


@contextmanager
def _connected(address: str) -> Iterator["Client"]:
    """A client of the cluster.  What it has asked for and not got is cancelled at the end."""
    try:
        import dask.config

        # It would write its own lines to stderr, of what is said here in one.  Whoever has set that up keeps it.
        quiet = dict.fromkeys(_LOGGERS, "critical")
        dask.config.set(logging={**quiet, **dask.config.get("logging", {})})
        from distributed import Client, Security
        from distributed.versions import VersionMismatchWarning
    except ModuleNotFoundError as exc:
        raise ConfigError(
            f"a Dask cluster takes Dask's client ({exc.name} is not installed): pip install 'livestills[dask]'"
        ) from exc
    if not _ADDRESS.fullmatch(address):
        raise ConfigError(f"{address!r} is no address of a Dask scheduler: write tcp://host:8786 or tls://host:8786")
    security = _untyped(Security)()
    if address.startswith("tls:") and security.get_connection_args("client")["ssl_context"] is None:
        raise ConfigError(f"{address} takes certificates: name them in Dask's configuration, distributed.comm.tls")
    warnings.filterwarnings("ignore", category=VersionMismatchWarning)  # a table; ours is a line
    client = Client.__new__(Client)
    connect = partial(_untyped(client).__init__, address, set_as_default=False, name="livestills")
    try:
        # Its own limit does not hold for a server that takes connections and says nothing.
        ended = _limited(lambda timeout_s: connect(timeout=timeout_s), CONNECT_S, CONNECT_S + 5)
    except (OSError, ImportError, MemoryError, ValueError) as exc:  # the latter of answers that are none of Dask's
        client.status = "closed"  # else it waits for what it never had when it is collected
        if isinstance(exc, ImportError):  # what it says of versions
            raise ConfigError(f"the Dask scheduler {address} and this client do not fit: {_first_line(exc)}") from exc
        raise _unreachable(address, exc) from exc
    if isinstance(ended, Lost):
        client.status = "closed"
        raise ClusterUnavailableError(f"what listens at {address} does not answer as a Dask scheduler does")
    try:
        yield client
    finally:
        try:
            _untyped(client).close(timeout=CONNECT_S)
        except TimeoutError:  # no reason to hide what ended the run; that we are gone the scheduler sees by itself
            client.status = "closed"


@contextmanager
def _losses(address: str) -> Iterator[None]:
    """What Dask raises once its scheduler is gone, as our error."""
    from distributed.comm.core import CommClosedError

    try:
        yield
    except (CommClosedError, CancelledError) as exc:
        raise ClusterUnavailableError(
            f"the Dask scheduler {address} was lost; what was made before stays, run it again for the rest"
        ) from exc


def _untyped(dask: object) -> Any:
    """A part of Dask whose functions have types for some of what they take."""
    return dask


def _unreachable(address: str, exc: Exception) -> ClusterUnavailableError:
    return ClusterUnavailableError(f"the Dask scheduler {address} cannot be reached: {_first_line(exc)}")


def _first_line(exc: Exception) -> str:
    return str(exc).strip().partition("\n")[0] or type(exc).__name__


class _Crew:
    """How many threads work in the cluster, looked at now and then."""

    def __init__(self, client: "Client", address: str, warn: Callable[[str], None]) -> None:
        self._client = client
        self._address = address
        self._alone_since: float | None = None
        self._looked_at = 0.0
        self._count = 0
        self.look(now=True)
        if not self._count:
            warn(f"the Dask cluster {address} has no workers yet; waiting {NO_WORKERS_S:.0f} s for one")

    @property
    def threads(self) -> int:
        """One at least: a cluster may grow only when there is something to do."""
        return max(1, self._count)

    def look(self, *, now: bool = False) -> None:
        """Count again, if it is time to.  Raises `ClusterUnavailableError` if there has been nobody for long."""
        moment = time.monotonic()
        if moment - self._looked_at < LOOK_S and not now:
            return
        self._looked_at = moment
        client = _untyped(self._client)
        try:
            cores: dict[str, int] = client.sync(client.scheduler.ncores, callback_timeout=CONNECT_S)
        except (OSError, AttributeError) as exc:  # it has no scheduler any more once it has given up
            raise _unreachable(self._address, exc) from exc
        self._count = sum(cores.values())
        if self._count:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = moment
        elif moment - self._alone_since > NO_WORKERS_S:
            raise ClusterUnavailableError(
                f"the Dask cluster {self._address} has had no workers for {NO_WORKERS_S:.0f} s; "
                "start some and run it again"
            )


@dataclass(frozen=True, slots=True)
class _Ended(Generic[_Result]):
    """What came of a batch: results in order, and the error that ended it."""

    results: list[_Result | Lost]
    seconds: float
    error: LivestillsError | None = None


class _Work(Generic[_Task, _Result]):
    """Batches that are handed out."""

    def __init__(self, client: "Client", function: Callable[[_Task], _Result], address: str, timeout_s: float) -> None:
        self._client = client
        self._function = function
        self._address = address
        self._timeout_s = timeout_s
        self._pending: dict[Any, list[_Task]] = {}
        self._ended: SimpleQueue[Asked[_Ended[_Result]]] = SimpleQueue()
        self._suspects: list[_Task] = []
        self._alone: Any = None
        self.batch_size = 1
        """Of the next one, by how long tasks have taken."""

    @property
    def batches(self) -> int:
        """How many there are."""
        return len(self._pending)

    def submit_suspect(self) -> bool:
        """Hand out a task in whose company workers have died, with none beside it; False if there is none."""
        if self._suspects:
            self._alone = self.submit([self._suspects.pop()])
            return True
        return False

    def submit(self, batch: list[_Task]) -> Any:
        """Hand a batch out; the key by which Dask knows it."""
        if self._client.status not in {"running", "connecting"}:  # it has given its scheduler up
            raise CancelledError
        # The scheduler reads what is submitted, too.  A function of ours would have to be installed there; this one is
        # Python's, and the bytes are opened on the worker alone.
        call = pickle.dumps(_Call(self._function, batch, self._timeout_s))
        future: Asked[_Ended[_Result]] = self._client.submit(pickle.loads, call, pure=False)
        self._pending[future.key] = batch
        _untyped(future).add_done_callback(self._ended.put)
        return future.key

    def next(self) -> Iterator[Done[_Task, _Result]]:
        """Yield the results of a batch that has ended; nothing if none does for a while."""
        try:
            future = self._ended.get(timeout=CHECK_S)
        except Empty:
            return
        from distributed import KilledWorker

        try:
            ended = future.result(timeout=_FETCH_S)
        except TimeoutError:
            _untyped(future).add_done_callback(self._ended.put)
            return
        except KilledWorker:
            batch = self._pending.pop(future.key)
            if future.key == self._alone:
                yield Done(batch[0], Lost.WORKER_DIED)
            else:
                self._suspects += batch
            return
        except ModuleNotFoundError as exc:
            raise ConfigError(
                f"a worker of {self._address} cannot import {str(exc.name).partition('.')[0]!r}: "
                "install the same version of livestills there as here"
            ) from exc
        batch = self._pending.pop(future.key)
        if ended.results:
            each_s = max(ended.seconds / len(ended.results), BATCH_S / BATCH_MOST)
            self.batch_size = max(1, int(BATCH_S / each_s))
        # Of a batch that an error has ended, the rest is without result.
        for task, result in zip(batch, ended.results, strict=False):
            yield Done(task, result)
        if ended.error is not None:
            ended.error.args = (f"on a worker of {self._address}: {ended.error}",)  # its credentials, not those of here
            raise ended.error


# On the worker.


@dataclass(frozen=True, slots=True)
class _Call(Generic[_Task, _Result]):
    """Tasks that are carried out by being unpickled; what comes out is `_Ended`."""

    function: Callable[[_Task], _Result]
    batch: list[_Task]
    timeout_s: float

    def __reduce__(self) -> tuple[Callable[..., _Ended[Any]], tuple[object, ...]]:
        return _carry_out_here, (self.function, self.batch, self.timeout_s)


def _carry_out_here(function: Callable[[_Task], _Result], batch: list[_Task], timeout_s: float) -> _Ended[_Result]:
    began = time.monotonic()
    results: list[_Result | Lost] = []
    for task in batch:
        try:
            results.append(_limited(function, task, timeout_s))
        except LivestillsError as exc:
            return _Ended(results, time.monotonic() - began, exc)
    return _Ended(results, time.monotonic() - began)


def _limited(function: Callable[[_Task], _Result], task: _Task, timeout_s: float) -> _Result | Lost:
    """What the function returns or raises, or `Lost` if it takes too long; it goes on in its thread then."""
    outcome: Future[_Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(function(task))
        except BaseException as exc:  # noqa: BLE001  # it is raised where it is waited for
            outcome.set_exception(exc)

    threading.Thread(target=run, name="livestills", daemon=True).start()
    done, _ = wait([outcome], timeout_s)
    return outcome.result() if done else Lost.TIMED_OUT
