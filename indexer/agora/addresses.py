"""Where Agora's RESTful API is.  Pure."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

from indexer.errors import ConfigError

DEFAULT_URL: Final = "https://api.agora.io"

REGIONS: Final = (
    *("us-west-1", "us-east-1", "ap-southeast-1", "ap-northeast-1"),
    *("eu-west-1", "eu-central-1", "cn-east-1", "cn-north-1"),
)
"""`api-<region>.agora.io` and `api-<region>.sd-rtn.com` serve the API, too.

SOURCE: "Best practice in integrating Cloud Recording", the table of domain names.
"""

_DOMAINS: Final = ("agora.io", "sd-rtn.com")
_HOSTS: Final = ("api", *(f"api-{region}" for region in REGIONS))


def base_url(text: str) -> str:
    """A base URL without a slash at its end.  Raises `ConfigError` for one that credentials must not be sent to."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as exc:
        raise ConfigError(f"the base URL {_shown(text)!r} is none: {exc}") from exc
    host = parts.hostname
    if parts.scheme not in {"http", "https"} or not host or not host.isascii():
        raise ConfigError(f"the base URL {_shown(text)!r} is none; write for example {DEFAULT_URL}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError("the base URL holds a name, a password, a query or a fragment; leave them out")
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigError(
            f"{text.strip()} would carry the customer secret in clear: write https://, or a loopback address"
        )
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"


def of_attempts(url: str) -> tuple[str, ...]:
    """Where the attempts of a request go; the last one stays.  From the third on it is Agora's other domain.

    SOURCE: "Best practice in integrating Cloud Recording", which advises to try the same domain once more before.
    """
    parts: SplitResult = urlsplit(url)
    name, _, domain = (parts.hostname or "").partition(".")
    if name not in _HOSTS or domain not in _DOMAINS or parts.port not in {None, 443}:
        return (url,)
    other = _DOMAINS[1 - _DOMAINS.index(domain)]
    return url, url, f"{parts.scheme}://{name}.{other}{parts.path}"


def is_plain(url: str) -> bool:
    """Whether what is sent there is not encrypted."""
    return url.startswith("http://")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(text: str) -> str:
    """The text without what may be a password."""
    scheme, mark, rest = text.rpartition("@")
    return f"***@{rest}" if mark and scheme else text
