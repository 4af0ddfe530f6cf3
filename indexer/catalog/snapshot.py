"""Listings that somebody else made, and how far they can be believed against what the catalog has.  Pure."""

from dataclasses import dataclass

from indexer.catalog.rows import NO_ETAG, ShotRow, came_before
from indexer.model import ANNOUNCED


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A listing of everything that was made some time ago, perhaps without all that a listing tells."""

    taken_ms: int
    """Uploads and removals from then on may or may not be in it."""
    has_etags: bool = True
    has_tiers: bool = True

    def must_have(self, row: ShotRow) -> bool:
        """Whether it would list the object of this row, were it still there: it was uploaded before."""
        return came_before(row, self.taken_ms)

    def outcome(self, listed: ShotRow, known: ShotRow) -> ShotRow:
        """What is true of an object that both know."""
        if known.tier == ANNOUNCED:
            return listed  # and when it was announced says nothing of when it was uploaded
        if known.modified_lag_s > listed.modified_lag_s:
            return known  # replaced behind the snapshot
        tier = listed.tier if self.has_tiers else known.tier
        is_same = (listed.size, listed.modified_lag_s) == (known.size, known.modified_lag_s)
        # The ETag of what was replaced is not that of what is there now: better none.
        etag = known.etag if is_same and not self.has_etags else listed.etag
        return listed._replace(tier=tier, etag=etag)


def with_what_is_said(listed: ShotRow, known: ShotRow) -> ShotRow:
    """What is true of an object that the catalog knows and that is on a list of keys, which may say only its name.

    What such a line does not say is 0, "" or the time of capture.  A line of an upload before the known one is old.

    Announcements of callbacks are such a list too.  They tell nothing of what is listed; of several the first counts.
    """
    if known.tier == ANNOUNCED:
        says_nothing_new = not listed.size and listed.etag == NO_ETAG  # but that it should be there
        if listed.tier == ANNOUNCED:
            return min(listed, known, key=_lag)
        return (
            known if says_nothing_new else listed._replace(modified_lag_s=listed.modified_lag_s or known.modified_lag_s)
        )
    if listed.tier == ANNOUNCED:
        return known
    if listed.modified_lag_s and listed.modified_lag_s < known.modified_lag_s:
        return known
    return ShotRow(
        known.captured_ms,
        listed.size or known.size,
        listed.modified_lag_s or known.modified_lag_s,
        known.etag if listed.etag == NO_ETAG else listed.etag,
        listed.tier or known.tier,
    )


def _lag(row: ShotRow) -> int:
    return row.modified_lag_s
