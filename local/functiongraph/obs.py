"""Object Storage Service, as much of it as a queue of objects needs.

    PUT     /key                    PutObject; with x-obs-copy-source CopyObject
    GET     /key, HEAD /key         GetObject, GetObjectMetadata
    DELETE  /key                    DeleteObject: 204, also where there is no such object
    POST    /key?append&position=   AppendObject: 409 unless the object has that length, and was made by an append
    POST    /?delete                DeleteObjects
    GET     /                       ListObjects: prefix, marker, max-keys, delimiter, in order of key
    HEAD    /?apiversion            the protocol's version, which the vendor's SDK asks for

The bucket is the first label of the host's name, or the first segment of the path, as on OBS itself. Conditions are
those that are documented: If-Match, If-None-Match and the two of time for reading, x-obs-copy-source-if-* for the
source of a copy. There is none for what is written: of all writes only an append depends on what is there.

A copy can be answered with 200 and fail all the same: its answer then holds no ETag (documented). A fault `partial`
makes one. Shapes and codes: OBS API Reference.
"""

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import ClassVar, NamedTuple
from urllib.parse import parse_qsl, quote, unquote
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

from local.functiongraph import obs_signature
from local.functiongraph.agency import Agency
from local.functiongraph.bucket import Bucket, StoredObject
from local.functiongraph.service import KINDS, Operation, Service, ServiceError
from local.providers.faults import Fault
from local.providers.wire import Request, Response

KEY_BYTES = 1024
PAGE_KEYS = 1000
DELETE_KEYS = 1000
APPENDS = 10_000
META = "x-obs-meta-"

_XML = "application/xml"
_NOT_MODIFIED = 304
_CODES = {
    403: ("AccessDenied", "Access Denied"),
    404: ("NoSuchKey", "The specified key does not exist."),
    412: ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
    429: ("SlowDown", "Please reduce your request rate."),
    500: ("InternalError", "We encountered an internal error. Please try again."),
    503: ("ServiceUnavailable", "The server is overloaded or has internal errors."),
}


class _Address(NamedTuple):
    bucket: str
    key: str
    by_host: bool


