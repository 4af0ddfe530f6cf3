"""Frames as a camera gives them one after the other, with what they are: to see whether looks tell it.

`python -m tests.sights` prints how often they do.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from io import BytesIO
from random import Random
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from indexer.render.image import decode, open_jpeg
from indexer.render.signature import signature
from indexer.timeline.looks import Look, Sight, Thresholds
from tests.pictures import as_jpeg, photo

SIZE: Final = (640, 360)
USUAL: Final = Thresholds()
_COLOURS: Final = ((128, 128, 128), (240, 240, 240), (30, 90, 200), (60, 60, 60), (255, 255, 255))


@lru_cache(maxsize=32)
def room(number: int) -> Image.Image:
    return photo(*SIZE, seed=number)


def seen(picture: Image.Image, *, quality: int = 80) -> Sight:
    """As `thumbs` looks at it."""
    return seen_jpeg(as_jpeg(picture, quality=quality))


def seen_jpeg(jpeg: bytes) -> Sight:
    return signature(decode(open_jpeg(jpeg), at_least=(320, 180)))


def grain(picture: Image.Image, chance: Random, strength: float) -> Image.Image:
    """Noise of a sensor: a standard deviation of so many grey levels in each pixel."""
    noise = Image.frombytes("L", picture.size, chance.randbytes(picture.width * picture.height))
    # Of an even distribution over 256 levels it is 74.
    noise = noise.point([round(128 + (level - 127.5) * strength / 74) for level in range(256)])
    return ImageChops.add(picture, Image.merge("RGB", (noise, noise, noise)), offset=-128)


def with_hand(picture: Image.Image, x: float, y: float) -> Image.Image:
    """A hand, 7 % of the width, at a place."""
    held = picture.copy()
    wide, high = picture.width * 0.07, picture.height * 0.14
    left, top = x * picture.width, y * picture.height
    mask = Image.new("L", picture.size)
    ImageDraw.Draw(mask).ellipse((left, top, left + wide, top + high), fill=255)
    held.paste((205, 160, 135), mask=mask.filter(ImageFilter.GaussianBlur(1.5)))
    return held


# --- One picture ----------------------------------------------------------------------------------------------------


def black(chance: Random) -> Image.Image:
    level = chance.choice((0, 0, 16, 3))  # 16 is the black of video
    return grain(Image.new("RGB", SIZE, (level, level, level)), chance, chance.uniform(0, 1))


def placeholder(chance: Random) -> Image.Image:
    return Image.new("RGB", SIZE, chance.choice(_COLOURS))


def covered(chance: Random) -> Image.Image:
    """A hand or a sticker on the lens: dark, a little light from one side, the noise of a gain turned up."""
    light = Image.linear_gradient("L").resize(SIZE).rotate(chance.choice((0, 180)))
    low, high = chance.uniform(2, 10), chance.uniform(14, 32)
    light = light.point([round(low + (high - low) * level / 255) for level in range(256)])
    return grain(Image.merge("RGB", (light, light, light)), chance, chance.uniform(2, 5))


def ordinary(chance: Random) -> Image.Image:
    return room(chance.randrange(8))


def dim(chance: Random) -> Image.Image:
    """A room in the evening, but one in which something can be seen."""
    return ImageEnhance.Brightness(room(chance.randrange(8))).enhance(chance.uniform(0.28, 0.45))


PICTURES: Final[dict[str, tuple[Callable[[Random], Image.Image], str]]] = {
    "black": (black, "black"),
    "placeholder": (placeholder, "placeholder"),
    "covered lens": (covered, "covered"),
    "room": (ordinary, "ordinary"),
    "dim room": (dim, "ordinary"),
}
"""What is drawn, and what it is."""


# --- Two in a row ---------------------------------------------------------------------------------------------------


def same(chance: Random) -> tuple[Sight, Sight]:
    picture = room(chance.randrange(8))
    return seen(picture), seen(picture)


def encoded_anew(chance: Random) -> tuple[Sight, Sight]:
    """The first JPEG decoded and encoded again, as by a recorder in between."""
    jpeg = as_jpeg(room(chance.randrange(8)))
    with Image.open(BytesIO(jpeg)) as once:
        return seen_jpeg(jpeg), seen(once.convert("RGB"), quality=chance.choice((75, 80, 85, 90)))


def noise(chance: Random) -> tuple[Sight, Sight]:
    picture = room(chance.randrange(8))
    strength = chance.uniform(1, 3)
    return seen(grain(picture, chance, strength)), seen(grain(picture, chance, strength))


def hand(chance: Random) -> tuple[Sight, Sight]:
    """It moved by a fifth of the width or more."""
    picture = room(chance.randrange(8))
    x, y = chance.uniform(0.05, 0.5), chance.uniform(0.1, 0.7)
    moved = x + chance.uniform(0.2, 0.4), chance.uniform(0.1, 0.7)
    return seen(with_hand(picture, x, y)), seen(with_hand(picture, *moved))


def hand_a_little(chance: Random) -> tuple[Sight, Sight]:
    """By a fiftieth of the width."""
    picture = room(chance.randrange(8))
    x, y = chance.uniform(0.05, 0.5), chance.uniform(0.1, 0.7)
    return seen(with_hand(picture, x, y)), seen(with_hand(picture, x + 0.02, y))


def another(chance: Random) -> tuple[Sight, Sight]:
    one = chance.randrange(8)
    return seen(room(one)), seen(room((one + 1 + chance.randrange(7)) % 8))


def lighter(chance: Random) -> tuple[Sight, Sight]:
    """A lamp went on or off."""
    picture = room(chance.randrange(8))
    return seen(picture), seen(ImageEnhance.Brightness(picture).enhance(chance.choice((0.95, 1.05))))


PAIRS: Final[dict[str, tuple[Callable[[Random], tuple[Sight, Sight]], str]]] = {
    "same picture": (same, "alike"),
    "encoded anew": (encoded_anew, "alike"),
    "with noise": (noise, "alike"),
    "hand moved": (hand, "changed"),
    "hand moved a little": (hand_a_little, "changed"),
    "light by 5 %": (lighter, "changed"),
    "another room": (another, "changed"),
}
"""What happened between two pictures, and what it is."""


def kinds(count: int, *, seed: int = 0, thresholds: Thresholds = USUAL) -> Iterator[tuple[str, str, str]]:
    """What is drawn, what it is, and what is found, for so many of each."""
    chance = Random(seed)
    for name, (draw, truth) in PICTURES.items():
        for _ in range(count):
            yield name, truth, str(thresholds.kind(seen(draw(chance)).look) or "ordinary")


def steps(count: int, *, seed: int = 0, thresholds: Thresholds = USUAL) -> Iterator[tuple[str, str, str]]:
    """The same of what happened."""
    chance = Random(seed)
    for name, (draw, truth) in PAIRS.items():
        for _ in range(count):
            change = compared(*draw(chance)).change
            assert change is not None
            yield name, truth, str(thresholds.step(change))


def compared(one: Sight, other: Sight) -> Look:
    return other.look.compared(other.cells, one.cells, after_ms=10_000)


if __name__ == "__main__":
    for found in (kinds(200), steps(200)):
        for (name, truth, told), number in sorted(Counter(found).items()):
            print(f"{name:20} {truth:12} {told:12} {number:4}")  # noqa: T201
