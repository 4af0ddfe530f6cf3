"""A storage that can only be listed, and has a bucket of any size: `python -m benchmarks.list_server --keys 200000`.

It answers ListObjectsV2 of the whole bucket, path style, any credentials, with pages that it makes from a `World` and
remembers; in a process of its own, so that its CPU time is not counted.  It prints its address and ends with its
standard input.
"""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, urlsplit

from benchmarks.world import PER_STREAM, PREFIX, World, shots_of
from indexer.model import EPOCH, ListedObject

BUCKET: Final = "shots"

_REMEMBERED: Final = 256
"""Pages of about 300 kB."""

_PAGE: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<Name>{bucket}</Name><Prefix>{prefix}</Prefix>{continuation}<KeyCount>{count}</KeyCount>"
    "<MaxKeys>{max_keys}</MaxKeys><EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>"
    "{rows}</ListBucketResult>"
)
_ROW: Final = (
    "<Contents><Key>{}</Key><LastModified>{:%Y-%m-%dT%H:%M:%S}.000Z</LastModified><ETag>&quot;{}&quot;</ETag>"
    "<Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


class Pages:
    """The answers, as bytes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.page = lru_cache(_REMEMBERED)(self._make)

    def answer(self, target: str) -> bytes | None:
        """The page that a request line asks for; None for anything but what is listed here."""
        url = urlsplit(target)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        known = {"list-type", "prefix", "max-keys", "continuation-token", "encoding-type"}
        if url.path.strip("/") != BUCKET or asked.get("list-type") != "2" or not asked.keys() <= known:
            return None
        prefix = asked.get("prefix", "")
        if not PREFIX.startswith(prefix):  # anything longer would choose among the keys
            return None
        return self.page(prefix, int(asked.get("continuation-token", 0)), int(asked.get("max-keys", 1000)))

    def _make(self, prefix: str, first: int, max_keys: int) -> bytes:
        stop = min(first + max_keys, len(self._world))
        streams = self._world.streams[first // PER_STREAM : -(-stop // PER_STREAM)]
        objects = [listed for stream in streams for listed in shots_of(stream)]
        skipped = first % PER_STREAM
        is_truncated = stop < len(self._world)
        token = f"<NextContinuationToken>{stop}</NextContinuationToken>" if is_truncated else ""
        return _PAGE.format(
            bucket=BUCKET,
            prefix=prefix,
            continuation=token,
            count=stop - first,
            max_keys=max_keys,
            truncated=str(is_truncated).lower(),
            rows="".join(map(_row, objects[skipped : skipped + stop - first])),
        ).encode()


def _row(listed: ListedObject) -> str:
    return _ROW.format(listed.key, EPOCH + timedelta(seconds=listed.modified_s), listed.etag, listed.size)


class _Connection(asyncio.Protocol):
    """HTTP as far as a client that only lists needs it: requests without bodies, one after the other."""

    def __init__(self, pages: Pages, latency_s: float) -> None:
        self._pages = pages
        self._latency_s = latency_s
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
            body = self._pages.answer(target) if method == "GET" else None
            asyncio.get_running_loop().call_later(self._latency_s, self._send, body)

    def _send(self, body: bytes | None) -> None:
        status = "501 Not Implemented" if body is None else "200 OK"
        body = body or b"<Error><Code>NotImplemented</Code><Message>only whole listings</Message></Error>"
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.writelines([head.encode(), body])


async def _serve(pages: Pages, latency_s: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(pages, latency_s), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


@contextmanager
def list_server(keys: int) -> Iterator[str]:
    """The address of a server that runs as long as the block, however that ends."""
    command = [sys.executable, "-m", "benchmarks.list_server", "--keys", str(keys)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        if not address:
            raise RuntimeError("the LIST server did not start")
        try:
            yield address
        finally:
            server.stdin.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A storage that can only be listed.")
    parser.add_argument("--keys", type=int, default=200_000)
    parser.add_argument("--latency-ms", type=float, default=0)
    options = parser.parse_args()
    asyncio.run(_serve(Pages(World(options.keys)), options.latency_ms / 1000))
