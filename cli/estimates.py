"""How estimates of syncs are told."""

from typing import TYPE_CHECKING, Final

from cli.machine import Record
from cli.output import Format, Output
from cli.texts import counted, human_length, shown
from indexer.errors import LivestillsError

if TYPE_CHECKING:
    from indexer.jobs.estimate import Estimate

FIELDS: Final = (
    *("source", "mode", "reason", "objects", "objects_by", "list_requests", "list_requests_total", "probes"),
    *("latency_ms", "in_flight", "duration_s", "usd", "list_price_usd", "message"),
)

_OBJECTS: Final = {
    "catalog": "{objects} by the catalog",
    "counted": "{objects}",
    "extrapolated": "about {objects}, an extrapolation from {probes}",
    "at_least": "at least {objects}, as far as {probes} can tell",
}


class EstimateAnswer:
    """What is said of each source, one behind the other."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._records: list[Record] = []

    def told(self, estimate: "Estimate") -> None:
        """Tell of one."""
        if self._out.for_people:
            for line in _lines(estimate):
                self._out.line(line)
        self._add(_record(estimate))

    def failed(self, source: str, error: LivestillsError) -> None:
        """Tell that there is none."""
        self._add({**dict.fromkeys(FIELDS), "source": source, "message": str(error)})

    def end(self) -> None:
        """Write what is one document."""
        if self._out.format in {Format.JSON, Format.CSV}:
            self._out.write(self._records, fields=FIELDS)

    def _add(self, record: Record) -> None:
        if self._out.format is Format.NDJSON:
            self._out.write([record], fields=FIELDS)
        else:
            self._records.append(record)


def _lines(estimate: "Estimate") -> list[str]:
    size = estimate.size
    objects = _OBJECTS[size.certainty].format(
        objects=counted(size.objects, "object"), probes=counted(estimate.probes, "request")
    )
    total = sum(estimate.list_requests.values())
    purposes = [f"{count:,} {purpose}" for purpose, count in estimate.list_requests.items() if count]
    why = f" ({', '.join(purposes)})" if len(purposes) > 1 else ""
    latency = human_length(estimate.latency_s)
    at_least = "at least " if size.certainty == "at_least" else "about "
    return [
        f"{shown(estimate.source)}: mode {estimate.choice.mode}, because {estimate.choice.reason}",
        f"  {objects}",
        f"  {at_least}{counted(total, 'LIST request')}{why}",
        f"  {at_least}{human_length(estimate.duration_s)}, at {latency} a request and {estimate.in_flight} at a time",
        f"  {_usd(at_least, estimate.usd)}, at {estimate.list_price_usd:g} USD for 1,000 LIST requests",
    ]


def _record(estimate: "Estimate") -> Record:
    return {
        "source": estimate.source,
        "mode": str(estimate.choice.mode),
        "reason": estimate.choice.reason,
        "objects": estimate.size.objects,
        "objects_by": str(estimate.size.certainty),
        "list_requests": dict(estimate.list_requests),
        "list_requests_total": sum(estimate.list_requests.values()),
        "probes": estimate.probes,
        "latency_ms": round(estimate.latency_s * 1000, 3),
        "in_flight": estimate.in_flight,
        "duration_s": round(estimate.duration_s, 3),
        "usd": estimate.usd,
        "list_price_usd": estimate.list_price_usd,
        "message": None,
    }


def _usd(about: str, amount: float) -> str:
    return "less than 0.01 USD" if 0 < amount < 0.01 else f"{about}{amount:,.2f} USD"
