"""Standard input as it comes, through a pipe that may say nothing for hours."""

import io
import os
import select
from collections.abc import Callable
from typing import Any, BinaryIO, Final

_LOOK_EVERY_S: Final = 0.1
"""For a signal, while nothing comes."""


def live(descriptor: int, idle: Callable[[], None]) -> BinaryIO:
    """What comes there.  Whenever that has to be waited for, `idle` is called, first and ten times a second.

    What `idle` raises, whoever reads gets.  The descriptor stays open.
    """
    return io.BufferedReader(_Live(descriptor, idle))


class _Live(io.RawIOBase):
    def __init__(self, descriptor: int, idle: Callable[[], None]) -> None:
        self._descriptor, self._idle = descriptor, idle

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # whatever can be written into
        wait_s = 0.0
        while not select.select([self._descriptor], [], [], wait_s)[0]:
            self._idle()
            wait_s = _LOOK_EVERY_S
        read = os.read(self._descriptor, len(buffer))
        buffer[: len(read)] = read
        return len(read)
