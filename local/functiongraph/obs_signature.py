"""OBS's side of a signed request: HMAC-SHA1 over the method, a few headers and the resource.

Written from the documented algorithm (OBS API Reference, "Authentication of Signature in a Header") and apart from the
package's own signing, so that a mistake there does not find its twin here.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from local.functiongraph.service import ServiceError
from local.providers.accounts import Account
from local.providers.wire import Request

MAX_SKEW = 15 * 60  # documented: a request whose time is more than 15 minutes off is refused

_AUTHORIZATION = re.compile(r"OBS ([^:\s]+):([A-Za-z0-9+/]+=*)", re.ASCII)
_DATE = re.compile(r"[A-Za-z]{3}, \d{2} [A-Za-z]{3} \d{4} \d{2}:\d{2}:\d{2} GMT", re.ASCII)
# Of a query only these are signed: the sub-resources among the documented list that an object store like this has.
SUB_RESOURCES = frozenset(
    {"acl", "append", "cors", "delete", "encryption", "lifecycle", "location", "logging", "metadata", "notification"}
    | {"partNumber", "policy", "position", "quota", "rename", "replication", "restore", "storageClass", "storageinfo"}
    | {"storagePolicy", "tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website"}
)


def claim(request: Request) -> tuple[str, str]:
    """The access key and the signature that a request bears, unchecked; empty where it has none."""
    match = _AUTHORIZATION.fullmatch(request.header("authorization") or "")
    return (match[1], match[2]) if match else ("", "")


def verify(request: Request, bucket: str, accounts: Mapping[str, Account], now: float) -> Account:
    """The account that signed this very request. `bucket` is the one that the host's name tells, empty for none."""
    access_key, signature = claim(request)
    if not access_key:
        raise ServiceError(403, "AccessDenied", "Access Denied")
    if (account := accounts.get(access_key)) is None:
        raise ServiceError(
            403, "InvalidAccessKeyId", "The OBS Access Key Id you provided does not exist in our records."
        )
    _check_date(request, now)
    expected = base64.b64encode(
        hmac.digest(account.secret_key.encode(), string_to_sign(request, bucket).encode("latin-1"), "sha1")
    ).decode()
    if not hmac.compare_digest(expected.encode(), signature.encode()):
        raise ServiceError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )
    if (request.header("x-obs-security-token") or None) != account.security_token:
        raise ServiceError(403, "AccessDenied", "The security token included in the request is invalid.")
    return account


def string_to_sign(request: Request, bucket: str) -> str:
    """What was signed, as the server sees it."""
    own = sorted({name for name, _ in request.headers if name.startswith("x-obs-")})
    lines = [
        request.method.upper(),
        request.header("content-md5") or "",
        request.header("content-type") or "",
        "" if "x-obs-date" in own else request.header("date") or "",
        *(f"{name}:{(request.header(name) or '').strip()}" for name in own),
    ]
    return "\n".join(lines) + "\n" + _resource(request, bucket)


def _resource(request: Request, bucket: str) -> str:
    path = f"/{bucket}{request.path}" if bucket else request.path
    parts = []
    for part in filter(None, request.query.split("&")):
        name, equals, value = part.partition("=")
        if unquote(name) in SUB_RESOURCES:
            parts.append(f"{unquote(name)}={unquote(value)}" if equals else unquote(name))
    return path + ("?" + "&".join(sorted(parts)) if parts else "")


def _check_date(request: Request, now: float) -> None:
    date = request.header("x-obs-date") or request.header("date")
    if date is None or not _DATE.fullmatch(date):
        raise ServiceError(403, "AccessDenied", "OBS authentication requires a valid Date or x-obs-date header")
    then = parsedate_to_datetime(date).astimezone(UTC).timestamp()
    if abs(now - then) > MAX_SKEW:
        shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        raise ServiceError(
            403,
            "RequestTimeTooSkewed",
            f"The difference between the request time and the current time is too large. It is {shown} here.",
        )
