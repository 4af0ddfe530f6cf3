"""Outlines, as points in units."""

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

Point: TypeAlias = tuple[float, float]
Shape: TypeAlias = Sequence[Point]

_CIRCLE: Final = [(math.cos(math.tau * step / 40), math.sin(math.tau * step / 40)) for step in range(40)]
_SPLINE: Final = [
    (t * (-1 + t * (2 - t)) / 2, (2 + t * t * (3 * t - 5)) / 2, t * (1 + t * (4 - 3 * t)) / 2, t * t * (t - 1) / 2)
    for t in (step / 8 for step in range(8))
]


def points(text: str) -> list[Point]:
    """Points written as in SVG: `0,-76 27,-73`."""
    return [(float(x), float(y)) for x, y in (point.split(",") for point in text.split())]


def oval(x: float, y: float, rx: float, ry: float) -> Shape:
    """An ellipse about (x, y)."""
    return [(x + rx * cos, y + ry * sin) for cos, sin in _CIRCLE]


def rect(left: float, top: float, right: float, bottom: float) -> Shape:
    """A rectangle from its edges."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def curve(line: Shape) -> Shape:
    """The smooth closed outline through the points of `line` (Catmull-Rom)."""
    ahead = [*line[1:], *line[:2]]
    return [
        (a * p[0] + b * q[0] + c * r[0] + d * s[0], a * p[1] + b * q[1] + c * r[1] + d * s[1])
        for p, q, r, s in zip((line[-1], *line), line, ahead, ahead[1:], strict=False)
        for a, b, c, d in _SPLINE
    ]


def stroke(line: Shape, thickness: float) -> Shape:
    """A brush stroke along `line`, thickest in the middle."""
    last = len(line) - 1
    halves = [thickness / 2 * math.sin(math.pi * (0.1 + 0.8 * step / last)) for step in range(len(line))]
    edges = [[(x, y + sign * half) for (x, y), half in zip(line, halves, strict=True)] for sign in (-1, 1)]
    return [*edges[0], *reversed(edges[1])]


def moved(shape: Shape, x: float, y: float) -> Shape:
    """`shape`, further right by `x` and further down by `y`."""
    return [(left + x, top + y) for left, top in shape]


def both(right: Shape) -> tuple[Shape, Shape]:
    """`right` and its mirror image on the left."""
    return right, [(-x, y) for x, y in right]


def symmetric(right_half: Shape) -> Shape:
    """A smooth outline from its right half, which starts and ends at x = 0."""
    return curve([*right_half, *reversed(both(right_half[1:-1])[1])])
