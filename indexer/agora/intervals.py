"""How often screenshots can be taken: `captureInterval` of `snapshotConfig`, in seconds.

SOURCE: "Capture screenshots", and "start" of Agora's Cloud Recording RESTful API.
"""

from typing import Final

DEFAULT_S: Final = 10
"""Where the request does not say it."""

LONGEST_S: Final = 3600

SURE_S: Final = 5
"""Agora's pages agree from here on: one allows 1 and more, others 5 and more."""
