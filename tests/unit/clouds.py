"""The clouds of a campaign: who has accounts there, where resources stand, how they are named, and what each one's
answers may be where no document says it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from local.providers import ProviderServer
from local.providers.accounts import Resource, made_up_number

FADING = "amber"
"""An account whose secret is taken away, while its key stays good at the cloud."""
NOT_ALLOWED = "violet"
"""An account that the stack's allow-list leaves out, though it has credentials."""


@dataclass(frozen=True)
class Cloud:
    """One tag API's local server, and what requests to it look like."""

    server: str
    provider: str
    share: int
    """Of all requests, in parts of all shares together."""
    types: Mapping[str, str]
    """Each type, and how the cloud itself names a resource of it; `{id}` alone where it has no longer name."""
    regions: tuple[str, ...] = ("",)
    region_field: str = "region"
    """Where a request says the region; empty where it says none."""
    accounts: tuple[str, ...] = ("default", "blue")
    more_accounts: tuple[str, ...] = ()
    """Accounts that requests name for a reason of their own."""
    digits: int = 0
    """Of an account's number, where names have it."""
    bare: bool = True
    """Whether a request may name a resource by its bare id."""
    caseless: bool = False
    """Whether upper and lower case are the same in names and keys."""
    values: tuple[str, ...] = ("prod", "staging", "a b", "值")
    most_tags: int = 20
    """On one resource."""
    passing: str = ""
    """The code of a resource's failure inside a success that may pass. Empty: this cloud gives none."""
    throttled: str = ""
    """Likewise, for a resource that is throttled."""
    guesses: tuple[Mapping[str, Any], ...] = ({},)
    """Options of the server, of which each seed takes another: answers that no document states."""

    def name(self, account: str, region: str, type_: str, id_: str) -> str:
        """What the cloud itself calls a resource, whether a request names it so or by its bare id."""
        template = self.types[type_]
        head = template.partition("{")[0]
        if head and self.same(id_).startswith(self.same(head)):
            return id_
        number = made_up_number(self.digits, self.provider, account) if self.digits else ""
        return template.format(id=id_, region=region, number=number)

    def same(self, text: str) -> str:
        """A name or a key in a form that is equal for all its spellings."""
        return text.lower() if self.caseless else text


_RESOURCE_GROUP = "/subscriptions/50b50000-0000-4000-8000-{number}/resourceGroups/rg-1"
_AZURE_TYPES = ("Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks")

