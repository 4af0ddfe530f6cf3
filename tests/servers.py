"""Real S3 servers on loopback ports of this machine, for tests and benchmarks.  Both come from pip."""

import itertools
import json
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import boto3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_numbers = itertools.count(1)

START_ATTEMPTS: Final = 3  # somebody else may take a free port before the server does
START_TIMEOUT_S: Final = 60  # SeaweedFS takes 3 s on two idle cores

# However the one who started the server ends, the pipe to this shell closes then, and the shell stops the server.
_LEASH: Final = """
exec 3<&0
signal=$1; shift
"$@" 3<&- </dev/null & child=$!
{ read -r _ <&3; kill -s $signal $child; } 2>/dev/null &
wait $child
"""


@dataclass(frozen=True)
class S3Server:
    """A server that runs, and the one pair of keys that it knows (moto takes any)."""

    name: str
    endpoint_url: str
    access_key: str = "test-access-key"
    secret_key: str = "test-secret-key"
    grow_url: str | None = None
    """Makes room for the bucket whose name is put behind it."""

    WRITE_ONLY: ClassVar = ("write-only-access-key", "write-only-secret-key")
    """Keys that may only write, as Agora advises for recordings.  SeaweedFS alone knows them."""

    @cached_property
    def session(self) -> boto3.Session:
        return boto3.Session(
            aws_access_key_id=self.access_key, aws_secret_access_key=self.secret_key, region_name="us-east-1"
        )

    @cached_property
    def client(self) -> "S3Client":
        return self.session.client("s3", endpoint_url=self.endpoint_url)

    def new_bucket(self) -> str:
        """Make an empty bucket.  It goes with the server."""
        name = f"bucket-{next(_numbers)}"
        self.client.create_bucket(Bucket=name)
        if self.grow_url is not None:
            assert _answers(self.grow_url + name)
        return name


@contextmanager
def moto_server() -> Iterator[S3Server]:
    """moto lists as S3 does, but takes any signature, and the time for a page grows with the bucket."""

    def command(ports: Sequence[int], _: Path) -> list[str]:
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(ports[0])]

    def is_ready(ports: Sequence[int]) -> bool:
        return _answers(f"http://127.0.0.1:{ports[0]}/moto-api/")

    with _running(command, is_ready, port_count=1) as (port,):
        yield S3Server("moto", f"http://127.0.0.1:{port}")


@contextmanager
def seaweedfs() -> Iterator[S3Server]:
    """SeaweedFS checks signatures, and keeps objects as files (see the tests for what that does to keys)."""
    server = S3Server("SeaweedFS", "")
    weed = shutil.which("weed", path=sysconfig.get_path("scripts")) or "weed"
    # Unless it is told its ports for gRPC, it takes those of HTTP + 10,000.
    port_options = [f"{part}.port{grpc}" for part in ("master", "volume", "filer", "s3") for grpc in ("", ".grpc")]

    def command(ports: Sequence[int], folder: Path) -> list[str]:
        identities = [
            _identity("admin", server.access_key, server.secret_key, "Admin", "Read", "List", "Tagging", "Write"),
            _identity("write-only", *S3Server.WRITE_ONLY, "Write"),
        ]
        (folder / "s3.json").write_text(json.dumps({"identities": identities}))
        options = {
            "ip": "127.0.0.1",
            "ip.bind": "127.0.0.1",
            "dir": folder,
            "master.telemetry": "false",
            "master.volumeSizeLimitMB": "64",
            "volume.max": "1000",  # each bucket takes one at least
            "filer.localSocket": folder / "filer.sock",
            "s3.localSocket": folder / "s3.sock",
            "s3.config": folder / "s3.json",
            "s3.autoCreateBucket": "false",  # otherwise PUT into a missing bucket makes it
            "s3.port.iceberg": "0",
            "s3.port.lance": "0",
            **dict(zip(port_options, ports, strict=True)),
        }
        arguments = [f"-{option}={value}" for option, value in options.items()]
        # By default a new bucket gets seven volumes, and the hundredth bucket none.
        growth = "WEED_MASTER_VOLUME_GROWTH_COPY_1=1"
        return ["env", growth, weed, "-logtostderr=true", "server", "-filer", "-s3", *arguments]

    def is_ready(ports: Sequence[int]) -> bool:
        master, s3 = ports[0], ports[6]
        return _answers(f"http://127.0.0.1:{s3}/healthz") and _answers(f"http://127.0.0.1:{master}/dir/assign")

    with _running(command, is_ready, port_count=len(port_options)) as ports, ExitStack() as stack:
        for part, port in zip(("master", "volume", "filer", "s3"), ports[1::2], strict=True):
            # It leaves these sockets there, wherever its other files are.
            stack.callback(Path(f"/tmp/seaweedfs-{part}-grpc-{port}.sock").unlink, missing_ok=True)  # noqa: S108
        # The first object of a bucket would wait 0.2 s until there is room, which takes 3 ms if asked for.
        grow_url = f"http://127.0.0.1:{ports[0]}/vol/grow?count=1&collection="
        yield replace(server, endpoint_url=f"http://127.0.0.1:{ports[6]}", grow_url=grow_url)


def _identity(name: str, access_key: str, secret_key: str, *actions: str) -> dict[str, object]:
    return {
        "name": name,
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": list(actions),
    }


def free_ports(count: int) -> list[int]:
    """Ports that nobody listened on a moment ago."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _running(
    command: Callable[[Sequence[int], Path], list[str]],
    is_ready: Callable[[Sequence[int]], bool],
    *,
    port_count: int,
) -> Iterator[list[int]]:
    """Run a server in a folder of its own until the block ends.  Gives its ports once it is ready."""
    for _ in range(START_ATTEMPTS):
        ports = free_ports(port_count)
        with tempfile.TemporaryDirectory(prefix="s3-", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            log = folder / "log"
            with leashed(command(ports, folder), log) as process:
                deadline = time.monotonic() + START_TIMEOUT_S
                while process.poll() is None and time.monotonic() < deadline:
                    if is_ready(ports):
                        yield ports
                        return
                    time.sleep(0.05)
            said = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"the server did not start; it said last:\n{said}")


@contextmanager
def leashed(
    command: list[str], log: Path, *, signal: str = "KILL", user: str | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server until the block ends, or this process does, however that happens."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", _LEASH, "sh", signal, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            user=user,
            cwd=log.parent,
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
