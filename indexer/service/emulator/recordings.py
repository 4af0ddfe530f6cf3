"""Playlists and slices that an emulated session leaves beside its pictures, if it is recorded."""

from collections.abc import Callable
from threading import Lock
from typing import Final

from indexer.agora.playlist_text import END, entry, heading
from indexer.agora.playlists import Slice
from indexer.service.emulator.happening import Plan, SliceCut, playlist_key, slice_key
from indexer.service.emulator.simulation import SLICE
from indexer.storage.base import ObjectStore

_HEADING: Final = heading(int(SLICE.total_seconds()))


class Playlist:
    """A playlist that grows.  Threads may share it."""

    def __init__(self, store: ObjectStore, key: str, track: str) -> None:
        self.store: Final = store
        self.key: Final = key
        self._track = track
        self._lock = Lock()
        self._text = bytearray(_HEADING.encode())
        self._slices = 0
        self._under_way = False
        self._newer = False
        self._is_new = True

    def add(self, cut: SliceCut, name: str) -> bool:
        """List one more slice: whether the playlist is to be written (it is not while that is under way)."""
        listed = Slice(name, cut.length, cut.started_at, cut.anew)
        with self._lock:
            self._text += entry(listed, self._track, first=not self._slices).encode()
            self._slices += 1
            return self._wanted()

    def end(self) -> bool:
        """Nothing more will be listed: whether the playlist is to be written."""
        with self._lock:
            self._text += END.encode()
            return self._wanted()

    def text(self) -> bytes:
        """What is to be written now."""
        with self._lock:
            self._newer = False
            return bytes(self._text)

    def is_first(self) -> bool:
        """Whether this is asked for the first time: it is there now, and was not before."""
        with self._lock:
            was_new, self._is_new = self._is_new, False
            return was_new

    def written(self) -> bool:
        """It is there, or could not be written: whether it has grown meanwhile, and is to be written again."""
        with self._lock:
            self._under_way = self._newer
            return self._newer

    def _wanted(self) -> bool:
        # Two at a time could arrive in the wrong order, and the older one would stay.
        self._newer = True
        if self._under_way:
            return False
        self._under_way = True
        return True


class Playlists:
    """All playlists of a session.  Only its own thread adds to them."""

    def __init__(self) -> None:
        self._open: dict[tuple[int, str], Playlist] = {}

    def of(self, plan: Plan, store: ObjectStore, cut: SliceCut) -> Playlist:
        """The playlist that lists a slice, where the session's files go now."""
        key = playlist_key(plan, cut)
        place = id(store), key  # a playlist keeps its store, so the number stays its own
        if place not in self._open:
            self._open[place] = Playlist(store, key, cut.track)
        return self._open[place]

    def end(self, write: Callable[[Playlist], None]) -> None:
        """End all, and let those be written that are not already."""
        for playlist in self._open.values():
            if playlist.end():
                write(playlist)


def name_of(plan: Plan, cut: SliceCut) -> tuple[str, str]:
    """Key and object name of a slice."""
    key = slice_key(plan, cut)
    return key, key.rpartition("/")[2]
