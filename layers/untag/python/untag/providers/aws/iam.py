"""IAM's own tag calls, for roles and users: the tagging API can change their tags, but does not list them.

Facts from botocore 1.44.8's model (iam 2010-05-08) and IAM's page on tags. What follows from them:

- A call names one role or user, by its name. A name is unique in its account whatever its path, so an ARN is read for
  its account and its name.
- `ListRoleTags` and `ListUserTags` are complete: a role without tags has an empty list. A page may be short.
- Keys are compared without regard to case.
- A role that does not exist is `NoSuchEntity`; two changes at once are `ConcurrentModification`, which passes.
- IAM is one service for a partition, and signed for one region of it.
"""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple, Self

import httpx

from untag.contracts import Action, Problem, Tag
from untag.providers.aws.answers import element, request_id, text
from untag.providers.aws.arns import BY_IAM, RESERVED, parse_arn, partition_of, role_problem
from untag.providers.aws.credentials import AwsCredentials, AwsSession
from untag.providers.aws.keys import Keys
from untag.providers.aws.query import query
from untag.providers.base import (
    READ_BEFORE,
    Answer,
    Facts,
    Failure,
    Limits,
    Location,
    Options,
    Scope,
    Seen,
    Verdict,
)
from untag.providers.http import Reply, end_of, unexpected, within
from untag.providers.owners import another_account
from untag.providers.plain import Plain

KEYS_PER_CALL = 50

_VERSION = "2010-05-08"
_NAMES = {"iam:role": "Role", "iam:user": "User"}
_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_FORMS = {"iam:role": "arn:partition:iam::account:role/name", "iam:user": "arn:partition:iam::account:user/name"}


class _Place(NamedTuple):
    """Where a partition's IAM is reached: the region that calls are signed for, and the host."""

    region: str
    host: str


_PLACES = {
    "aws": _Place("us-east-1", "iam.amazonaws.com"),
    "aws-cn": _Place("cn-north-1", "iam.cn-north-1.amazonaws.com.cn"),
    "aws-us-gov": _Place("us-gov-west-1", "iam.us-gov.amazonaws.com"),
}


