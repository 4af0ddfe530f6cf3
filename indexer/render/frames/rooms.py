"""Rooms, without light and lens."""

import math
from random import Random
from typing import Final

from indexer.render.frames.lights import LIGHTS
from indexer.render.frames.looks import CLOTHS
from indexer.render.frames.paint import BLACK, WHITE, Colour, Surface, mix, palette
from indexer.render.frames.scenes import Scene
from indexer.render.frames.shapes import curve, moved, oval, points, rect


def _window_room(surface: Surface, chance: Random) -> None:
    wall, frame, right = chance.choice(palette("cec8be bcc6ca d2c4b8 bec8ba")), (246, 246, 242), 330
    paint, left, top, window = surface.paint, surface.left, surface.top, surface.right - 192
    surface.fade(mix(wall, WHITE, 0.12), mix(wall, BLACK, 0.22))
    paint(mix(wall, (40, 40, 60), 0.8), rect(left, top, left + 130, surface.bottom), opacity=0.5, blur=60)
    paint((206, 226, 244), rect(window, top, right, 220))
    paint((176, 208, 240), rect(window, top, right, 60), opacity=0.8, blur=30)
    for _ in range(22):
        green = mix((92, 132, 84), (150, 172, 108), chance.random())
        x, y, wide = chance.uniform(window, right), chance.uniform(150, 226), chance.uniform(14, 30)
        paint(green, oval(x, y, wide, 20), opacity=0.8, blur=4)
    paint(wall, rect(window, 218, right, 256))
    paint(frame, rect(window + 86, top, window + 93, 220), rect(window, 96, right, 102), rect(window, 220, right, 229))
    for x in (window - 32, window - 20, window - 8):  # the curtain
        paint((240, 234, 224), rect(x, top, x + 9, 300), opacity=0.85, blur=2)
        paint((168, 160, 150), rect(x + 8, top, x + 12, 300), opacity=0.6, blur=2)
    if window > left + 166:
        x, hue = left + 36 + chance.uniform(0, 20), chance.choice(palette("d07a5c 567e8c c4a45c"))
        _print_on_the_wall(surface, x, 48, (66, 54, 46), (238, 232, 222), hue)
    _plant(surface, chance, left + 44, 300)


def _print_on_the_wall(surface: Surface, x: float, y: float, frame: Colour, paper: Colour, ink: Colour) -> None:
    surface.paint(BLACK, rect(x + 3, y + 5, x + 85, y + 104), opacity=0.4, blur=5)
    surface.paint(frame, rect(x, y, x + 80, y + 98))
    surface.paint(paper, rect(x + 5, y + 5, x + 75, y + 93))
    surface.paint(ink, oval(x + 40, y + 36, 16, 16))
    surface.paint(mix(ink, BLACK, 0.45), curve(moved(points("12,82 28,54 48,66 66,50 68,82"), x, y)))


def _plant(surface: Surface, chance: Random, x: float, y: float) -> None:
    for _ in range(26):
        turn, reach = math.radians(chance.uniform(195, 345)), chance.uniform(50, 105)
        across, up = reach * math.cos(turn), reach * math.sin(turn)
        green = mix((38, 74, 52), (112, 150, 88), chance.random())
        leaf = [(0, 0), (0.5 * across - 6, 0.62 * up), (across, up), (0.5 * across + 7, 0.62 * up + 9)]
        surface.paint(green, curve(moved(leaf, x, y)))
    surface.paint((196, 186, 174), moved(points("-28,-8 28,-8 22,60 -22,60"), x, y))
    surface.paint(BLACK, rect(x + 4, y - 8, x + 28, y + 60), opacity=0.25, blur=6)


def _bookshelf_room(surface: Surface, chance: Random) -> None:
    wood = chance.choice(palette("704e34 543c2e c6baa8"))
    paint, left, top, right, bottom = surface.paint, surface.left, surface.top, surface.right, surface.bottom
    surface.fade(mix(wood, BLACK, 0.55), mix(wood, BLACK, 0.7))
    for y in range(2 + 82 * math.floor(top / 82), math.ceil(bottom) + 82, 82):
        x = left
        while x < right:
            x += _put_on_the_shelf(surface, chance, x, y)
        paint(wood, rect(left, y, right, y + 8))
        paint(BLACK, rect(left, y + 8, right, y + 16), opacity=0.6, blur=3)
    for x in (left + 8, -112, 120, right - 14):
        paint(wood, rect(x, top, x + 8, bottom))
        paint(BLACK, rect(x + 8, top, x + 14, bottom), opacity=0.5, blur=3)
    paint((255, 214, 150), oval(left, 40, 170, 190), opacity=0.3, blur=70)
    paint((20, 14, 24), oval(right, bottom, 200, 160), opacity=0.6, blur=60)


