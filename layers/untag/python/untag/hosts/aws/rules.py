"""A sweep's rules where they stand: in an object of S3, or in the input of the schedule that sends them."""

import re
from typing import Any

from untag.contracts import InvalidInputError, parse_json
from untag.hosts.aws.client import Aws, AwsError
from untag.hosts.aws.kept import schedule

RULES_BYTES = 200_000
"""A sweep carries its rules from one invocation to the next, beside 640 KB of its own."""

_SCHEDULE = re.compile(r"arn:aws[a-z-]*:scheduler:[a-z0-9-]+:[0-9]{12}:schedule/([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+)")
OBJECT = re.compile(r"s3:/(/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+)")
_ELSEWHERE = "the bucket is in another region than the function"
_LASTING = {
    **dict.fromkeys(("PermanentRedirect", "AuthorizationHeaderMalformed"), _ELSEWHERE),
    **dict.fromkeys(("AccessDenied", "NoSuchKey", "NoSuchBucket"), "there is none, or the function may not read it"),
}


async def read_rules(aws: Aws, source: str) -> dict[str, Any]:
    """The `rules` at a place, with a schedule's `dry_run`, or the version. Raises AwsError or InvalidInputError."""
    if named := _SCHEDULE.fullmatch(source):
        found = await schedule(aws, *named.groups())
        if found is None or found.get("State") == "DISABLED":
            return {"rules": []}  # what is turned off removes nothing
        said = parse_json(found["Target"]["Input"])
        if not isinstance(said, dict) or "rules" not in said:
            raise InvalidInputError.of(f"{source}: sends no rules", "rules")
        return {"rules": said["rules"], "dry_run": said.get("dry_run", False)}
    if not (place := OBJECT.fullmatch(source)):
        raise InvalidInputError.of("should be a list, or s3://BUCKET/KEY with letters, digits and ._~-/", "rules")
    try:
        response = await aws.s3_object(place[1])
    except AwsError as error:
        if error.code not in _LASTING:
            raise
        raise InvalidInputError.of(f"{source}: {_LASTING[error.code]} ({error.code})", "rules") from None
    version_id = response.headers.get("x-amz-version-id")
    version = f"versionId={version_id}" if version_id else f"etag={response.headers.get('etag')}"
    if len(response.content) > RULES_BYTES:
        raise InvalidInputError.of(f"{source}: has more than {RULES_BYTES} bytes", "rules")
    try:
        return {"rules": parse_json(response.text), "read": f"{source}?{version}"}
    except InvalidInputError as error:
        raise error.under("rules") from None
