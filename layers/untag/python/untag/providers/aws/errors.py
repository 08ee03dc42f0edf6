"""What AWS's codes mean: one table for calls and for the resources that failed inside a call.

Sources: botocore 1.44.5 (the models of the tagging API and of STS, and the codes that its retries know as throttles),
and the API's pages.
"""

import httpx

from untag.providers.base import Verdict

_THROTTLES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottledException",
        "RequestThrottled",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "SlowDown",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
    }
)
_PASSING = frozenset(
    {
        "RequestTimeout",
        "RequestTimeoutException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "ConcurrentModification",
        "ConcurrentModificationException",
        "OperationAborted",
    }
)
_FORBIDDEN = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "UnauthorizedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "OptInRequired",
        "RegionDisabledException",
    }
)
_UNAUTHORIZED = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "AuthFailure",
    }
)
_UNAVAILABLE_STATUS = frozenset({408, 500, 502, 503, 504})


def verdict_of_call(status: int, code: str) -> Verdict:
    """What an error means for a call. A throttle is a 400 here, and so is a refused key."""
    if code in _THROTTLES or status == httpx.codes.TOO_MANY_REQUESTS:
        return Verdict.THROTTLED
    if code in _UNAUTHORIZED or status == httpx.codes.UNAUTHORIZED:
        return Verdict.UNAUTHORIZED
    if code in _FORBIDDEN or status == httpx.codes.FORBIDDEN:
        return Verdict.FORBIDDEN
    if code in _PASSING or status in _UNAVAILABLE_STATUS:
        return Verdict.UNAVAILABLE
    # An address or an operation that there is not is no resource's fault.
    return Verdict.REFUSED if status == httpx.codes.BAD_REQUEST else Verdict.FAILED


def verdict_of_item(status: object, code: str) -> Verdict:
    """What an entry of FailedResourcesMap means for its resource.

    The code is the owning service's own. InternalServiceException also means that the type is not supported: it is
    final here, which asks once more tag by tag and reads back before it is believed.
    """
    if code in _THROTTLES or status == httpx.codes.TOO_MANY_REQUESTS:
        return Verdict.THROTTLED
    if code == "InternalServiceException":
        return Verdict.FAILED
    if code in _PASSING or status in _UNAVAILABLE_STATUS:
        return Verdict.UNAVAILABLE
    return Verdict.NOT_FOUND if is_not_found(code) else Verdict.FAILED


def is_not_found(code: str) -> bool:
    """Whether a service's code says that a resource does not exist."""
    return "NotFound" in code or code.startswith("NoSuch") or "DoesNotExist" in code or "NonExistent" in code
