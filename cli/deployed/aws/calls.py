"""Where a stack on AWS is, what its outputs say, and calls to AWS in its region.

A local stack is one, too: its queues answer at an address of this machine.
"""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from cli.deployed.base import Place
from cli.errors import INVALID, CommandError
from untag.contracts import InvalidInputError
from untag.core import Timing
from untag.hosts.aws.client import Aws, AwsError
from untag.providers.host_role import CONTAINER_URI
from untag.transport import Client, Transport

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

T = TypeVar("T")

_CLOUDFORMATION_VERSION = "2010-05-15"
_LOCAL_KEY = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""Nothing checks it there."""
_EXPORT = 'eval "$(aws configure export-credentials {}--format env)"'
_REFUSED = ("AccessDenied", "AuthorizationError", "UnauthorizedOperation", "KMS.AccessDenied")
_WRONG_KEY = ("ExpiredToken", "InvalidClientTokenId", "UnrecognizedClient", "SignatureDoesNotMatch", "InvalidAccessKey")


class StackAws(Aws):
    """Calls to the services of a stack, and to those that describe and query it."""

    services: ClassVar[Mapping[str, str]] = {
        **Aws.services,
        "cloudformation": "CLOUDFORMATION",
        "athena": "ATHENA",
    }
    targets: ClassVar[Mapping[str, tuple[str, str]]] = {
        **Aws.targets,
        "athena": ("AmazonAthena", "application/x-amz-json-1.1"),
    }

    async def put_object(self, path: str, content: bytes) -> None:
        """Put an object; `path` is /BUCKET/KEY, of characters that need no escape. Raises AwsError."""
        headers = {"x-amz-content-sha256": hashlib.sha256(content).hexdigest()}
        await self._tried("s3", f"PUT {path}", headers, content, lambda response: response)


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """A stack with its outputs and parameters. `parameters` is empty where the stack is local."""

    place: Place
    environ: Mapping[str, str] = field(repr=False)
    outputs: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)

    def output(self, name: str) -> str:
        """One of its outputs. Raises CommandError for a stack without it."""
        if not (value := self.outputs.get(name)):
            raise CommandError(
                f"{self} has no output {name}", "is it a stack of untag? an older one has to be updated first"
            )
        return value

    def call(self, work: Callable[[StackAws], Awaitable[T]]) -> T:
        """What calls to AWS give. Raises CommandError where one failed."""
        return _called(self.environ, work)

    def __str__(self) -> str:
        """The stack in an error's words."""
        return "the local stack" if self.place.local else f"the stack {self.place.stack}"


async def together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What coroutines give that run side by side.

    If one fails, the others are cancelled, and its error is raised when they have put things in order.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def on_this_machine(place: Place, described: Mapping[str, Any]) -> DeployedStack:
    """The local stack, by what it says of itself."""
    environ = {**_LOCAL_KEY, "AWS_REGION": described["region"], "AWS_ENDPOINT_URL": described["aws"]}
    return DeployedStack(place, environ, described["outputs"])


def deployed(place: Place) -> DeployedStack:
    """The stack that CloudFormation describes. Raises CommandError."""
    region = place.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise CommandError(
            "the stack's region is not known", "--stack-region REGION, or export AWS_REGION", status=INVALID
        )
    environ = {**os.environ, "AWS_REGION": region}
    _check_credentials(environ)

    async def described(aws: StackAws) -> "Element":
        parameters = {"StackName": place.stack or ""}
        return await aws.query("cloudformation", _CLOUDFORMATION_VERSION, "DescribeStacks", parameters)

    try:
        (stack,) = _called(environ, described, raw=True).iterfind(".//{*}Stacks/{*}member")
    except AwsError as error:
        if error.code != "ValidationError":
            raise _refused(error) from None
        raise _unknown(place, region) from None
    except ValueError:
        raise _unknown(place, region) from None
    return DeployedStack(
        place,
        environ,
        {one.findtext("{*}OutputKey", ""): one.findtext("{*}OutputValue", "") for one in _members(stack, "Outputs")},
        {
            one.findtext("{*}ParameterKey", ""): one.findtext("{*}ParameterValue", "")
            for one in _members(stack, "Parameters")
        },
    )


def _members(stack: "Element", name: str) -> list["Element"]:
    return stack.findall(f"{{*}}{name}/{{*}}member")


def _unknown(place: Place, region: str) -> CommandError:
    return CommandError(
        f"there is no stack {place.stack} in {region}", "another region: --stack-region REGION", status=INVALID
    )


def _check_credentials(environ: Mapping[str, str]) -> None:
    """CommandError without keys in the environment: profiles can ask for programs, browsers and roles."""
    if environ.get(CONTAINER_URI) or (environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY")):
        return
    profile = environ.get("AWS_PROFILE")
    raise CommandError(
        "there is no AWS_ACCESS_KEY_ID with its AWS_SECRET_ACCESS_KEY in this shell; profiles are not read",
        f"to export them: {_EXPORT.format(f'--profile {profile} ' if profile else '')}",
        status=INVALID,
    )


def _called(environ: Mapping[str, str], work: Callable[[StackAws], Awaitable[T]], *, raw: bool = False) -> T:
    async def whole() -> T:
        async with Client(Transport()) as client:
            return await work(StackAws(environ, client, Timing()))

    try:
        return asyncio.run(whole())
    except InvalidInputError as error:
        raise CommandError(str(error), "set the variable anew, or unset it", status=INVALID) from None
    except AwsError as error:
        if raw:
            raise
        raise _refused(error) from None


def _refused(error: AwsError) -> CommandError:
    hint = ""
    if error.code.startswith(_REFUSED):
        hint = "docs/stacks.md lists the rights that these commands need"
    elif error.code.startswith(_WRONG_KEY):
        hint = f"the credentials of this shell are not accepted; to export others: {_EXPORT.format('')}"
    elif error.code in {"connection", "timeout"}:
        hint = "is the region right, and can this machine reach AWS without a proxy?"
    return CommandError(f"AWS refuses or cannot be reached: {error}", hint)
