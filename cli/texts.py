"""Values as people read them, and text from outside made safe for a terminal."""

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def shown(text: str) -> str:
    """Text from outside, safe for a terminal: control, direction and formatting characters are escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(char) if unicodedata.category(char) in _HIDDEN else char for char in text)


def shell_word(text: str) -> str:
    """Text from outside as one word to type into a shell, safe for a terminal too."""
    if text and shown(text) == text and text.replace("-", "").replace(".", "").isalnum():
        return text
    if shown(text) == text:
        return "'" + text.replace("'", "'\\''") + "'"
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{shown(quoted)}'"  # bash, zsh and ksh undo the very escapes that `shown` makes


def _escaped(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")


def human_bytes(size: int) -> str:
    """1.4 MB: three digits, decimal units as storage is sold."""
    number = float(size)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 999.5:  # what three digits would round up to the next unit
            return f"{size} B" if unit == "B" else f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} PB"


def human_length(length_s: float) -> str:
    """2d03h, 1h02m03s, 2m03s, 12s, 3.4s, 56ms, 0s."""
    if 0 < length_s < 0.9995:
        return f"{max(length_s * 1000, 1):.0f}ms"
    if length_s < 9.95:
        return f"{length_s:.1f}".removesuffix(".0") + "s"
    minutes, seconds = divmod(round(length_s), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days:,}d{hours:02d}h"
    if hours:
        return f"{hours}h{minutes:02d}m{seconds:02d}s"
    return f"{minutes}m{seconds:02d}s" if minutes else f"{seconds}s"


def counted(number: int, noun: str) -> str:
    """1 request, 2,000 requests."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(share: float) -> str:
    """99.9 %, 83 %, 0 %: neither all nor nothing unless it is, and never more than it is where nearly all is meant."""
    tenths = int(share * 1000 + 1e-9)
    if 990 <= tenths < 1000:
        return f"{tenths / 10:g} %"
    if 0 < share < 0.01:
        return "<1 %"
    return f"{int(share * 100 + 0.5)} %"
