"""What a sync would ask, last and cost, before it is started: a few LIST requests are made, nothing is changed."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import ceil
from typing import Final

from indexer.agora.names import unit_of
from indexer.catalog.catalog import Catalog
from indexer.catalog.planning import Known
from indexer.jobs.plan import Choice, Mode, Purpose, Wishes, choose, costs
from indexer.jobs.runs import NO_SOURCE, Access
from indexer.model import successor
from indexer.storage.base import PAGE_SIZE, Page
from indexer.storage.discovery import groups_by_delimiter

LIST_PRICE_USD: Final = 0.005
"""For 1,000 LIST requests: S3 Standard in us-east-1, and most regions (https://aws.amazon.com/s3/pricing/)."""

KEYS_PER_S: Final = 100_000
"""Decoded, compared and written by one machine at best, however quick the storage is (docs/benchmarks.md)."""

_DIGITS: Final = "0123456789abcdef"
_SID: Final = re.compile(r"[0-9a-f]{32}_")
_PLACE_DIGITS: Final = 12
"""Of a session id: enough to tell the places of 10**9 sessions apart, and exact in a float."""


class Certainty(StrEnum):
    """How it is known how many objects there are."""

    CATALOG = "catalog"
    COUNTED = "counted"
    EXTRAPOLATED = "extrapolated"
    AT_LEAST = "at_least"


@dataclass(frozen=True, slots=True)
class Size:
    """How many objects a source holds."""

    objects: int
    certainty: Certainty


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the next sync of a source would be like."""

    source: str
    choice: Choice
    size: Size
    list_requests: Mapping[str, int]
    """By purpose, as a report tells them."""
    probes: int
    """LIST requests that were made to tell all this."""
    latency_s: float
    """Of a LIST request of a whole page: the quicker of those that were made."""
    in_flight: int
    duration_s: float
    usd: float
    list_price_usd: float
    """For 1,000 LIST requests."""


def estimate(
    access: Access,
    catalog: Catalog,
    name: str,
    *,
    wishes: Wishes,
    list_price_usd: float = LIST_PRICE_USD,
    clock: Callable[[], float],
    check: Callable[[], None] = lambda: None,
) -> Estimate:
    """Tell what the sync of a source with these wishes would do.  `clock` gives seconds, `check` may end it.

    Makes two or three requests for a source that the catalog knows, up to 17 for another one.  What a full listing
    that was cut off has done already is not taken into account, nor what an inventory lets the next sync settle.
    Raises what the storage raises.
    """
    source = catalog.source(name)
    known = catalog.planning.known(NO_SOURCE if source is None else source.id, page_size=PAGE_SIZE)
    probes = _Probes(access, clock, check)
    choice = choose(known, wishes, probes.groups)
    first = probes.page()
    if known.units:
        size = Size(known.objects, Certainty.CATALOG)
        probes.page()  # the first one also made the connection
    else:
        size = probes.size(first)
        known = Known(objects=size.objects, unsettled_pages=ceil(size.objects / PAGE_SIZE))
    requests = list_requests(choice.mode, known, wishes)
    total = sum(requests.values())
    return Estimate(
        name,
        choice,
        size,
        requests,
        probes.made,
        probes.latency_s,
        access.in_flight,
        duration_s(requests, known.objects, latency_s=probes.latency_s, in_flight=access.in_flight),
        total / 1000 * list_price_usd,
        list_price_usd,
    )


# --- the arithmetic


def list_requests(mode: Mode, known: Known, wishes: Wishes) -> dict[str, int]:
    """LIST requests by purpose; never less than one in all."""
    cost = costs(known, wishes)
    if mode is Mode.FULL:
        return {str(Purpose.FULL): max(1, ceil(cost.full))}
    return {
        str(Purpose.DISCOVERY): max(1, ceil(cost.hops if mode is Mode.HOP else cost.groups)),
        str(Purpose.ACTIVE): ceil(cost.active),
        str(Purpose.VERIFICATION): ceil(cost.verification),
    }


def duration_s(requests: Mapping[str, int], objects: int, *, latency_s: float, in_flight: int) -> float:
    """How long these requests take: as many at a time as there may be, but to discover one behind the other, and no
    quicker than names can be decoded and written.
    """
    discovering = requests.get(Purpose.DISCOVERY, 0)
    total = sum(requests.values())
    keys = min(objects, (total - discovering) * PAGE_SIZE)
    rounds = max(discovering, ceil(total / in_flight))
    return max(rounds * latency_s, keys / KEYS_PER_S)


@dataclass(frozen=True, slots=True)
class Sample:
    """A page of keys from the first of a sixteenth of all session ids on.

    Either all of the sixteenth (`ends`), or some sessions whole and the `share` of all ids up to the last of them,
    or, where already the first session has more keys than a page, a part of that one.
    """

    keys: int
    ends: bool
    share: float
    """Of the key space of session ids, which are random."""
    sessions: int
    """That are whole in it."""


def extrapolated(samples: Sequence[Sample], *, others: bool) -> Size:
    """How many objects there are, by one page of each sixteenth.  `others` if some lie outside of all of these."""
    counted = sum(sample.keys for sample in samples if sample.ends)
    cut = [sample for sample in samples if not sample.ends]
    share = sum(sample.share for sample in cut)
    if not cut:
        return Size(counted, Certainty.AT_LEAST if others else Certainty.COUNTED)
    seen = sum(sample.keys for sample in cut)
    by_share = counted + (round(seen / share * len(cut) / len(_DIGITS)) if share else 0)
    seen += counted
    if not others and all(sample.sessions for sample in cut):
        return Size(max(seen, by_share), Certainty.EXTRAPOLATED)
    # A session that is longer than a page: how much longer, its first page does not tell.  Of sixteen random distances
    # between sessions the sum is below half of what is usual once in a hundred times (a Poisson process).
    return Size(max(seen, by_share // 2) if len(cut) == len(_DIGITS) else seen, Certainty.AT_LEAST)


def sample(page: Page, prefix: str, digit: str) -> Sample:
    """What a page of the keys behind `prefix` and a digit tells of all session ids with this digit."""
    stop = successor(prefix + digit)
    within = [listed.key for listed in page.objects if stop is None or listed.key < stop]
    if len(within) < len(page.objects) or page.next_token is None:
        return Sample(len(within), True, 1 / len(_DIGITS), 0)
    starts = list(_session_starts(within, prefix))
    begin = int(digit, 16) / len(_DIGITS)
    if len(starts) > 1:  # the last session may go on behind the page, all others are whole
        keys, whole = starts[-1][0], starts[:-1]
        return Sample(keys, False, whole[-1][1] - begin, len(whole))
    return Sample(len(within), False, starts[0][1] - begin if starts else 0, 0)


def _session_starts(keys: Sequence[str], prefix: str) -> Iterator[tuple[int, float]]:
    """Where in a page sessions begin, and where each is among all ids, from 0 to 1."""
    last = ""
    for index, key in enumerate(keys):
        sid = key[len(prefix) : len(prefix) + 32]
        if sid != last and _SID.match(key, len(prefix)):
            last = sid
            yield index, int(sid[:_PLACE_DIGITS], 16) / 16**_PLACE_DIGITS


# --- the probes


class _Probes:
    """Requests to a source, counted and timed."""

    def __init__(self, access: Access, clock: Callable[[], float], check: Callable[[], None]) -> None:
        self._store = access.store
        self._prefix = access.prefix
        self._clock = clock
        self._check = check
        self._times_s: list[float] = []
        self.made = 0

    @property
    def latency_s(self) -> float:
        """Of the quickest page."""
        return min(self._times_s)

    def groups(self) -> bool:
        """See `groups_by_delimiter`."""
        return groups_by_delimiter(self._store, self._prefix, self._made)

    def page(self, after: str = "") -> Page:
        """A page of the source."""
        self._check()
        self._made()
        began = self._clock()
        page = self._store.list_page(self._prefix, after=after)
        self._times_s.append(self._clock() - began)
        return page

    def size(self, first: Page) -> Size:
        """How much there is, by the first page and, where session ids come first in keys, one of each sixteenth."""
        if first.next_token is None:
            return Size(len(first.objects), Certainty.COUNTED)
        names = [listed.key for listed in first.objects]
        if not any(_SID.match(name, len(self._prefix)) and unit_of(name) for name in names):
            return Size(len(names), Certainty.AT_LEAST)
        before = sum(name < self._prefix + _DIGITS[0] for name in names)
        pages = [self.page(self._prefix + digit) for digit in _DIGITS]
        others = before > 0 or not self._ends_with(pages[-1])
        size = extrapolated(
            [sample(page, self._prefix, digit) for page, digit in zip(pages, _DIGITS, strict=True)], others=others
        )
        return Size(size.objects + before, size.certainty)

    def _ends_with(self, last: Page) -> bool:
        """Whether nothing was seen behind the last sixteenth."""
        stop = successor(self._prefix + _DIGITS[-1])
        return stop is None or not any(listed.key >= stop for listed in last.objects)

    def _made(self) -> None:
        self.made += 1
