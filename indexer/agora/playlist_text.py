"""What recordings leave, as Agora writes it: the text of a playlist, slice by slice, and slices with nothing in them.

`playlists` reads it back; what it looks like is told there, with its source.
"""

from typing import Final

from indexer.agora.playlists import Slice
from indexer.agora.stamps import format_utc
from indexer.model import to_ms

PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
SLICE_TYPE: Final = "video/mp2t"

NULL_PACKETS: Final = (b"\x47\x1f\xff\x10".ljust(188, b"\xff")) * 20
"""A transport stream without sound or picture, which every player and tool takes for one."""

END: Final = "#EXT-X-ENDLIST\n"
"""The last line of a playlist that is complete."""


def heading(longest_s: int) -> str:
    """What stands before the slices; none is longer than so many seconds."""
    return (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-ALLOW-CACHE:YES\n"
        f"#EXT-X-TARGETDURATION:{longest_s}\n#EXT-X-MEDIA-SEQUENCE:0\n"
    )


def entry(cut: Slice, track: str, *, first: bool) -> str:
    """The lines of a slice.  One that does not go on where the last one ended says when it starts; so does the first.

    Raises ValueError for such a slice without a time.
    """
    lines = f"#EXTINF:{cut.length.total_seconds():.6f}\n{cut.name}\n"
    if not cut.anew:
        return lines
    if cut.starts_at is None:
        raise ValueError(f"nothing says when {cut.name} starts")
    jump = "" if first else "#EXT-X-DISCONTINUITY\n"
    started = format_utc(to_ms(cut.starts_at))
    return f"{jump}#EXT-X-AGORA-TRACK-EVENT:EVENT=START,TRACK_TYPE={track.upper()},TIME={started}\n{lines}"
