"""What boto3 raises, in our own words: what failed, which bucket or key, what to do about it.

The storage's own message is only repeated where it is not about credentials, so that no text carries one.
"""

from dataclasses import dataclass
from typing import Final

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from indexer.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    ConfigError,
    LivestillsError,
    ObjectNotFoundError,
    StorageError,
    StorageUnavailableError,
    UnsupportedKeyError,
)

BOTO_ERRORS: Final = (boto.BotoCoreError, boto.ClientError, ResponseParserError)
"""Everything that a call may raise because of the world and not because of a bug.  ResponseParserError stands alone."""

NOT_FOUND_CODES: Final = frozenset({"NoSuchKey", "NoSuchObject", "404", "NotFound"})

_REFUSED: Final = {
    "InvalidAccessKeyId": "the access key is unknown there: check the profile and the endpoint",
    "InvalidAccessKeyID": "the access key is unknown there: check the profile and the endpoint",
    "SignatureDoesNotMatch": "the secret key does not belong to the access key: check the profile",
    "ExpiredToken": "the session token has expired: get new credentials",
    "ExpiredTokenException": "the session token has expired: get new credentials",
    "TokenRefreshRequired": "the session token has expired: get new credentials",
    "InvalidToken": "the session token is not valid: get new credentials",
    "RequestExpired": "the request is older than its signature allows: check the clock and get new credentials",
    "RequestTimeTooSkewed": "the clock of this machine is more than 15 minutes off: set it",
    "AccountProblem": "there is a problem with the account: ask the provider",
    "NotSignedUp": "the account is not signed up for this storage",
    "AllAccessDisabled": "access to it has been switched off",
}
_WRONG_ADDRESSING: Final = {  # OSS and COS answer so to a bucket in the path
    "SecondLevelDomainForbidden": "set addressing_style = 'virtual'",
    "PathStyleDomainForbidden": "set addressing_style = 'virtual'",
}
_WRONG_REGION: Final = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed", "301", "302", "307"}
    | {"IllegalLocationConstraintException"}
)
_TEMPORARY: Final = frozenset(
    {"SlowDown", "ServiceUnavailable", "InternalError", "InternalFailure", "RequestTimeout", "RequestTimeoutException"}
    | {"Throttling", "ThrottlingException", "ThrottledException", "TooManyRequests", "TooManyRequestsException"}
    | {"RequestLimitExceeded", "BandwidthLimitExceeded", "OperationAborted", "Busy", "429"}
)
_UNKNOWN_LISTING: Final = frozenset({"NotImplemented", "MethodNotAllowed", "InvalidArgument", "InvalidRequest"})
_UNSUPPORTED_KEY: Final = frozenset({"KeyTooLongError", "KeyTooLong", "InvalidURI", "InvalidObjectName"})
_NO_CREDENTIALS: Final = (
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.MetadataRetrievalError,
    boto.RefreshWithMFAUnsupportedError,
    boto.SSOError,
    boto.LoginError,
)
_CONFIGURATION: Final = (
    boto.ConfigParseError,
    boto.ConfigNotFound,
    boto.InvalidConfigError,
    boto.ValidationError,
    boto.BaseEndpointResolverError,
    boto.EndpointProviderError,
    boto.InvalidEndpointConfigurationError,
    boto.UnknownRegionError,
    boto.UnsupportedS3ConfigurationError,
    boto.InvalidProxiesConfigError,
    boto.MissingDependencyException,
)
_PERMISSIONS: Final = {
    "ListObjects": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "GetObject": "s3:GetObject (or s3:ListBucket, if there is no such object)",
    "HeadObject": "s3:GetObject (or s3:ListBucket, if there is no such object)",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
}


@dataclass(frozen=True, slots=True)
class Place:
    """What a failed call was about."""

    bucket: str
    endpoint: str | None
    key: str | None = None

    def of(self, key: str | None) -> "Place":
        """The place of an object in this bucket."""
        return Place(self.bucket, self.endpoint, key)

    def __str__(self) -> str:
        what = "" if self.key is None else f"object {_shortened(repr(self.key))} in "
        return f"{what}bucket {self.bucket!r} at {self.endpoint or 'AWS'}"


