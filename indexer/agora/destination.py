"""Where the files of a start request go: read from as little of the request as that needs.  Pure.

What else may be wrong with a request does not matter here (`indexer.agora.request` tells), and its keys are not looked
at: a copy without them says as much.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from indexer.agora import intervals
from indexer.agora.vendors import Doubt, Place, Vendor, known_vendor, place
from indexer.errors import ConfigError

_MOST: Final = 999
"""No vendor or region has a longer number, and messages repeat it."""
_NO_SNAPSHOTS: Final = Doubt("the request has no snapshotConfig, so it takes no screenshots")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a start request puts its screenshots, and how often it takes them."""

    storage: str
    """The vendor and its region as Agora's documents print them: `Alibaba OSS CN_Beijing`."""
    place: Place
    capture_interval_s: int | None
    """None where it takes none, or says nothing valid."""
    doubts: tuple[Doubt, ...]
    """What the documents do not confirm of the place, and whether there will be screenshots at all."""

    @property
    def settings(self) -> Mapping[str, str | int | bool | None]:
        """The same as a section `[sources.NAME]` says it; None is what needs not be said."""
        return {
            "url": self.place.url,
            "endpoint_url": self.place.endpoint_url,
            "region": self.place.region,
            "addressing_style": self.place.addressing_style,
            "list_version": self.place.list_version,
            "url_encoding": self.place.url_encoding,
            "capture_interval_s": self.capture_interval_s,
        }


class _Told(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)


_Number = Annotated[StrictInt, Field(ge=0, le=_MOST)]


class _Extensions(_Told):
    endpoint: StrictStr | None = None


class _Storage(_Told):
    vendor: _Number
    region: _Number | None = None
    bucket: StrictStr
    file_name_prefix: list[StrictStr] | None = Field(None, alias="fileNamePrefix")
    extensions: _Extensions | None = Field(None, alias="extensionParams")


class _Request(_Told):
    storage: _Storage = Field(alias="storageConfig")


class _Start(_Told):
    request: _Request = Field(alias="clientRequest")


def destination(body: object) -> Destination:
    """What a parsed start request tells.

    Raises `ConfigError`, with a path in the JSON and never with a text that could be a secret.
    """
    try:
        storage = _Start.model_validate(body).request.storage
    except ValidationError as exc:
        raise ConfigError(_explain(exc)) from None  # its context would hold what was given
    try:
        vendor = known_vendor(storage.vendor)
        region = _region(vendor, storage)
        found = place(
            vendor=vendor.number,
            region=region,
            bucket=storage.bucket,
            file_name_prefix=storage.file_name_prefix or (),
            endpoint=storage.extensions.endpoint if storage.extensions else None,
        )
    except ConfigError as exc:
        raise ConfigError(f"clientRequest.storageConfig: {exc}") from exc
    doubts = found.doubts if _snapshots(body) is not None else (*found.doubts, _NO_SNAPSHOTS)
    named = f"{vendor.name} {vendor.regions.get(region, '')}".rstrip()
    return Destination(named, found, capture_interval_s(body), doubts)


def _region(vendor: Vendor, storage: _Storage) -> int:
    if not vendor.regions:
        return 0  # which is what Agora wants there; another number is ignored
    if storage.region is None:
        raise ConfigError("region is missing")
    return storage.region


def capture_interval_s(body: object) -> int | None:
    """How often a parsed start request takes screenshots; None where it takes none, or says nothing valid."""
    snapshots = _snapshots(body)
    if snapshots is None:
        return None
    interval = snapshots.get("captureInterval", intervals.DEFAULT_S)
    return interval if type(interval) is int and 1 <= interval <= intervals.LONGEST_S else None


def _snapshots(body: object) -> dict[str, object] | None:
    request = body.get("clientRequest") if isinstance(body, dict) else None
    snapshots = request.get("snapshotConfig") if isinstance(request, dict) else None
    return snapshots if isinstance(snapshots, dict) else None


_KINDS: Final = {
    "missing": "is missing",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be 0 or more",
    "less_than_equal": f"must be {_MOST} or less",
    "string_type": "must be a text",
    "list_type": "must be an array of texts",
    "model_type": "must be an object",
}


def _explain(error: ValidationError) -> str:
    """The first mistake; what stands there is not repeated, because it may have got there by mistake."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    return f"{path or 'the request'} {_KINDS.get(first['type'], 'is not as documented')}"
