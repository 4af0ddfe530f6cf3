"""Light and lens: what they make of what was painted."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageFilter

from indexer.render.frames.paint import Colour, Surface
from indexer.render.frames.scenes import Scene
from indexer.render.frames.shapes import oval, rect


@dataclass(frozen=True, slots=True)
class Light:
    """The light of a scene."""

    side: int  # where it comes from: -1 left, 1 right
    tint: Colour  # what white looks like
    noise: int  # how far a pixel strays, of 255


LIGHTS: Final = {
    Scene.WINDOW: Light(1, (255, 252, 246), 6),
    Scene.BOOKSHELF: Light(-1, (255, 246, 232), 7),
    Scene.OFFICE: Light(-1, (248, 252, 255), 6),
    Scene.EVENING: Light(-1, (146, 142, 170), 7),
    Scene.SLIDES: Light(-1, (255, 248, 238), 4),
}


def out_of_focus(room: Surface) -> Image.Image:
    """A room as the background of a picture: soft, and darker towards the corners."""
    soft = room.image.convert("RGB").filter(ImageFilter.GaussianBlur(1.7 * room.scale))
    light = ImageChops.invert(Image.radial_gradient("L")).point([150 + 105 * min(v, 140) // 140 for v in range(256)])
    return ImageChops.multiply(soft, light.resize(soft.size).convert("RGB"))


def light_from_screen(surface: Surface, x: float, y: float, rx: float, ry: float) -> None:
    """Brighten what is near the screen, an oval about (x, y); the lamp behind leaves a warm rim."""
    body, scale, side = surface.image.getchannel("A"), surface.scale, LIGHTS[Scene.EVENING].side
    surface.paint((226, 236, 255), oval(x, y, rx, ry), opacity=0.34, blur=16, inside=body)
    rim = ImageChops.subtract(body, ImageChops.offset(body, round(-side * 5 * scale), round(1.5 * scale)))
    rim = ImageChops.multiply(rim.filter(ImageFilter.GaussianBlur(1.6 * scale)), body)
    everything = rect(surface.left, surface.top, surface.right, surface.bottom)
    surface.paint((255, 176, 96), everything, opacity=0.75, inside=rim)


_NOISE_MARGIN: Final = 64


@lru_cache(maxsize=8)
def _noise(width: int, height: int, strength: int) -> Image.Image:
    size = width + _NOISE_MARGIN, height + _NOISE_MARGIN
    grain = Image.frombytes("L", size, Random(strength).randbytes(size[0] * size[1]))  # noqa: S311 - looks, not secrets
    grain = grain.filter(ImageFilter.GaussianBlur(0.6))
    return grain.point([128 + round((v - 128) * strength / 64) for v in range(256)]).convert("RGB")


def grainy(picture: Image.Image, strength: int, moment: datetime) -> Image.Image:
    """The picture with the noise of a small sensor, never twice the same."""
    chance = Random(moment.isoformat())  # noqa: S311 - looks, not secrets
    left, top = chance.randrange(_NOISE_MARGIN), chance.randrange(_NOISE_MARGIN)
    noise = _noise(*picture.size, strength).crop((left, top, left + picture.width, top + picture.height))
    return ImageChops.add(picture, noise, offset=-128)
