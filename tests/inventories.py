"""Reports of S3 Inventory as S3 would write them of a store."""

import csv
import gzip
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import md5
from typing import Final
from urllib.parse import quote_plus

from indexer.model import ListedObject, to_ms
from indexer.storage.memory import MemoryStore

MANIFEST: Final = "inventory/daily/2026-11-06T01-00Z/manifest.json"
_DATA: Final = "inventory/daily/data/1.csv.gz"


def inventory_of(
    objects: Iterable[ListedObject], *, bucket: str, snapshot: datetime, etags: bool = True, name: str = "inventories"
) -> MemoryStore:
    """A store that has the manifest and the one data file."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for listed in objects:
        modified = f"{datetime.fromtimestamp(listed.modified_s, UTC):%Y-%m-%dT%H:%M:%S.000Z}"
        row = [bucket, quote_plus(listed.key, safe="/"), str(listed.size), modified]
        writer.writerow([*row, *([listed.etag] if etags else [])])
    data = gzip.compress(text.getvalue().encode())
    manifest = {
        "sourceBucket": bucket,
        "destinationBucket": f"arn:aws:s3:::{name}",
        "version": "2016-11-30",
        "creationTimestamp": str(to_ms(snapshot)),
        "fileFormat": "CSV",
        "fileSchema": f"Bucket, Key, Size, LastModifiedDate{', ETag' if etags else ''}",
        "files": [{"key": _DATA, "size": len(data), "MD5checksum": md5(data, usedforsecurity=False).hexdigest()}],
    }
    store = MemoryStore(name)
    store.put(_DATA, data, content_type="application/gzip")
    store.put(MANIFEST, json.dumps(manifest).encode(), content_type="application/json")
    return store
