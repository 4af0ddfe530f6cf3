"""What moves in a face, and how."""

import math
from datetime import datetime
from random import Random
from typing import Final

from indexer.render.frames.looks import DEVICE, Hair, Looks
from indexer.render.frames.paint import BLACK, WHITE, Region, Surface, mix
from indexer.render.frames.shapes import both, curve, moved, oval, points, rect, stroke, symmetric

FACE: Final[Region] = (-57, -40, 57, 72)
"""The part of a head in which something moves."""


class Pose:
    """How the person of `seed` sits and looks at `moment`.  Lengths are units, angles radians."""

    def __init__(self, seed: int, moment: datetime) -> None:
        chance = Random(f"{seed}/{moment.isoformat()}")  # noqa: S311 - looks, not secrets
        phases = Random(seed)  # noqa: S311 - looks, not secrets

        def wave(period_s: float) -> float:
            return math.sin(math.tau * (moment.timestamp() / period_s + phases.random()))

        looks_down, looks_aside, blinks = chance.random() < 0.14, chance.random() < 0.16, chance.random() < 0.04
        side = chance.choice((-1, 1))
        talks = wave(140) > 0.15 and chance.random() < 0.75
        self.sway = 9 * wave(210) + 4 * wave(47) + chance.gauss(0, 1.5)
        self.nod = 3 * wave(160) + chance.gauss(0, 1.2) + (7 if looks_down else 0)
        self.tilt = math.radians(3.2 * wave(120) + chance.gauss(0, 1.2) + (3 * side if looks_aside else 0))
        self.lean = 1.0 + 0.035 * wave(330) + chance.gauss(0, 0.004)
        self.gaze_x = 4.5 * side if looks_aside else chance.gauss(0, 0.8)
        self.gaze_y = 3.0 if looks_down else chance.gauss(0.3, 0.5)
        self.lids = 0.0 if blinks else (0.55 if looks_down else chance.uniform(0.85, 1.0))  # 0 closed, 1 open
        self.brows = 2.5 * max(0.0, wave(75)) + (1 if talks else 0)
        self.mouth = chance.uniform(0.15, 0.85) if talks else 0.0  # 0 closed, 1 wide open
        self.smile = max(0.0, wave(260))


_UPPER_LID: Final = ((10.5, -2.5, 0), (16.5, -4, -4.6), (24.5, -4, -6.2), (31.5, -4, -4), (35.5, -4.5, 0))
_LOWER_LID: Final = points("29.5,0.4 21.5,1.2 14.5,-0.1")


def paint_face(surface: Surface, looks: Looks, pose: Pose, light: int) -> None:
    """Eyes, brows, mouth and glasses, lit from a side: -1 left, 1 right."""
    lash = mix(looks.shade, (36, 18, 20), 0.6)
    upper = [(x, y + lift * pose.lids) for x, y, lift in _UPPER_LID]
    if pose.lids:
        eyeballs = Surface(FACE, surface.scale, surface.image.copy())
        eyeballs.paint(mix((236, 232, 228), looks.shade, 0.16), rect(*FACE))
        for side in (-1, 1):
            x, y = side * 22.5 + pose.gaze_x, pose.gaze_y - 4.4
            eyeballs.paint(mix(looks.iris, BLACK, 0.45), oval(x, y, 6.3, 6.3))
            eyeballs.paint(looks.iris, oval(x, y + 0.6, 5.2, 5.2))
            eyeballs.paint(BLACK, oval(x, y, 2.7, 2.7))
            eyeballs.paint(WHITE, oval(x + light * 2, y - 2.2, 1.5, 1.5))
        surface.image.paste(eyeballs.image, mask=surface.mask(*both(curve([*upper, *_LOWER_LID]))))
        surface.paint(lash, *both(stroke(upper, 2.6)))
    else:
        surface.paint(lash, *both(stroke([upper[0], *reversed(_LOWER_LID), upper[-1]], 2.4)))
    brow = stroke(moved(points("9,-18 16,-21.5 25,-22.5 36,-17.5"), 0, -pose.brows), 4.4)
    fair = looks.hair[0] >= 140  # brows are darker than fair hair, and softer than dark hair
    surface.paint(mix(looks.hair, looks.shade if fair else looks.skin, 0.5 if fair else 0.25), *both(brow))
    _paint_mouth(surface, looks, pose)
    if looks.glasses:
        rim = [*oval(23.5, -4, 18.5, 15), (42, -4), (39.7, -4), *reversed(oval(23.5, -4, 16.2, 12.8))]
        temple = 46 if looks.style is Hair.SCARF else 56
        bridge = points("-6,-7 0,-9 6,-7 6,-4.5 0,-6.5 -6,-4.5")
        surface.paint(DEVICE, *both(rim), *both([(41, -9), (temple, -6), (temple, -3), (41, -5)]), bridge)


def _paint_mouth(surface: Surface, looks: Looks, pose: Pose) -> None:
    lips = mix(looks.skin, (156, 52, 60), 0.42)
    half, corner, drop = 18 + 3 * pose.smile - 4 * pose.mouth, 47 - 3.5 * pose.smile, 11 * pose.mouth
    surface.paint(lips, symmetric([(0, 44.6), (5, 43.6), (half, corner), (9, 53 + drop), (0, 55 + drop)]))
    if pose.mouth:
        bite = 47 + min(3.4, 0.6 * drop)
        gap = [(0, 46.8), (half - 2, corner), (half * 0.55, 49 + drop), (0, 49.5 + drop)]
        teeth = [(0, 47.2), (half - 5, corner + 0.4), (half * 0.5, bite), (0, bite)]
        surface.paint((64, 22, 26), symmetric(gap))
        surface.paint((232, 226, 218), symmetric(teeth))
    else:
        x, y = half * 0.5, 0.2 * corner + 38.8
        line = [(-half, corner), (-x, y), (0, 48.8), (x, y), (half, corner)]
        surface.paint(mix(lips, (50, 12, 18), 0.6), stroke(line, 1.7))
