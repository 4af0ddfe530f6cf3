"""How an S3-compatible storage is reached, as plain values: this module imports no client."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import urlsplit

from indexer.agora.addresses import is_loopback
from indexer.errors import ConfigError

CONNECTIONS: Final = 32
"""Kept open to one storage when nobody says how many requests there will be at a time."""

AddressingStyle = Literal["auto", "path", "virtual"]


@dataclass(frozen=True, slots=True)
class S3Options:
    """What a source may say about its storage.  None leaves the choice to boto3: environment, profile, AWS itself."""

    endpoint_url: str | None = None
    """With or without a scheme; AWS itself if None."""
    region: str | None = None
    profile: str | None = None
    """Section of the AWS configuration files that holds the credentials."""
    access_key: str | None = field(default=None, repr=False)
    """Said outright, where credentials come with a request and not from this machine's configuration."""
    secret_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    addressing_style: AddressingStyle = "auto"
    """`auto`: the bucket stands in the path at a custom endpoint, in the host name at AWS.  OSS, COS, OBS and BOS want
    `virtual`, most self-built storages `path`."""
    list_version: Literal[1, 2] = 2
    """2 is ListObjectsV2; 1 is for storages where that is missing or broken."""
    url_encoding: bool = True
    """Ask for url-encoded keys.  Off is for storages that say so but do not encode, or lose their place (OBS)."""
    max_connections: int = CONNECTIONS
    max_attempts: int = 5
    """Of one request, the first included; only what may work later is tried again."""
    connect_timeout_s: float = 10
    read_timeout_s: float = 60

    def endpoint(self, bucket: str) -> str | None:
        """The endpoint with its scheme: https if none was given, http for this very machine.

        Raises `ConfigError` for what is no endpoint, or one of a single bucket.
        """
        if self.endpoint_url is None:
            return None
        try:
            url = urlsplit(self.endpoint_url if "://" in self.endpoint_url else f"//{self.endpoint_url}")
            host, has_login = url.hostname or "", url.username is not None or url.password is not None
            _ = url.port
        except ValueError as exc:
            raise ConfigError(f"{self.endpoint_url!r} is no endpoint of a storage: {exc}") from exc
        if has_login:
            raise ConfigError(f"the endpoint at {host} has credentials in it: put them into an AWS profile")
        if not host or url.scheme not in {"", "http", "https"} or url.query or url.fragment:
            raise ConfigError(
                f"{self.endpoint_url!r} is no endpoint of a storage: write https://host or https://host:port"
            )
        rest = host.removeprefix(f"{bucket.lower()}.")
        if rest != host and "." in rest and not _is_address(host):
            raise ConfigError(
                f"endpoint {host} already contains the bucket {bucket!r}:"
                f" write {rest}, with addressing_style = 'virtual'"
            )
        if url.path.strip("/") == bucket:
            raise ConfigError(f"endpoint {self.endpoint_url} already contains the bucket {bucket!r}: write it without")
        scheme = url.scheme or ("http" if is_loopback(host) else "https")
        return f"{scheme}://{url.netloc}{url.path.rstrip('/')}"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