class ObsServer(Service):
    """OBS with its buckets."""

    name: ClassVar[str] = "obs"
    fault_kinds: ClassVar[frozenset[str]] = KINDS | {"partial"}

    def __init__(
        self,
        agency: Agency,
        buckets: tuple[str, ...] = ("untag",),
        *,
        port: int = 0,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
    ) -> None:
        super().__init__(agency, port=port, clock=clock, seed=seed)
        self.buckets = {name: Bucket(name, clock) for name in buckets}

    def claim(self, request: Request) -> tuple[str, str]:
        """What the Authorization header says, unchecked."""
        return obs_signature.claim(request)

    def verify(self, request: Request) -> str:
        """The account's name."""
        address = self._address(request)
        if request.method == "HEAD" and request.query == "apiversion":
            return ""
        bucket = address.bucket if address.by_host else ""
        return obs_signature.verify(request, bucket, self.agency.accounts, self.clock()).name

    def operation(self, request: Request) -> Operation:
        """By the method, and by whether the path names an object."""
        address = self._address(request)
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        if address.key:
            copy = "x-obs-copy-source" in dict(request.headers)
            names = {
                "PUT": "CopyObject" if copy else "PutObject",
                "GET": "GetObject",
                "HEAD": "GetObjectMetadata",
                "DELETE": "DeleteObject",
            } | ({"POST": "AppendObject"} if "append" in query else {})
        elif request.method == "HEAD" and "apiversion" in query:
            names = {"HEAD": "GetApiVersion"}
        else:
            names = {"GET": "ListObjects"} | ({"POST": "DeleteObjects"} if "delete" in query else {})
        name = names.get(request.method)
        if name is None:
            raise ServiceError(405, "MethodNotAllowed", "The specified method is not answered here.")
        keys = (address.key,) if address.key else ()
        return Operation(name, request.method in {"PUT", "POST", "DELETE"}, keys)

    async def perform(self, request: Request, operation: Operation, fault: Fault | None) -> Response:
        """Do it, all at once as far as other calls can see."""
        if operation.name == "GetApiVersion":
            return Response(200, headers=(("x-obs-api", "3.0"),))
        address = self._address(request)
        if (bucket := self.buckets.get(address.bucket)) is None:
            raise ServiceError(404, "NoSuchBucket", "The specified bucket does not exist.")
        with bucket.lock:
            if address.key:
                return self._of_object(bucket, address.key, request, operation.name, fault)
            return _delete_many(bucket, request) if operation.name == "DeleteObjects" else _list(bucket, request)

    def refusal(self, error: ServiceError, request: Request, request_id: str) -> Response:
        """XML; nothing but headers for HEAD and 304."""
        headers = (("x-obs-request-id", request_id),)
        if request.method == "HEAD" or error.status == _NOT_MODIFIED:
            return Response(error.status, headers=headers)
        body = f"{_error(error)[:-8]}<RequestId>{request_id}</RequestId><HostId>local</HostId></Error>"
        return Response(error.status, _document(body), headers, _XML)

    def usual(self, status: int) -> tuple[str, str]:
        """OBS's words for a status."""
        return _CODES.get(status, ("BadRequest", f"status {status}"))

    def _address(self, request: Request) -> _Address:
        label, _, domain = (request.header("host") or "").partition(".")
        path = request.path.removeprefix("/")
        if label in self.buckets or domain.startswith("obs."):
            return _Address(label, unquote(path), by_host=True)
        bucket, _, key = path.partition("/")
        return _Address(unquote(bucket), unquote(key), by_host=False)

    def _of_object(self, bucket: Bucket, key: str, request: Request, name: str, fault: Fault | None) -> Response:
        match name:
            case "PutObject":
                return self._put(bucket, key, request)
            case "CopyObject":
                return self._copy(bucket, key, request, fault)
            case "AppendObject":
                return self._append(bucket, key, request)
            case "DeleteObject":
                bucket.delete(key)
                return Response(204)
            case _:
                return _read(_existing(bucket, key), request)

    def _put(self, bucket: Bucket, key: str, request: Request) -> Response:
        _check_digest(request)
        stored = StoredObject(request.body, _metadata(request), _content_type(request), self.clock())
        _store(bucket, key, stored)
        return Response(200, headers=(("ETag", stored.etag),))

    def _append(self, bucket: Bucket, key: str, request: Request) -> Response:
        _check_digest(request)
        position = dict(parse_qsl(request.query, keep_blank_values=True)).get("position", "")
        there = bucket.get(key)
        if there is not None and not 0 < there.appends < APPENDS:
            raise ServiceError(409, "ObjectNotAppendable", "The object is not appendable.")
        before = b"" if there is None else there.body
        if position != str(len(before)):
            raise ServiceError(409, "PositionNotEqualToLength", "The position is not the length of the object.")
        first = StoredObject(b"", _metadata(request), _content_type(request)) if there is None else there
        body = before + request.body
        stored = replace(first, body=body, modified=self.clock(), appends=first.appends + 1)
        _store(bucket, key, stored)
        return Response(200, headers=(("ETag", stored.etag), ("x-obs-next-append-position", str(len(body)))))

    def _copy(self, bucket: Bucket, key: str, request: Request, fault: Fault | None) -> Response:
        named = unquote(request.header("x-obs-copy-source") or "").removeprefix("/")
        from_bucket, _, from_key = named.partition("/")
        if (origin := self.buckets.get(from_bucket)) is None:
            raise ServiceError(404, "NoSuchBucket", "The specified bucket does not exist.")
        source = _existing(origin, from_key)
        _check_conditions(source, request, "x-obs-copy-source-", 412)
        directive = request.header("x-obs-metadata-directive") or "COPY"
        if directive not in {"COPY", "REPLACE"}:
            raise ServiceError(400, "InvalidArgument", "x-obs-metadata-directive should be COPY or REPLACE.")
        if fault is not None:
            code, words = self.usual(fault.status or 500)
            error = ServiceError(200, fault.code or code, fault.message or words)
            return Response(200, _document(_error(error)), content_type=_XML)
        kept = directive == "COPY"
        metadata = source.metadata if kept else _metadata(request)
        content_type = source.content_type if kept else _content_type(request)
        stored = StoredObject(source.body, metadata, content_type, self.clock())
        _store(bucket, key, stored)
        body = (
            f"<CopyObjectResult><LastModified>{_iso(stored.modified)}</LastModified>"
            f"<ETag>{escape(stored.etag)}</ETag></CopyObjectResult>"
        )
        return Response(200, _document(body), content_type=_XML)


def _existing(bucket: Bucket, key: str) -> StoredObject:
    if (stored := bucket.get(key)) is None:
        raise ServiceError(404, "NoSuchKey", "The specified key does not exist.")
    return stored


def _store(bucket: Bucket, key: str, stored: StoredObject) -> None:
    if len(key.encode()) > KEY_BYTES:
        raise ServiceError(400, "KeyTooLongError", "Your key is too long")
    bucket.put(key, stored)


def _read(stored: StoredObject, request: Request) -> Response:
    _check_conditions(stored, request, "", _NOT_MODIFIED)
    headers = (
        ("ETag", stored.etag),
        ("Last-Modified", format_datetime(datetime.fromtimestamp(stored.modified, UTC), usegmt=True)),
        *((f"{META}{name}", value) for name, value in stored.metadata.items()),
    )
    if request.method == "HEAD":
        return Response(200, headers=(*headers, ("Content-Type", stored.content_type)))
    return Response(200, stored.body, headers, stored.content_type)