ALL = (
    Cloud(
        "jdcloud",
        "jdcloud",
        30,
        dict.fromkeys(("vm", "disk", "redis", "ip"), "{id}"),
        ("cn-north-1", "cn-east-2"),
        accounts=("default", "blue", "green"),
        more_accounts=(FADING, NOT_ALLOWED),
        most_tags=10,
        guesses=({"unbound": "failed"}, {"unbound": "uncounted"}, {"unbound": "counted"}),
    ),
    Cloud(
        "huaweicloud-config",
        "huaweicloud",
        10,
        dict.fromkeys(("config:policyAssignments", "config:aggregators"), "{id}"),
        region_field="",
    ),
    Cloud(
        "huaweicloud-tms",
        "huaweicloud",
        14,
        dict.fromkeys(("ecs", "disk", "vpcs"), "{id}"),
        ("project-north", "project-east"),
        region_field="project_id",
        passing="TMS.0001",
        throttled="TMS.0006",
    ),
    Cloud(
        "alibabacloud",
        "alibabacloud",
        12,
        {kind: f"arn:acs:ecs:{{region}}:{{number}}:{kind[4:]}/{{id}}" for kind in ("ecs:instance", "ecs:disk")},
        ("cn-hangzhou", "cn-beijing"),
        digits=16,
        passing="InternalError",
        throttled="Throttling.User",
        guesses=(
            {"no_failure": "list", "names": "number"},
            {"no_failure": "null", "names": "sent"},
            {"no_failure": "absent", "names": "number", "list_untagged": True},
        ),
    ),
    Cloud(
        "aws",
        "aws",
        12,
        {kind: f"arn:aws:ec2:{{region}}:{{number}}:{kind[4:]}/{{id}}" for kind in ("ec2:instance", "ec2:volume")},
        ("eu-central-1", "us-east-1"),
        digits=12,
        passing="InternalServiceException",
        throttled="ThrottlingException",
        guesses=({}, {"unknown_arn": "done"}, {"list_untagged": True}),
    ),
    Cloud(
        "tencentcloud",
        "tencentcloud",
        12,
        {kind: f"qcs::cvm:{{region}}:uin/{{number}}:{kind[4:]}/{{id}}" for kind in ("cvm:instance", "cvm:volume")},
        ("ap-guangzhou", "ap-shanghai"),
        digits=12,
        passing="InternalError",
        throttled="RequestLimitExceeded",
        guesses=({}, {"no_failures": "null"}, {"absent_key": "done"}),
    ),
    Cloud(
        "volcengine",
        "volcengine",
        12,
        {kind: f"trn:ecs:{{region}}:{{number}}:{kind[4:]}/{{id}}" for kind in ("ecs:instance", "ecs:image")},
        ("cn-beijing", "cn-shanghai"),
        digits=10,
        passing="InternalError",
        throttled="AccountFlowLimitExceeded",
        guesses=({}, {"nothing_failed": "null", "errors": "200"}, {"nothing_failed": "nothing", "list_untagged": True}),
    ),
    Cloud(
        "azure",
        "azure",
        10,
        {kind: f"{_RESOURCE_GROUP}/providers/{kind}/{{id}}" for kind in _AZURE_TYPES},
        region_field="",
        digits=12,
        bare=False,
        caseless=True,
        guesses=(
            {"later_lost": 0.3},
            {"later_lost": 0.3, "delete": "pair"},
            {"later_lost": 0.3, "no_tags": "left_out", "retry_after": None},
        ),
    ),
)
BY_SERVER = {cloud.server: cloud for cloud in ALL}
ALLOWED = ("default", "blue", "green", FADING)


def name_of(provider: str, account: str, region: str, type_: str, id_: str) -> str:
    """What a cloud itself calls a resource that a request or a report names, in one form for all spellings."""
    clouds = (cloud for cloud in ALL if cloud.provider == provider and type_ in cloud.types)
    return next((cloud.same(cloud.name(account, region, type_, id_)) for cloud in clouds), id_)


_CASELESS = frozenset(cloud.provider for cloud in ALL if cloud.caseless)


def same(provider: str, text: str) -> str:
    """A name or a key at a cloud, in a form that is equal for all its spellings."""
    return text.lower() if provider in _CASELESS else text


def bare(id_: str) -> str:
    """The end of a resource's name, which stands in every body that speaks of it."""
    return id_.rpartition("/")[2]


def servers(provider: str, running: Mapping[str, ProviderServer]) -> list[ProviderServer]:
    """The servers of a provider, of whatever it asks for: they know the same accounts."""
    return [server for server in running.values() if server.provider == provider]


def open_accounts(running: Mapping[str, ProviderServer]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Make the campaign's accounts at every cloud, in place of those that are there: the content of each one's secret
    as `(provider, account, secret)`.
    """
    for server in running.values():
        server.credentials.clear()
    for cloud in ALL:
        for account in (*cloud.accounts, *cloud.more_accounts):
            for server in servers(cloud.provider, running):
                server.add_account(Resource(cloud.provider, account, "", "", next(iter(cloud.types)), "", {}))
        for account, secret in running[cloud.server].secrets.items():
            yield cloud.provider, account, secret


def guess(running: Mapping[str, ProviderServer], seed: int) -> dict[str, Mapping[str, Any]]:
    """Let the clouds answer as this seed has it where no document says how; gives what was chosen."""
    chosen = {cloud.server: cloud.guesses[(seed - 1) % len(cloud.guesses)] for cloud in ALL}
    for name, options in chosen.items():
        if options:
            server: Any = running[name]
            server.options = replace(server.options, **options)
    return {name: options for name, options in chosen.items() if options}
