"""What a camera sees of a person."""

import math
from datetime import datetime
from functools import lru_cache
from random import Random
from typing import Final

from PIL import Image, ImageChops

from indexer.render.frames.faces import FACE, Pose, paint_face
from indexer.render.frames.hair import paint_behind
from indexer.render.frames.lights import LIGHTS, grainy, light_from_screen, out_of_focus
from indexer.render.frames.looks import Looks
from indexer.render.frames.paint import FINE, Surface
from indexer.render.frames.people import HEAD, paint_head, paint_torso
from indexer.render.frames.rooms import ROOMS
from indexer.render.frames.scenes import Person, Scene

_HEAD_Y: Final = 154
_TORSO: Final = (-190, 185)
_TORSO_RISES: Final = 10  # over where it was painted


class _Stage:
    """What of a person's picture never changes, and where its units are."""

    def __init__(self, seed: int, scene: Scene, width: int, height: int) -> None:
        self.looks, self.light = Looks(seed), LIGHTS[scene]
        self.scale = height / 360 if width >= height else width / 300
        self.left, self.top = -width / self.scale / 2, (360 - height / self.scale) / 2
        room = Surface((self.left, self.top, -self.left, 360 - self.top), self.scale)
        ROOMS[scene](room, Random(seed))  # noqa: S311 - looks, not secrets
        self.room = out_of_focus(room)
        fine = self.scale * FINE
        torso = Surface((*_TORSO, -_TORSO[0], 372 - self.top), fine)
        back, head = Surface(HEAD, fine), Surface(HEAD, fine)
        paint_torso(torso, self.looks, self.light.side)
        paint_behind(back, self.looks)
        paint_head(head, self.looks, self.light.side)
        if scene is Scene.EVENING:
            light_from_screen(torso, 0, 280, 120, 50)
            light_from_screen(head, 4, 8, 30, 54)
        self.torso, self.back, self.head = (self.developed(surface.image) for surface in (torso, back, head))
        x, y = round((FACE[0] - HEAD[0]) * self.scale), round((FACE[1] - HEAD[1]) * self.scale)
        right, bottom = round((FACE[2] - HEAD[0]) * self.scale), round((FACE[3] - HEAD[1]) * self.scale)
        self.face_at, self.face = (x, y), head.image.crop((x * FINE, y * FINE, right * FINE, bottom * FINE))

    def developed(self, painted: Image.Image) -> Image.Image:
        """What was painted too large, in its size and light."""
        layer = painted.reduce(FINE)
        return ImageChops.multiply(layer, Image.new("RGBA", layer.size, (*self.light.tint, 255)))

    def at(self, x: float, y: float) -> tuple[int, int]:
        """The pixel of a point."""
        return round((x - self.left) * self.scale), round((y - self.top) * self.scale)


_stage = lru_cache(maxsize=64)(_Stage)


def camera_picture(person: Person, moment: datetime, width: int, height: int) -> Image.Image:
    """The person in the room, without caption."""
    stage, pose = _stage(person.seed, person.scene, width, height), Pose(person.seed, moment)
    face = Surface(FACE, stage.scale * FINE, stage.face.copy())
    paint_face(face, stage.looks, pose, stage.light.side)
    head = stage.head.copy()
    head.paste(stage.developed(face.image), stage.face_at)
    picture = stage.room.copy()
    _place(picture, stage.back, stage, pose)
    x, y = _TORSO[0] + 0.6 * pose.sway, _TORSO[1] - _TORSO_RISES + 0.3 * pose.nod
    picture.paste(stage.torso, stage.at(x, y), stage.torso)
    _place(picture, head, stage, pose)
    return grainy(picture, stage.light.noise, moment)


def _place(picture: Image.Image, layer: Image.Image, stage: _Stage, pose: Pose) -> None:
    """Put a layer of the head on the picture, turned and grown about the neck."""
    box = layer.getbbox()
    if box is None:
        return
    margin = round(16 * stage.scale)  # turning moves the outermost pixels by less
    left, top = box[0] - margin, box[1] - margin
    part = layer.crop((left, top, box[2] + margin, box[3] + margin))
    x, y = -HEAD[0] * stage.scale - left, (95 - HEAD[1]) * stage.scale - top
    cos, sin = math.cos(pose.tilt) / pose.lean, math.sin(pose.tilt) / pose.lean
    matrix = (cos, sin, x - cos * x - sin * y, -sin, cos, y + sin * x - cos * y)
    turned = part.transform(part.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    at = stage.at(HEAD[0] + pose.sway, HEAD[1] + _HEAD_Y + pose.nod)
    picture.paste(turned, (at[0] + left, at[1] + top), turned)