_COVERS: Final = [mix(colour, (70, 50, 40), 0.25) for colour in (*CLOTHS, *palette("282c3a e2d8c6 a85e3e"))]


def _put_on_the_shelf(surface: Surface, chance: Random, x: float, y: float) -> float:
    """Put a vase, nothing, or most often a book on the shelf at `y`.  Returns how much room that takes."""
    kind = chance.random()
    if kind < 0.07:
        outline = curve(moved(points("8,0 3,-20 11,-38 21,-38 29,-20 24,0"), x, y))
        surface.paint(chance.choice(palette("cec4b4 608488 ba6e52")), outline)
        surface.paint(BLACK, oval(x + 23, y - 18, 5, 18), opacity=0.35, blur=4)
        return 36
    if kind < 0.14:
        return chance.uniform(12, 26)
    thickness, tall, cover = chance.uniform(6, 14), chance.uniform(42, 66), chance.choice(_COVERS)
    surface.paint(cover, rect(x, y - tall, x + thickness, y))
    surface.paint(mix(cover, BLACK, 0.4), rect(x + thickness - 2, y - tall, x + thickness, y))
    gilt = [y - tall * up for up in (0.16, 0.22, 0.8) if chance.random() < 0.6]
    surface.paint(mix(cover, (236, 214, 160), 0.6), *(rect(x + 1, at - 2, x + thickness - 2, at) for at in gilt))
    return thickness + chance.uniform(0.3, 1.2)


def _office(surface: Surface, chance: Random) -> None:
    wall, accent = chance.choice(palette("bac4ca c4c8c4")), chance.choice(palette("2c6280 447468 be704a"))
    paint, left, top, right, bottom = surface.paint, surface.left, surface.top, surface.right, surface.bottom
    surface.fade(mix(wall, WHITE, 0.3), mix(wall, (30, 40, 56), 0.5))
    paint(accent, rect(left, top, left + 150, bottom), opacity=0.9)
    paint(BLACK, rect(left + 110, top, left + 150, bottom), opacity=0.3, blur=14)
    for y, half in ((-6, 60), (16, 46), (38, 32)):  # lamps under the ceiling
        paint((255, 255, 250), *(rect(x - half, y, x + half, y + 7) for x in (40, 190)), opacity=0.95, blur=2)
    for x in (60, 130, 200, 270):  # glass doors
        paint((206, 222, 232), rect(x, 52, x + 62, 260), opacity=0.75)
        paint((150, 176, 192), rect(x + 4, 56, x + 58, 256), opacity=0.5)
        paint(WHITE, moved(points("8,250 30,60 44,60 20,250"), x, 0), opacity=0.28, blur=2)
    for x in (96, 180, 262):  # desks with screens
        paint((122, 104, 90), rect(x - 36, 250, x + 40, 258))
        paint((34, 38, 46), rect(x - 20, 204, x + 26, 238), rect(x, 238, x + 6, 250))
        paint(mix((70, 130, 190), (190, 220, 230), chance.random()), rect(x - 17, 207, x + 23, 235))
    paint((96, 104, 112), rect(left, 258, right, bottom), opacity=0.75, blur=6)
    _plant(surface, chance, left + 60, 310)


def _dark_room(surface: Surface, chance: Random) -> None:
    paint, side = surface.paint, LIGHTS[Scene.EVENING].side
    wall = chance.choice(palette("181828 221822 121e26"))
    surface.fade(wall, mix(wall, BLACK, 0.6))
    lamp = side * (surface.right - 76)
    paint((226, 136, 62), oval(lamp, 120, 130, 120), opacity=0.42, blur=46)
    paint((255, 190, 110), oval(lamp, 108, 52, 44), opacity=0.55, blur=16)
    paint((255, 222, 164), moved(points("-20,84 20,84 32,132 -32,132"), lamp, 0), opacity=0.95, blur=2)
    paint((60, 44, 36), rect(lamp - 2, 132, lamp + 2, 320))
    string = [(-side * (60 + step * 19), 46 + 17 * math.sin(step * 0.9) + step * 1.5) for step in range(15)]
    paint((255, 176, 90), *(oval(x, y, 9, 9) for x, y in string), opacity=0.3, blur=5)
    paint((255, 226, 170), *(oval(x, y, 4.2, 4.2) for x, y in string), opacity=0.85, blur=1.2)
    _print_on_the_wall(surface, -side * (surface.right - 120) - 40, 116, (30, 32, 52), (16, 18, 32), (72, 84, 140))


ROOMS: Final = {
    Scene.WINDOW: _window_room,
    Scene.BOOKSHELF: _bookshelf_room,
    Scene.OFFICE: _office,
    Scene.EVENING: _dark_room,
    Scene.SLIDES: _bookshelf_room,
}
"""How to paint the room of a scene, with what chance puts into it."""