def _list(bucket: Bucket, request: Request) -> Response:
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    try:
        most = min(int(query.get("max-keys") or PAGE_KEYS), PAGE_KEYS)
    except ValueError:
        raise ServiceError(400, "InvalidArgument", "max-keys should be a number.") from None
    prefix, marker, delimiter = (query.get(name, "") for name in ("prefix", "marker", "delimiter"))
    page = bucket.listing(prefix, marker, most, delimiter)
    by_url = query.get("encoding-type") == "url"

    def text(value: str) -> str:
        return quote(value, safe="/") if by_url else escape(value)

    contents = "".join(
        f"<Contents><Key>{text(key)}</Key><LastModified>{_iso(stored.modified)}</LastModified>"
        f"<ETag>{escape(stored.etag)}</ETag><Size>{len(stored.body)}</Size><Owner><ID>local</ID></Owner>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for key, stored in page.objects
    )
    prefixes = "".join(f"<CommonPrefixes><Prefix>{text(one)}</Prefix></CommonPrefixes>" for one in page.prefixes)
    body = (
        f"<ListBucketResult><Name>{bucket.name}</Name><Prefix>{text(prefix)}</Prefix><Marker>{text(marker)}</Marker>"
        + (f"<NextMarker>{text(page.next_marker)}</NextMarker>" if page.next_marker is not None else "")
        + (f"<Delimiter>{text(delimiter)}</Delimiter>" if delimiter else "")
        + ("<EncodingType>url</EncodingType>" if by_url else "")
        + f"<MaxKeys>{most}</MaxKeys><IsTruncated>{str(page.next_marker is not None).lower()}</IsTruncated>"
        f"{contents}{prefixes}</ListBucketResult>"
    )
    return Response(200, _document(body), content_type=_XML)


def _delete_many(bucket: Bucket, request: Request) -> Response:
    if request.header("content-md5") is None:
        raise ServiceError(400, "InvalidRequest", "Missing required header for this request: Content-MD5")
    _check_digest(request)
    try:
        root = ET.fromstring(request.body)  # noqa: S314 - it comes from a process on this machine
    except ET.ParseError:
        raise ServiceError(400, "MalformedXML", "The XML you provided was not well-formed.") from None
    keys = [element.text or "" for element in root.iterfind("Object/Key")]
    if not 0 < len(keys) <= DELETE_KEYS:
        raise ServiceError(400, "MalformedXML", "1 to 1,000 objects can be deleted at once.")
    for key in keys:
        bucket.delete(key)
    quiet = (root.findtext("Quiet") or "").strip() == "true"
    rows = "" if quiet else "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
    return Response(200, _document(f"<DeleteResult>{rows}</DeleteResult>"), content_type=_XML)


def _metadata(request: Request) -> dict[str, str]:
    metadata = {name.removeprefix(META): value for name, value in request.headers if name.startswith(META)}
    if not all((name + value).isascii() for name, value in metadata.items()):
        raise ServiceError(400, "InvalidArgument", "Metadata should be US-ASCII.")
    return metadata


def _content_type(request: Request) -> str:
    return request.header("content-type") or "binary/octet-stream"


def _check_digest(request: Request) -> None:
    declared = request.header("content-md5")
    digest = base64.b64encode(hashlib.md5(request.body, usedforsecurity=False).digest()).decode()
    if declared is not None and declared != digest:
        raise ServiceError(400, "BadDigest", "The Content-MD5 you specified did not match what we received.")


def _check_conditions(stored: StoredObject, request: Request, prefix: str, unchanged: int) -> None:
    """Raises unless the documented conditions hold. `unchanged` is the status where the object is not newer."""
    match, none_match = request.header(f"{prefix}if-match"), request.header(f"{prefix}if-none-match")
    since, until = (request.header(f"{prefix}if-{name}-since") for name in ("modified", "unmodified"))
    modified = int(stored.modified)
    other = match is not None and match.strip('"') != stored.etag.strip('"')
    if other or (until is not None and modified > parsedate_to_datetime(until).timestamp()):
        raise ServiceError(412, *_CODES[412])
    same = none_match is not None and none_match.strip('"') in {"*", stored.etag.strip('"')}
    if same or (since is not None and modified <= parsedate_to_datetime(since).timestamp()):
        raise ServiceError(unchanged, *_CODES[412])


def _error(error: ServiceError) -> str:
    return f"<Error><Code>{error.code}</Code><Message>{escape(error.message)}</Message></Error>"


def _document(body: str) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n' + body.encode()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
