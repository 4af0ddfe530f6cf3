"""What `emulate` says when it starts and when it ends, for people and programs."""

import shlex
from typing import TYPE_CHECKING, Final

from cli.machine import Record
from cli.output import Output, fields_of
from cli.texts import counted, human_length, shown
from indexer.model import rfc3339

if TYPE_CHECKING:
    from indexer.service.emulator.callbacks import Journal, Spoiler
    from indexer.service.emulator.posting import Poster
    from indexer.service.emulator.sessions import Totals, World

_NAMED: Final = 5
"""Users who are named; of more it is told how many there are."""


def tell_start(out: Output, url: str, world: "World", *, customer_id: str) -> None:
    """Say where it is, who is there, and what to type next."""
    scenario, clock = world.scenario, world.clock
    length_s = None if scenario.length is None else scenario.length.total_seconds()
    uids = [user.uid for user in scenario.users]
    begun_at = clock.now()
    if not out.for_people:
        out.record(
            {
                "event": "started",
                "base_url": url,
                "users": uids,
                "length_s": length_s,
                "speed": clock.speed,
                "begun_at": begun_at,
            },
            (),
        )
        return
    more = f" and {counted(len(uids) - _NAMED, 'other')}" if len(uids) > _NAMED else ""
    until = "until it is stopped" if length_s is None else f"for {human_length(length_s)}"
    out.line(f"Agora's screenshot capture is emulated at {url} (Ctrl-C ends it)")
    out.note(f"in every channel: {', '.join(uids[:_NAMED])}{more}, {until}")
    if clock.speed != 1:
        out.note(f"time there runs {clock.speed:g} times as fast as here, from {rfc3339(begun_at)} on")
    out.note("next, in another shell:")
    out.note(f"  export AGORA_APP_ID=any AGORA_CUSTOMER_ID={shlex.quote(customer_id)} AGORA_CUSTOMER_SECRET=any")
    out.note(f"  livestills capture run start.json --save running.json --base-url {url}")
    out.note(f"  livestills capture stop --from running.json --base-url {url}")


def tell_end(
    out: Output, totals: "Totals", poster: "Poster | None", journal: "Journal | None", spoiler: "Spoiler | None"
) -> None:
    """Say what was done."""
    if not out.for_people:
        out.record({"event": "ended", **fields_of(totals), **_notices(poster, journal, spoiler)}, ())
        return
    lost = f" ({totals.lost:,} lost)" if totals.lost else ""
    out.tell(f"{counted(totals.sessions, 'session')}, {counted(totals.uploaded, 'picture')} uploaded{lost}")
    if totals.refused:
        out.note(f"{counted(totals.refused, 'session')} ended because the storage refused their pictures")
    if spoiler is None:
        return
    spoiled = [
        f"{number:,} {what}"
        for number, what in ((spoiler.lost, "lost"), (spoiler.repeated, "repeated"), (spoiler.late, "late"))
        if number
    ]
    on_purpose = f"; on purpose {', '.join(spoiled)}" if spoiled else ""
    out.tell(f"{counted(spoiler.told, 'notice')}{on_purpose}")
    if poster is not None:
        counts = poster.counts
        out.tell(
            f"posted: {counts.delivered:,} delivered, {counts.resent:,} sent again, {counts.failed:,} failed, "
            f"{counts.dropped:,} dropped"
        )
    if journal is not None:
        out.tell(f"written: {counted(journal.written, 'notice')} to {shown(str(journal.path))}")


def _notices(poster: "Poster | None", journal: "Journal | None", spoiler: "Spoiler | None") -> Record:
    return {
        "notices": None if spoiler is None else spoiler.told,
        "notices_lost": None if spoiler is None else spoiler.lost,
        "notices_repeated": None if spoiler is None else spoiler.repeated,
        "notices_late": None if spoiler is None else spoiler.late,
        "posted": None if poster is None else fields_of(poster.counts),
        "written": None if journal is None else journal.written,
    }