def own_error(exc: Exception, place: Place) -> LivestillsError:
    """Our error for one of `BOTO_ERRORS`, to be raised from it."""
    match exc:
        case boto.ClientError():
            return _of_answer(exc, place)
        case boto.ParamValidationError():
            return _of_parameters(exc, place)
        case boto.PartialCredentialsError():
            return AccessDeniedError(f"the credentials for {place} are incomplete: {_one_line(exc)}")
        case boto.NoCredentialsError() | boto.NoAuthTokenError():
            return AccessDeniedError(f"there are no credentials for {place}: set up an AWS profile")
        case _ if isinstance(exc, _NO_CREDENTIALS):
            return AccessDeniedError(f"there are no credentials for {place}: {_one_line(exc)}")
        case boto.ProfileNotFound():
            return ConfigError(f"there is no profile {exc.kwargs.get('profile')!r} in the AWS configuration files")
        case _ if isinstance(exc, _CONFIGURATION):
            return ConfigError(f"{place} cannot be used as configured: {_one_line(exc)}")
        case boto.SSLError():
            return StorageUnavailableError(
                f"no secure connection to {place}: check http:// or https:// and the certificate ({_one_line(exc)})"
            )
        case boto.ConnectTimeoutError() | boto.ReadTimeoutError():
            return StorageUnavailableError(f"{place} did not answer in time: check the network or try again later")
        case boto.ConnectionError():
            return StorageUnavailableError(
                f"no connection to {place}: check the endpoint and the network ({_one_line(exc)})"
            )
        case boto.HTTPClientError() | boto.IncompleteReadError():
            return StorageUnavailableError(f"the connection to {place} broke off: try again later ({_one_line(exc)})")
        case ResponseParserError():
            return StorageError(f"{place} does not answer like S3: check the endpoint ({_one_line(exc)})")
        case _:
            return StorageError(f"{place} could not be used: {_one_line(exc)}")


def _of_parameters(exc: boto.ParamValidationError, place: Place) -> LivestillsError:
    if "bucket name" in str(exc).lower():
        return ConfigError(f"{place.bucket!r} is no name of a bucket: check the URL of the source")
    return UnsupportedKeyError(f"{place} cannot exist: {_one_line(exc)}")


def _of_answer(exc: boto.ClientError, place: Place) -> LivestillsError:
    error = exc.response.get("Error", {})
    metadata = exc.response.get("ResponseMetadata", {})
    code, status = str(error.get("Code", "")), metadata.get("HTTPStatusCode", 0)
    if code in _REFUSED:
        return AccessDeniedError(f"{place} refuses the credentials: {_REFUSED[code]}")
    if code in _WRONG_ADDRESSING:
        return ConfigError(f"{place} wants the bucket in the host name: {_WRONG_ADDRESSING[code]}")
    if code in _WRONG_REGION:
        region = error.get("Region") or metadata.get("HTTPHeaders", {}).get("x-amz-bucket-region")
        known = f"it is in region {region!r}, set that" if region else "set the region that it is in"
        return ConfigError(f"{place} is in another region than the one configured: {known}")
    if code == "NoSuchBucket":
        return BucketNotFoundError(f"there is no {place.of(None)}: check the name and the endpoint")
    if code in NOT_FOUND_CODES:
        return ObjectNotFoundError(f"there is no {place}")
    if code == "InvalidBucketName":
        return ConfigError(f"{place.bucket!r} is no name of a bucket: check the URL of the source")
    if code in _UNSUPPORTED_KEY and place.key is not None:
        return UnsupportedKeyError(f"the storage cannot hold {place}: {_said(exc)}")
    if code == "InvalidObjectState":
        return StorageError(f"{place} is archived: restore it before it is read")
    if code.startswith("KMS."):
        return StorageError(f"{place} is encrypted with a key that cannot be used now: {_said(exc)}")
    if code in _TEMPORARY or status in {429, 500, 502, 503, 504}:
        return StorageUnavailableError(f"{place} is not available for now ({code or status}): try again later")
    if status in {401, 403}:
        permission = _PERMISSIONS.get(exc.operation_name)
        missing = f"lack {permission}" if permission else "are not enough"
        return AccessDeniedError(f"access to {place} was denied: the credentials {missing}")
    if status == 400 and exc.operation_name.startswith("Head"):  # an answer to HEAD has no body to say why
        return AccessDeniedError(f"{place} refuses the request: check the credentials and the region")
    if exc.operation_name == "ListObjectsV2" and code in _UNKNOWN_LISTING:
        return ConfigError(f"{place} does not know this kind of listing ({_said(exc)}): try list_version = 1")
    return StorageError(f"{place} answered: {_said(exc)}")


def _said(exc: boto.ClientError) -> str:
    error = exc.response.get("Error", {})
    return _shortened(f"{error.get('Code', 'no code')}: {error.get('Message', 'no message')}")


def _one_line(exc: Exception) -> str:
    return _shortened(str(exc))


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 200 else f"{line[:199]}…"
