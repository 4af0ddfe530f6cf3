"""Channel names as they turn up in file names."""

from typing import Final

# Agora's page on file names lists these for web page recording; its Chinese page names no mode.
_FOLDED: Final = str.maketrans(dict.fromkeys("!@#$%^&*()+_.=[]{}~|,;:?<>", "-"))


def spellings(cname: str) -> tuple[str, ...]:
    """How file names may write a channel: as it is, or with special characters replaced by `-`.

    So a decoded cname is never certain to be the channel's exact name.
    """
    folded = cname.translate(_FOLDED)
    return (cname,) if folded == cname else (cname, folded)
