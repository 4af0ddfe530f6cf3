"""Who is on a picture, and where."""

from dataclasses import dataclass
from enum import StrEnum, auto


class Scene(StrEnum):
    """Where a person sits, and what the camera shows of it."""

    WINDOW = auto()
    BOOKSHELF = auto()
    OFFICE = auto()
    EVENING = auto()
    """A dark room, lit by the screen."""
    SLIDES = auto()
    """A shared screen, the person small in its corner."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is on the picture.  Face, hair and clothes follow from `seed`, whatever the scene."""

    name: str
    seed: int
    scene: Scene
