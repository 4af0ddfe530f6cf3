"""The recording beside a series: which playlists are played, and where in them a moment is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from indexer.agora.names import parse
from indexer.agora.playlists import MAX_BYTES, BadPlaylistError, MediaClock, Playlist, clock_of, parse_playlist
from indexer.agora.recordings import RecordingName
from indexer.catalog.answers import RecordingSummary
from indexer.catalog.catalog import Catalog
from indexer.catalog.shots import Series
from indexer.errors import ObjectNotFoundError
from indexer.storage.base import ObjectStore
from indexer.storage.paging import Paging

_TRACKS: Final = ("av", "video", "", "audio")
"""In the order of preference: what people play, what the shots were taken of, of all users together, sound alone."""

_MOST_PAGES: Final = 100
"""Of names of snapshots; Agora writes some of them in an outage."""


@dataclass(frozen=True, slots=True)
class Media:
    """The recording of a user in a session."""

    clock: MediaClock | None = None
    """None if nothing was recorded, or it cannot be told."""
    playlists: tuple[tuple[str, str], ...] = ()
    """Sources and keys, in the order in which they are played."""
    notes: tuple[str, ...] = ()
    """What is to be known of the clock, a line each."""
    failure: str | None = None
    """Why there is no clock although there is a recording."""


def media_of(catalog: Catalog, series: Series, stores: Mapping[str, ObjectStore]) -> Media:
    """Read the playlists of a series: one for each recorder, the original one first.

    A playlist that cannot be used, or a storage that is not configured, is a `failure`; raises what the storage raises.
    """
    parts = _parts(catalog, series)
    notes = list(_missing(parts))
    found: list[tuple[str, str]] = []
    playlists: list[Playlist] = []
    for part in parts:
        store = stores.get(part.summary.source)
        if store is None:
            return Media(failure=f"the source {part.summary.source!r} of its playlists is not configured")
        key = _key(part, store)
        if key is None:
            return Media(failure=f"the playlist {part.name.text!r} is gone: run `livestills sync`")
        try:
            playlist = parse_playlist(store.get(key, length=MAX_BYTES + 1))
        except ObjectNotFoundError:
            return Media(failure=f"the playlist {key!r} is gone: run `livestills sync`")
        except BadPlaylistError as exc:
            return Media(failure=f"the playlist {key!r} {exc}")
        if not playlist.ended:
            notes.append(f"the playlist {key!r} has no end: it is still being written, or was cut off")
        found.append((part.summary.source, key))
        playlists.append(playlist)
    clock = clock_of(playlists)
    if not playlists:
        return Media()
    if not clock.length:
        return Media(playlists=tuple(found), notes=tuple(notes), failure="its playlists list nothing")
    if all(stretch.since is None for stretch in clock.stretches):
        return Media(playlists=tuple(found), notes=tuple(notes), failure="no slice of its playlists tells its time")
    return Media(clock, tuple(found), tuple(notes))


def playlists_of(catalog: Catalog, series: Series) -> int:
    """How many playlists `media_of` reads."""
    return len(_parts(catalog, series))


@dataclass(frozen=True, slots=True)
class _Part:
    """The playlists of one recorder."""

    summary: RecordingSummary
    name: RecordingName
    """Of the first one."""

    @property
    def order(self) -> tuple[int, str]:
        """Recorders took over from each other in the order of their numbers."""
        return (-1 if self.name.bak is None else self.name.bak), self.name.bak_prefix


def _parts(catalog: Catalog, series: Series) -> list[_Part]:
    """One for each recorder, in the order of media time."""
    everything = catalog.sessions.recordings(series.sid, series.cname)
    lists = [each for each in everything if each.extension == "m3u8" and each.uid in {series.uid, ""}]
    track = next((track for track in _TRACKS if any(_is(each, track) for each in lists)), None)
    shots: dict[tuple[str, str], int] = {}
    for stream in series.streams:
        place = stream.source, stream.directory
        shots[place] = shots.get(place, 0) + stream.shots
    chosen: dict[str, _Part] = {}
    # A bucket that was copied has each playlist twice: the one beside most of the shots is meant.
    for each in sorted(lists, key=lambda each: -shots.get((each.source, each.directory), 0)):
        name = parse(each.directory + each.first_name)
        if track is not None and _is(each, track) and isinstance(name, RecordingName):
            chosen.setdefault(name.bak_prefix, _Part(each, name))
    return sorted(chosen.values(), key=lambda part: part.order)


def _is(summary: RecordingSummary, track: str) -> bool:
    return summary.track == track and (summary.uid == "") == (track == "")


def _missing(parts: Sequence[_Part]) -> Iterator[str]:
    """Recorders without a playlist between others: what they recorded is missing in the media time of later ones."""
    known = {part.name.bak for part in parts}
    last = max((bak for bak in known if bak is not None), default=-1)
    gone = [bak for bak in (None, *range(min(last, len(parts) + 10))) if bak not in known] if parts else []
    if gone:
        names = ", ".join("the original recorder" if bak is None else f"bak{bak}" for bak in gone)
        yield f"there is no playlist of {names}: media time is that of the others alone"


def _key(part: _Part, store: ObjectStore) -> str | None:
    """The key of the playlist, or of its newest snapshot where it came through Agora's backup storage."""
    first = part.name
    if first.tick is None:  # names of snapshots are longer, and come behind it
        return first.text
    if part.summary.files == 1:
        return first.text
    listing = Paging(store, first.text[: first.text.rfind(f"_{first.tick}_") + 1])
    newest: RecordingName | None = None
    for _ in range(_MOST_PAGES):
        for listed in listing.next().objects:
            name = parse(listed.key)
            if not isinstance(name, RecordingName) or name.index is None or name.cname != first.cname:
                continue
            if newest is None or _age(name) > _age(newest):
                newest = name
        if listing.ended:
            break
    return None if newest is None else newest.text


def _age(name: RecordingName) -> tuple[int, str]:
    """By the number of the snapshot, which may have any number of digits."""
    index = (name.index or "").lstrip("0")
    return len(index), index
