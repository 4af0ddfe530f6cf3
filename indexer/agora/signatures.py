"""How Agora signs its notification callbacks: an HMAC of the raw body, in hexadecimal digits.

Source: Agora's page "Receive notifications", "Add signature verification".  The body is signed as it was sent: after
parsing and writing it again the signature does not fit any more.
"""

import hashlib
import hmac
from typing import Final

HEADER_V2: Final = "Agora-Signature-V2"
HEADER_V1: Final = "Agora-Signature"


def signature(body: bytes, secret: str) -> str:
    """HMAC-SHA256, what `Agora-Signature-V2` says."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signature_v1(body: bytes, secret: str) -> str:
    """HMAC-SHA1, what `Agora-Signature` says."""
    return hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()


def is_signed(body: bytes, secret: str, *, v2: str | None, v1: str | None = None) -> bool:
    """Whether whoever sent `body` knew `secret`, by the texts of the two headers; None where one is missing.

    V1 counts only without V2, and only for a caller who passes it: a wrong V2 is never made good by V1.  Takes the
    same time for every wrong signature of a length.
    """
    said, right = (v1, signature_v1) if v2 is None else (v2, signature)
    if said is None:
        return False
    # Bytes, because compare_digest takes no text that is not ASCII, and a header may be any.
    return hmac.compare_digest(right(body, secret).encode(), said.strip().lower().encode("utf-8", "replace"))
