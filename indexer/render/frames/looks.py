"""What a person looks like."""

from enum import StrEnum
from random import Random
from typing import Final

from indexer.render.frames.paint import Colour, mix, palette

DEVICE: Final[Colour] = (38, 36, 42)
"""Glasses and headsets."""
CLOTHS: Final = palette("32507c 924042 3e6a58 d2ccc2 383c48 be9248 725a86 628aa4")
_SKINS: Final = palette("f4d0b8 ecc09e deae88 c28e68 9e6c4c 7c523a 624232")
_HAIRS: Final = palette("241e1e 322520 4a3326 704d32 b28a5c 8e462c 949292")
_IRISES: Final = palette("3c281e 543c28 4e6676 566646")

Hair = StrEnum("Hair", "CROP PARTED CURLS BALD LONG BOB BUN SCARF")
_MAY_HAVE_BEARD: Final = {Hair.CROP, Hair.PARTED, Hair.CURLS, Hair.BALD}


class Looks:
    """Skin, hair and clothes, as they follow from `seed`."""

    def __init__(self, seed: int) -> None:
        chance = Random(seed)  # noqa: S311 - looks, not secrets
        tone = chance.randrange(len(_SKINS))
        darkest_only = 3 if tone > 2 else None  # light hair and eyes are rare on dark skin
        self.style = chance.choice(list(Hair))
        stubble_or_beard = chance.choice((0.0, 0.0, 0.35, 0.8))
        self.shirt, scarf = chance.sample(CLOTHS, 2)
        self.skin = _SKINS[tone]
        self.shade, self.glow = mix(self.skin, (74, 22, 30), 0.42), mix(self.skin, (255, 246, 232), 0.4)
        self.hair = chance.choice(_HAIRS[:darkest_only])
        self.cover = scarf if self.style is Hair.SCARF else self.hair
        self.iris = chance.choice(_IRISES[:2] if darkest_only else _IRISES)
        self.collar = chance.random() < 0.45
        self.glasses = chance.random() < 0.35
        self.headset = chance.random() < 0.25 and self.style is not Hair.SCARF
        self.beard = stubble_or_beard if self.style in _MAY_HAVE_BEARD else 0.0
        """How dense it is."""
        self.jaw = chance.uniform(0.95, 1.06) if self.style in _MAY_HAVE_BEARD else chance.uniform(0.86, 0.96)
        """How wide the lower face is, about 1."""
