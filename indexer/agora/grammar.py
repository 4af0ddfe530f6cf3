"""The words that every object name of Agora is made of, and the reading of how a name begins.

Source: Agora's pages "Capture screenshots" and "Manage recorded files".  Everything is done with string methods and
patterns that cannot backtrack far: hostile keys cost linear time.
"""

import re
from typing import Final

from indexer.model import DERIVATIVES_DIR

UID_MARK: Final = "__uid_s_"
TYPE_MARK: Final = "__uid_e_"
SHOT_MARK: Final = "__uid_e_video_"

# More than nine digits are no failover number, but a sid: so `bak` fits the 32-bit integer column of every database.
# Agora switches at most three times in a recording, so real prefixes are bak0_, bak1_ and bak2_.
_FRONT: Final = re.compile(r"((?:bak[0-9]{1,9}_)*)([0-9A-Za-z]+)_(.+)", re.DOTALL)


_UNIT: Final = re.compile(r"(?:^|[/_])[0-9A-Fa-f]{32}_")


def split_front(front: str) -> tuple[str, str, str] | None:
    """Split `[bak<n>_]*<sid>_<rest>` into the bak prefix as written, sid and rest; None if it is not that.

    As many bak prefixes are taken as leave a sid and a rest: in `bak0_lobby` the sid is `bak0`.
    `front` is part of an object name, so it has no `/`.
    """
    found = _FRONT.fullmatch(front)
    return None if found is None else (found[1], found[2], found[3])


def unit_of(key: str) -> str:
    """The prefix of the unit that a key lies in, as far as it can be told from the key alone; "" if it is in none.

    A unit is what all objects of one recorder in one directory share: everything up to and with the "_" behind the
    sid.  Here a sid is 32 hexadecimal digits, as all real ones are.
    """
    found = _UNIT.search(key)
    return "" if found is None else key[: found.end()]


def last_bak(bak_prefix: str) -> int | None:
    """The number of the last prefix in `bak0_bak1_`, None in the empty text."""
    return int(bak_prefix[:-1].rpartition("bak")[2]) if bak_prefix else None


def is_derivative(key: str) -> bool:
    """Whether a path component of `key` says that we made the object ourselves."""
    return DERIVATIVES_DIR in key and DERIVATIVES_DIR in key.split("/")


def is_digits(text: str) -> bool:
    """One ASCII digit or more: unlike `\\d` and `str.isdigit`, which take digits of every script."""
    return text.isascii() and text.isdigit()
