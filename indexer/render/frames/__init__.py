"""Frames of a video call, drawn: the pictures of the demo world.

A person in a softly lit room, or a shared screen, with name, channel and capture time on the picture.  What never
moves is drawn once for each person, three times too large, and kept; a frame places it, turns the head, opens eyes
and mouth, and adds sensor noise, which also gives the JPEG its usual size.

Everything is drawn in units: a landscape frame is 360 high, x = 0 is its middle, y = 0 its top; a head has its own
(0, 0) between the eyes.
"""

from datetime import UTC, datetime
from io import BytesIO
from typing import Final

from indexer.render.frames.camera import camera_picture
from indexer.render.frames.caption import write_caption
from indexer.render.frames.scenes import Person, Scene
from indexer.render.frames.slides import shared_screen

__all__ = ["Person", "Scene", "draw_frame"]

_QUALITY: Final = 80


def draw_frame(person: Person, *, channel: str, moment: datetime, width: int = 640, height: int = 360) -> bytes:
    """Draw what the camera saw at `moment` (aware) as a JPEG.

    The same arguments give the same bytes with the same version of Pillow; another moment gives another picture.
    """
    moment = moment.astimezone(UTC)
    draw = shared_screen if person.scene is Scene.SLIDES else camera_picture
    picture = draw(person, moment, width, height)
    write_caption(picture, person, channel, moment)
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY, subsampling="4:2:0")
    return buffer.getvalue()
