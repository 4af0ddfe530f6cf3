"""Everything of a selection, in one order: what lists, exports and programs read."""

from collections.abc import Iterator

from indexer.catalog.catalog import Catalog
from indexer.jobs.lookup import Terms, shots_of_user, timelines, timelines_of_session
from indexer.model import Selection, Shot
from indexer.timeline.figures import Timeline


def shots_of_selection(catalog: Catalog, selection: Selection) -> Iterator[Shot]:
    """The shots of a selection session by session, user by user, in time order of each.

    One user's sessions come in the order of their beginning, everybody's with the latest first.  Holds what it knows
    of a session, or of one user's sessions, and a page of shots.
    """
    if selection.uid is not None:
        yield from (shot for shot, _ in shots_of_user(catalog, selection.uid, selection))
        return
    for session in catalog.sessions.every(selection):
        one = Selection(selection.source, session.cname, session.sid, None, selection.period)
        # Not those of another spelling of the channel.
        found = [series for series in catalog.shots.all_series(one) if series.cname == session.cname]
        yield from (shot for shot, _ in catalog.shots.of_all(found, selection.period))


def timelines_of_selection(catalog: Catalog, selection: Selection, *, terms: Terms) -> Iterator[Timeline]:
    """The timelines of a selection, in the same order of sessions; each is read when it is asked for."""
    if selection.uid is not None:
        yield from timelines(catalog, selection.uid, selection, terms=terms)
        return
    for session in catalog.sessions.every(selection):
        yield from timelines_of_session(
            catalog, session.sid, session.cname, terms=terms, period=selection.period, source=selection.source
        )
