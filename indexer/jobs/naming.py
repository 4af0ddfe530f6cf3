"""What a user is called in the channels where it was seen."""

from indexer.catalog.catalog import Catalog
from indexer.model import Selection
from indexer.people import Names


def names_of_user(catalog: Catalog, names: Names, uid: str, selection: Selection) -> set[str | None]:
    """The different names of a uid in the channels of the selection; None stands for channels without one.

    Reads the catalog only if single channels have a name for it.
    """
    if not names.depends_on_channel(uid):
        return {names.everywhere(uid)}
    return {names.name_of(str(seen.cname), uid) for seen in catalog.users.channels_of(uid, selection)}
