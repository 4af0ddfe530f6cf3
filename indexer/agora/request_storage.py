"""Checks of `storageConfig`, which `start`, `startParameter` of `acquire` and `update` have.  Pure."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from indexer.agora import request_rules as rules
from indexer.agora.request_rules import Finding
from indexer.agora.request_shapes import Part, in_quotes, shown_value
from indexer.agora.vendors import (
    ALIBABA,
    AMAZON,
    AZURE,
    COMPATIBLE,
    REMOVED,
    TENCENT,
    VENDORS,
    Vendor,
    doubted_region,
    is_bucket,
    lacks_appid,
    prefix_of,
)

_DOMAIN: Final = re.compile(r"[0-9A-Za-z_](?:[0-9A-Za-z._-]{0,251}[0-9A-Za-z_])?(?::[0-9]{1,5})?")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_LETTERS: Final = re.compile(r"[a-zA-Z0-9]*")
_LETTERS_PRACTICE: Final = re.compile(r"[a-zA-Z0-9_]*")
_LONGEST_PREFIX: Final = 128
_STS_AT_LEAST: Final = timedelta(hours=4)
_MILLISECONDS: Final = 10**11
"""In seconds this is the year 5138; in milliseconds it is 1973, before any of these clouds."""


def storage_findings(storage: Part, *, now: datetime | None) -> Iterator[Finding]:
    """What is wrong with it, but for types.  `now` is when the request is sent; None leaves times unchecked."""
    vendor = storage.whole("vendor")
    yield from _completeness(storage, vendor)
    yield from _where(storage, vendor)
    yield from _temporary(storage, vendor, now)
    yield from _prefix(storage)
    if not storage.has("extensionParams"):
        yield from _extension(Part(storage.at("extensionParams"), {}), vendor)
    elif extension := storage.part("extensionParams"):
        yield from _extension(extension, vendor)


def _completeness(storage: Part, vendor: int | None) -> Iterator[Finding]:
    named = None if vendor is None else VENDORS.get(vendor)
    for name in ("vendor", "region", "bucket", "accessKey", "secretKey"):
        if storage.has(name):
            if storage.text(name) == "":
                yield Finding(rules.STORAGE_COMPLETE, storage.at(name), "is empty")
        elif name == "region" and named is not None and not named.regions:
            yield Finding(rules.REGION_ANYHOW, storage.at(name), f"is missing: write 0 for {named.name}")
        else:
            yield Finding(rules.STORAGE_COMPLETE, storage.at(name), "is missing")


def _where(storage: Part, vendor: int | None) -> Iterator[Finding]:
    if vendor is not None:
        if vendor in VENDORS:
            yield from _region(storage, VENDORS[vendor])
        elif vendor in REMOVED:
            removed = f"is {vendor}, {REMOVED[vendor]}, which was removed"
            yield Finding(rules.VENDOR_REMOVED, storage.at("vendor"), removed)
        else:
            known = ", ".join(f"{one.number} {one.name}" for one in VENDORS.values())
            yield Finding(rules.VENDOR, storage.at("vendor"), f"is {shown_value(vendor)}; known: {known}")
    bucket = storage.text("bucket")
    if bucket and not is_bucket(bucket):
        # Not repeated: it may be a key that stands in the wrong place.
        yield Finding(rules.BUCKET_NAME, storage.at("bucket"), "has characters that no bucket has, or too many")
    elif bucket:
        if not _BUCKET.fullmatch(bucket):
            yield Finding(rules.BUCKET, storage.at("bucket"), f"is {in_quotes(bucket)}")
        if vendor is not None and lacks_appid(vendor, bucket):
            yield Finding(rules.BUCKET_APPID, storage.at("bucket"), f"is {in_quotes(bucket)}")


def _region(storage: Part, vendor: Vendor) -> Iterator[Finding]:
    if vendor.number == AZURE:
        yield Finding(rules.VENDOR_AZURE, storage.at("vendor"), f"is {AZURE}, {vendor.name}, which has no S3 API")
    region, place = storage.whole("region"), storage.at("region")
    if region is None:
        return
    if not vendor.regions:
        if region != 0:
            yield Finding(rules.REGION_ZERO, place, f"is {shown_value(region)}: write 0 for {vendor.name}")
    elif region not in vendor.regions:
        first, last = min(vendor.regions), max(vendor.regions)
        known = f"{first} ({vendor.regions[first]}) to {last} ({vendor.regions[last]})"
        yield Finding(rules.REGION, place, f"is {shown_value(region)}; {vendor.name} has {known}")
    elif why := doubted_region(vendor.number, region):
        yield Finding(rules.REGION_DOUBTFUL, place, f"is {region}, {vendor.regions[region]}: {why}")


def _temporary(storage: Part, vendor: int | None, now: datetime | None) -> Iterator[Finding]:
    if storage.has("stsToken") and vendor is not None and vendor not in {AMAZON, ALIBABA, TENCENT}:
        yield Finding(rules.STS_VENDOR, storage.at("stsToken"), f"is set for vendor {shown_value(vendor)}")
    if storage.has("stsToken") != storage.has("stsExpiration"):
        missing, other = ("stsExpiration", "stsToken") if storage.has("stsToken") else ("stsToken", "stsExpiration")
        yield Finding(rules.STS_EXPIRATION, storage.at(missing), f"is missing beside {other}")
    ends, place = storage.whole("stsExpiration"), storage.at("stsExpiration")
    if ends is None:
        return
    if ends >= _MILLISECONDS:
        yield Finding(rules.STS_SECONDS, place, f"is {shown_value(ends)}, which seems to be in milliseconds")
    elif now is not None:
        left_s = ends - int(now.timestamp())
        if left_s <= 0:
            yield Finding(rules.STS_EXPIRED, place, f"is {shown_value(ends)}, which has passed")
        elif left_s < _STS_AT_LEAST.total_seconds():
            yield Finding(rules.STS_VALIDITY, place, f"is {left_s // 60} minutes ahead")


def _prefix(storage: Part) -> Iterator[Finding]:
    elements, place = storage.texts("fileNamePrefix"), storage.at("fileNamePrefix")
    for index, element in enumerate(elements or []):
        here = f"{place}[{index}]"
        if not element:
            yield Finding(rules.PREFIX_EMPTY, here, "is empty")
        elif _LETTERS.fullmatch(element):
            continue
        elif _LETTERS_PRACTICE.fullmatch(element):
            yield Finding(rules.PREFIX_UNDERSCORE, here, f"is {in_quotes(element)}")
        else:
            strange = "".join(dict.fromkeys(_LETTERS_PRACTICE.sub("", element)))
            yield Finding(rules.PREFIX, here, f"is {in_quotes(element)}, with {in_quotes(strange)}")
    length = len(prefix_of(elements or []))
    if length > _LONGEST_PREFIX:
        yield Finding(rules.PREFIX_LENGTH, place, f"makes a prefix of {length} characters")


def _extension(extension: Part, vendor: int | None) -> Iterator[Finding]:
    if vendor == COMPATIBLE and (not extension.has("endpoint") or extension.text("endpoint") == ""):
        yield Finding(rules.ENDPOINT, extension.at("endpoint"), "is missing")
    elif endpoint := extension.text("endpoint"):
        if not _DOMAIN.fullmatch(endpoint):
            yield Finding(rules.ENDPOINT_DOMAIN, extension.at("endpoint"), _no_domain(endpoint))
        if vendor in VENDORS and vendor != COMPATIBLE:
            yield Finding(rules.ENDPOINT_ELSEWHERE, extension.at("endpoint"), f"is set for vendor {vendor}")
    sse = extension.text("sse")
    if sse is not None and sse not in {"kms", "aes256"}:
        yield Finding(rules.SSE, extension.at("sse"), f"is {in_quotes(sse)}")
    elif sse and vendor in VENDORS and vendor != AMAZON:
        yield Finding(rules.SSE_VENDOR, extension.at("sse"), f"is set for vendor {vendor}")
    if extension.text("tag") and vendor in VENDORS and vendor not in {AMAZON, ALIBABA}:
        yield Finding(rules.TAG_VENDOR, extension.at("tag"), f"is set for vendor {vendor}")


def _no_domain(endpoint: str) -> str:
    if "@" in endpoint:  # not shown: a password may stand before it
        return "has credentials in it; write the domain alone"
    scheme, mark, rest = endpoint.partition("://")
    if mark and _DOMAIN.fullmatch(rest):
        return f"is {in_quotes(endpoint)}; write {rest}, without {scheme}://"
    return f"is {in_quotes(endpoint)}"