class AwsIam(Plain[AwsCredentials]):
    """Tags of IAM's roles and users."""

    name = "aws"
    api = "iam"
    endpoints: tuple[str, ...] = ("sts",)
    limits = Limits(resources=1, keys=KEYS_PER_CALL)
    rate = 5.0
    reserved_prefixes: tuple[str, ...] = RESERVED
    longest_value = 256
    removes_pairs = False
    facts = Facts(READ_BEFORE, failures="the call, which is of one resource", outlived=False)
    documented_types = BY_IAM
    credentials = AwsCredentials

    def __init__(self, options: Options, environ: Mapping[str, str]) -> None:
        """`environ` holds the host's own keys, or says where they are given out."""
        self.reads_first = options.read_first
        self._endpoint = options.endpoints.get("aws.iam")
        self._keys = Keys(environ, options.endpoints.get("aws.sts"))

    @classmethod
    def of(cls, options: Options) -> Self:
        """With its endpoints, and the role that this process itself has."""
        return cls(options, os.environ)

    def accepts(self, type_: str) -> bool:
        """Roles and users."""
        return type_ in BY_IAM

    def location_problems(self, location: Location, type_: str) -> Iterator[Problem]:
        """The region in which the partition's IAM is reached."""
        partition = partition_of(location.region or "").name
        if location.region is None:
            yield Problem(
                "region", f"Field required: aws has no call without a region ({_PLACES['aws'].region} for IAM)"
            )
        elif partition not in _PLACES:
            yield Problem("region", f"where IAM of partition {partition} is reached is not known")
        elif location.region != _PLACES[partition].region:
            yield Problem("region", f"{type_} belongs to IAM, which is reached in region {_PLACES[partition].region}")

    def id_problem(self, location: Location, type_: str, id_: str) -> str | None:
        """Why a resource is no role or user that a call in the region reaches; None where it is."""
        return _problem_of(type_, id_, location.region or "")

    def scope(self, location: Location, type_: str) -> Scope:
        """One account and type a call."""
        return Scope(self.name, self.api, location.account, location.region, None, type_)

    def comparable_key(self, key: str) -> str:
        """Keys are the same in upper and lower case."""
        return key.lower()

    def refusal(self, credentials: AwsCredentials, scope: Scope) -> Failure | None:
        """A role of another partition than the region's cannot be assumed."""
        return role_problem(credentials.role_arn, scope.region or "")

    def auth(self, credentials: AwsCredentials, scope: Scope) -> httpx.Auth:
        """The signature of an account's key, or of a role's keys, which expire."""
        return self._keys.auth(credentials, "iam", scope.region or "")

    async def write(
        self,
        session: AwsSession,
        action: Action,
        scope: Scope,
        ids: tuple[str, ...],
        tags: tuple[Tag, ...],
        seen: Mapping[str, Seen],  # noqa: ARG002 - a removal names keys, and compares no version
    ) -> Answer:
        """`UntagRole`, `TagRole`, or those of a user. An answer without the operation's element is no success."""
        restoring = action is Action.RESTORE
        operation = f"{'Tag' if restoring else 'Untag'}{_NAMES[scope.type]}"
        parameters: dict[str, str] = {}
        for number, tag in enumerate(tags, 1):
            if restoring:
                parameters |= {f"Tags.member.{number}.Key": tag.key, f"Tags.member.{number}.Value": tag.value or ""}
            else:
                parameters[f"TagKeys.member.{number}"] = tag.key
        reply = await self._call(session, scope, operation, ids[0], parameters)
        if isinstance(reply, Answer):
            return reply
        if element(reply.body, f"{operation}Response") is None:
            return unexpected(reply, request_id(reply))
        return Answer(Verdict.DONE, request_id=request_id(reply))

    async def read(self, session: AwsSession, scope: Scope, ids: tuple[str, ...]) -> Answer:
        """`ListRoleTags` or `ListUserTags`, page by page within the time of one call."""
        operation = f"List{_NAMES[scope.type]}Tags"
        until = end_of(session)
        tags: dict[str, str] = {}
        page: dict[str, str] = {}
        while True:
            left = within(session, until)
            reply = await self._call(left, scope, operation, ids[0], page)
            if isinstance(reply, Answer):
                return reply
            result = element(reply.body, f"{operation}Result")
            rows = None if result is None else result.find("{*}Tags")
            if result is None or rows is None or any(row.find("{*}Key") is None for row in rows):
                return unexpected(reply, request_id(reply))
            tags |= {text(row, "Key"): text(row, "Value") for row in rows}
            if text(result, "IsTruncated") != "true":
                return Answer(Verdict.DONE, request_id=request_id(reply), tags={ids[0]: tags})
            marker = text(result, "Marker")
            if not marker or page.get("Marker") == marker:
                return unexpected(reply, request_id(reply))
            page = {"Marker": marker}

    async def _call(
        self, session: AwsSession, scope: Scope, operation: str, id_: str, parameters: Mapping[str, str]
    ) -> Reply | Answer:
        """The reply if it is a success, else what it means. Nothing is called for another account's role."""
        arn = parse_arn(id_)
        if arn is not None:
            number = await self._keys.account(session, scope.region or "")
            if isinstance(number, Answer):
                return replace(number, unsent=True)
            if arn.account != number:
                return another_account(id_, number)
        endpoint = self._endpoint or f"https://{_PLACES[partition_of(scope.region or '').name].host}"
        named = {f"{_NAMES[scope.type]}Name": id_.rpartition("/")[2], **parameters}
        reply = await query(session, endpoint, operation, _VERSION, named)
        if isinstance(reply, Answer) and reply.code == "NoSuchEntity":
            return replace(reply, verdict=Verdict.NOT_FOUND)
        return reply


def _problem_of(type_: str, id_: str, region: str) -> str | None:
    """Why an id cannot be a role or a user, None where it can."""
    if not id_.startswith("arn:"):
        form = f"should be an ARN, {_FORMS[type_]}, or a name of letters, digits and _+=,.@-, at most 64"
        return None if _NAME.fullmatch(id_) else form
    arn = parse_arn(id_)
    if arn is None or arn.account == "" or arn.region or not _NAME.fullmatch(arn.rest.rpartition("/")[2]):
        return f"should be an ARN, {_FORMS[type_]}"
    if arn.type != type_:
        return f"is the ARN of a resource of type {arn.type}"
    if arn.partition != partition_of(region).name:
        return f"is in partition {arn.partition}, and region {region} is in {partition_of(region).name}"
    return None
